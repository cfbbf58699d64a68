/** Suppression of boxes that say the same as better ones. */
import {
  type Buffer,
  buffer,
  constInt,
  type Expr,
  ifThen,
  load,
  not,
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
 * The best box of a class is kept and those that overlap with it are dropped, until none is left: R. Girshick et al.,
 * "Rich feature hierarchies", 2014, section 2.2.
 */
export function suppression(c: TypedCall): PrimFunc {
  const args = argumentBuffers(c, ["boxes", "scores", "most", "overlap", "least"]);
  const [boxes, scores, most, overlap, least] = args;
  const out = bufferOf(c.out(0), "selected");
  const count = bufferOf(c.out(1), "count");
  const [images, classes, n] = scores.shape;
  // The boxes of a class that are neither kept nor dropped, in their order.
  const left = buffer("left", [n], "i32");
  const best = buffer("best", [1], "f32");
  const [chosen, kept, total, waiting, next] = ["chosen", "kept", "total", "waiting", "next"].map((name) =>
    buffer(name, [1], "i32"),
  );
  const get = (b: Buffer): Expr => load(b, [ZERO]);
  const set = (b: Buffer, v: Expr | number): Stmt => store(b, [ZERO], ops.toExpr(v));
  const push = (to: Buffer, i: Expr): Stmt => seq([store(left, [get(to)], i), set(to, ops.add(get(to), 1))]);
  /** A statement for each box that is left. */
  const overLeft = (body: (i: Expr) => Stmt | readonly Stmt[]): Stmt =>
    named("m", get(waiting), (m) => each("j", m, (j) => named("i", load(left, [j]), body)));
  const choose = (b: Expr, cls: Expr): Stmt[] => [
    set(chosen, load(left, [ZERO])),
    store(best, [ZERO], load(scores, [b, cls, get(chosen)])),
    overLeft((i) =>
      named("score", load(scores, [b, cls, i]), (score) =>
        ifThen(ops.gt(score, get(best)), seq([store(best, [ZERO], score), set(chosen, i)])),
      ),
    ),
  ];
  const keep = (b: Expr, cls: Expr): Stmt[] => [
    ...[b, cls, get(chosen)].map((v, k) => store(out, [get(total), ops.toExpr(k)], te.cast(v, "i64"))),
    set(total, ops.add(get(total), 1)),
    set(kept, ops.add(get(kept), 1)),
  ];
  const drop = (b: Expr): Stmt[] => [
    set(next, 0),
    overLeft((i) => {
      const [p, q] = [get(chosen), i].map((k) => boxAt(boxes, b, k, c.flag("centerPointBox")));
      const stays = ops.and(ops.ne(i, get(chosen)), not(overlaps(p, q, load(overlap, []))));
      return ifThen(stays, push(next, i));
    }),
    set(waiting, get(next)),
  ];
  const one = (b: Expr, cls: Expr): Stmt[] => [
    set(kept, 0),
    set(waiting, 0),
    each("i", n, (i) => ifThen(ops.gt(load(scores, [b, cls, i]), load(least, [])), push(waiting, i))),
    each("round", mostKept(c), () =>
      ifThen(
        ops.and(ops.gt(get(waiting), 0), ops.lt(te.cast(get(kept), "i64"), load(most, []))),
        seq([...choose(b, cls), ...keep(b, cls), ...drop(b)]),
      ),
    ),
  ];
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
    allocs: [left, best, chosen, kept, total, waiting, next],
  });
}
