/**
 * The verifier of graph-level functions. A function is well-formed when:
 *
 *  1. every variable is bound before it is used, and once; what a dataflow block binds is seen after it only when it is
 *     among the block's outputs, and those are bound by it;
 *  2. every symbolic size is declared by a parameter's type, a matchCast or a tensorToShape before it is used;
 *  3. arguments are leaves, or tuples and shapes of leaves (the normal form);
 *  4. a dataflow block holds no ifs, loops or calls that write into given memory;
 *  5. a binding has the type of its value (matchCast: at least the same form);
 *  6. a called function is in the module (`callTir`: a tensor program whose buffers fit the arguments; `callFunc` and
 *     loops: a graph-level function), checked where the module is known;
 *  7. the condition of an if is a bool tensor of one element, and both branches give its type.
 */
import type { Expr } from "./expr.ts";
import { constInt } from "./expr.ts";
import type { Funcs, PrimFunc } from "./func.ts";
import {
  type CallTir,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  outputTypes,
  typeText,
} from "./graph.ts";
import { graphOperands } from "./graph-walk.ts";
import { varsOf } from "./walk.ts";

export interface GraphProblem {
  /** Number of the broken invariant in the list above. */
  readonly rule: number;
  readonly message: string;
  readonly node: GraphExpr | GraphFunc | GraphBinding;
}

/** All broken invariants of a function; empty when it is well-formed. `funcs`: those of its module. */
export function verifyGraphFunc(f: GraphFunc, funcs?: Funcs): GraphProblem[] {
  const v = new GraphVerifier(funcs);
  for (const p of f.params) {
    v.declare(p.type);
    v.bind(p.id, p.name, f);
  }
  v.body(f.body);
  return v.problems;
}

class GraphVerifier {
  readonly problems: GraphProblem[] = [];
  private visible = new Set<number>();
  private readonly bound = new Set<number>();
  private readonly sizes = new Set<number>();
  private readonly funcs: Funcs | undefined;
  private dataflow = false;

  constructor(funcs: Funcs | undefined) {
    this.funcs = funcs;
  }

  private report(rule: number, message: string, node: GraphProblem["node"]): void {
    this.problems.push({ rule, message, node });
  }

  bind(id: number, name: string, at: GraphProblem["node"]): void {
    if (this.bound.has(id)) this.report(1, `${name} is bound twice`, at);
    this.bound.add(id);
    this.visible.add(id);
  }

  /** The sizes of a type become known. */
  declare(t: GraphType): void {
    if (t.kind === "tuple") for (const f of t.fields) this.declare(f);
    if (t.kind === "tensor") for (const s of t.shape) for (const id of varsOf(s).keys()) this.sizes.add(id);
  }

  body(b: GraphBody): void {
    const outer = this.visible;
    this.visible = new Set(outer);
    for (const block of b.blocks) {
      const before = new Set(this.visible);
      const own = new Set<number>();
      this.dataflow = block.dataflow;
      for (const x of block.bindings) {
        this.binding(x);
        if (x.kind !== "tensorToShape") own.add(x.v.id);
      }
      this.dataflow = false;
      if (!block.dataflow) continue;
      for (const id of block.outputs) {
        if (!own.has(id)) this.report(1, "an output of a dataflow block is not bound in it", b.result);
        before.add(id);
      }
      this.visible = before;
    }
    this.value(b.result);
    this.visible = outer;
  }

  private binding(b: GraphBinding): void {
    this.value(b.value);
    if (b.kind === "tensorToShape") {
      const t = b.value.type;
      const integer = t.kind === "tensor" && (t.dtype === "i64" || t.dtype === "i32") && t.shape.length < 2;
      if (!integer)
        this.report(5, `tensorToShape takes an integer tensor of rank 0 or 1, not ${typeText(t)}`, b);
      for (const v of b.sizes) this.sizes.add(v.id);
      return;
    }
    // The sizes of what a called function gives may depend on data: they begin to exist here.
    if (b.kind === "matchCast" || b.value.kind === "callFunc") this.declare(b.v.type);
    else this.sizesOf(b.v.type, b.value);
    if (!fits(b.v.type, b.value.type, b.kind === "matchCast")) {
      this.report(5, `${b.v.name} is ${typeText(b.v.type)}, its value ${typeText(b.value.type)}`, b);
    }
    this.bind(b.v.id, b.v.name, b);
  }

  private size(e: Expr, at: GraphExpr): void {
    for (const [id, v] of varsOf(e)) {
      if (!this.sizes.has(id)) this.report(2, `the size ${v.name} is not declared before this use`, at);
    }
  }

  private sizesOf(t: GraphType, at: GraphExpr): void {
    if (t.kind === "tuple") for (const f of t.fields) this.sizesOf(f, at);
    if (t.kind === "tensor") for (const s of t.shape) this.size(s, at);
  }

