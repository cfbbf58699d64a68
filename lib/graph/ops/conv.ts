/** Convolutions. */
import { constInt, type DType, type Expr, isFloat, isInt, ops, type TensorType } from "../../ir/index.ts";
import type { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameSize } from "../shape.ts";
import {
  arrange,
  byLetter,
  layoutOf,
  padded,
  reduceOver,
  SPATIAL,
  sums,
  WINDOW_ATTRS,
  type Window,
  windowCount,
  windowOf,
} from "./window.ts";

const ARGS = [
  { name: "data", kind: "tensor" },
  { name: "weight", kind: "tensor" },
] as const;

/** Both operands numbers of one dtype, and of the rank that the operator is for. */
export function checkOperands(c: OpArgs, n: number): void {
  const [x, w] = [c.tensor(0), c.tensor(1)];
  if (x.dtype !== w.dtype) c.refuse(`its operands are ${x.dtype} and ${w.dtype}; convert one with R.astype`);
  if (!isFloat(x.dtype) && !isInt(x.dtype)) c.refuse(`it is for numbers, not ${x.dtype}`);
  for (const [what, t] of [
    ["data", x],
    ["weight", w],
  ] as const) {
    if (t.shape.length !== n + 2) c.refuse(`its ${what} must have ${n + 2} axes, it has ${t.shape.length}`);
  }
}

export const outDtypeOf = (c: OpArgs): DType => (c.str("outDtype") || c.tensor(0).dtype) as DType;

/** Throws unless `groups` divides a number of channels. */
export function groupSize(c: OpArgs, channels: Size, what: string): Size {
  const g = c.num("groups");
  if (!Number.isInteger(g) || g < 1) c.refuse(`groups must be a whole number of at least 1, got ${g}`);
  const n = constInt(channels);
  if (n !== undefined && n % g !== 0) c.refuse(`its ${n} ${what} do not divide into ${g} groups`);
  return g === 1 ? channels : ops.floordiv(channels, g);
}

interface ConvShape {
  readonly data: Readonly<Record<string, Size>>;
  readonly weight: Readonly<Record<string, Size>>;
  readonly layouts: { readonly data: string; readonly weight: string; readonly out: string };
  readonly spatial: string;
  readonly window: Window;
  /** Output channels of one group. */
  readonly perGroup: Size;
}

function convShape(c: OpArgs, n: number): ConvShape {
  checkOperands(c, n);
  const spatial = SPATIAL[n];
  const standard = `NC${spatial}`;
  const layouts = {
    data: layoutOf(c, "dataLayout", standard),
    weight: layoutOf(c, "kernelLayout", `OI${spatial}`),
    out: c.str("outLayout") ? layoutOf(c, "outLayout", standard) : layoutOf(c, "dataLayout", standard),
  };
  const data = byLetter(layouts.data, c.tensor(0).shape);
  const weight = byLetter(layouts.weight, c.tensor(1).shape);
  const window = windowOf(
    c,
    [...spatial].map((l) => weight[l]),
  );
  const perGroup = groupSize(c, weight.O, "output channels");
  const channels = groupSize(c, data.C, "input channels");
  const [a, b] = [constInt(channels), constInt(weight.I)];
  if (a !== undefined && b !== undefined ? a !== b : !sameSize(channels, weight.I)) {
    c.refuse(
      `the data has ${constInt(data.C) ?? "a symbolic number of"} channels in ${c.num("groups")} group(s), ` +
        `the weight is for ${b ?? "a symbolic number"} a group`,
    );
  }
  return { data, weight, layouts, spatial, window, perGroup };
}

function conv(n: 1 | 2 | 3): OpDef {
  const spatial = SPATIAL[n];
  return {
    doc: `${n}-d convolution (cross-correlation) of data [N, C, ${[...spatial].join(", ")}] with weight [O, C / groups, ${[...spatial].join(", ")}]`,
    args: ARGS,
    attrs: {
      ...WINDOW_ATTRS,
      groups: { doc: "input and output channels are divided into so many groups", default: 1 },
      dataLayout: { doc: `order of the axes of the data, NC${spatial} unless given`, default: "" },
      kernelLayout: { doc: `order of the axes of the weight, OI${spatial} unless given`, default: "" },
      outLayout: { doc: "order of the axes of the result, that of the data unless given", default: "" },
      outDtype: { doc: "dtype of the sum and the result; that of the data where it is empty", default: "" },
    },
    infer: (c): TensorType => {
      const { data, weight, layouts, window } = convShape(c, n);
      const of: Record<string, Size> = { N: data.N, C: weight.O };
      [...spatial].forEach((l, d) => {
        of[l] = windowCount(c, window, d, data[l]);
      });
      return { kind: "tensor", dtype: outDtypeOf(c), shape: arrange(layouts.out, of) };
    },
    te: (c) => {
      const { weight, layouts, window, perGroup } = convShape(c, n);
      const out = c.out();
      const pad = (side: readonly number[]): number[] =>
        arrange(layouts.data, {
          N: 0,
          C: 0,
          ...Object.fromEntries([...spatial].map((l, d) => [l, side[d]])),
        });
      const x = padded(c.x(0), pad(window.begin), pad(window.end), ops.toExpr(0, c.x(0).dtype));
      const w = c.x(1);
      const axes: te.ReduceAxis[] = [];
      const rc = reduceOver(weight.I, "rc", axes);
      const rk = [...spatial].map((l) => reduceOver(weight[l], `r${l.toLowerCase()}`, axes));
      return sums(
        out.shape,
        out.dtype,
        (i, wide) => {
          const at = byLetter<Expr>(layouts.out, i);
          const first =
            c.num("groups") === 1 ? ops.toExpr(0) : ops.mul(ops.floordiv(at.C, perGroup), weight.I);
          const from: Record<string, Expr> = { N: at.N, C: ops.add(first, rc) };
          const by: Record<string, Expr> = { O: at.C, I: rc };
          [...spatial].forEach((l, d) => {
            from[l] = ops.add(ops.mul(at[l], window.strides[d]), ops.mul(rk[d], window.dilation[d]));
            by[l] = rk[d];
          });
          return ops.mul(wide(x.get(arrange(layouts.data, from))), wide(w.get(arrange(layouts.weight, by))));
        },
        axes,
        `conv${n}d`,
      );
    },
  };
}

export const CONV = {
  "nn.conv1d": conv(1),
  "nn.conv2d": conv(2),
  "nn.conv3d": conv(3),
} as const satisfies Record<string, OpDef>;
