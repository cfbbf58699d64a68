/**
 * `const W = T.matchBuffer(A[T.slice(vi * 4, 4)][T.slice(0, 8)], [4, 8], { strides: ["s", 1], offsetFactor: 4 })`.
 *
 * A name for a part of a buffer. Programs have no aliases: what goes through the name is an access of the buffer at the
 * part's offset, and nothing of the name is left in the program. What it asks of the part is checked here, as far as it
 * can be shown false for some instance of the block.
 */
import type { CallExpression, Expression, ObjectExpression } from "acorn";
import {
  type BlockAxis,
  type Buffer,
  buffer,
  constant,
  constInt,
  type Expr,
  type Interval,
  intervalOf,
  isDType,
  ops,
  type Region,
  stridesOf,
  varsOf,
  visitExpr,
} from "../../ir/index.ts";
import { region } from "./buffers.ts";
import { type Context, fail, plainArgs } from "./context.ts";
import { expression } from "./expression.ts";
import { entries, text } from "./literals.ts";
import type { Binding } from "./scope.ts";

/** The meaning of the name. `axes` are those of the block it stands in. */
export function matchBuffer(
  name: string,
  e: CallExpression,
  cx: Context,
  axes: readonly BlockAxis[],
): Binding & { kind: "buffer" } {
  const [part, second, third] = plainArgs(cx, e.arguments);
  if (!part) fail(cx, e, "T.matchBuffer takes a part of a buffer: T.matchBuffer(A[vi][T.slice(0, 4)], [4])");
  const source = region(part, cx);
  for (const r of source.ranges) {
    visitExpr(r.min, (x) => {
      if (x.kind === "load") fail(cx, part, "a part that starts where a buffer says cannot have a name");
    });
  }
  const [shapeArg, options] = second?.type === "ObjectExpression" ? [undefined, second] : [second, third];
  const extents = source.ranges.map((r) => r.extent);
  const shape = shapeArg ? sizes(shapeArg, "a shape", cx) : extents;
  checkShape(name, shape, source, shapeArg ?? part, cx);
  const view = buffer(name, shape, source.buffer.dtype, source.buffer.scope);
  if (options && options.type !== "ObjectExpression") {
    return fail(cx, options, "what the part has to be like is written { strides: […], offsetFactor: 4 }");
  }
  if (options) checkOptions(options, view, source, axes, e, cx);
  return { kind: "buffer", buffer: view, part: source };
}

function sizes(e: Expression, what: string, cx: Context): Expr[] {
  if (e.type !== "ArrayExpression") return fail(cx, e, `${what} is written as an array: [4, 8]`);
  return e.elements.map((x) => {
    if (x === null || x.type === "SpreadElement") return fail(cx, e, "write every size out");
    return expression(x, cx, "i32");
  });
}

/** Different for sure: constants, or sums that no values make equal. */
function differ(a: Expr, b: Expr): boolean {
  if (a.dtype !== b.dtype) return false;
  const { min, max } = intervalOf(ops.sub(a, b), new Map());
  return min > 0 || max < 0;
}

const shown = (e: Expr): string => String(constInt(e) ?? (e.kind === "var" ? e.name : "an expression"));

function checkShape(name: string, shape: readonly Expr[], source: Region, at: Expression, cx: Context): void {
  const lead = source.ranges.length - shape.length;
  if (lead < 0) {
    fail(
      cx,
      at,
      `${name} has ${shape.length} dimensions, the part of ${source.buffer.name} only ${source.ranges.length}`,
    );
  }
  source.ranges.forEach(({ extent }, d) => {
    const want = d < lead ? constant(1, extent.dtype) : shape[d - lead];
    if (!differ(want, extent)) return;
    const which = `dimension ${d} of the part of ${source.buffer.name} has ${shown(extent)} element(s)`;
    fail(
      cx,
      at,
      d < lead
        ? `${which}: only a dimension of one element can be left out of ${name}`
        : `${which}, dimension ${d - lead} of ${name} has ${shown(want)}`,
    );
  });
}