  private value(e: GraphExpr): void {
    if (e.kind === "graphVar") return this.leaf(e);
    if (e.kind === "shapeLiteral") for (const s of e.values) this.size(s, e);
    for (const x of graphOperands(e)) this.argument(x);
    const effects = e.kind === "graphIf" || e.kind === "graphLoop";
    if (this.dataflow && (effects || ("into" in e && e.into))) {
      this.report(4, `${e.kind} may not stand in a dataflow block`, e);
    }
    if (e.kind === "graphIf") this.branches(e);
    if (e.kind === "callTir") this.callTir(e);
    if (this.funcs && (e.kind === "callFunc" || e.kind === "graphLoop")) {
      const f = Object.hasOwn(this.funcs, e.func) ? this.funcs[e.func] : undefined;
      if (f?.kind !== "graphFunc") this.report(6, `the module has no graph-level function "${e.func}"`, e);
    }
  }

  private branches(e: GraphExpr & { kind: "graphIf" }): void {
    const t = e.cond.type;
    const single = t.kind === "tensor" && t.dtype === "bool" && t.shape.every((s) => constInt(s) === 1);
    if (!single) this.report(7, `the condition of an if is a bool of one element, not ${typeText(t)}`, e);
    for (const branch of [e.then, e.else]) {
      const flow = this.dataflow;
      this.body(branch);
      this.dataflow = flow;
      if (!fits(e.type, branch.result.type, true)) {
        this.report(7, `a branch gives ${typeText(branch.result.type)}, the if ${typeText(e.type)}`, e);
      }
    }
  }

  private leaf(e: GraphExpr & { kind: "graphVar" }): void {
    if (!this.visible.has(e.id)) {
      const why = this.bound.has(e.id)
        ? "is not seen here (an inner value of a dataflow block?)"
        : "is not bound";
      this.report(1, `${e.name} ${why}`, e);
    }
  }

  private argument(e: GraphExpr): void {
    if (e.kind === "graphVar") this.leaf(e);
    else if (e.kind === "shapeLiteral") for (const s of e.values) this.size(s, e);
    else if (e.kind === "tupleExpr") for (const f of e.fields) this.argument(f);
    else if (e.kind !== "constant")
      this.report(3, `${e.kind} stands as an argument: bind it to a variable`, e);
  }

  private callTir(e: CallTir): void {
    for (const s of e.tirVars) this.size(s, e);
    if (!this.funcs) return;
    const f = Object.hasOwn(this.funcs, e.func) ? this.funcs[e.func] : undefined;
    if (f?.kind !== "primFunc") return this.report(6, `the module has no tensor program "${e.func}"`, e);
    this.fitsProgram(e, f);
  }

  private fitsProgram(e: CallTir, f: PrimFunc): void {
    const given = [...e.args.map((a) => a.type), ...outputTypes(e.type)];
    const buffers = f.params.filter((p) => p.kind === "buffer");
    const scalars = f.params.length - buffers.length;
    if (given.length !== buffers.length || e.tirVars.length !== scalars) {
      const got = `${given.length} tensor(s) and ${e.tirVars.length} scalar(s), outputs included`;
      return this.report(
        6,
        `${e.func} takes ${buffers.length} buffer(s) and ${scalars} scalar(s), got ${got}`,
        e,
      );
    }
    buffers.forEach((p, i) => {
      const t = given[i];
      const same =
        t.kind === "tensor" &&
        t.dtype === p.dtype &&
        t.shape.length === p.shape.length &&
        p.shape.every((s, d) => sizesAgree(s, t.shape[d]));
      if (same) return;
      const want = typeText({ kind: "tensor", dtype: p.dtype, shape: p.shape });
      this.report(6, `${e.func}: ${p.name} is ${want}, the call gives ${typeText(t)}`, e);
    });
  }
}

/** False only where two sizes are numbers that differ. */
function sizesAgree(a: Expr, b: Expr): boolean {
  const [x, y] = [constInt(a), constInt(b)];
  return x === undefined || y === undefined || x === y;
}

/** Whether a value of type `b` may be called `a`: same form, dtypes and ranks; sizes that are numbers must agree. */
function fits(a: GraphType, b: GraphType, anySize: boolean): boolean {
  if (a.kind === "tensor") {
    if (b.kind !== "tensor" || a.dtype !== b.dtype || a.shape.length !== b.shape.length) return false;
    return anySize || a.shape.every((s, i) => sizesAgree(s, b.shape[i]));
  }
  if (a.kind === "tuple") {
    if (b.kind !== "tuple" || a.fields.length !== b.fields.length) return false;
    return a.fields.every((f, i) => fits(f, b.fields[i], anySize));
  }
  return b.kind === "shape" && a.rank === b.rank;
}
