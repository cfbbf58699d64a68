/** Elementwise operators on small known values. */
import { sameSize } from "../../graph/index.ts";
import { type DType, isFloat } from "../../ir/index.ts";
import type { NodeContext } from "./context.ts";
import { dtypeOf } from "./decode-tensor.ts";
import type { Rule } from "./evaluate-rule.ts";
import { broadcastIndices, broadcastTo } from "./index-math.ts";
import {
  type Elem,
  elemExpr,
  intArith,
  isNumeric,
  type Literal,
  literal,
  nonNegative,
  roundTo,
} from "./literal.ts";

type Op = (a: Elem, b: Elem, dtype: DType) => Elem | undefined;

/** Applies `f` to elements at the same places, shapes broadcast; undefined when one of the results is. */
function zip(
  list: readonly Literal[],
  f: (e: readonly Elem[]) => Elem | undefined,
  dtype: DType,
): Literal | undefined {
  const shape = broadcastTo(list.map((l) => l.shape));
  if (!shape) return undefined;
  const from = list.map((l) => broadcastIndices(l.shape, shape));
  const out: Elem[] = [];
  for (let i = 0; i < from[0].length; i++) {
    const e = f(list.map((l, k) => l.elems[from[k][i]]));
    if (e === undefined) return undefined;
    out.push(e);
  }
  return literal(dtype, shape, out);
}

function numeric(f: (a: number, b: number) => number, dtype: DType, a: Elem, b: Elem): Elem | undefined {
  return typeof a === "number" && typeof b === "number" ? roundTo(dtype, f(a, b)) : undefined;
}

/** Integers by `int`, floats by `float`. */
const arith =
  (int: Parameters<typeof intArith>[0], float: (a: number, b: number) => number): Op =>
  (a, b, dtype) => {
    if (isFloat(dtype)) return numeric(float, dtype, a, b);
    const r = intArith(int, a, b);
    return typeof r === "number" ? roundTo(dtype, r) : r;
  };

const binary =
  (op: Op): Rule =>
  (_, [a, b]) =>
    a && b && a.dtype === b.dtype ? zip([a, b], ([x, y]) => op(x, y, a.dtype), a.dtype) : undefined;

/** Any number of operands, folded from the left. */
const variadic =
  (op: Op): Rule =>
  (_, list) => {
    let [result] = list;
    for (const next of list.slice(1)) {
      if (!result || !next || result.dtype !== next.dtype) return undefined;
      const { dtype } = result;
      result = zip([result, next], ([x, y]) => op(x, y, dtype), dtype);
    }
    return result;
  };

/** Of two known numbers, or where `symbolic` can tell. */
const compare =
  (f: (a: number, b: number) => boolean, symbolic?: (a: Elem, b: Elem) => boolean | undefined): Rule =>
  (_, [a, b]) =>
    a && b
      ? zip(
          [a, b],
          ([x, y]) => {
            const r = typeof x === "number" && typeof y === "number" ? f(x, y) : symbolic?.(x, y);
            return r === undefined ? undefined : Number(r);
          },
          "bool",
        )
      : undefined;

/** Sizes are never negative; the same size is equal to itself. */
function equalSizes(a: Elem, b: Elem): boolean | undefined {
  if (typeof b === "number" && b < 0 && nonNegative(a)) return false;
  if (typeof a === "number" && a < 0 && nonNegative(b)) return false;
  return sameSize(elemExpr(a), elemExpr(b)) ? true : undefined;
}

const less = (a: Elem, b: Elem): boolean | undefined => {
  if (typeof b === "number" && b <= 0 && nonNegative(a)) return false;
  if (typeof a === "number" && a < 0 && nonNegative(b)) return true;
  return undefined;
};
const opposite = (r: boolean | undefined): boolean | undefined => (r === undefined ? undefined : !r);

const unary =
  (f: (x: Elem, dtype: DType) => Elem | undefined, result?: DType): Rule =>
  (_, [x]) =>
    x ? zip([x], ([e]) => f(e, x.dtype), result ?? x.dtype) : undefined;

const math = (f: (x: number) => number): Rule =>
  unary((x, dtype) => (typeof x === "number" ? roundTo(dtype, f(x)) : undefined));

const roundEven = (x: number): number => {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

function cast(cx: NodeContext, [x]: readonly (Literal | undefined)[]): Literal | undefined {
  const to = dtypeOf(cx.attr.int("to"));
  if (!x || !to) return undefined;
  return zip([x], ([e]) => castElem(e, x.dtype, to), to);
}

function castElem(e: Elem, from: DType, to: DType): Elem | undefined {
  // Sizes fit the integers that can hold sizes.
  if (typeof e !== "number") return to === "i64" || to === "i32" ? e : undefined;
  if (to === "bool") return Number(e !== 0);
  if (isFloat(to)) return roundTo(to, e);
  if (isFloat(from) && !Number.isFinite(e)) return undefined;
  return roundTo(to, Math.trunc(e) + 0);
}

const remainder: Op = (a, b, dtype) =>
  isFloat(dtype) ? numeric((x, y) => x % y, dtype, a, b) : intArith("floormod", a, b);

export const ELEMENTWISE_RULES: Readonly<Record<string, Rule>> = {
  Add: binary(arith("add", (a, b) => a + b)),
  Sub: binary(arith("sub", (a, b) => a - b)),
  Mul: binary(arith("mul", (a, b) => a * b)),
  Div: binary(arith("truncdiv", (a, b) => a / b)),
  Mod: (cx, x) => {
    const op = cx.attr.flag("fmod") ? arith("truncmod", (a, b) => a % b) : remainder;
    return binary(op)(cx, x);
  },
  Max: variadic(arith("max", Math.max)),
  Min: variadic(arith("min", Math.min)),
  Neg: unary((x, dtype) => arith("sub", (a, b) => a - b)(0, x, dtype)),
  Abs: unary((x, dtype) =>
    typeof x === "number" ? roundTo(dtype, Math.abs(x)) : nonNegative(x) ? x : undefined,
  ),
  Relu: unary((x, dtype) => arith("max", Math.max)(x, 0, dtype)),
  Pow: (_, [a, b]) =>
    a && b ? zip([a, b], ([x, y]) => numeric(Math.pow, a.dtype, x, y), a.dtype) : undefined,
  Floor: math(Math.floor),
  Ceil: math(Math.ceil),
  Round: math(roundEven),
  Sqrt: math(Math.sqrt),
  Equal: compare((a, b) => a === b, equalSizes),
  Less: compare((a, b) => a < b, less),
  LessOrEqual: compare(
    (a, b) => a <= b,
    (a, b) => opposite(less(b, a)),
  ),
  Greater: compare(
    (a, b) => a > b,
    (a, b) => less(b, a),
  ),
  GreaterOrEqual: compare(
    (a, b) => a >= b,
    (a, b) => opposite(less(a, b)),
  ),
  Not: unary((x) => (typeof x === "number" ? 1 - x : undefined)),
  And: compare((a, b) => a !== 0 && b !== 0),
  Or: compare((a, b) => a !== 0 || b !== 0),
  Where: (_, [c, a, b]) =>
    c && a && b && isNumeric(c) && a.dtype === b.dtype
      ? zip([c, a, b], ([k, x, y]) => (k !== 0 ? x : y), a.dtype)
      : undefined,
  Cast: cast,
  Identity: (_, [x]) => x,
};
