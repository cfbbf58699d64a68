/** Literals without a dtype of their own. */
import { constant, type DType, type Expr, intRange, isFloat } from "../../ir/index.ts";

/**
 * A literal, or an expression of literals alone: it takes the dtype of its surroundings (the other operand, the
 * buffer stored to, an index), and i32 or f32 where there are none.
 */
export interface Weak {
  readonly kind: "weak";
  /** Whether it is f32 rather than i32 where nothing says otherwise. */
  readonly float: boolean;
  /** Present for a single literal, which a minus sign may change. */
  readonly literal?: number | bigint;
  readonly make: (t: DType) => Expr;
}

export type Value = Expr | Weak;

/** A number of a program's text; `wrap` adds the position to what is built or thrown. */
export function literal(value: number | bigint, wrap: (build: () => Expr) => Expr): Weak {
  const float = typeof value === "number" && !Number.isInteger(value);
  return { kind: "weak", float, literal: value, make: (t) => wrap(() => literalOf(value, t)) };
}

/** A literal of that dtype. Throws a TypeError when the dtype has no such value. */
export function literalOf(value: number | bigint, t: DType): Expr {
  if (t === "bool")
    throw new TypeError(`${value} is a number where a bool is needed: use true, false or a comparison`);
  if (isFloat(t)) return constant(Number(value), t);
  const { min, max } = intRange(t);
  if (value < min || value > max) throw new TypeError(`${value} does not fit ${t} (${min} to ${max})`);
  return constant(value, t);
}

/** The expression; a literal becomes one of dtype `want`. */
export function concrete(v: Value, want?: DType): Expr {
  return v.kind === "weak" ? v.make(want ?? (v.float ? "f32" : "i32")) : v;
}

/**
 * Builds a node whose operands share one dtype: literals take that of the first operand that has one; when all are
 * literals, so is the result.
 */
export function combine(
  values: readonly Value[],
  build: (operands: readonly Expr[]) => Expr,
  float = false,
): Value {
  const strong = values.find((v): v is Expr => v.kind !== "weak");
  if (strong) return build(values.map((v) => concrete(v, strong.dtype)));
  return {
    kind: "weak",
    float: float || values.some((v) => v.kind === "weak" && v.float),
    make: (t) => build(values.map((v) => concrete(v, t))),
  };
}

/** Like `combine` where the result's dtype is not the operands' (comparisons): literals alone take their default. */
export function compare(
  values: readonly Value[],
  build: (operands: readonly Expr[]) => Expr,
  float = false,
): Expr {
  return concrete(combine(values, build, float));
}

/** Both of one dtype, `fallback` when both are literals. */
export function pairOf(a: Value, b: Value, fallback: DType): [Expr, Expr] {
  const t = a.kind !== "weak" ? a.dtype : b.kind !== "weak" ? b.dtype : fallback;
  return [concrete(a, t), concrete(b, t)];
}
