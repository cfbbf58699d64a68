/**
 * The verifier. A function is well-formed when:
 *
 *  1. every variable is used inside what defines it (a parameter, a symbolic size, a loop, a block axis, a let);
 *  2. a variable is defined once, and block ids are unique in a function;
 *  3. every buffer is a parameter or allocated by a block around its uses, and is allocated once;
 *  4. a block's body mentions variables of outer loops and lets only through its axes (bindings and predicate); the
 *     axes of the blocks around it are fixed while it runs and visible in it, and symbolic sizes and scalar
 *     parameters are visible everywhere;
 *  5. every access has as many indices as the buffer has dimensions, each an integer, and a stored value has the
 *     buffer's dtype;
 *  6. loop bounds and axis extents are integers; a loop has a thread axis exactly when it is a threadBinding;
 *  7. an axis' binding stays inside the axis: 0 <= binding < extent, unless the predicate speaks about it;
 *  8. a binding that is one loop variable covers the axis: the loop runs over 0 … extent-1 (127 against 128 is an
 *     error), unless the predicate speaks about that loop;
 *  9. an init does not mention reduce axes;
 * 10. the root block has no axes, no predicate and no init.
 */
import { type Buffer, constInt, type Expr, type Var } from "./expr.ts";
import type { IRModule, PrimFunc } from "./func.ts";
import { verifyGraphFunc } from "./graph-verify.ts";
import { type Interval, intervalOf, loopRange } from "./interval.ts";
import { type Span, spanOf } from "./span.ts";
import type { Block, BlockAxis, For, Stmt } from "./stmt.ts";
import { childStmts, ownExprs, usesVar, varsOf, visitExpr } from "./walk.ts";

export interface Problem {
  /** Number of the broken invariant in the list above. */
  readonly rule: number;
  readonly message: string;
  readonly node: object;
  readonly span?: Span;
}

export class VerifyError extends Error {
  override readonly name = "VerifyError";
  readonly problems: readonly Problem[];
  /** Where in the source of the function, for tools that show the line. */
  readonly fnSource?: string;
  readonly fnOffset?: number;

  constructor(problems: readonly Problem[], where: string) {
    const lines = problems.map((p) => {
      const at = p.span ? ` (line ${p.span.line}, column ${p.span.column + 1})` : "";
      return `${p.message}${at}`;
    });
    super(`${where} is not well-formed: ${lines.join("; ")}`);
    this.problems = problems;
    // Nodes are large; the message names what matters.
    Object.defineProperty(this, "problems", { enumerable: false });
    const first = problems.find((p) => p.span)?.span;
    if (first) {
      this.fnSource = first.source;
      this.fnOffset = first.offset;
    }
  }
}

/** All broken invariants of a function; empty when it is well-formed. */
export function verify(f: PrimFunc): Problem[] {
  return new Verifier(f).run();
}

/** Throws a VerifyError that lists every broken invariant. Returns the function otherwise. */
export function assertWellFormed<F extends PrimFunc>(f: F, name = "the function"): F {
  const problems = verify(f);
  if (problems.length > 0) throw new VerifyError(problems, name);
  return f;
}

/** `assertWellFormed` for each function of a module. */
export function assertModuleWellFormed(mod: IRModule): IRModule {
  for (const [name, f] of Object.entries(mod.funcs)) {
    if (f.kind === "primFunc") assertWellFormed(f, name);
    else {
      const problems = verifyGraphFunc(f, mod.funcs);
      if (problems.length > 0) throw new VerifyError(problems, name);
    }
  }
  return mod;
}

class Verifier {
  private readonly f: PrimFunc;
  private readonly problems: Problem[] = [];
  private readonly defined = new Set<number>();
  private readonly allocated = new Set<number>();
  private readonly blockIds = new Set<number>();
  private readonly ranges = new Map<number, Interval>();
  private readonly loops = new Map<number, For>();
  private readonly axes = new Set<number>();
  /** Symbolic sizes and scalar parameters: visible everywhere. */
  private readonly global = new Set<number>();
  private visible = new Set<number>();

