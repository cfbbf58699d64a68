/** Signals: windows, Fourier transforms, mel filters. */
import { simplify } from "../../arith/index.ts";
import { constInt, type DType, type Expr, isFloat, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { axisOf, type Size } from "../shape.ts";

const dtypeAttr = { doc: "dtype of the result", default: "f32" } as const;

/**
 * a0 - a1 cos(2πk / N) + a2 cos(4πk / N), with N the size, or one less where the window is symmetric (ONNX's
 * HannWindow, HammingWindow, BlackmanWindow).
 */
function cosineWindow(doc: string, a: readonly number[]): OpDef {
  return {
    doc,
    args: [{ name: "size", kind: "shape" }],
    attrs: {
      periodic: {
        doc: "whether the window is one period of a longer signal; symmetric otherwise",
        default: true,
      },
      dtype: dtypeAttr,
    },
    infer: (c): TensorType => {
      if (c.shape(0).length !== 1) c.refuse(`one size is needed, got ${c.shape(0).length}`);
      const dtype = c.str("dtype") as DType;
      if (!isFloat(dtype)) c.refuse(`dtype must be a float, not "${dtype}"`);
      return { kind: "tensor", dtype, shape: c.shape(0) };
    },
    te: (c) => {
      const [n] = c.shape(0);
      const period = te.cast(c.flag("periodic") ? n : ops.max(ops.sub(n, 1), 1), "f64");
      return te.compute(
        [n],
        (k) => {
          const terms = a.map((v, j) => {
            if (j === 0) return ops.toExpr(v, "f64");
            const angle = ops.div(ops.mul(te.cast(k, "f64"), 2 * Math.PI * j), period);
            return ops.mul(ops.cos(angle), j % 2 === 1 ? -v : v);
          });
          const sum = terms.reduce((x, y) => ops.add(x, y));
          return c.out().dtype === "f64" ? sum : te.cast(sum, c.out().dtype);
        },
        c.op.split(".")[1],
      );
    },
  };
}

/** cos(2πk / n) and sin(2πk / n) for k < n: angles are reduced to whole fractions of a turn before they are real numbers. */
function circle(n: Size, dtype: DType): { cos: te.Tensor; sin: te.Tensor } {
  const table = (f: (x: Expr) => Expr, name: string): te.Tensor =>
    te.compute(
      [n],
      (k) => {
        const v = f(ops.div(ops.mul(te.cast(k, "f64"), 2 * Math.PI), te.cast(n, "f64")));
        return dtype === "f64" ? v : te.cast(v, dtype);
      },
      name,
    );
  return { cos: table(ops.cos, "cosine"), sin: table(ops.sin, "sine") };
}

/** (re + i im) · (cos + i s sin): the real part for `part` 0, the imaginary one for 1. */
function turned(re: Expr, im: Expr | undefined, cos: Expr, sin: Expr, s: 1 | -1, part: Expr): Expr {
  const signed = s === 1 ? sin : te.neg(sin);
  const real = im ? ops.sub(ops.mul(re, cos), ops.mul(im, signed)) : ops.mul(re, cos);
  const imaginary = im ? ops.add(ops.mul(re, signed), ops.mul(im, cos)) : ops.mul(re, signed);
  return ops.select(ops.eq(part, 0), real, imaginary);
}

/** The last axis of a signal: 1 (real) or 2 (complex). */
function isComplex(c: OpArgs, shape: readonly Size[]): boolean {
  const n = constInt(shape[shape.length - 1]);
  if (n !== 1 && n !== 2) c.refuse("the last axis of a signal must be 1 (real) or 2 (complex)");
  return n === 2;
}

const bins = (n: Size, onesided: boolean): Size => (onesided ? simplify(ops.add(ops.floordiv(n, 2), 1)) : n);

export const SIGNAL = {
  "signal.hannWindow": cosineWindow("Hann window: 0.5 - 0.5 cos(2πk / N)", [0.5, 0.5]),
  "signal.hammingWindow": cosineWindow("Hamming window: 25/46 - 21/46 cos(2πk / N)", [25 / 46, 21 / 46]),
  "signal.blackmanWindow": cosineWindow(
    "Blackman window: 0.42 - 0.5 cos(2πk / N) + 0.08 cos(4πk / N)",
    [0.42, 0.5, 0.08],
  ),
  "signal.dft": {
    doc: "discrete Fourier transform along an axis of data [.., n, .., 1 or 2], filled with zeros to `length`",
    args: [
      { name: "data", kind: "tensor" },
      { name: "length", kind: "shape", optional: true },
    ],
    attrs: {
      axis: { doc: "the axis of the signal", default: 1 },
      inverse: { doc: "whether it is the inverse transform, divided by the length", default: false },
      onesided: { doc: "whether only the bins up to the half are given", default: false },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (!isFloat(x.dtype)) c.refuse(`it is for floats, not ${x.dtype}`);
      isComplex(c, x.shape);
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      if (axis === x.shape.length - 1)
        c.refuse("the last axis holds real and imaginary part: choose another");
      const n = c.has(1) ? c.shape(1)[0] : x.shape[axis];
      const shape = [...x.shape.slice(0, -1), ops.toExpr(2)];
      shape[axis] = bins(n, c.flag("onesided"));
      return { ...x, shape };
    },
    te: (c) => {
      const x = c.x(0);
      const { dtype } = x;
      const last = x.shape.length - 1;
      const axis = axisOf(c.op, c.num("axis"), x.shape.length);
      const complex = isComplex(c, x.shape);
      const n = c.has(1) ? c.shape(1)[0] : x.shape[axis];
      const { cos, sin } = circle(n, dtype);
      const inverse = c.flag("inverse");
      // Of a longer signal the first elements count, of a shorter one all.
      const k = te.reduceAxis(simplify(ops.min(n, x.shape[axis])), "k");
      const sum = te.compute(
        c.out().shape,
        (...i) => {
          const at = (part: number): Expr =>
            x.get(i.map((v, d) => (d === axis ? k.v : d === last ? ops.toExpr(part) : v)));
          const turn = ops.floormod(ops.mul(i[axis], k.v), n);
          const [re, im] = [at(0), complex ? at(1) : undefined];
          return te.sum(turned(re, im, cos.at(turn), sin.at(turn), inverse ? 1 : -1, i[last]), k);
        },
        "dft",
      );
      if (!inverse) return sum;
      return te.compute(c.out().shape, (...i) => ops.div(sum.get(i), te.cast(n, dtype)), "idft");
    },
  },
  "signal.stft": {
    doc: "Fourier transforms of windows of a signal [batch, n, 1 or 2] or [batch, n]: [batch, frames, bins, 2]",
    args: [
      { name: "signal", kind: "tensor" },
      { name: "frame", kind: "shape" },
      { name: "window", kind: "tensor", optional: true },
    ],
    attrs: { onesided: { doc: "whether only the bins up to the half are given", default: true } },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      if (!isFloat(x.dtype)) c.refuse(`it is for floats, not ${x.dtype}`);
      const rank = x.shape.length;
      if (rank !== 2 && rank !== 3) c.refuse(`its signal must have rank 2 or 3, it has ${rank}`);
      if (rank === 3) isComplex(c, x.shape);
      const f = c.shape(1);
      if (f.length !== 2) c.refuse(`its frame is a step and a length, got ${f.length} number(s)`);
      const [step, length] = f;
      if ((constInt(step) ?? 1) < 1 || (constInt(length) ?? 1) < 1)
        c.refuse(`step and length of its frame must be at least 1`);
      if (c.has(2) && c.tensor(2).dtype !== x.dtype)
        c.refuse(`its window must be ${x.dtype}, not ${c.tensor(2).dtype}`);
      const frames = simplify(ops.add(ops.floordiv(ops.sub(x.shape[1], length), step), 1));
      if ((constInt(frames) ?? 1) < 1)
        c.refuse(`a signal of ${constInt(x.shape[1])} is shorter than a frame of ${constInt(length)}`);
      return { ...x, shape: [x.shape[0], frames, bins(length, c.flag("onesided")), ops.toExpr(2)] };
    },
    te: (c) => {
      const x = c.x(0);
      const [step, length] = c.shape(1);
      const complex = x.shape.length === 3 && isComplex(c, x.shape);
      const { cos, sin } = circle(length, x.dtype);
      const k = te.reduceAxis(length, "k");
      return te.compute(
        c.out().shape,
        (b, f, bin, part) => {
          const at = (p: number): Expr => {
            const place = [b, ops.add(ops.mul(f, step), k.v)];
            const v = x.get(x.shape.length === 3 ? [...place, ops.toExpr(p)] : place);
            return c.has(2) ? ops.mul(v, c.x(2).at(k.v)) : v;
          };
          const turn = ops.floormod(ops.mul(bin, k.v), length);
          const [re, im] = [at(0), complex ? at(1) : undefined];
          return te.sum(turned(re, im, cos.at(turn), sin.at(turn), -1, part), k);
        },
        "stft",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
