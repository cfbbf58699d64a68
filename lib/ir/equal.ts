/**
 * Structural equality: the same program up to the names and identities of variables, buffers and blocks.
 * Annotations, loop kinds, scopes, dtypes, attributes and explicit regions count.
 */
import type { Region } from "./buffer.ts";
import { type Buffer, type Expr, isCompareOp, type Var } from "./expr.ts";
import type { BaseFunc, IRModule, PrimFunc } from "./func.ts";
import type { GraphFunc } from "./graph.ts";
import { type GraphMatching, matchGraphFunc } from "./graph-equal.ts";
import type { Attrs, Stmt } from "./stmt.ts";

/** Where two programs first differ, in program order: the two parts and what is wrong with them. */
export interface Difference {
  readonly what: string;
  readonly a: unknown;
  readonly b: unknown;
  /** Names of functions, loops and blocks around the difference, outermost first. */
  readonly path: readonly string[];
}

type Node = Expr | Stmt | BaseFunc | IRModule;

export interface NamesCount {
  /** Programs with other names of variables, buffers or blocks are other programs. Default: they are not. */
  readonly names?: boolean;
}

/** True when `a` and `b` are the same program. Free variables and buffers must be the same by identity. */
export function structuralEqual(a: Node, b: Node, options?: NamesCount): boolean {
  return a === b || firstDifference(a, b, options) === undefined;
}

/** The first difference of two programs, or undefined when they are structurally equal. */
export function firstDifference(
  a: Node,
  b: Node,
  { names = false }: NamesCount = {},
): Difference | undefined {
  try {
    new Matcher(names).node(a, b);
    return undefined;
  } catch (e) {
    if (e instanceof Mismatch) return e.difference;
    throw e;
  }
}

/** What has an identity. */
type Named = { readonly kind: string; readonly id: number; readonly name: string };

/** Ends the comparison. No Error: most comparisons end so, and a stack takes longer to note than all the rest. */
class Mismatch {
  readonly difference: Difference;
  constructor(difference: Difference) {
    this.difference = difference;
  }
}

class Matcher implements GraphMatching {
  private readonly ab = new Map<number, number>();
  private readonly ba = new Map<number, number>();
  private readonly path: string[] = [];
  /** Set while the shapes of parameters are compared: variables met first in them are symbolic sizes. */
  private declaring = false;
  private readonly names: boolean;

  constructor(names: boolean) {
    this.names = names;
  }

  fail(what: string, a: unknown, b: unknown): never {
    throw new Mismatch({ what, a, b, path: [...this.path] });
  }

  same(what: string, x: unknown, y: unknown, a: unknown = x, b: unknown = y): void {
    if (x !== y) this.fail(`${what}: ${String(x)} against ${String(y)}`, a, b);
  }

  node(a: Node, b: Node): void {
    if (a.kind === "module") {
      if (b.kind !== "module") this.fail("kind", a, b);
      this.same("functions", Object.keys(a.funcs).join(", "), Object.keys(b.funcs).join(", "), a, b);
      this.attrs(a.attrs, b.attrs);
      for (const name of Object.keys(a.funcs)) {
        this.path.push(name);
        // Functions are closed: a module may hold one twice.
        this.ab.clear();
        this.ba.clear();
        this.node(a.funcs[name], b.funcs[name]);
        this.path.pop();
      }
    } else if (a.kind === "primFunc") {
      if (b.kind !== "primFunc") this.fail("kind", a, b);
      this.func(a, b);
    } else if (a.kind === "graphFunc") {
      if (b.kind !== "graphFunc") this.fail("kind", a, b);
      matchGraphFunc(a, b, this);
    } else if (isStmt(a)) {
      if (isFunc(b) || !isStmt(b)) this.fail("kind", a, b);
      this.stmt(a, b);
    } else {
      if (isFunc(b) || isStmt(b)) this.fail("kind", a, b);
      this.expr(a, b);
    }
  }

  bindId(a: number, b: number): void {
    this.ab.set(a, b);
    this.ba.set(b, a);
  }

  /** Within `run`, variables of sizes that are met first are bound to each other. */
  declares(run: () => void): void {
    const before = this.declaring;
    this.declaring = true;
    run();
    this.declaring = before;
  }

  within(name: string, run: () => void): void {
    this.path.push(name);
    run();
    this.path.pop();
  }

  private func(a: PrimFunc, b: PrimFunc): void {
    this.same("number of parameters", a.params.length, b.params.length, a, b);
    for (let i = 0; i < a.params.length; i++) {
      const p = a.params[i];
      const q = b.params[i];
      if (p.kind === "var" && q.kind === "var") this.bindVar(p, q);
      else if (p.kind === "buffer" && q.kind === "buffer") this.bindBuffer(p, q, true);
      else this.fail(`parameter ${i}`, p, q);
    }
    this.attrs(a.attrs, b.attrs);
    this.stmt(a.body, b.body);
  }

