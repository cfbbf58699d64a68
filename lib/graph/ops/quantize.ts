/** Between real numbers and the whole numbers that stand for them: real = scale · (whole - zero point). */
import {
  constInt,
  type DType,
  type Expr,
  intRange,
  isFloat,
  ops,
  type TensorType,
  tupleType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf } from "../shape.ts";

const AXIS = {
  doc: "the axis along which scale and zero point differ, where they are no single numbers",
  default: 1,
} as const;

/** Scale and zero point: one number, or one for each position of the axis. */
function checkParameters(c: OpArgs, zeroPoint: DType): void {
  const x = c.tensor(0);
  const [scale, zero] = [c.tensor(1), c.tensor(2)];
  if (!isFloat(scale.dtype)) c.refuse(`its scale must be a float, not ${scale.dtype}`);
  if (zero.dtype !== zeroPoint) c.refuse(`its zero point must be ${zeroPoint}, not ${zero.dtype}`);
  for (const [what, t] of [
    ["scale", scale],
    ["zero point", zero],
  ] as const) {
    if (t.shape.length > 1) c.refuse(`its ${what} has rank ${t.shape.length}, not 0 or 1`);
    const n = t.shape.length === 0 ? 1 : constInt(t.shape[0]);
    if (n === 1 || n === undefined) continue;
    const axis = axisOf(c.op, c.num("axis"), x.shape.length);
    const size = constInt(x.shape[axis]);
    if (size !== undefined && n !== size) c.refuse(`its ${what} has ${n} numbers, axis ${axis} has ${size}`);
  }
}

/** A parameter at an index of the data. */
function parameter(t: te.Tensor, i: readonly Expr[], axis: number): Expr {
  if (t.shape.length === 0) return t.at();
  if (constInt(t.shape[0]) === 1) return t.at(0);
  return t.at(i[axis < 0 ? axis + i.length : axis]);
}

/** Rounded (ties to even), moved by the zero point, within the range of the dtype. */
function saturated(x: Expr, zero: Expr, dtype: DType): Expr {
  const { min, max } = intRange(dtype);
  const moved = ops.add(ops.round(x), te.cast(zero, x.dtype));
  return te.cast(ops.max(ops.min(moved, ops.toExpr(max, x.dtype)), ops.toExpr(min, x.dtype)), dtype);
}

const STORED: readonly DType[] = ["i8", "u8"];

export const QUANTIZE = {
  quantize: {
    doc: "the nearest whole numbers: saturated(round(x / scale) + zero point), ties to even",
    args: [
      { name: "data", kind: "tensor" },
      { name: "scale", kind: "tensor" },
      { name: "zeroPoint", kind: "tensor" },
    ],
    attrs: { axis: AXIS, outDtype: { doc: "i8 or u8", default: "i8" } },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      const dtype = c.str("outDtype") as DType;
      if (!STORED.includes(dtype)) c.refuse(`outDtype "${dtype}" is none of ${STORED.join(", ")}`);
      if (x.dtype === "bool") c.refuse("it is for numbers, not bool");
      checkParameters(c, dtype);
      return { ...x, dtype };
    },
    te: (c) => {
      const [x, scale, zero] = [c.x(0), c.x(1), c.x(2)];
      const axis = c.num("axis");
      // Halves would round twice.
      const wide = scale.dtype === "f64" ? "f64" : "f32";
      const widened = (e: Expr): Expr => (e.dtype === wide ? e : te.cast(e, wide));
      return te.compute(
        x.shape,
        (...i) =>
          saturated(
            ops.div(widened(x.get(i)), widened(parameter(scale, i, axis))),
            parameter(zero, i, axis),
            c.out().dtype,
          ),
        "quantize",
      );
    },
  },
  dequantize: {
    doc: "the real numbers that whole ones stand for: (x - zero point) · scale",
    args: [
      { name: "data", kind: "tensor" },
      { name: "scale", kind: "tensor" },
      { name: "zeroPoint", kind: "tensor" },
    ],
    attrs: { axis: AXIS },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (![...STORED, "i32"].includes(x.dtype)) c.refuse(`it is for i8, u8 and i32, not ${x.dtype}`);
      checkParameters(c, x.dtype);
      return { ...x, dtype: c.tensor(1).dtype };
    },
    te: (c) => {
      const [x, scale, zero] = [c.x(0), c.x(1), c.x(2)];
      const axis = c.num("axis");
      const { dtype } = c.out();
      return te.compute(
        x.shape,
        (...i) => {
          const off = ops.sub(te.cast(x.get(i), "i32"), widenedInt(parameter(zero, i, axis)));
          return ops.mul(te.cast(off, dtype), parameter(scale, i, axis));
        },
        "dequantize",
      );
    },
  },
  /** ONNX DynamicQuantizeLinear: the range always holds 0, which is therefore exact. */
  dynamicQuantize: {
    doc: "data as u8 with a scale and a zero point that fit its range: (whole numbers, scale f32[], zero point u8[])",
    args: [{ name: "data", kind: "tensor" }],
    infer: (c) => {
      const x = c.tensor(0);
      if (x.dtype !== "f32") c.refuse(`it is for f32, not ${x.dtype}`);
      const scalar: TensorType = { kind: "tensor", dtype: "f32", shape: [] };
      return tupleType([{ ...x, dtype: "u8" }, scalar, { ...scalar, dtype: "u8" }]);
    },
    te: (c) => {
      const x = c.x(0);
      const extreme = (pick: "min" | "max"): te.Tensor => {
        const axes = x.shape.map((s, d) => te.reduceAxis(s, `k${d}`));
        const value = x.get(axes.map((a) => a.v));
        return te.compute([], () => (axes.length > 0 ? te[pick](value, axes) : value), `lowest_${pick}`);
      };
      const [low, high] = [extreme("min"), extreme("max")];
      const least = (): Expr => ops.min(low.at(), 0);
      const most = (): Expr => ops.max(high.at(), 0);
      const scale = te.compute(
        [],
        () => {
          const range = ops.sub(most(), least());
          // All zero: any scale will do, and none may divide by it.
          return ops.select(ops.eq(range, 0), ops.toExpr(1, "f32"), ops.div(range, 255));
        },
        "scale",
      );
      const zero = te.compute(
        [],
        () => saturated(ops.div(te.neg(least()), scale.at()), ops.toExpr(0, "u8"), "u8"),
        "zero_point",
      );
      const y = te.compute(
        x.shape,
        (...i) => saturated(ops.div(x.get(i), scale.at()), zero.at(), "u8"),
        "quantized",
      );
      return [y, scale, zero];
    },
  },
} as const satisfies Record<string, OpDef>;

const widenedInt = (e: Expr): Expr => (e.dtype === "i32" ? e : te.cast(e, "i32"));
