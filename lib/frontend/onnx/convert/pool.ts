/** Poolings. */
import { R } from "../../../graph/index.ts";
import { constInt } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { spatialRank, windowAttrs } from "./window.ts";

function poolAttrs(cx: NodeContext, n: number): Record<string, readonly number[] | boolean> {
  const poolSize = cx.attr.ints("kernel_shape");
  if (poolSize.length !== n)
    return cx.refuse(`${n} sizes are needed, got ${poolSize.length}`, "kernel_shape");
  return { poolSize, ...windowAttrs(cx, poolSize), ceilMode: cx.attr.flag("ceil_mode") };
}

const maxPool: Converter = (cx) => {
  const n = spatialRank(cx);
  const attrs = poolAttrs(cx, n);
  if (!cx.wants(1)) return R.op(`nn.maxPool${n}d`, [cx.input(0)], attrs);
  const both = cx.emit(
    R.op(`nn.maxPoolWithIndices${n}d`, [cx.input(0)], {
      ...attrs,
      storageOrder: cx.attr.int("storage_order", 0),
    }),
  );
  return [R.get(both, 0), R.get(both, 1)];
};

const averagePool: Converter = (cx) => {
  const n = spatialRank(cx);
  const countIncludePad = cx.attr.flag("count_include_pad");
  return R.op(`nn.avgPool${n}d`, [cx.input(0)], { ...poolAttrs(cx, n), countIncludePad });
};

const lpPool: Converter = (cx) => {
  const n = spatialRank(cx);
  return R.op(`nn.lpPool${n}d`, [cx.input(0)], { ...poolAttrs(cx, n), p: cx.attr.int("p", 2) });
};

/** A reduction over all spatial axes. */
const globalPool =
  (op: "mean" | "max"): Converter =>
  (cx) =>
    R.op(op, [cx.input(0)], { axis: spatialAxes(cx), keepdims: true });

const spatialAxes = (cx: NodeContext): number[] =>
  Array.from({ length: Math.max(0, cx.rank(0) - 2) }, (_, d) => d + 2);

/** One window over all of the data. */
const globalLpPool: Converter = (cx) => {
  const n = spatialRank(cx);
  const poolSize = cx
    .shape(0)
    .slice(2)
    .map((s) => constInt(s) ?? cx.refuse("the spatial sizes of its data must be known"));
  return R.op(`nn.lpPool${n}d`, [cx.input(0)], { poolSize, p: cx.attr.int("p", 2) });
};

/** Positions count within the result that strides, window and padding say; `output_shape` may be larger. */
const maxUnpool: Converter = (cx) => {
  const n = spatialRank(cx);
  const kernel = cx.attr.ints("kernel_shape");
  const strides = cx.attr.ints("strides", new Array<number>(n).fill(1));
  const pads = cx.attr.ints("pads", new Array<number>(2 * n).fill(0));
  const own = cx.shape(0).map((s) => constInt(s) ?? cx.refuse("the sizes of its data must be known"));
  const counted = own.map((s, d) => {
    const k = d - 2;
    return k < 0 ? s : (s - 1) * strides[k] + kernel[k] - pads[k] - pads[k + n];
  });
  const size = cx.has(2) ? cx.sizes(2) : counted;
  return R.op("nn.maxUnpool", [cx.input(0), cx.input(1), counted, size]);
};

export const POOL: ConverterTable = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: globalPool("mean"),
  GlobalMaxPool: globalPool("max"),
  GlobalLpPool: globalLpPool,
  MaxUnpool: maxUnpool,
};