  private name(a: { readonly name: string }, b: { readonly name: string }): void {
    if (this.names) this.same("name", a.name, b.name, a, b);
  }

  bindVar(a: Var, b: Var): void {
    this.name(a, b);
    this.same(`dtype of ${a.name}`, a.dtype, b.dtype, a, b);
    this.ab.set(a.id, b.id);
    this.ba.set(b.id, a.id);
  }

  /** `declares`: variables met here first are symbolic sizes of the function, bound here. */
  private bindBuffer(a: Buffer, b: Buffer, declares = false): void {
    this.name(a, b);
    this.same(`dtype of ${a.name}`, a.dtype, b.dtype, a, b);
    this.same(`scope of ${a.name}`, a.scope, b.scope, a, b);
    this.same(`offset factor of ${a.name}`, a.offsetFactor, b.offsetFactor, a, b);
    this.same(`rank of ${a.name}`, a.shape.length, b.shape.length, a, b);
    this.same(`strides of ${a.name}`, a.strides?.length, b.strides?.length, a, b);
    const sizes = (x: Buffer) => [...x.shape, ...(x.strides ?? [])];
    const [as, bs] = [sizes(a), sizes(b)];
    for (let i = 0; i < as.length; i++) {
      const x = as[i];
      const y = bs[i];
      this.declaring = declares;
      this.expr(x, y);
      this.declaring = false;
    }
    this.ab.set(a.id, b.id);
    this.ba.set(b.id, a.id);
  }

  identity(what: string, a: Named, b: Named): void {
    const to = this.ab.get(a.id);
    const from = this.ba.get(b.id);
    const unseen = to === undefined && from === undefined;
    if (this.declaring && unseen && a.kind === "var" && b.kind === "var") {
      this.bindVar(a as Var, b as Var);
      return;
    }
    const ok = unseen ? a.id === b.id : to === b.id && from === a.id;
    if (!ok) this.fail(`${what}: ${a.name} against ${b.name}`, a, b);
  }

  private stmt(a: Stmt, b: Stmt): void {
    if (a.kind !== b.kind) this.fail(`${a.kind} against ${b.kind}`, a, b);
    switch (a.kind) {
      case "for": {
        const o = b as typeof a;
        this.same(`kind of loop ${a.v.name}`, a.loopKind, o.loopKind, a, b);
        this.same(`thread of loop ${a.v.name}`, a.thread, o.thread, a, b);
        this.expr(a.min, o.min);
        this.expr(a.extent, o.extent);
        this.attrs(a.annotations, o.annotations);
        this.bindVar(a.v, o.v);
        this.inside(`loop ${a.v.name}`, a.body, o.body);
        return;
      }
      case "block": {
        const o = b as typeof a;
        this.name(a, o);
        this.same(`number of axes of block ${a.name}`, a.axes.length, o.axes.length, a, b);
        for (let i = 0; i < a.axes.length; i++) {
          this.same(`type of axis ${a.axes[i].v.name}`, a.axes[i].type, o.axes[i].type, a, b);
          this.expr(a.axes[i].extent, o.axes[i].extent);
          this.expr(a.axes[i].binding, o.axes[i].binding);
        }
        this.optional("predicate", a.predicate, o.predicate, a, b);
        for (let i = 0; i < a.axes.length; i++) this.bindVar(a.axes[i].v, o.axes[i].v);
        this.same(`number of buffers of block ${a.name}`, a.allocs.length, o.allocs.length, a, b);
        for (let i = 0; i < a.allocs.length; i++) this.bindBuffer(a.allocs[i], o.allocs[i]);
        this.regions("reads", a.reads, o.reads);
        this.regions("writes", a.writes, o.writes);
        this.attrs(a.annotations, o.annotations);
        if (!a.init !== !o.init) this.fail(`init of block ${a.name}`, a, b);
        if (a.init && o.init) this.inside(`init of block ${a.name}`, a.init, o.init);
        this.inside(`block ${a.name}`, a.body, o.body);
        return;
      }
      case "seq": {
        const o = b as typeof a;
        const n = Math.min(a.stmts.length, o.stmts.length);
        for (let i = 0; i < n; i++) this.stmt(a.stmts[i], o.stmts[i]);
        this.same("number of statements", a.stmts.length, o.stmts.length, a, b);
        return;
      }
      case "store": {
        const o = b as typeof a;
        this.identity("stored buffer", a.buffer, o.buffer);
        this.exprs(a.indices, o.indices, a, b);
        this.expr(a.value, o.value);
        return;
      }
      case "if": {
        const o = b as typeof a;
        this.expr(a.cond, o.cond);
        this.stmt(a.then, o.then);
        if (!a.else !== !o.else) this.fail("else branch", a, b);
        if (a.else && o.else) this.stmt(a.else, o.else);
        return;
      }
      case "let": {
        const o = b as typeof a;
        this.expr(a.value, o.value);
        this.bindVar(a.v, o.v);
        this.stmt(a.body, o.body);
        return;
      }
      case "extern": {
        const o = b as typeof a;
        this.same("function", a.func, o.func, a, b);
        this.same("number of arguments", a.args.length, o.args.length, a, b);
        a.args.forEach((x, i) => {
          const y = o.args[i];
          if (x.kind === "accessPtr" && y.kind === "accessPtr") {
            this.same("access", x.access, y.access, a, b);
            this.regions("arguments", [x.region], [y.region]);
          } else if (x.kind !== "accessPtr" && y.kind !== "accessPtr") this.expr(x, y);
          else this.fail(`argument ${i}`, a, b);
        });
        return;
      }
    }
  }

