/** Sliding windows: what convolutions and poolings share. */
import { simplify } from "../../arith/index.ts";
import { constInt, type DType, type Expr, ops } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import { type Layout, lettersOf, parseLayout } from "../layout.ts";
import type { OpArgs } from "../op.ts";
import type { Size } from "../shape.ts";
import { sumType } from "./te-reduce.ts";

/** Attributes of a window over `n` axes. One number stands for all axes. */
export const WINDOW_ATTRS = {
  strides: { doc: "steps of the window, for each spatial axis", default: [1] },
  padding: { doc: "what is added at the begin of each axis, then at the end of each", default: [0] },
  dilation: { doc: "distance of neighbouring elements of the window", default: [1] },
} as const;

export interface Window {
  readonly kernel: readonly Size[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

/** An attribute with one number for each of `n` axes, or one for all. Throws when one is below `least`. */
export function perAxis(c: OpArgs, name: string, n: number, least = 1): readonly number[] {
  const given = c.nums(name);
  const list = given.length === 1 ? new Array<number>(n).fill(given[0]) : given;
  if (list.length !== n) c.refuse(`${name} [${given.join(", ")}] must have 1 or ${n} number(s)`);
  for (const v of list) {
    if (!Number.isInteger(v) || v < least)
      c.refuse(`${name} [${given.join(", ")}]: ${v} must be a whole number of at least ${least}`);
  }
  return list;
}

/** Padding of `n` axes: `n` begins and `n` ends, `n` numbers for both sides, or one for all. */
export function paddingOf(c: OpArgs, n: number): Pick<Window, "begin" | "end"> {
  const given = c.nums("padding");
  if (given.some((p) => !Number.isInteger(p) || p < 0))
    c.refuse(`padding [${given.join(", ")}] must be whole numbers of at least 0`);
  if (given.length === 2 * n) return { begin: given.slice(0, n), end: given.slice(n) };
  const both = perAxis(c, "padding", n, 0);
  return { begin: both, end: both };
}

export function windowOf(c: OpArgs, kernel: readonly Size[]): Window {
  const n = kernel.length;
  for (const k of kernel) {
    const size = constInt(k);
    if (size !== undefined && size < 1) c.refuse(`the window has a size of ${size}`);
  }
  return {
    kernel,
    strides: perAxis(c, "strides", n),
    dilation: perAxis(c, "dilation", n),
    ...paddingOf(c, n),
  };
}

/** How far the window reaches along an axis: dilation · (size - 1) + 1. */
export const reach = (w: Window, d: number): Size =>
  ops.add(ops.mul(ops.sub(w.kernel[d], 1), w.dilation[d]), 1);

/** ⌈a / b⌉. */
export const ceildiv = (a: Expr, b: number): Expr => ops.floordiv(ops.add(a, b - 1), b);

/**
 * How many windows fit along axis `d` of size `x`. With `ceilMode` the last one may reach beyond the end, as long as it
 * starts within the input or the padding before it (the rule of PyTorch, and of ONNX since opset 19).
 */
export function windowCount(c: OpArgs, w: Window, d: number, x: Size, ceilMode = false): Size {
  const free = ops.sub(ops.add(x, w.begin[d] + w.end[d]), reach(w, d));
  const s = w.strides[d];
  const floor = ops.add(ops.floordiv(free, s), 1);
  const all = ops.add(ceildiv(free, s), 1);
  const count = simplify(ceilMode ? ops.min(all, ceildiv(ops.add(x, w.begin[d]), s)) : floor);
  const known = constInt(count);
  if (known !== undefined && known < 1) {
    c.refuse(
      `the window reaches over ${constInt(reach(w, d))} element(s) of spatial axis ${d}, which has ` +
        `${constInt(x)} and ${w.begin[d] + w.end[d]} of padding`,
    );
  }
  return count;
}

/** `t` with more elements of `value` around; itself when nothing is added. `begin`, `end`: for each axis. */
export function padded(
  t: te.Tensor,
  begin: readonly (number | Expr)[],
  end: readonly (number | Expr)[],
  value: Expr,
  name = "pad",
): te.Tensor {
  const none = (x: number | Expr): boolean => (typeof x === "number" ? x === 0 : constInt(x) === 0);
  if (begin.every(none) && end.every(none)) return t;
  const shape = t.shape.map((s, d) => simplify(ops.add(ops.add(s, begin[d]), end[d])));
  return te.compute(
    shape,
    (...i) => {
      const at = i.map((v, d) => ops.sub(v, begin[d]));
      const inside = ops.allOf(
        t.shape.flatMap((s, d) => [
          none(begin[d]) ? undefined : ops.ge(at[d], 0),
          none(end[d]) ? undefined : ops.lt(at[d], s),
        ]),
      );
      return ops.select(inside as Expr, t.get(at), value);
    },
    name,
  );
}

/** The letters of the spatial axes. */
export const SPATIAL: Readonly<Record<number, string>> = { 1: "W", 2: "HW", 3: "DHW" };

/** The axes that may be laid out in blocks. */
const CHANNELS = "COI";

/** The layout that an attribute names, checked: the axes of `standard` in some order, channels perhaps in blocks. */
export function layoutOf(c: OpArgs, name: string, standard: string): Layout {
  const text = c.str(name) || standard;
  const layout = parseLayout(text);
  if (typeof layout === "string") return c.refuse(`${name} ${JSON.stringify(text)}: ${layout}`);
  if ([...lettersOf(layout)].sort().join("") !== [...standard].sort().join(""))
    c.refuse(`${name} ${JSON.stringify(text)} must be an order of the letters of ${standard}`);
  const other = layout.find((a) => a.part === "inner" && !CHANNELS.includes(a.letter));
  if (other)
    c.refuse(`${name} ${JSON.stringify(text)}: only channels can stand in blocks, not ${other.letter}`);
  return layout;
}

/** Numbers for the axes of a tensor in a layout: those of the spatial axes, 0 for the others. */
export const spatialOnly = <X>(layout: Layout, spatial: string, of: readonly X[]): (X | 0)[] =>
  layout.map((a) => of[spatial.indexOf(a.letter)] ?? 0);

/** A reduce axis, or 0 where there is one value only. */
export function reduceOver(size: Size, name: string, axes: te.ReduceAxis[]): Expr {
  if (constInt(size) === 1) return ops.toExpr(0);
  const r = te.reduceAxis(size, name);
  axes.push(r);
  return r.v;
}

/** The sum over the axes, or the value itself where there are none. */
export const sumOver = (value: Expr, axes: readonly te.ReduceAxis[]): Expr =>
  axes.length > 0 ? te.sum(value, axes) : value;

/** Sums over the axes, formed in what does not lose digits (halves are summed as f32), as a tensor of `dtype`. */
export function sums(
  shape: readonly Size[],
  dtype: DType,
  value: (i: readonly Expr[], wide: (e: Expr) => Expr) => Expr,
  axes: readonly te.ReduceAxis[],
  name: string,
): te.Tensor {
  const inside = sumType(dtype);
  const wide = (e: Expr): Expr => (e.dtype === inside ? e : te.cast(e, inside));
  const t = te.compute(
    shape,
    (...i) => sumOver(value(i, wide), axes),
    inside === dtype ? name : `${name}_sum`,
  );
  return inside === dtype ? t : te.compute(shape, (...i) => te.cast(t.get(i), dtype), name);
}
