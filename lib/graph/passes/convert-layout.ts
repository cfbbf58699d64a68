/** convertLayout: convolutions and poolings in another order of axes, with as few transpositions as possible. */
import type { Attrs, GraphExpr, GraphFunc, OpCall, TensorType } from "../../ir/index.ts";
import { GraphError, refuseGraph } from "../error.ts";
import { ACTIVATION } from "../ops/activation.ts";
import { ELEMENTWISE } from "../ops/elementwise.ts";
import { callOp } from "../registry.ts";
import { graphPass, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";

export interface Layout {
  /** Of data and result: the letters of the standard order (`NCHW`) in another one (`NHWC`). */
  readonly data: string;
  /** Of the weights, for operators that have some: `OIHW` otherwise. */
  readonly kernel?: string;
}

/**
 * Operators with these names that have the standard layout get another one. Their operands and results are transposed,
 * and the transpositions move forward through elementwise operators and reductions until they meet one that undoes them
 * (constants are transposed at compile time by foldConstant). `convertLayout({ "nn.conv2d": { data: "NHWC", kernel:
 * "HWIO" } })`. Throws for letters that are not those of the operator.
 */
export function convertLayout(layouts: Readonly<Record<string, Layout>>): Pass {
  return graphPass("convertLayout", (f) => converted(f, layouts));
}

/** A value that is another one with its axes in another order. */
interface Permuted {
  readonly source: GraphExpr;
  readonly axes: readonly number[];
}

const STANDARD = { data: ["NCW", "NCHW", "NCDHW"], kernel: ["OIW", "OIHW", "OIDHW"] } as const;
const POINTWISE = new Set([...Object.keys(ELEMENTWISE), ...Object.keys(ACTIVATION)]);
const REDUCES = new Set(["sum", "mean", "max", "min"]);

const inverse = (axes: readonly number[]): number[] => axes.map((_, d) => axes.indexOf(d));
const compose = (first: readonly number[], then: readonly number[]): number[] => then.map((a) => first[a]);
const isIdentity = (axes: readonly number[]): boolean => axes.every((a, d) => a === d);
const rankOf = (e: GraphExpr): number => (e.type.kind === "tensor" ? e.type.shape.length : -1);

/** The order of axes that brings the standard layout into another. */
function axesTo(op: string, standard: string, layout: string): number[] {
  const axes = [...layout].map((l) => standard.indexOf(l));
  if (layout.length !== standard.length || new Set(axes).size !== axes.length || axes.includes(-1)) {
    refuseGraph("convertLayout", `${op}: ${layout} is no order of the axes ${standard}`);
  }
  return axes;
}

function converted(f: GraphFunc, layouts: Readonly<Record<string, Layout>>): GraphFunc {
  const known = new Map<number, Permuted>();
  const look = (e: GraphExpr): Permuted | undefined => (e.kind === "graphVar" ? known.get(e.id) : undefined);
  const permute = (e: GraphExpr, axes: readonly number[], at: Place): GraphExpr => {
    const p = look(e);
    const all = p ? compose(p.axes, axes) : axes;
    const source = p ? p.source : e;
    return isIdentity(all) ? source : at.emit(callOp("permuteDims", [source], { axes: all }));
  };
  const note = (made: Permuted, at: Place): GraphExpr => {
    if (isIdentity(made.axes)) return made.source;
    if (at.binding.kind === "bind") known.set(at.binding.v.id, made);
    return callOp("permuteDims", [made.source], { axes: made.axes });
  };
  const value = (e: GraphExpr, at: Place): GraphExpr => {
    if (e.kind !== "opCall") return e;
    const layout = Object.hasOwn(layouts, e.op) ? layouts[e.op] : undefined;
    if (layout && !e.attrs.dataLayout) return relaid(e, layout, at, permute, note);
    if (e.op === "permuteDims") {
      const own = (e.attrs.axes as readonly number[] | null) ?? reversed(rankOf(e));
      const p = look(e.args[0]);
      return p
        ? note({ source: p.source, axes: compose(p.axes, own) }, at)
        : note({ source: e.args[0], axes: own }, at);
    }
    const moved = pointwise(e, look, at) ?? reduction(e, look, at);
    return moved ? note(moved, at) : e;
  };
  return rewriteFunc(f, { value });
}

const reversed = (rank: number): number[] => Array.from({ length: rank }, (_, d) => rank - 1 - d);

function relaid(
  e: OpCall,
  layout: Layout,
  at: Place,
  permute: (e: GraphExpr, axes: readonly number[], at: Place) => GraphExpr,
  note: (made: Permuted, at: Place) => GraphExpr,
): GraphExpr {
  const standard = STANDARD.data[rankOf(e.args[0]) - 3];
  if (!standard || e.type.kind !== "tensor") return e;
  const axes = axesTo(e.op, standard, layout.data);
  const args = [permute(e.args[0], axes, at), ...e.args.slice(1)];
  let attrs: Attrs = { ...e.attrs, dataLayout: layout.data };
  if (layout.kernel && e.args[1] && "kernelLayout" in e.attrs) {
    const kernel = STANDARD.kernel[rankOf(e.args[1]) - 3];
    args[1] = permute(e.args[1], axesTo(e.op, kernel, layout.kernel), at);
    attrs = { ...attrs, kernelLayout: layout.kernel };
  }
  const source = at.emit(callOp(e.op, args, attrs));
  return note({ source, axes: inverse(axes) }, at);
}

/** An elementwise operator on permuted operands: the same on what they were before. */
function pointwise(e: OpCall, look: (e: GraphExpr) => Permuted | undefined, at: Place): Permuted | undefined {
  if (!POINTWISE.has(e.op) || e.op === "nn.prelu" || e.type.kind !== "tensor") return undefined;
  const rank = rankOf(e);
  const found = e.args.map(look).find((p) => p && p.axes.length === rank);
  if (!found) return undefined;
  const { axes } = found;
  const back = inverse(axes);
  const args: GraphExpr[] = [];
  for (const a of e.args) {
    const p = look(a);
    if (p && p.axes.join() === axes.join()) args.push(p.source);
    else if (a.kind === "constant") args.push(permutedConstant(a, back, rank, at));
    else return undefined;
  }
  return { source: at.emit(callOp(e.op, args, e.attrs)), axes };
}

/** A constant operand, which may have fewer axes, for the other order of axes. */
function permutedConstant(a: GraphExpr, axes: readonly number[], rank: number, at: Place): GraphExpr {
  const shape = (a.type as TensorType).shape;
  if (shape.length === 0) return a;
  const full = Array.from({ length: rank - shape.length }, (_, d) => d);
  const wide = full.length > 0 ? at.emit(callOp("expandDims", [a], { axis: full })) : a;
  return at.emit(callOp("permuteDims", [wide], { axes }));
}

/** A reduction of a permuted operand: over the axes where they were, with the rest in the order they have. */
function reduction(e: OpCall, look: (e: GraphExpr) => Permuted | undefined, at: Place): Permuted | undefined {
  const p = REDUCES.has(e.op) && e.args.length === 1 ? look(e.args[0]) : undefined;
  const given = e.attrs.axis;
  if (!p || given === null || given === undefined) return undefined;
  const rank = p.axes.length;
  const over = (Array.isArray(given) ? (given as number[]) : [given as number]).map((a) =>
    a < 0 ? a + rank : a,
  );
  if (over.some((a) => !(a in p.axes))) throw new GraphError(e.op, "an axis is out of range");
  const axis = over.map((a) => p.axes[a]).sort((a, b) => a - b);
  const source = at.emit(callOp(e.op, [p.source], { ...e.attrs, axis }));
  if (e.attrs.keepdims) return { source, axes: p.axes };
  const left = p.axes.filter((a) => !axis.includes(a));
  const order = [...left].sort((a, b) => a - b);
  return { source, axes: left.map((a) => order.indexOf(a)) };
}