  private inside(name: string, a: Stmt, b: Stmt): void {
    this.path.push(name);
    this.stmt(a, b);
    this.path.pop();
  }

  expr(a: Expr, b: Expr): void {
    if (a.kind !== b.kind) this.fail(`${a.kind} against ${b.kind}`, a, b);
    this.same("dtype", a.dtype, b.dtype, a, b);
    switch (a.kind) {
      case "var":
        return this.identity("variable", a, b as typeof a);
      case "const":
        return this.same("literal", a.value, (b as typeof a).value, a, b);
      case "binary": {
        const o = b as typeof a;
        this.same("operator", a.op, o.op, a, b);
        if (isCompareOp(a.op)) this.same("dtype", a.a.dtype, o.a.dtype, a, b);
        this.expr(a.a, o.a);
        return this.expr(a.b, o.b);
      }
      case "unary":
        this.same("operator", a.op, (b as typeof a).op, a, b);
        return this.expr(a.a, (b as typeof a).a);
      case "select": {
        const o = b as typeof a;
        this.expr(a.cond, o.cond);
        this.expr(a.a, o.a);
        return this.expr(a.b, o.b);
      }
      case "cast":
        return this.expr(a.value, (b as typeof a).value);
      case "call":
        this.same("function", a.op, (b as typeof a).op, a, b);
        return this.exprs(a.args, (b as typeof a).args, a, b);
      case "load":
        this.identity("loaded buffer", a.buffer, (b as typeof a).buffer);
        return this.exprs(a.indices, (b as typeof a).indices, a, b);
    }
  }

  private exprs(as: readonly Expr[], bs: readonly Expr[], a: unknown, b: unknown): void {
    this.same("number of operands", as.length, bs.length, a, b);
    for (let i = 0; i < as.length; i++) this.expr(as[i], bs[i]);
  }

  private optional(what: string, x: Expr | undefined, y: Expr | undefined, a: unknown, b: unknown): void {
    if (!x !== !y)
      this.fail(`${what}: ${x ? "present" : "absent"} against ${y ? "present" : "absent"}`, a, b);
    if (x && y) this.expr(x, y);
  }

  private regions(what: string, a: readonly Region[] | undefined, b: readonly Region[] | undefined): void {
    this.same(`number of ${what}`, a?.length, b?.length, a, b);
    for (let i = 0; a && b && i < a.length; i++) {
      this.identity(what, a[i].buffer, b[i].buffer);
      this.same(`rank of ${what}`, a[i].ranges.length, b[i].ranges.length, a, b);
      for (let d = 0; d < a[i].ranges.length; d++) {
        this.expr(a[i].ranges[d].min, b[i].ranges[d].min);
        this.expr(a[i].ranges[d].extent, b[i].ranges[d].extent);
      }
    }
  }

  attrs(a: Attrs, b: Attrs): void {
    const text = (x: Attrs) => JSON.stringify(Object.entries(x).sort(([p], [q]) => (p < q ? -1 : 1)));
    this.same("annotations", text(a), text(b), a, b);
  }
}

const isFunc = (n: Node): n is IRModule | BaseFunc =>
  n.kind === "module" || n.kind === "primFunc" || n.kind === "graphFunc";

function isStmt(n: Expr | Stmt | PrimFunc | GraphFunc | IRModule): n is Stmt {
  switch (n.kind) {
    case "for":
    case "block":
    case "seq":
    case "store":
    case "if":
    case "let":
    case "extern":
      return true;
    default:
      return false;
  }
}
