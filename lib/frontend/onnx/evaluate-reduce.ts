/** Reductions of small known values. */
import { compactStrides, isFloat, sizeOf } from "../../ir/index.ts";
import type { NodeContext } from "./context.ts";
import type { Rule } from "./evaluate-rule.ts";
import { forEachIndex } from "./index-math.ts";
import { type Elem, intArith, isNumeric, type Literal, literal, roundTo } from "./literal.ts";

type Op = "add" | "mul" | "min" | "max";
const FLOAT: Readonly<Record<Op, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  min: Math.min,
  max: Math.max,
};

function fold(op: Op, x: Literal, a: Elem, b: Elem): Elem | undefined {
  if (!isFloat(x.dtype)) {
    const r = intArith(op, a, b);
    return typeof r === "number" ? roundTo(x.dtype, r) : r;
  }
  return typeof a === "number" && typeof b === "number" ? roundTo(x.dtype, FLOAT[op](a, b)) : undefined;
}

/** The axes to reduce; undefined when they cannot be said. Input 1, or the attribute before it became an input. */
function axesOf(cx: NodeContext, x: Literal, given: Literal | undefined): Set<number> | undefined {
  const rank = x.shape.length;
  const list = given ? (isNumeric(given) ? given.elems : undefined) : cx.attr.ints("axes", []);
  if (!list) return undefined;
  if (list.length === 0) return new Set(cx.attr.flag("noop_with_empty_axes") ? [] : x.shape.map((_, d) => d));
  const axes = list.map((a) => (a < 0 ? a + rank : a));
  return axes.every((a) => a >= 0 && a < rank) ? new Set(axes) : undefined;
}

/** `start`: of no elements. */
const reduce =
  (op: Op, start?: number): Rule =>
  (cx, [x, given]) => {
    const axes = x && axesOf(cx, x, given);
    if (!x || !axes) return undefined;
    const kept = x.shape.map((s, d) => (axes.has(d) ? 1 : s));
    const strides = compactStrides(kept);
    const into = forEachIndex(x.shape, (i) =>
      i.reduce((p, v, d) => p + (axes.has(d) ? 0 : v * strides[d]), 0),
    );
    const out = new Array<Elem | undefined>(sizeOf(kept)).fill(start);
    for (const [i, to] of into.entries()) {
      const before = out[to];
      const e = before === undefined ? x.elems[i] : fold(op, x, before, x.elems[i]);
      if (e === undefined) return undefined;
      out[to] = e;
    }
    if (out.some((e) => e === undefined)) return undefined;
    const shape = cx.attr.flag("keepdims", true) ? kept : x.shape.filter((_, d) => !axes.has(d));
    return literal(x.dtype, shape, out as Elem[]);
  };

export const REDUCE_RULES: Readonly<Record<string, Rule>> = {
  ReduceSum: reduce("add", 0),
  ReduceProd: reduce("mul", 1),
  ReduceMin: reduce("min"),
  ReduceMax: reduce("max"),
};