type OptionCheck = (v: Expression, x: Checked) => void;
interface Checked {
  readonly view: Buffer;
  readonly source: Region;
  readonly axes: readonly BlockAxis[];
  readonly cx: Context;
}

const OPTIONS: Readonly<Record<string, OptionCheck>> = {
  dtype: (v, { view, cx }) => {
    const t = text(v, "a dtype", v, cx);
    if (!isDType(t) || t !== view.dtype) {
      fail(cx, v, `the part holds ${view.dtype}, which cannot be seen as ${t}: use T.cast on its elements`);
    }
  },
  scope: (v, { view, cx }) => {
    const scope = text(v, "a storage scope", v, cx);
    if (scope !== view.scope) fail(cx, v, `the part lies in ${view.scope}, not in ${scope}`);
  },
  strides: checkStrides,
  offsetFactor: checkOffset,
};

function checkOptions(
  options: ObjectExpression,
  view: Buffer,
  source: Region,
  axes: readonly BlockAxis[],
  e: Expression,
  cx: Context,
): void {
  for (const [key, v] of entries(options, cx)) {
    const check = Object.hasOwn(OPTIONS, key) ? OPTIONS[key] : undefined;
    if (!check) fail(cx, e, `unknown option ${key}: T.matchBuffer knows ${Object.keys(OPTIONS).join(", ")}`);
    else check(v, { view, source, axes, cx });
  }
}

/** Strides: a name stands for any, the same wherever it stands; the stride of a dimension of one element says nothing. */
function checkStrides(v: Expression, { view, source, cx }: Checked): void {
  if (v.type !== "ArrayExpression" || v.elements.length !== view.shape.length) {
    return fail(
      cx,
      v,
      `${view.name} has ${view.shape.length} dimension(s): as many strides, such as ["s", 1]`,
    );
  }
  const have = stridesOf(source.buffer).slice(source.ranges.length - view.shape.length);
  const named = new Map<string, Expr>();
  for (const [d, x] of v.elements.entries()) {
    if (x === null || x.type === "SpreadElement") return fail(cx, v, "write every stride out");
    if (constInt(view.shape[d]) === 1) continue;
    const name = x.type === "Literal" && typeof x.value === "string" ? x.value : undefined;
    const want = name === undefined ? expression(x, cx, have[d].dtype) : named.get(name);
    if (name !== undefined && !want) named.set(name, have[d]);
    if (!want || !differ(want, have[d])) continue;
    const asked = name === undefined ? shown(want) : `${name}, which is ${shown(want)}`;
    fail(
      cx,
      x,
      `dimension ${d} of ${view.name} has stride ${shown(have[d])} in ${source.buffer.name}, not ${asked}`,
    );
  }
}

/** The part starts at a multiple of so many elements, from the start of its buffer. */
function checkOffset(v: Expression, { view, source, axes, cx }: Checked): void {
  const factor = constInt(expression(v, cx, "i32"));
  if (factor === undefined || factor < 1) return fail(cx, v, "the offset factor is a whole number above 0");
  const strides = stridesOf(source.buffer);
  const start = source.ranges.reduce<Expr>((s, r, d) => ops.add(s, ops.mul(r.min, strides[d])), constant(0));
  const moving = axes.filter((a) => varsOf(start).has(a.v.id));
  for (const one of [undefined, ...moving.filter((a) => (constInt(a.extent) ?? 0) > 1)]) {
    const point = new Map<number, Interval>();
    for (const a of moving) point.set(a.v.id, a === one ? { min: 1, max: 1 } : { min: 0, max: 0 });
    const { min, max } = intervalOf(start, point);
    if (min !== max || min % factor === 0) continue;
    const when = moving.map((a) => `${a.v.name} = ${a === one ? 1 : 0}`).join(", ");
    const where = when === "" ? "" : ` (at ${when})`;
    fail(
      cx,
      v,
      `${view.name} starts at element ${min} of ${source.buffer.name}${where}, no multiple of ${factor}`,
    );
  }
}
