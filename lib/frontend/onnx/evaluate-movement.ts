/** Operators that take elements from elsewhere, on small known values. */
import { compactStrides, isFloat, numbersOf, sizeOf } from "../../ir/index.ts";
import type { NodeContext } from "./context.ts";
import type { Rule } from "./evaluate-rule.ts";
import { broadcastIndices, broadcastTo, forEachIndex } from "./index-math.ts";
import { type Elem, isNumeric, type Literal, literal, MAX_LITERAL, roundTo } from "./literal.ts";

/** The elements at positions of `x`. */
const pick = (x: Literal, shape: readonly number[], at: readonly number[]): Literal =>
  literal(
    x.dtype,
    shape,
    at.map((i) => x.elems[i]),
  );

const axisIn = (axis: number, rank: number): number | undefined => {
  const a = axis < 0 ? axis + rank : axis;
  return Number.isInteger(a) && a >= 0 && a < rank ? a : undefined;
};

/** Axes from input 1 (from opset 13 on), or from the attribute. */
function axesFrom(cx: NodeContext, l: Literal | undefined): readonly number[] | undefined {
  if (l) return isNumeric(l) ? l.elems : undefined;
  return cx.attr.has("axes") ? cx.attr.ints("axes") : undefined;
}

const gather: Rule = (cx, [x, index]) => {
  const axis = x && axisIn(cx.attr.int("axis", 0), x.shape.length);
  if (!x || !index || axis === undefined || !isNumeric(index)) return undefined;
  const n = x.shape[axis];
  const picks = index.elems.map((i) => (i < 0 ? i + n : i));
  if (picks.some((i) => i < 0 || i >= n)) return undefined;
  const strides = compactStrides(x.shape);
  const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
  const inner = compactStrides(index.shape);
  const at = forEachIndex(shape, (i) => {
    let which = 0;
    index.shape.forEach((_, d) => {
      which += i[axis + d] * inner[d];
    });
    let p = picks[which] * strides[axis];
    for (let d = 0; d < axis; d++) p += i[d] * strides[d];
    for (let d = axis + 1; d < x.shape.length; d++) p += i[d - 1 + index.shape.length] * strides[d];
    return p;
  });
  return pick(x, shape, at);
};

/** Starts, ends, axes and steps are inputs from opset 10 on, attributes before. */
const slice: Rule = (cx, [x, ...given]) => {
  if (!x) return undefined;
  const lists =
    cx.opset >= 10
      ? given.map((l) => (l && isNumeric(l) ? l.elems : undefined))
      : [
          cx.attr.ints("starts"),
          cx.attr.ints("ends"),
          cx.attr.has("axes") ? cx.attr.ints("axes") : undefined,
        ];
  const [starts, ends, axes, steps] = lists;
  if (!starts || !ends || (given[2] && !axes) || (given[3] && !steps)) return undefined;
  const from = x.shape.map(() => 0);
  const step = x.shape.map(() => 1);
  const shape = [...x.shape];
  for (let k = 0; k < starts.length; k++) {
    const d = axisIn(axes ? axes[k] : k, x.shape.length);
    const s = steps ? steps[k] : 1;
    if (d === undefined || s === 0) return undefined;
    const n = x.shape[d];
    const clamp = (v: number, lo: number, hi: number): number =>
      Math.max(lo, Math.min(hi, v < 0 ? v + n : v));
    const begin = s > 0 ? clamp(starts[k], 0, n) : clamp(starts[k], 0, n - 1);
    const end = s > 0 ? clamp(ends[k], 0, n) : clamp(ends[k], -1, n - 1);
    from[d] = begin;
    step[d] = s;
    shape[d] = Math.max(0, Math.ceil((end - begin) / s));
  }
  const strides = compactStrides(x.shape);
  return pick(
    x,
    shape,
    forEachIndex(shape, (i) => i.reduce((p, v, d) => p + (from[d] + v * step[d]) * strides[d], 0)),
  );
};

const concat: Rule = (cx, list) => {
  const [first] = list;
  const axis = first && axisIn(cx.attr.int("axis", 1), first.shape.length);
  if (!first || axis === undefined || !list.every((l) => l && l.dtype === first.dtype)) return undefined;
  const parts = list as readonly Literal[];
  if (!parts.every((p) => p.shape.every((s, d) => d === axis || s === first.shape[d]))) return undefined;
  const outer = sizeOf(first.shape.slice(0, axis));
  const elems: Elem[] = [];
  for (let o = 0; o < outer; o++) {
    for (const p of parts) {
      const run = p.elems.length / outer;
      elems.push(...p.elems.slice(o * run, (o + 1) * run));
    }
  }
  const size = parts.reduce((n, p) => n + p.shape[axis], 0);
  return literal(first.dtype, first.shape.with(axis, size), elems);
};

const squeeze: Rule = (cx, [x, axes]) => {
  if (!x) return undefined;
  const rank = x.shape.length;
  const drop =
    axesFrom(cx, axes)?.map((a) => axisIn(a, rank)) ?? x.shape.flatMap((s, d) => (s === 1 ? [d] : []));
  if (drop.some((d) => d === undefined || x.shape[d] !== 1)) return undefined;
  return { ...x, shape: x.shape.filter((_, d) => !drop.includes(d)) };
};

const unsqueeze: Rule = (cx, [x, axes]) => {
  const given = axesFrom(cx, axes);
  if (!x || !given) return undefined;
  const rank = x.shape.length + given.length;
  const added = new Set(given.map((a) => axisIn(a, rank)));
  if (added.has(undefined) || added.size < given.length) return undefined;
  const rest = [...x.shape];
  return {
    ...x,
    shape: Array.from({ length: rank }, (_, d) => (added.has(d) ? 1 : (rest.shift() as number))),
  };
};

