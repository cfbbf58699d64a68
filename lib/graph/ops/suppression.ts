/** Suppression of boxes that say the same as better ones. */
import {
  type Buffer,
  buffer,
  constInt,
  type Expr,
  ifThen,
  load,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  store,
  type TensorType,
  tupleType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, TypedCall } from "../op.ts";
import { product, type Size, sameSize } from "../shape.ts";
import { type Heap, heapBuffers, heapify, heapSpace, pop, topOf } from "./heap.ts";
import { argumentBuffers, bufferOf, each, named, nest } from "./prim.ts";

const f32 = (v: number): Expr => ops.toExpr(v, "f32");
const ZERO = ops.toExpr(0);

/** How many boxes a class of an image may keep at most. */
function mostKept(c: OpArgs): Size {
  const n = c.tensor(0).shape[1];
  const limit = c.num("limit");
  return limit > 0 ? ops.min(n, limit) : n;
}

export function suppressionType(c: OpArgs) {
  const [boxes, scores] = [c.tensor(0), c.tensor(1)];
  if (boxes.dtype !== "f32" || scores.dtype !== "f32")
    c.refuse(`boxes and scores must be f32, they are ${boxes.dtype} and ${scores.dtype}`);
  if (boxes.shape.length !== 3 || constInt(boxes.shape[2]) !== 4)
    c.refuse("boxes must be [images, boxes, 4]");
  if (
    scores.shape.length !== 3 ||
    !sameSize(scores.shape[0], boxes.shape[0]) ||
    !sameSize(scores.shape[2], boxes.shape[1])
  )
    c.refuse("scores must be [images, classes, boxes], of as many images and boxes as the boxes");
  const rows = product([scores.shape[0], scores.shape[1], mostKept(c)]);
  const i64 = (shape: readonly Size[]): TensorType => ({ kind: "tensor", dtype: "i64", shape });
  return tupleType([i64([rows, ops.toExpr(3)]), i64([ops.toExpr(1)])]);
}

interface Box {
  readonly low: readonly [Expr, Expr];
  readonly high: readonly [Expr, Expr];
}

/** Corners in order; boxes are given by two opposite corners in any order, or by centre and size. */
function boxAt(boxes: Buffer, b: Expr, i: Expr, centred: boolean): Box {
  const v = (k: number): Expr => load(boxes, [b, i, ops.toExpr(k)]);
  const half = (k: number): Expr => ops.mul(v(k), 0.5);
  if (centred) {
    return {
      low: [ops.sub(v(0), half(2)), ops.sub(v(1), half(3))],
      high: [ops.add(v(0), half(2)), ops.add(v(1), half(3))],
    };
  }
  return {
    low: [ops.min(v(0), v(2)), ops.min(v(1), v(3))],
    high: [ops.max(v(0), v(2)), ops.max(v(1), v(3))],
  };
}

/** The corners computed once. */
const namedBox = ({ low, high }: Box, body: (box: Box) => readonly Stmt[]): Stmt =>
  named("low0", low[0], (y0) =>
    named("low1", low[1], (x0) =>
      named("high0", high[0], (y1) =>
        named("high1", high[1], (x1) => body({ low: [y0, x0], high: [y1, x1] })),
      ),
    ),
  );

const area = (p: Box): Expr => ops.mul(ops.sub(p.high[0], p.low[0]), ops.sub(p.high[1], p.low[1]));

/** Whether the common part of two boxes is more than a part of what both cover together. */
function overlaps(p: Box, q: Box, threshold: Expr): Expr {
  const side = (k: 0 | 1): Expr =>
    ops.max(ops.sub(ops.min(p.high[k], q.high[k]), ops.max(p.low[k], q.low[k])), f32(0));
  const common = ops.mul(side(0), side(1));
  const both = ops.sub(ops.add(area(p), area(q)), common);
  return ops.and(ops.gt(both, 0), ops.gt(common, ops.mul(threshold, both)));
}

/**
 * The best box of a class is kept and those that overlap with it are dropped, until none is left; here each, from the best
 * on, is compared with those that were kept: R. Girshick et al.,
 * "Rich feature hierarchies", 2014, section 2.2.
 */
