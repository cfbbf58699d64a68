/** Transposed convolutions. */
import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameSize } from "../shape.ts";
import { checkOperands, groupSize, outDtypeOf } from "./conv.ts";
import {
  ceildiv,
  padded,
  perAxis,
  reach,
  reduceOver,
  SPATIAL,
  sums,
  WINDOW_ATTRS,
  type Window,
  windowOf,
} from "./window.ts";

interface TransposeShape {
  readonly window: Window;
  readonly shape: readonly Size[];
  /** Input and output channels of one group. */
  readonly inner: Size;
  readonly outer: Size;
}

function transposeShape(c: OpArgs, n: number): TransposeShape {
  checkOperands(c, n);
  const [x, w] = [c.tensor(0).shape, c.tensor(1).shape];
  if (!sameSize(x[1], w[0]))
    c.refuse(
      `the data has ${constInt(x[1]) ?? "other"} channels, the weight is for ${constInt(w[0]) ?? "others"}`,
    );
  const window = windowOf(c, w.slice(2));
  const extra = perAxis(c, "outputPadding", n, 0);
  const sizes = window.kernel.map((_, d) => {
    const full = ops.add(ops.mul(ops.sub(x[d + 2], 1), window.strides[d]), reach(window, d));
    const size = simplify(ops.add(full, extra[d] - window.begin[d] - window.end[d]));
    const known = constInt(size);
    if (known !== undefined && known < 1)
      c.refuse(`nothing is left of spatial axis ${d}: its size would be ${known}`);
    return size;
  });
  const channels = simplify(ops.mul(w[1], c.num("groups")));
  return {
    window,
    shape: [x[0], channels, ...sizes],
    inner: groupSize(c, x[1], "input channels"),
    outer: w[1],
  };
}

/**
 * The weight, with zeros between its elements where it is dilated and after them, so that its size is a multiple of
 * the stride: then each phase of the result (position modulo stride) has as many elements.
 */
function phased(w: te.Tensor, window: Window, phases: readonly Expr[]): te.Tensor {
  const sizes = phases.map((p, d) => ops.mul(p, window.strides[d]));
  const plain = window.dilation.every((d) => d === 1) && sizes.every((s, d) => sameSize(s, w.shape[d + 2]));
  if (plain) return w;
  return te.compute(
    [w.shape[0], w.shape[1], ...sizes],
    (...i) => {
      const at = window.dilation.map((d, k) => ops.floordiv(i[k + 2], d));
      const inside = ops.allOf(
        window.dilation.flatMap((d, k) => [
          d === 1 ? undefined : ops.eq(ops.floormod(i[k + 2], d), 0),
          ops.lt(at[k], w.shape[k + 2]),
        ]),
      );
      return ops.select(inside as Expr, w.get([i[0], i[1], ...at]), ops.toExpr(0, w.dtype));
    },
    "kernel",
  );
}

/**
 * Output position t = y + begin takes the elements of the weight at t mod stride, t mod stride + stride, …, each with
 * the input one position earlier than the one before: no product with a stuffed zero is formed.
 */
function convTranspose(n: 1 | 2 | 3): OpDef {
  const letters = [...SPATIAL[n]].join(", ");
  return {
    doc: `${n}-d transposed convolution of data [N, C, ${letters}] with weight [C, O / groups, ${letters}]`,
    args: [
      { name: "data", kind: "tensor" },
      { name: "weight", kind: "tensor" },
    ],
    attrs: {
      ...WINDOW_ATTRS,
      padding: { doc: "what is cut off at the begin of each axis, then at the end of each", default: [0] },
      outputPadding: { doc: "what is added to the size of the result, for each spatial axis", default: [0] },
      groups: { doc: "input and output channels are divided into so many groups", default: 1 },
      outDtype: { doc: "dtype of the sum and the result; that of the data where it is empty", default: "" },
    },
    infer: (c): TensorType => ({
      kind: "tensor",
      dtype: outDtypeOf(c),
      shape: transposeShape(c, n).shape,
    }),
    te: (c) => {
      const { window, shape, inner, outer } = transposeShape(c, n);
      const x = c.x(0);
      const phases = window.kernel.map((_, d) => simplify(ceildiv(reach(window, d), window.strides[d])));
      const before = phases.map((p) => simplify(ops.sub(p, 1)));
      const after = phases.map((_, d) => {
        const last = ops.floordiv(ops.add(shape[d + 2], window.begin[d] - 1), window.strides[d]);
        return simplify(ops.max(ops.sub(last, ops.sub(x.shape[d + 2], 1)), 0));
      });
      const xp = padded(x, [0, 0, ...before], [0, 0, ...after], ops.toExpr(0, x.dtype));
      const w = phased(c.x(1), window, phases);
      const axes: te.ReduceAxis[] = [];
      const rc = reduceOver(inner, "rc", axes);
      const rk = phases.map((p, d) => reduceOver(p, `r${SPATIAL[n][d].toLowerCase()}`, axes));
      return sums(
        shape,
        c.out().dtype,
        (i, wide) => {
          const one = c.num("groups") === 1;
          const channel = one ? rc : ops.add(ops.mul(ops.floordiv(i[1], outer), inner), rc);
          const t = window.begin.map((b, d) => ops.add(i[d + 2], b));
          const from = t.map((p, d) =>
            ops.sub(ops.add(ops.floordiv(p, window.strides[d]), before[d]), rk[d]),
          );
          const by = t.map((p, d) =>
            ops.add(ops.floormod(p, window.strides[d]), ops.mul(rk[d], window.strides[d])),
          );
          const a = wide(xp.get([i[0], channel, ...from]));
          const b = wide(w.get([channel, one ? i[1] : ops.floormod(i[1], outer), ...by]));
          return ops.mul(a, b);
        },
        axes,
        `conv${n}d_transpose`,
      );
    },
  };
}

export const CONV_TRANSPOSE = {
  "nn.conv1dTranspose": convTranspose(1),
  "nn.conv2dTranspose": convTranspose(2),
  "nn.conv3dTranspose": convTranspose(3),
} as const satisfies Record<string, OpDef>;
