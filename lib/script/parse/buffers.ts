/** Buffers allocated in a program, and regions of buffers. */
import type { CallExpression, Expression } from "acorn";
import { type Buffer, buffer, constant, type Expr, type Range, type Region } from "../../ir/index.ts";
import { at, built, type Context, dialectName, fail, plainArgs } from "./context.ts";
import { access, expression, indexed, place, unknownName, value } from "./expression.ts";
import { dtypeArg } from "./functions.ts";
import { entries, text } from "./literals.ts";
import { pairOf } from "./value.ts";

/** `T.alloc(shape, dtype?, scope? | { scope, strides })`. */
export function alloc(name: string, e: CallExpression, cx: Context): Buffer {
  const [shape, dtype, options] = plainArgs(cx, e.arguments);
  const dims = sizes(shape, e, cx);
  const type = dtype === undefined ? "f32" : dtypeArg(dtype, e, cx);
  let scope = "global";
  let strides: Expr[] | undefined;
  if (options?.type === "ObjectExpression") {
    for (const [key, v] of entries(options, cx)) {
      if (key === "scope") scope = text(v, "a storage scope", e, cx);
      else if (key === "strides") strides = sizes(v, e, cx);
      else fail(cx, v, `unknown option ${key}: T.alloc knows scope and strides`);
    }
  } else if (options) {
    scope = text(options, "a storage scope", e, cx);
  }
  return built(cx, e, () => buffer(name, dims, type, scope, strides));
}

function sizes(e: Expression | undefined, call: Expression, cx: Context): Expr[] {
  if (e?.type !== "ArrayExpression") return fail(cx, e ?? call, "a shape is written as an array: [128, 128]");
  return e.elements.map((x) => {
    if (x === null || x.type === "SpreadElement") return fail(cx, e, "write every size of the shape out");
    const s = expression(x, cx, "i32");
    if (s.dtype !== "i32" && s.dtype !== "i64") fail(cx, x, `a size is an integer, this is ${s.dtype}`);
    return s;
  });
}

/** A region of `T.reads` and `T.writes`: `A[vi][T.slice(vj * 4, 4)]`, or `A` for all of it. */
export function region(e: Expression, cx: Context): Region {
  if (e.type === "Identifier") {
    const found = cx.scope.find(e.name);
    if (!found) return unknownName(e.name, e, cx);
    const b = found.binding;
    if (b.kind !== "buffer") return fail(cx, e, `${e.name} is no buffer`);
    if (b.part) return b.part;
    return {
      buffer: b.buffer,
      ranges: b.buffer.shape.map((extent) => ({ min: { ...constant(0), dtype: extent.dtype }, extent })),
    };
  }
  const a = access(e, cx);
  if (!a) return fail(cx, e, "a region is written A[i][T.slice(min, extent)]");
  if (a.indices.length !== a.buffer.shape.length) {
    fail(cx, e, `${a.name} has ${a.buffer.shape.length} dimension(s): write ${indexed(a.name, a.buffer)}`);
  }
  const ranges = a.indices.map((i) => range(i, cx));
  if (!a.part) return { buffer: a.buffer, ranges };
  const starts = place(
    a,
    ranges.map((r) => r.min),
  ).indices;
  const lead = starts.length - ranges.length;
  const extents = a.part.ranges.map((r, d) => (d < lead ? r.extent : ranges[d - lead].extent));
  return { buffer: a.part.buffer, ranges: starts.map((min, d) => ({ min, extent: extents[d] })) };
}

function range(e: Expression, cx: Context): Range {
  if (e.type === "CallExpression" && dialectName(e.callee) === "slice") {
    const args = plainArgs(cx, e.arguments);
    if (args.length !== 2) fail(cx, e, "T.slice takes the first index and the extent");
    const [min, extent] = at(cx, e, () => pairOf(value(args[0], cx), value(args[1], cx), "i32"));
    return { min, extent };
  }
  const min = expression(e, cx, "i32");
  return { min, extent: { ...constant(1), dtype: min.dtype } };
}
