/** Reductions: `te.sum(A.at(i, k) , k)`. */
import { type Call, constant, type DType, type Expr, ops, type Var, variable } from "../ir/index.ts";

/**
 * An axis to reduce over. It is a variable, so it can stand in index expressions, and knows the values it takes:
 * min, min + 1, … min + extent - 1.
 */
export interface ReduceAxis extends Var {
  readonly min: Expr;
  readonly extent: Expr;
  /** The variable itself. */
  readonly v: Var;
}

export type Combiner = "sum" | "prod" | "max" | "min" | "argmax" | "argmin";

/**
 * A reduction as an expression, so that its dtype is known where it is written. It is no node that programs may
 * hold: `compute` takes it as a whole body and nowhere else.
 */
export interface Reduction extends Call {
  readonly combiner: Combiner;
  readonly source: Expr;
  readonly axes: readonly ReduceAxis[];
}

/** The first letters of `op` of a reduction; no intrinsic begins with them. */
const PREFIX = "te.";

export const isReduction = (e: Expr): e is Reduction => e.kind === "call" && e.op.startsWith(PREFIX);

/** An axis over 0 … extent-1, or over begin … end-1 where a pair is given. */
export function reduceAxis(
  range: number | Expr | readonly [begin: number | Expr, end: number | Expr],
  name = "k",
): ReduceAxis {
  const [begin, end] = isPair(range) ? range : [0, range];
  const dtype = [begin, end].find((x): x is Expr => typeof x === "object")?.dtype ?? "i32";
  const min = ops.toExpr(begin, dtype);
  const extent = ops.sub(ops.toExpr(end, dtype), min);
  if (dtype !== "i32" && dtype !== "i64")
    throw new TypeError(`reduce axis ${name}: its range has dtype ${dtype}, not i32`);
  if (extent.kind === "const" && Number(extent.value) <= 0) {
    throw new RangeError(
      `reduce axis ${name} has no values: it runs from ${showIndex(begin)} to before ${showIndex(end)}`,
    );
  }
  const v = variable(name, dtype);
  return { ...v, min, extent, v };
}

const isPair = <X>(x: number | Expr | readonly [X, X]): x is readonly [X, X] => Array.isArray(x);
const showIndex = (x: number | Expr): string =>
  typeof x === "number" ? String(x) : x.kind === "const" ? String(x.value) : "…";

const isAxis = (x: unknown): x is ReduceAxis =>
  typeof x === "object" && x !== null && "extent" in x && "min" in x && "v" in x;

export type Axes = ReduceAxis | readonly ReduceAxis[];

function reduction(combiner: Combiner, source: Expr, axis: Axes, dtype: DType): Reduction {
  const axes: readonly unknown[] = Array.isArray(axis) ? axis : [axis];
  if (axes.length === 0 || !axes.every(isAxis)) {
    throw new TypeError(
      `te.${combiner}(expression, axis): the axis is one of te.reduceAxis, or several in an array`,
    );
  }
  if (new Set(axes.map((a) => a.id)).size !== axes.length)
    throw new TypeError(`te.${combiner}: the same axis twice`);
  if (source.dtype === "bool")
    throw new TypeError(`te.${combiner} of bool: cast it, for example te.cast(x, "i32")`);
  if (isReduction(source))
    throw new TypeError(
      `te.${combiner} of te.${source.combiner}: reduce over both axes at once, or in two computes`,
    );
  return { kind: "call", op: PREFIX + combiner, args: [source], dtype, combiner, source, axes };
}

const simple =
  (combiner: "sum" | "prod") =>
  (source: Expr, axis: Axes): Reduction =>
    reduction(combiner, source, axis, source.dtype);

/** The sum over the axes. */
export const sum = simple("sum");
/** The product over the axes. */
export const prod = simple("prod");

const extremum = (combiner: "max" | "min") => {
  function choose(source: Expr, axis: Axes): Reduction;
  function choose(a: number | Expr, b: number | Expr): Expr;
  function choose(a: number | Expr, b: number | Expr | Axes): Expr {
    if (typeof a === "object" && (Array.isArray(b) || isAxis(b)))
      return reduction(combiner, a, b as Axes, a.dtype);
    return ops[combiner](a, b as number | Expr);
  }
  return choose;
};

/** `te.max(expression, axis)` reduces; `te.max(a, b)` is the greater of two values. */
export const max = extremum("max");
/** `te.min(expression, axis)` reduces; `te.min(a, b)` is the smaller of two values. */
export const min = extremum("min");

const position =
  (combiner: "argmax" | "argmin") =>
  (source: Expr, axis: Axes, dtype: "i32" | "i64" = "i32"): Reduction =>
    reduction(combiner, source, axis, dtype);

/**
 * Where along the axes the greatest value stands (counted row-major over several axes, from 0), the first of equals
 * in whatever order the loops run. NaN is never the greatest. The computed tensor's `values` holds the value itself.
 */
export const argmax = position("argmax");
/** Where along the axes the smallest value stands; see `argmax`. */
export const argmin = position("argmin");

/** The value a combiner starts from. */
export function identity(combiner: Exclude<Combiner, "argmax" | "argmin">, dtype: DType): Expr {
  switch (combiner) {
    case "sum":
      return constant(0, dtype);
    case "prod":
      return constant(1, dtype);
    case "max":
      return ops.minValue(dtype);
    case "min":
      return ops.maxValue(dtype);
  }
}