  constructor(f: PrimFunc) {
    this.f = f;
  }

  run(): Problem[] {
    for (const p of this.f.params) {
      if (p.kind === "var") {
        // A size of a buffer before it may be this very parameter.
        if (!this.global.has(p.id)) this.define(p, this.f.body);
      } else {
        for (const s of [...p.shape, ...(p.strides ?? [])]) {
          for (const v of varsOf(s).values()) {
            this.global.add(v.id);
            this.defined.add(v.id);
            this.ranges.set(v.id, { min: 0, max: Number.POSITIVE_INFINITY });
          }
        }
        this.allocate(p, this.f.body);
      }
    }
    for (const p of this.f.params) if (p.kind === "var") this.global.add(p.id);
    const root = this.f.body;
    if (root.axes.length > 0 || root.predicate || root.init) {
      this.report(10, "the root block has axes, a predicate or an init", root);
    }
    this.stmt(root);
    return this.problems;
  }

  private report(rule: number, message: string, node: Stmt, span = spanOf(node)): void {
    this.problems.push({ rule, message, node, span });
  }

  private define(v: Var, at: Stmt): void {
    if (this.defined.has(v.id)) this.report(2, `variable ${v.name} is defined twice`, at);
    this.defined.add(v.id);
  }

  private allocate(b: Buffer, at: Stmt): void {
    if (this.allocated.has(b.id)) this.report(3, `buffer ${b.name} is allocated twice`, at);
    this.allocated.add(b.id);
    this.visible.add(b.id);
  }

  private stmt(s: Stmt): void {
    if (s.kind === "block") {
      this.block(s);
      return;
    }
    for (const e of ownExprs(s)) this.expr(e, s);
    if (s.kind === "for") {
      this.forLoop(s);
    } else if (s.kind === "let") {
      this.define(s.v, s);
      this.within([s.v.id], () => this.stmt(s.body));
    } else {
      if (s.kind === "store") this.access(s.buffer, s.indices, s, s.value.dtype);
      if (s.kind === "extern") {
        for (const a of s.args) {
          if (a.kind !== "accessPtr") continue;
          const starts = a.region.ranges.map((x) => x.min);
          this.access(a.region.buffer, starts, s);
        }
      }
      for (const c of childStmts(s)) this.stmt(c);
    }
  }

  private forLoop(s: For): void {
    this.define(s.v, s);
    for (const e of [s.min, s.extent]) {
      if (e.dtype !== s.v.dtype)
        this.report(6, `loop ${s.v.name}: bounds are ${e.dtype}, not ${s.v.dtype}`, s);
    }
    if ((s.loopKind === "threadBinding") !== (s.thread !== undefined)) {
      this.report(6, `loop ${s.v.name}: a thread axis belongs to threadBinding loops and to no others`, s);
    }
    this.ranges.set(s.v.id, loopRange(s.min, s.extent, this.ranges));
    this.loops.set(s.v.id, s);
    this.within([s.v.id], () => this.stmt(s.body));
  }

  private within(ids: readonly number[], run: () => void): void {
    for (const id of ids) this.visible.add(id);
    run();
    for (const id of ids) this.visible.delete(id);
  }

