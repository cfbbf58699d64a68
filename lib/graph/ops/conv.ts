/** Convolutions. */
import { simplify } from "../../arith/index.ts";
import { constInt, type DType, isFloat, isInt, ops, type TensorType } from "../../ir/index.ts";
import type { te } from "../../te/index.ts";
import {
  type Along,
  alongAxes,
  blockOf,
  indexAlong,
  indicesIn,
  type Layout,
  misfit,
  shapeIn,
  sizesIn,
} from "../layout.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameSize } from "../shape.ts";
import { checkPairs, PAIRS, productOf } from "./pairs.ts";
import {
  layoutOf,
  padded,
  reduceOver,
  SPATIAL,
  spatialOnly,
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

/** Both operands numbers of one dtype. */
export function checkDtypes(c: OpArgs): void {
  const [x, w] = [c.tensor(0), c.tensor(1)];
  if (x.dtype !== w.dtype) c.refuse(`its operands are ${x.dtype} and ${w.dtype}; convert one with R.astype`);
  if (!isFloat(x.dtype) && !isInt(x.dtype)) c.refuse(`it is for numbers, not ${x.dtype}`);
}

/** The same, and both of the rank that the operator is for. */
export function checkOperands(c: OpArgs, n: number): void {
  checkDtypes(c);
  const [x, w] = [c.tensor(0), c.tensor(1)];
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
  readonly layouts: { readonly data: Layout; readonly weight: Layout; readonly out: Layout };
  readonly spatial: string;
  readonly window: Window;
  /** Output channels of one group. */
  readonly perGroup: Size;
}

function convShape(c: OpArgs, n: number): ConvShape {
  checkDtypes(c);
  const spatial = SPATIAL[n];
  const standard = `NC${spatial}`;
  const layouts = {
    data: layoutOf(c, "dataLayout", standard),
    weight: layoutOf(c, "kernelLayout", `OI${spatial}`),
    out: c.str("outLayout") ? layoutOf(c, "outLayout", standard) : layoutOf(c, "dataLayout", standard),
  };
  for (const [what, layout, t] of [
    ["data", layouts.data, c.tensor(0)],
    ["weight", layouts.weight, c.tensor(1)],
  ] as const) {
    const wrong = misfit(layout, t.shape);
    if (wrong) c.refuse(`its ${what} ${wrong}`);
  }
  const data = sizesIn(layouts.data, c.tensor(0).shape);
  const weight = sizesIn(layouts.weight, c.tensor(1).shape);
  const [made, block] = [constInt(weight.O), blockOf(layouts.out, "C")];
  if (block > 1 && (made === undefined || made % block !== 0))
    c.refuse(`its ${made ?? "symbolic number of"} output channels are no whole blocks of ${block}`);
  const window = windowOf(
    c,
    [...spatial].map((l) => weight[l]),
  );
  const perGroup = groupSize(c, simplify(weight.O), "output channels");
  const channels = groupSize(c, simplify(data.C), "input channels");
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
      dataLayout: {
        doc: `layout of the data, NC${spatial} unless given (NCHW4c: channels in blocks of 4)`,
        default: "",
      },
      kernelLayout: { doc: `layout of the weight, OI${spatial} unless given`, default: "" },
      outLayout: { doc: "layout of the result, that of the data unless given", default: "" },
      outDtype: { doc: "dtype of the sum and the result; that of the data where it is empty", default: "" },
      pairs: PAIRS,
    },
    infer: (c): TensorType => {
      checkPairs(c);
      const { data, weight, layouts, window } = convShape(c, n);
      const of: Record<string, Size> = { N: data.N, C: weight.O };
      [...spatial].forEach((l, d) => {
        of[l] = windowCount(c, window, d, data[l]);
      });
      return {
        kind: "tensor",
        dtype: outDtypeOf(c),
        shape: shapeIn(layouts.out, of).map((x) => simplify(x)),
      };
    },
    te: (c) => {
      const { weight, layouts, window, perGroup } = convShape(c, n);
      const out = c.out();
      const pad = (side: readonly number[]): number[] => spatialOnly(layouts.data, spatial, side);
      const x = padded(c.x(0), pad(window.begin), pad(window.end), ops.toExpr(0, c.x(0).dtype));
      const w = c.x(1);
      const axes: te.ReduceAxis[] = [];
      const rc = inputChannels(weight.I, blockOf(layouts.weight, "I"), axes);
      const rk = [...spatial].map((l) => reduceOver(weight[l], `r${l.toLowerCase()}`, axes));
      return sums(
        out.shape,
        out.dtype,
        (i, wide) => {
          const at = alongAxes(layouts.out, i);
          const group = ops.floordiv(indexAlong(at.C), perGroup);
          // With one input channel for each group (and one output), that is the output's channel.
          const depthwise = constInt(perGroup) === 1 && constInt(weight.I) === 1;
          const channel = depthwise ? at.C : ops.add(ops.mul(group, weight.I), indexAlong(rc));
          const from: Record<string, Along> = { N: at.N, C: c.num("groups") === 1 ? rc : channel };
          const by: Record<string, Along> = { O: at.C, I: rc };
          [...spatial].forEach((l, d) => {
            from[l] = ops.add(
              ops.mul(indexAlong(at[l]), window.strides[d]),
              ops.mul(rk[d], window.dilation[d]),
            );
            by[l] = rk[d];
          });
          return productOf(c)(
            wide(x.get(indicesIn(layouts.data, from))),
            wide(w.get(indicesIn(layouts.weight, by))),
          );
        },
        axes,
        `conv${n}d`,
      );
    },
  };
}

/** Reduce axes over the input channels: in blocks where the weights have some, so that nothing is divided. */
function inputChannels(size: Size, factor: number, axes: te.ReduceAxis[]): Along {
  if (factor === 1) return reduceOver(size, "rc", axes);
  const block = reduceOver(simplify(ops.floordiv(size, factor)), "rc", axes);
  return { block, inner: reduceOver(ops.toExpr(factor), "rci", axes), factor };
}

export const CONV = {
  "nn.conv1d": conv(1),
  "nn.conv2d": conv(2),
  "nn.conv3d": conv(3),
} as const satisfies Record<string, OpDef>;
