/** Block axes: `T.axis.remap("SSR", [i, j, k])`, `T.axis.spatial(extent, binding)`. */
import type { CallExpression, Pattern } from "acorn";
import { type AxisType, axis, constInt, type Expr, variable } from "../../ir/index.ts";
import { at, built, type Context, fail, plainArgs } from "./context.ts";
import { value } from "./expression.ts";
import type { Frame } from "./frame.ts";
import { text } from "./literals.ts";
import { Scope } from "./scope.ts";
import { pairOf } from "./value.ts";

const TYPES: Readonly<Record<string, AxisType>> = { spatial: "S", reduce: "R", opaque: "O" };

/** The scope of bindings and predicates: the loops around the block. */
export function outside(frame: Frame): Scope {
  return new Scope(frame.outer, {
    explain: (name) =>
      frame.scope.find(name)?.binding.kind === "axis"
        ? `${name} is an axis of this block; bindings and T.where speak about the loops around it: use the loop variable`
        : undefined,
  });
}

/** Declares the axes of `const … = T.axis.<name>(…)`. */
export function declareAxes(id: Pattern, name: string, e: CallExpression, cx: Context, frame: Frame): void {
  if (name === "axis.remap") return remap(id, e, cx, frame);
  const type = TYPES[name.slice("axis.".length)];
  if (!type)
    return fail(cx, e, `T.${name} does not exist: there are T.axis.remap, .spatial, .reduce and .opaque`);
  if (id.type !== "Identifier")
    return fail(cx, id, `T.${name} gives one axis: const vi = T.${name}(extent, i)`);
  const args = plainArgs(cx, e.arguments);
  if (args.length !== 2) fail(cx, e, `T.${name} takes the extent and the binding: T.${name}(128, i)`);
  const outer = { ...cx, scope: outside(frame) };
  const [extent, binding] = at(cx, e, () => pairOf(value(args[0], outer), value(args[1], outer), "i32"));
  add(id.name, type, extent, binding, e, cx, frame);
}

function add(
  name: string,
  type: AxisType,
  extent: Expr,
  binding: Expr,
  e: CallExpression,
  cx: Context,
  frame: Frame,
): void {
  for (const x of [extent, binding]) {
    if (x.dtype !== "i32" && x.dtype !== "i64")
      fail(cx, e, `axis ${name}: ${x.dtype} is no index dtype: cast to i32`);
  }
  const v = variable(name, binding.dtype);
  frame.axes.push(built(cx, e, () => axis(v, type, extent, binding)));
  frame.scope.declare(name, { kind: "axis", v });
}

function remap(id: Pattern, e: CallExpression, cx: Context, frame: Frame): void {
  const [kinds, loops] = plainArgs(cx, e.arguments);
  const types = text(kinds, 'the axis types, such as "SSR",', e, cx);
  const usage = `const [vi, vj] = T.axis.remap("SS", [i, j])`;
  if (loops?.type !== "ArrayExpression")
    return fail(cx, loops ?? e, `T.axis.remap takes an array of loops: ${usage}`);
  const n = loops.elements.length;
  if (types.length !== n) fail(cx, e, `"${types}" names ${types.length} axis types for ${n} loop(s)`);
  if (id.type !== "ArrayPattern" || id.elements.length !== n) {
    return fail(cx, id, `T.axis.remap of ${n} loop(s) gives ${n} axes: ${usage}`);
  }
  const outer = { ...cx, scope: outside(frame) };
  const parsed = loops.elements.map((l, k) => {
    const type = types[k] as AxisType;
    if (type !== "S" && type !== "R" && type !== "O") {
      return fail(cx, kinds, `"${type}" is no axis type: S (spatial), R (reduce) or O (opaque)`);
    }
    const target = id.elements[k];
    if (target?.type !== "Identifier") return fail(cx, id, `name every axis: ${usage}`);
    const found = l?.type === "Identifier" ? outer.scope.find(l.name) : undefined;
    if (l === null || l.type === "SpreadElement") return fail(cx, loops, `write the loops out: ${usage}`);
    if (found?.binding.kind !== "loop") {
      if (l.type === "Identifier") value(l, outer);
      return fail(
        cx,
        l,
        "T.axis.remap takes loop variables alone; for other bindings: T.axis.spatial(extent, binding)",
      );
    }
    const binding = value(l, outer) as Expr;
    const start = constInt(found.binding.min);
    if (start !== 0) {
      const by = start === undefined ? "its start" : start;
      fail(
        cx,
        l,
        `loop ${found.binding.v.name} does not start at 0, an axis does: T.axis.spatial(extent, ${found.binding.v.name} - ${by})`,
      );
    }
    return { name: target.name, type, extent: found.binding.extent, binding };
  });
  for (const a of parsed) add(a.name, a.type, a.extent, a.binding, e, cx, frame);
}
