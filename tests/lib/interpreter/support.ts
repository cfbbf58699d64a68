/** Running one expression over a list of operand values. */
import { interpret } from "../../../lib/codegen/index.ts";
import {
  axis,
  block,
  buffer,
  type DType,
  type Expr,
  f16FromBits,
  f16ToBits,
  load,
  loop,
  newArray,
  type PrimFunc,
  primFunc,
  type Scalar,
  store,
  type TypedArray,
  variable,
} from "../../../lib/ir/index.ts";

export const put = (t: DType, xs: readonly Scalar[]): TypedArray => {
  const data = newArray(t, xs.length);
  xs.forEach((x, i) => {
    data[i] = (t === "f16" ? f16ToBits(x as number) : t === "i64" ? BigInt(x) : x) as never;
  });
  return data;
};

export const get = (t: DType, data: TypedArray): Scalar[] =>
  Array.from(data as Iterable<Scalar>, (x) => (t === "f16" ? f16FromBits(x as number) : x));

export const tensor = (t: DType, shape: readonly number[], xs?: readonly Scalar[]) => ({
  dtype: t,
  shape,
  data: xs
    ? put(t, xs)
    : newArray(
        t,
        shape.reduce((a, b) => a * b, 1),
      ),
});

/** `O[i] = f(A0[i], A1[i], …)` for columns of operands of dtype `t`. */
export function pointwise(t: DType, arity: number, f: (xs: Expr[]) => Expr, n: number): PrimFunc {
  const ins = Array.from({ length: arity }, (_, k) => buffer(`A${k}`, [n], t));
  const i = variable("i");
  const ax = axis("vi", "S", n, i);
  const value = f(ins.map((b) => load(b, [ax.v])));
  const out = buffer("O", [n], value.dtype);
  const body = block({ name: "O", axes: [ax], body: store(out, [ax.v], value) });
  return primFunc([...ins, out], loop(i, n, body));
}

/** The results of `f` on each row of operands. */
export function evaluate(t: DType, rows: readonly (readonly Scalar[])[], f: (xs: Expr[]) => Expr): Scalar[] {
  const arity = rows[0].length;
  const func = pointwise(t, arity, f, rows.length);
  const last = func.params[func.params.length - 1];
  const ins = Array.from({ length: arity }, (_, k) =>
    tensor(
      t,
      [rows.length],
      rows.map((r) => r[k]),
    ),
  );
  const out = tensor(last.dtype, [rows.length]);
  interpret(func, [...ins, out]);
  return get(last.dtype, out.data);
}