const reshape: Rule = (cx, [x, to]) => {
  const wanted = to
    ? isNumeric(to)
      ? to.elems
      : undefined
    : cx.attr.has("shape")
      ? cx.attr.ints("shape")
      : undefined;
  if (!x || !wanted) return undefined;
  const keep = !cx.attr.flag("allowzero");
  const shape = wanted.map((s, d) => (s === 0 && keep ? (x.shape[d] ?? 0) : s));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = x.elems.length / shape.reduce((n, s) => (s === -1 ? n : n * s), 1);
  return sizeOf(shape) === x.elems.length && shape.every(Number.isInteger) ? { ...x, shape } : undefined;
};

const transpose: Rule = (cx, [x]) => {
  if (!x) return undefined;
  const perm = cx.attr.ints(
    "perm",
    x.shape.map((_, d) => x.shape.length - 1 - d),
  );
  if (
    [...perm].sort().join() !==
    x.shape
      .map((_, d) => d)
      .sort()
      .join()
  )
    return undefined;
  const strides = compactStrides(x.shape);
  const shape = perm.map((d) => x.shape[d]);
  return pick(
    x,
    shape,
    forEachIndex(shape, (i) => i.reduce((p, v, k) => p + v * strides[perm[k]], 0)),
  );
};

const expand: Rule = (_, [x, to]) => {
  const shape = x && to && isNumeric(to) ? broadcastTo([x.shape, to.elems]) : undefined;
  return x && shape && sizeOf(shape) <= MAX_LITERAL
    ? pick(x, shape, broadcastIndices(x.shape, shape))
    : undefined;
};

const split: Rule = (cx, [x, sizes]) => {
  const axis = x && axisIn(cx.attr.int("axis", 0), x.shape.length);
  if (!x || axis === undefined) return undefined;
  const n = x.shape[axis];
  const even = Math.ceil(n / cx.outputs);
  const parts = sizes
    ? isNumeric(sizes)
      ? sizes.elems
      : undefined
    : cx.attr.ints(
        "split",
        Array.from({ length: cx.outputs }, (_, k) => Math.max(0, Math.min(even, n - k * even))),
      );
  if (!parts || parts.reduce((a, b) => a + b, 0) !== n) return undefined;
  const strides = compactStrides(x.shape);
  let from = 0;
  return parts.map((size) => {
    const begin = from;
    from += size;
    const shape = x.shape.with(axis, size);
    return pick(
      x,
      shape,
      forEachIndex(shape, (i) => i.reduce((p, v, d) => p + (v + (d === axis ? begin : 0)) * strides[d], 0)),
    );
  });
};

const range: Rule = (_, [a, b, c]) => {
  if (!a || !b || !c || !isNumeric(a) || !isNumeric(b) || !isNumeric(c)) return undefined;
  const [start, limit, step] = [a.elems[0], b.elems[0], c.elems[0]];
  const n = Math.max(0, Math.ceil((limit - start) / step));
  if (!(n <= MAX_LITERAL)) return undefined;
  const elems = Array.from({ length: n }, (_, k) => roundTo(a.dtype, start + k * step));
  return elems.every((e) => e !== undefined) ? literal(a.dtype, [n], elems as number[]) : undefined;
};

const constantOfShape: Rule = (cx, [shape]) => {
  if (!shape || !isNumeric(shape) || shape.elems.some((s) => s < 0)) return undefined;
  const value = cx.attr.has("value") ? cx.attr.tensor("value") : undefined;
  const n = sizeOf(shape.elems);
  if (n > MAX_LITERAL) return undefined;
  const [fill] = value ? numbersOf(value) : [0];
  return literal(value?.dtype ?? "f32", shape.elems, new Array<Elem>(n).fill(fill));
};

/** Positions of what is not 0: index of each axis, then of each element. */
const nonZero: Rule = (_, [x]) => {
  if (!x || !isNumeric(x)) return undefined;
  const strides = compactStrides(x.shape);
  const found = x.elems.flatMap((e, i) => (e !== 0 ? [i] : []));
  const rows = x.shape.flatMap((s, d) => found.map((i) => Math.floor(i / strides[d]) % s));
  return literal("i64", [x.shape.length, found.length], rows);
};

const scatterND: Rule = (cx, [x, at, updates]) => {
  if (
    !x ||
    !at ||
    !updates ||
    !isNumeric(at) ||
    isFloat(x.dtype) ||
    cx.attr.string("reduction", "none") !== "none"
  )
    return undefined;
  // Only into vectors: what exporters write for `shape[i] = n`.
  if (x.shape.length !== 1 || at.shape.at(-1) !== 1) return undefined;
  const elems = [...x.elems];
  for (const [k, i] of at.elems.entries()) {
    const p = i < 0 ? i + elems.length : i;
    if (p < 0 || p >= elems.length) return undefined;
    elems[p] = updates.elems[k];
  }
  return literal(x.dtype, x.shape, elems);
};

export const MOVEMENT_RULES: Readonly<Record<string, Rule>> = {
  Gather: gather,
  Slice: slice,
  Concat: concat,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Reshape: reshape,
  Flatten: (cx, [x]) => {
    if (!x) return undefined;
    const axis = cx.attr.int("axis", 1);
    const at = axis < 0 ? axis + x.shape.length : axis;
    return { ...x, shape: [sizeOf(x.shape.slice(0, at)), sizeOf(x.shape.slice(at))] };
  },
  Transpose: transpose,
  Expand: expand,
  Split: split,
  Range: range,
  ConstantOfShape: constantOfShape,
  NonZero: nonZero,
  ScatterND: scatterND,
};
