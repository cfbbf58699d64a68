/**
 * Whether a block computes what an intrinsic describes: the same loops, blocks and stores, up to names, up to the order
 * of the operands of + and ·, and up to where in its buffers the tile lies. A buffer of the description stands for a
 * part of a buffer of the program: the offset of its first element is found at the first access and has to fit all
 * others.
 */
import { axisRanges, provablyEqual, sameExpr, simplify, withDomains } from "../arith/index.ts";
import {
  type Buffer,
  type Expr,
  isCompareOp,
  ops,
  type Ranges,
  type Stmt,
  substExpr,
  type Tile,
  usesVar,
  type VarMap,
} from "../ir/index.ts";

/** Where and how program and description differ. */
export class NoMatch extends Error {
  readonly path: readonly string[];
  constructor(message: string, path: readonly string[]) {
    super(message);
    this.path = path;
  }
}

/** The tiles of the description's buffers, by buffer id. Throws NoMatch. */
export function matchIntrin(actual: Stmt, described: Stmt, ranges: Ranges): Map<number, Tile> {
  const m = new Matcher(new Map(ranges));
  m.stmt(actual, described);
  return m.tiles;
}

class Matcher {
  tiles = new Map<number, Tile>();
  private readonly vars = new Map<number, Expr>();
  /** Variables bound inside: no offset may depend on them. */
  private readonly inner = new Set<number>();
  private readonly path: string[] = [];
  private ranges: Map<number, Ranges extends ReadonlyMap<number, infer I> ? I : never>;

  constructor(ranges: Matcher["ranges"]) {
    this.ranges = ranges;
  }

  private fail(message: string): never {
    throw new NoMatch(message, [...this.path]);
  }

  private same(what: string, x: unknown, y: unknown): void {
    if (x !== y) this.fail(`${what}: ${String(x)} against ${String(y)} in the description`);
  }

  private bind(v: Expr & { kind: "var" }, d: Expr & { kind: "var" }): void {
    this.same(`dtype of ${v.name}`, v.dtype, d.dtype);
    this.vars.set(d.id, v);
    this.inner.add(v.id);
  }

  private inside(name: string, run: () => void): void {
    this.path.push(name);
    run();
    this.path.pop();
  }

  stmt(a: Stmt, d: Stmt): void {
    if (a.kind !== d.kind) this.fail(`a ${a.kind} against a ${d.kind} in the description`);
    switch (a.kind) {
      case "for": {
        const o = d as typeof a;
        if (a.loopKind === "parallel" || a.loopKind === "threadBinding") {
          this.fail(`loop ${a.v.name} is ${a.loopKind}, which the intrinsic would not be`);
        }
        this.equal(`start of loop ${a.v.name}`, a.min, o.min);
        this.equal(`extent of loop ${a.v.name}`, a.extent, o.extent);
        this.bind(a.v, o.v);
        this.ranges = withDomains([a], this.ranges) as Matcher["ranges"];
        return this.inside(`loop ${a.v.name}`, () => this.stmt(a.body, o.body));
      }
      case "block": {
        const o = d as typeof a;
        this.same(`number of axes of block ${a.name}`, a.axes.length, o.axes.length);
        a.axes.forEach((x, i) => {
          this.same(`type of axis ${x.v.name}`, x.type, o.axes[i].type);
          this.equal(`extent of axis ${x.v.name}`, x.extent, o.axes[i].extent);
          this.equal(`binding of axis ${x.v.name}`, x.binding, o.axes[i].binding);
        });
        if (a.predicate) this.fail(`block ${a.name} runs under a condition`);
        if (o.predicate) this.fail(`block ${a.name} runs without the condition of the description`);
        a.axes.forEach((x, i) => {
          this.bind(x.v, o.axes[i].v);
        });
        for (const [id, r] of axisRanges(a.axes)) this.ranges.set(id, r);
        return this.inside(`block ${a.name}`, () => {
          if (a.allocs.length > 0 || o.allocs.length > 0) this.fail(`block ${a.name} allocates buffers`);
          if (!a.init !== !o.init) {
            this.fail(`${a.init ? "there is an init" : "there is no init"}, unlike in the description`);
          }
          if (a.init && o.init) this.stmt(a.init, o.init);
          this.stmt(a.body, o.body);
        });
      }
      case "seq": {
        const o = d as typeof a;
        this.same("number of statements", a.stmts.length, o.stmts.length);
        a.stmts.forEach((s, i) => {
          this.stmt(s, o.stmts[i]);
        });
        return;
      }
      case "store": {
        const o = d as typeof a;
        this.access(a.buffer, a.indices, o.buffer, o.indices);
        return this.inside(`store to ${a.buffer.name}`, () => this.expr(a.value, o.value));
      }
      case "if": {
        const o = d as typeof a;
        this.expr(a.cond, o.cond);
        this.stmt(a.then, o.then);
        if (!a.else !== !o.else) this.fail("an else branch on one side only");
        if (a.else && o.else) this.stmt(a.else, o.else);
        return;
      }
      case "let": {
        const o = d as typeof a;
        this.expr(a.value, o.value);
        this.bind(a.v, o.v);
        return this.stmt(a.body, o.body);
      }
      case "extern":
        return this.fail(`a call of ${a.func}, which no description has`);
    }
  }

