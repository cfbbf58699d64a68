/** Reductions that the te legalizations share: over any axes, also none and empty ones, halves summed as f32. */
import { constInt, type DType, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs } from "../op.ts";
import { axesOf, type Size } from "../shape.ts";
import { castTo } from "./elementwise-form.ts";

export type Combiner = "sum" | "prod" | "max" | "min";

const COMBINE = { sum: te.sum, prod: te.prod, max: te.max, min: te.min } as const;

/** The value of a reduction over nothing. */
export function identityOf(combiner: Combiner, t: DType): Expr {
  if (combiner === "sum" || combiner === "prod") return te.const(combiner === "sum" ? 0 : 1, t);
  return combiner === "max" ? te.minValue(t) : te.maxValue(t);
}

/**
 * A tensor of `shape` whose element at i reduces `source(i, k)` over k in `extents`. With an extent of 0 the elements
 * are the combiner's identity, without extents the source itself.
 */
export function reduceTo(
  combiner: Combiner,
  shape: readonly Size[],
  extents: readonly Size[],
  source: (i: readonly Expr[], k: readonly Expr[]) => Expr,
  name: string,
): te.Tensor {
  if (extents.length === 0) return te.compute(shape, (...i) => source(i, []), name);
  if (extents.some((e) => constInt(e) === 0)) {
    const { dtype } = source(
      shape.map(() => te.const(0)),
      extents.map(() => te.const(0)),
    );
    return te.compute(shape, () => identityOf(combiner, dtype), name);
  }
  const k = extents.map((e, d) => te.reduceAxis(e, `k${d}`));
  const total = te.compute(
    shape,
    (...i) =>
      COMBINE[combiner](
        source(
          i,
          k.map((a) => a.v),
        ),
        k,
      ),
    name,
  );
  return orOfNothing(combiner, total, extents);
}

/** The reduction, or the combiner's identity where an extent that is not known beforehand turns out to be 0: nothing begins then. */
export function orOfNothing(combiner: Combiner, total: te.Tensor, extents: readonly Size[]): te.Tensor {
  const open = extents.filter((e) => constInt(e) === undefined);
  if (open.length === 0) return total;
  const empty = open.map((e) => ops.eq(e, 0)).reduce((a, b) => ops.or(a, b));
  const none = identityOf(combiner, total.dtype);
  return te.compute(total.shape, (...i) => ops.select(empty, none, total.get(i)), `${total.name}_or_none`);
}

/** Which axes a reduction takes, and the shape that is left. */
export interface Reduced {
  readonly axes: readonly number[];
  readonly extents: readonly Size[];
  readonly shape: readonly Size[];
  /** The indices of the operand, for those of the result and of the reduced axes. */
  readonly at: (i: readonly Expr[], k: readonly Expr[]) => Expr[];
}

export function reducedOver(x: readonly Size[], axes: readonly number[], keepdims: boolean): Reduced {
  const shape = x.flatMap((s, d) => (axes.includes(d) ? (keepdims ? [te.const(1)] : []) : [s]));
  const at = (i: readonly Expr[], k: readonly Expr[]): Expr[] => {
    let next = 0;
    return x.map((_, d) => {
      const r = axes.indexOf(d);
      if (r >= 0) {
        if (keepdims) next++;
        return k[r];
      }
      return i[next++];
    });
  };
  return { axes, extents: axes.map((a) => x[a]), shape, at };
}

/** The axes of the attribute: null for all of them, a number, or several; sorted. */
export function axesAttr(c: OpArgs, rank: number, name = "axis"): number[] {
  const v = c.attrs[name];
  if (v === null) return Array.from({ length: rank }, (_, d) => d);
  const given = typeof v === "number" ? [v] : c.nums(name);
  return axesOf(c.op, given, rank).sort((a, b) => a - b);
}

/** What sums of that dtype are formed in. */
export const sumType = (t: DType): DType => (t === "f16" ? "f32" : t);

/** The mean and the variance (of the population) over axes, both with the reduced axes kept as 1, in `sumType`. */
export function moments(x: te.Tensor, axes: readonly number[]): { mean: te.Tensor; variance: te.Tensor } {
  const r = reducedOver(x.shape, axes, true);
  const t = sumType(x.dtype);
  const n = countOf(r.extents, t);
  const total = reduceTo("sum", r.shape, r.extents, (i, k) => castTo(x.get(r.at(i, k)), t), "total");
  const mean = te.compute(r.shape, (...i) => te.div(total.get(i), n), "mean");
  const square = (i: readonly Expr[], k: readonly Expr[]): Expr => {
    const d = te.sub(castTo(x.get(r.at(i, k)), t), mean.get(i));
    return te.mul(d, d);
  };
  const squares = reduceTo("sum", r.shape, r.extents, square, "squares");
  return { mean, variance: te.compute(r.shape, (...i) => te.div(squares.get(i), n), "variance") };
}

/** How many elements are reduced, as a value of a dtype. */
export function countOf(extents: readonly Size[], t: DType): Expr {
  const known = extents.map(constInt);
  if (known.every((e) => e !== undefined))
    return te.const(
      known.reduce((a, b) => a * b, 1),
      t,
    );
  return castTo(
    extents.reduce((a, b) => te.mul(a, b), te.const(1) as Expr),
    t,
  );
}

/** The indices with those of some axes set to 0: where a value that was kept for them stands. */
export const zeroAt = (i: readonly Expr[], axes: readonly number[]): Expr[] =>
  i.map((e, d) => (axes.includes(d) ? te.const(0) : e));

/** The type of a reduction's result. */
export function reducedType(c: OpArgs, dtype?: DType): TensorType {
  const x = c.tensor(0);
  const { shape } = reducedOver(x.shape, axesAttr(c, x.shape.length), c.flag("keepdims"));
  return { kind: "tensor", dtype: dtype ?? x.dtype, shape };
}