export function suppression(c: TypedCall): PrimFunc {
  const args = argumentBuffers(c, ["boxes", "scores", "most", "overlap", "least"]);
  const [boxes, scores, most, overlap, least] = args;
  const out = bufferOf(c.out(0), "selected");
  const count = bufferOf(c.out(1), "count");
  const [images, classes, n] = scores.shape;
  // The boxes of a class that have been neither kept nor dropped, the best on top; and the corners of those kept.
  const space = heapSpace("left", n);
  const corners = buffer("corners", [mostKept(c), ops.toExpr(4)], "f32");
  const [kept, total, waiting, dropped] = ["kept", "total", "waiting", "dropped"].map((name) =>
    buffer(name, [1], "i32"),
  );
  const get = (b: Buffer): Expr => load(b, [ZERO]);
  const set = (b: Buffer, v: Expr | number): Stmt => store(b, [ZERO], ops.toExpr(v));
  const increment = (b: Buffer, by = 1): Stmt => set(b, ops.add(get(b), by));
  const cornersOf = (j: Expr): Box => {
    const [y0, x0, y1, x1] = [0, 1, 2, 3].map((k) => load(corners, [j, ops.toExpr(k)]));
    return { low: [y0, x0], high: [y1, x1] };
  };
  const keep = (b: Expr, cls: Expr, i: Expr, box: Box): Stmt[] => [
    ...[...box.low, ...box.high].map((v, k) => store(corners, [get(kept), ops.toExpr(k)], v)),
    ...[b, cls, i].map((v, k) => store(out, [get(total), ops.toExpr(k)], te.cast(v, "i64"))),
    increment(total),
    increment(kept),
  ];
  /** The best box that is left: kept, unless it overlaps with one that was. */
  const consider = (b: Expr, cls: Expr, heap: Heap): Stmt =>
    named("i", topOf(heap), (i) => {
      const at = boxAt(boxes, b, i, c.flag("centerPointBox"));
      return [
        ifThen(ops.gt(get(waiting), 1), pop(heap, get(waiting))),
        increment(waiting, -1),
        namedBox(at, (box) => [
          set(dropped, 0),
          named("m", get(kept), (m) =>
            each("j", m, (j) =>
              ifThen(
                ops.eq(get(dropped), 0),
                ifThen(overlaps(cornersOf(j), box, load(overlap, [])), set(dropped, 1)),
              ),
            ),
          ),
          ifThen(ops.eq(get(dropped), 0), seq(keep(b, cls, i, box))),
        ]),
      ];
    });
  const one = (b: Expr, cls: Expr): Stmt[] => {
    const score = (i: Expr): Expr => load(scores, [b, cls, i]);
    // Of equals the first.
    const heap: Heap = {
      ...space,
      above: (p, q) => ops.or(ops.gt(score(p), score(q)), ops.and(ops.eq(score(p), score(q)), ops.lt(p, q))),
    };
    const wanted = ops.and(ops.lt(get(kept), mostKept(c)), ops.lt(te.cast(get(kept), "i64"), load(most, [])));
    return [
      set(kept, 0),
      set(waiting, 0),
      each("i", n, (i) =>
        ifThen(
          ops.gt(score(i), load(least, [])),
          seq([store(space.items, [get(waiting)], i), increment(waiting)]),
        ),
      ),
      heapify(heap, get(waiting)),
      named("candidates", get(waiting), (m) =>
        each("round", m, () => ifThen(wanted, consider(b, cls, heap))),
      ),
    ];
  };
  const body = nest("suppression", [], () => [
    set(total, 0),
    each("b", images, (b) => each("cls", classes, (cls) => one(b, cls))),
    store(count, [ZERO], te.cast(get(total), "i64")),
  ]);
  const cleared = nest(
    "cleared",
    [
      ["r", "S", out.shape[0]],
      ["k", "S", 3],
    ],
    (r, k) => store(out, [r, k], ops.toExpr(0, "i64")),
  );
  return primFunc([...args, out, count], seq([cleared, body]), {
    allocs: [...heapBuffers(space), corners, kept, total, waiting, dropped],
  });
}
