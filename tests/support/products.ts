/** Products in the types of matrix units, and the shapes that devices are known to offer. */
import { cast, type Expr, type PrimFunc } from "../../lib/ir/index.ts";
import type { MatrixShape } from "../../lib/schedule/subgroup-matrix.ts";
import { te } from "../../lib/te/index.ts";

const shape =
  (componentType: "f16" | "f32", resultComponentType: "f16" | "f32") =>
  (M: number, N: number, K: number): MatrixShape => ({
    ...{ componentType, resultComponentType, M, N, K },
  });

/** Apple: 8 x 8 x 8. NVIDIA: 16 x 16 x 16 and 16 x 8 x 16. Intel: 8 x 16 x 16. */
export const MATRIX_SHAPES: readonly MatrixShape[] = [
  shape("f32", "f32")(8, 8, 8),
  shape("f16", "f16")(8, 8, 8),
  shape("f16", "f16")(16, 16, 16),
  shape("f16", "f32")(16, 16, 16),
  shape("f16", "f16")(16, 8, 16),
  shape("f16", "f32")(16, 8, 16),
  shape("f16", "f32")(8, 16, 16),
];

const widened =
  (s: MatrixShape) =>
  (x: Expr): Expr =>
    s.componentType === s.resultComponentType ? x : cast(x, s.resultComponentType);

export interface ProductSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Products side by side; 0: there is no such axis. */
  readonly batch: number;
  /** Operands whose last two dimensions are the other way round: "", "x", "y" or "xy". */
  readonly turned: string;
  /** max(C, 0) behind it. */
  readonly relu: boolean;
}

/** `C = A · B`, in block "C". */
export function productOf(s: MatrixShape, { m, n, k, batch, turned, relu }: ProductSizes): PrimFunc {
  const lead = batch === 0 ? [] : [batch];
  const [tx, ty] = [turned.includes("x"), turned.includes("y")];
  const A = te.placeholder([...lead, ...(tx ? [k, m] : [m, k])], "A", s.componentType);
  const B = te.placeholder([...lead, ...(ty ? [n, k] : [k, n])], "B", s.componentType);
  const r = te.reduceAxis(k, "r");
  const wide = widened(s);
  const C = te.compute(
    [...lead, m, n],
    (...at) => {
      const [i, j] = at.slice(-2);
      const b = at.slice(0, -2);
      const x = tx ? A.at(...b, r, i) : A.at(...b, i, r);
      const y = ty ? B.at(...b, j, r) : B.at(...b, r, j);
      return te.sum(te.mul(wide(x), wide(y)), [r]);
    },
    "C",
  );
  const out = relu ? te.compute([...lead, m, n], (...at) => te.max(C.at(...at), 0), "D") : C;
  return te.createPrimFunc([A, B, out]);
}

/** A convolution of one picture, channels first, without padding. */
export function convolutionOf(
  s: MatrixShape,
  { channels, filters, size, kernel }: Readonly<Record<"channels" | "filters" | "size" | "kernel", number>>,
): PrimFunc {
  const X = te.placeholder([1, channels, size, size], "X", s.componentType);
  const W = te.placeholder([filters, channels, kernel, kernel], "W", s.componentType);
  const out = size - kernel + 1;
  const [c, ry, rx] = [
    te.reduceAxis(channels, "c"),
    te.reduceAxis(kernel, "ry"),
    te.reduceAxis(kernel, "rx"),
  ];
  const wide = widened(s);
  const C = te.compute(
    [1, filters, out, out],
    (n, f, y, x) =>
      te.sum(te.mul(wide(X.at(n, c, te.add(y, ry), te.add(x, rx))), wide(W.at(f, c, ry, rx))), [c, ry, rx]),
    "C",
  );
  return te.createPrimFunc([X, W, C]);
}