  /** Index arithmetic: equal in value. */
  private equal(what: string, a: Expr, d: Expr): void {
    const e = substExpr(d, this.vars as VarMap);
    if (a.dtype === e.dtype && provablyEqual(a, e, this.ranges)) return;
    const [x, y] = [a, d].map((z) => (z.kind === "const" ? String(z.value) : `an expression (${z.kind})`));
    this.fail(`${what}: ${x} against ${y} in the description`);
  }

  private expr(a: Expr, d: Expr): void {
    if (a.kind !== d.kind) this.fail(`a ${a.kind} against a ${d.kind} in the description`);
    this.same("dtype", a.dtype, d.dtype);
    switch (a.kind) {
      case "var":
        if (!sameExpr(a, this.vars.get((d as typeof a).id) ?? d)) {
          this.fail(`variable ${a.name} against ${(d as typeof a).name} in the description`);
        }
        return;
      case "const":
        return this.same("literal", a.value, (d as typeof a).value);
      case "binary": {
        const o = d as typeof a;
        this.same("operator", a.op, o.op);
        if (isCompareOp(a.op)) this.same("dtype", a.a.dtype, o.a.dtype);
        const [tiles, vars] = [new Map(this.tiles), new Map(this.vars)];
        try {
          this.expr(a.a, o.a);
          this.expr(a.b, o.b);
        } catch (e) {
          if (!(e instanceof NoMatch) || (a.op !== "add" && a.op !== "mul")) throw e;
          this.tiles = tiles;
          for (const [id, v] of vars) this.vars.set(id, v);
          try {
            this.expr(a.a, o.b);
            this.expr(a.b, o.a);
          } catch {
            throw e;
          }
        }
        return;
      }
      case "unary":
        this.same("operator", a.op, (d as typeof a).op);
        return this.expr(a.a, (d as typeof a).a);
      case "select": {
        const o = d as typeof a;
        this.expr(a.cond, o.cond);
        this.expr(a.a, o.a);
        return this.expr(a.b, o.b);
      }
      case "cast":
        return this.expr(a.value, (d as typeof a).value);
      case "call": {
        const o = d as typeof a;
        this.same("function", a.op, o.op);
        a.args.forEach((x, i) => {
          this.expr(x, o.args[i]);
        });
        return;
      }
      case "load": {
        const o = d as typeof a;
        return this.access(a.buffer, a.indices, o.buffer, o.indices);
      }
    }
  }

  private access(b: Buffer, indices: readonly Expr[], p: Buffer, described: readonly Expr[]): void {
    this.same(`dtype of ${b.name}`, b.dtype, p.dtype);
    this.same(`scope of ${b.name}`, b.scope, p.scope);
    const lead = b.shape.length - p.shape.length;
    if (lead < 0) this.same(`number of dimensions of ${b.name}`, b.shape.length, p.shape.length);
    const offsets = indices.map((e, i) => {
      const rest = i < lead ? e : ops.sub(e, substExpr(described[i - lead], this.vars as VarMap));
      const start = simplify(rest, this.ranges);
      if (usesVar(start, this.inner)) {
        this.fail(
          `index ${i} of ${b.name} does not move as index ${i - lead} of ${p.name} in the description`,
        );
      }
      return start;
    });
    const known = this.tiles.get(p.id);
    if (!known) {
      this.tiles.set(p.id, { buffer: b, offsets });
      return;
    }
    if (known.buffer.id !== b.id) {
      this.fail(`${b.name} and ${known.buffer.name} stand where ${p.name} stands twice in the description`);
    }
    if (!offsets.every((e, i) => provablyEqual(e, known.offsets[i], this.ranges))) {
      this.fail(`${b.name} is accessed in two tiles where the description has one, ${p.name}`);
    }
  }
}