  private block(b: Block): void {
    if (this.blockIds.has(b.id)) this.report(2, `block ${b.name} occurs twice (same id)`, b);
    this.blockIds.add(b.id);
    for (const a of b.axes) {
      this.expr(a.binding, b);
      this.expr(a.extent, b);
      this.axis(a, b);
    }
    if (b.predicate) this.expr(b.predicate, b);

    // Inside, only buffers and outer axes stay visible, and what the block itself defines (invariant 4).
    const outside = this.visible;
    this.visible = new Set([...outside].filter((id) => this.allocated.has(id) || this.axes.has(id)));
    for (const a of b.axes) {
      this.define(a.v, b);
      this.axes.add(a.v.id);
      this.visible.add(a.v.id);
      this.ranges.set(a.v.id, loopRange({ ...ZERO, dtype: a.extent.dtype }, a.extent, this.ranges));
    }
    for (const x of b.allocs) this.allocate(x, b);
    for (const r of [...(b.reads ?? []), ...(b.writes ?? [])]) {
      this.access(
        r.buffer,
        r.ranges.map((x) => x.min),
        b,
      );
      for (const x of r.ranges) {
        this.expr(x.min, b);
        this.expr(x.extent, b);
      }
    }
    if (b.init) {
      const reduce = b.axes.filter((a) => a.type === "R").map((a) => a.v.id);
      for (const id of reduce) this.visible.delete(id);
      const before = this.problems.length;
      this.stmt(b.init);
      if (this.problems.length > before && reduce.length > 0) {
        this.problems.push({
          rule: 9,
          message: `the init of ${b.name} may not mention reduce axes`,
          node: b,
          span: spanOf(b),
        });
      }
      for (const id of reduce) this.visible.add(id);
    }
    this.stmt(b.body);
    this.visible = outside;
  }

  private axis(a: BlockAxis, b: Block): void {
    const span = spanOf(a) ?? spanOf(b);
    const where = `block ${b.name}, axis ${a.v.name}`;
    if (a.binding.dtype !== a.v.dtype || a.extent.dtype !== a.v.dtype) {
      this.report(6, `${where}: binding and extent must be ${a.v.dtype}`, b, span);
      return;
    }
    const guarded = b.predicate !== undefined && usesVar(b.predicate, new Set(varsOf(a.binding).keys()));
    // Where the predicate never holds there are no values.
    if (guarded || (b.predicate && constInt(b.predicate) === 0)) return;
    const loop = a.binding.kind === "var" ? this.loops.get(a.binding.id) : undefined;
    const n = constInt(a.extent);
    if (loop) {
      const extent = constInt(loop.extent);
      const starts = constInt(loop.min);
      const known = extent !== undefined && n !== undefined && starts !== undefined;
      if (known) {
        if (extent === n && starts === 0) return; // also where both are empty
        const range = starts === 0 ? `${extent} values` : `the values ${starts} to ${starts + extent - 1}`;
        this.report(8, `${where}: the loop ${loop.v.name} takes ${range}, the axis has ${n} values`, b, span);
        return;
      }
    }
    const values = intervalOf(a.binding, this.ranges);
    if (n !== undefined && Number.isFinite(values.min) && Number.isFinite(values.max)) {
      if (values.min < 0 || values.max >= n) {
        const range = `${values.min} to ${values.max}`;
        this.report(
          7,
          `${where}: its binding takes values ${range}, the axis has ${n} values (0 to ${n - 1})`,
          b,
          span,
        );
      }
    }
  }

  private access(b: Buffer, indices: readonly Expr[], at: Stmt, stored?: string): void {
    if (!this.visible.has(b.id)) {
      this.report(3, `buffer ${b.name} is neither a parameter nor allocated around this use`, at);
    }
    if (indices.length !== b.shape.length) {
      this.report(
        5,
        `${b.name} has ${b.shape.length} dimension(s) but is indexed with ${indices.length}`,
        at,
      );
    }
    for (const i of indices) {
      if (i.dtype !== "i32" && i.dtype !== "i64")
        this.report(5, `index of ${b.name} has dtype ${i.dtype}`, at);
    }
    if (stored !== undefined && stored !== b.dtype) {
      this.report(5, `${b.name} holds ${b.dtype} but ${stored} is stored`, at);
    }
  }

  private expr(e: Expr, at: Stmt): void {
    visitExpr(e, (x) => {
      if (x.kind === "load") this.access(x.buffer, x.indices, at);
      if (x.kind !== "var" || this.visible.has(x.id) || this.global.has(x.id)) return;
      if (this.defined.has(x.id)) {
        this.report(4, `${x.name} is not visible here: a block sees outer loops only through its axes`, at);
      } else {
        this.report(1, `variable ${x.name} is not defined`, at);
      }
    });
  }
}

const ZERO = { kind: "const", value: 0 } as const;
