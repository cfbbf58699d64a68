/** Every operator on every dtype it exists for, scalar and vectorised, against the interpreter. */
import type { BufferArg } from "../../../lib/codegen/index.ts";
import {
  ARITH_OPS,
  binary,
  buffer,
  COMPARE_OPS,
  call,
  cast,
  constant,
  DTYPES,
  type DType,
  type Expr,
  f16ToBits,
  INTRINSICS,
  type IntrinsicName,
  intRange,
  isFloat,
  isInt,
  type LoopKind,
  load,
  loop,
  neg,
  newArray,
  ops,
  primFunc,
  select,
  store,
  type TypedArray,
  variable,
} from "../../../lib/ir/index.ts";
import { assertSame } from "./harness.ts";

const FLOATS = [0, -0, 1, -1, 0.5, -2.5, 1.5, 3.25, 1e-3, -7.75, 100, -1000, 1e30, -1e-30];
const SPECIAL = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  65504,
  65520,
  2 ** -24,
  5.9e-8,
  1e-40,
];

function values(t: DType): (number | bigint)[] {
  if (t === "bool") return [0, 1, 1, 0];
  if (isFloat(t)) return [...FLOATS, ...SPECIAL];
  if (t === "i64")
    return [0n, 1n, -1n, 7n, -7n, 3n, -3n, 1n << 40n, -(1n << 62n), (1n << 63n) - 1n, -(1n << 63n)];
  const { min, max } = intRange(t);
  const xs = [0, 1, -1, 2, 7, -7, 3, -3, 100, -100, min, max, min + 1, 5, -16];
  return xs.filter((x) => x >= min && x <= max);
}

function array(t: DType, xs: readonly (number | bigint)[]): TypedArray {
  const data = newArray(t, xs.length);
  xs.forEach((x, i) => {
    data[i] = t === "f16" ? f16ToBits(Number(x)) : (x as never);
  });
  return data;
}

const arg = (dtype: DType, xs: readonly (number | bigint)[]): BufferArg => ({
  dtype,
  shape: [xs.length],
  data: array(dtype, xs),
});

const KINDS: LoopKind[] = ["serial", "vectorized"];

/** Runs `f` over all pairs of values of `t` (those that `keep` accepts). */
function overPairs(
  t: DType,
  out: DType,
  f: (a: Expr, b: Expr) => Expr,
  o: { keep?: (a: number, b: number) => boolean; rtol?: number; atol?: number } = {},
): void {
  const pairs = values(t).flatMap((a) => values(t).map((b) => [a, b] as const));
  const kept = pairs.filter(([a, b]) => o.keep?.(Number(a), Number(b)) ?? true);
  for (const kind of KINDS) {
    const n = kept.length;
    const A = buffer("A", [n], t);
    const B = buffer("B", [n], t);
    const C = buffer("C", [n], out);
    const i = variable("i");
    const body = store(C, [i], f(load(A, [i]), load(B, [i])));
    const func = primFunc([A, B, C], loop(i, n, body, { loopKind: kind }));
    const as = kept.map(([a]) => a);
    const bs = kept.map(([, b]) => b);
    assertSame(func, [arg(t, as), arg(t, bs), arg(out, new Array(n).fill(out === "i64" ? 0n : 0))], o);
  }
}

const numeric = DTYPES.filter((t) => t !== "bool");

describe("wasm operators", () => {
  for (const t of numeric) {
    for (const op of ARITH_OPS) {
      const division = op.startsWith("floor") || op.startsWith("trunc");
      if (isFloat(t) ? division : op === "div") continue;
      it(`${op} ${t}`, () => {
        overPairs(t, t, (a, b) => binary(op, a, b), { keep: (_, b) => !division || b !== 0 });
        if (division) overPairs(t, t, (a) => binary(op, a, constant(7, t)));
        if (division) overPairs(t, t, (a) => binary(op, a, constant(4, t)));
        if (division && t !== "u8") overPairs(t, t, (a) => binary(op, a, constant(-3, t)));
        if (division && t !== "u8") overPairs(t, t, (a) => binary(op, a, constant(-1, t)));
      });
    }
    if (t !== "u8") it(`neg ${t}`, () => overPairs(t, t, (a) => neg(a)));
    it(`select ${t}`, () => overPairs(t, t, (a, b) => select(ops.lt(a, b), ops.add(a, b), ops.sub(a, b))));
  }
  for (const t of DTYPES) {
    for (const op of COMPARE_OPS) it(`${op} ${t}`, () => overPairs(t, "bool", (a, b) => binary(op, a, b)));
    for (const to of DTYPES) it(`cast ${t} to ${to}`, () => overPairs(t, to, (a) => cast(a, to)));
  }
  for (const op of ["and", "or"] as const)
    it(op, () => overPairs("bool", "bool", (a, b) => binary(op, a, b)));

  /** Functions that are computed by approximation here and rounded from doubles in the interpreter. */
  const approximate = new Set<IntrinsicName>(["exp", "log", "tanh", "sigmoid", "erf", "rsqrt", "sin", "cos"]);
  for (const name of Object.keys(INTRINSICS) as IntrinsicName[]) {
    const spec = INTRINSICS[name];
    for (const t of numeric) {
      if (spec.takes === "float" ? !isFloat(t) : spec.takes === "int" && !isInt(t)) continue;
      it(`${name} ${t}`, () => {
        const inexact = approximate.has(name) && t !== "f64";
        const out = name === "isnan" ? "bool" : t;
        const eps = t === "f16" ? 2 ** -10 : 8 * 2 ** -23;
        overPairs(
          t,
          out,
          (a, b) => call(name, spec.arity === 1 ? [a] : [a, b]),
          inexact ? { rtol: eps, atol: 1e-37 } : {},
        );
      });
    }
  }
});
