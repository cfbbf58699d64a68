/** The k first of what would be sorted, without sorting the rest. */
import {
  type Buffer,
  buffer,
  cast,
  type Expr,
  ifThen,
  load,
  not,
  ops,
  type Stmt,
  seq,
  store,
} from "../../ir/index.ts";
import type { OpDef, TypedCall } from "../op.ts";
import { type Heap, heapBuffers, heapify, heapSpace, pop, sink, topOf } from "./heap.ts";
import { each, named, nest } from "./prim.ts";
import { buffersOf, programOf, spatialBlock } from "./prim-form.ts";

/** Elements whose best is looked at before they are. */
const CHUNK = 32;

/**
 * Selection along axis `a` of n elements, 0 < k < n. A heap has the best k so far, the last of them on top: an element that
 * comes before it takes its place. Where the best of a chunk does not, none of the chunk does.
 */
export function selection(
  c: TypedCall,
  a: number,
  n: number,
  k: number,
  largest: boolean,
): ReturnType<NonNullable<OpDef["prim"]>> {
  const b = buffersOf(c);
  const [x] = b.ins;
  const [values, indices] = b.outs;
  const others = x.shape.filter((_, d) => d !== a);
  const [first, end] = [Math.floor(k / CHUNK), Math.floor(n / CHUNK)];
  const chunked = (x.dtype === "f32" || x.dtype === "i32") && end - first > 1;
  const best = buffer("best", x.shape.toSpliced(a, 1, ops.toExpr(end)), x.dtype);
  const precedes = (p: Expr, q: Expr): Expr => (largest ? ops.gt(p, q) : ops.lt(p, q));
  const space = heapSpace("heap", k);
  const size = ops.toExpr(k);
  const body = (line: readonly Expr[]): Stmt => {
    const along = (e: Expr): Expr[] => line.toSpliced(a, 0, e);
    const value = (e: Expr): Expr => load(x, along(e));
    const heap: Heap = {
      ...space,
      above: (p, q) =>
        ops.or(precedes(value(q), value(p)), ops.and(not(precedes(value(p), value(q))), ops.gt(p, q))),
    };
    const consider = (j: Expr): Stmt =>
      ifThen(precedes(value(j), value(topOf(heap))), sink(heap, ops.toExpr(0), j, size));
    const scan = (from: number): Stmt =>
      each("t", n - from, (t) => named("j", ops.add(t, from), (j) => consider(j)));
    const chunk = (at: Expr): Stmt => {
      const [top, limit] = [load(best, along(at)), value(topOf(heap))];
      // So said, a chunk with a NaN is looked at.
      const none = largest ? ops.ge(limit, top) : ops.le(limit, top);
      const inside = (e: Expr): Stmt =>
        named("j", ops.add(ops.mul(at, CHUNK), e), (j) => ifThen(ops.ge(j, k), consider(j)));
      return ifThen(not(none), each("e", CHUNK, inside));
    };
    const take = (m: Expr): Stmt =>
      named("to", ops.sub(ops.toExpr(k - 1), m), (to) =>
        named("from", topOf(heap), (from) =>
          seq([
            store(values, along(to), value(from)),
            store(indices, along(to), indices.dtype === "i32" ? from : cast(from, indices.dtype)),
            ifThen(ops.gt(to, 0), pop(heap, ops.add(to, 1))),
          ]),
        ),
      );
    return seq([
      each("i", k, (e) => store(space.items, [e], e)),
      heapify(heap, size),
      ...(chunked
        ? [each("u", end - first, (u) => named("chunk", ops.add(u, first), chunk)), scan(end * CHUNK)]
        : [scan(k)]),
      each("m", k, take),
    ]);
  };
  const select = spatialBlock("select", others, body, heapBuffers(space));
  return programOf(b, chunked ? [bests(x, best, a, largest), select] : [select], chunked ? [best] : []);
}

/** The best element of each chunk. */
function bests(x: Buffer, best: Buffer, a: number, largest: boolean): Stmt {
  const axes = best.shape.map((s, d) => [`i${d}`, "S", s] as const);
  return nest("best", [...axes, ["e", "R", CHUNK]], (...v) => {
    const i = v.slice(0, -1);
    const from = i.with(a, ops.add(ops.mul(i[a], CHUNK), v[v.length - 1]) as never);
    const worst = largest ? ops.minValue(x.dtype) : ops.maxValue(x.dtype);
    const [p, q] = [load(best, i), load(x, from)];
    return {
      init: store(best, i, worst),
      body: store(best, i, largest ? ops.max(p, q) : ops.min(p, q)),
    };
  });
}
