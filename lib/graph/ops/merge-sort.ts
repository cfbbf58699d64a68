/** Sorting in tensor programs: bottom-up merge sort of positions, stable, with loops of known lengths alone. */
import {
  type Buffer,
  buffer,
  call,
  type Expr,
  ifThen,
  letIn,
  load,
  loop,
  not,
  ops,
  type Stmt,
  seq,
  store,
  variable,
} from "../../ir/index.ts";

export interface SortSpace {
  /** The sorted positions, i32. */
  readonly order: Buffer;
  /** What a block that sorts allocates. */
  readonly allocs: readonly Buffer[];
  readonly n: number;
  readonly next: Buffer;
  readonly heads: Buffer;
}

export function sortSpace(n: number): SortSpace {
  const order = buffer("order", [n], "i32");
  const next = buffer("next", [n], "i32");
  // Where the two runs that are being merged have got to.
  const heads = buffer("heads", [2], "i32");
  return { order, next, heads, n, allocs: [order, next, heads] };
}

/** 0, 1, 2, … in `order`. */
export function startOrder({ order, n }: SortSpace): Stmt {
  const i = variable("i");
  return loop(i, n, store(order, [i], i));
}

/** Sorts `order` by `before` (whether position a comes before position b, strictly); equals keep their order. */
export function mergeSort(space: SortSpace, before: (a: Expr, b: Expr) => Expr): Stmt {
  const { order, next, n } = space;
  const passes = n > 1 ? Math.ceil(Math.log2(n)) : 0;
  const p = variable("p");
  const width = variable("width");
  const k = variable("k");
  const j = variable("j");
  const pass = seq([
    loop(k, n, mergeStep(space, width, k, before)),
    loop(j, n, store(order, [j], load(next, [j]))),
  ]);
  return loop(p, passes, letIn(width, call("shiftLeft", [ops.toExpr(1), p]), pass));
}

/** The k-th position of a pass: the smaller of the heads of two runs of `width` positions. */
function mergeStep(
  { order, next, heads, n }: SortSpace,
  width: Expr,
  k: Expr,
  before: (a: Expr, b: Expr) => Expr,
): Stmt {
  const [start, middle, end] = ["start", "middle", "end"].map((name) => variable(name));
  const [left, right] = ["left", "right"].map((name) => variable(name));
  const first = seq([store(heads, [ops.toExpr(0)], start), store(heads, [ops.toExpr(1)], middle)]);
  const take = (side: Expr, head: number): Stmt =>
    seq([store(next, [k], load(order, [side])), store(heads, [ops.toExpr(head)], ops.add(side, 1))]);
  const rightDone = ops.ge(right, end);
  const leftFirst = ops.or(rightDone, not(before(load(order, [right]), load(order, [left]))));
  const merge = letIn(
    left,
    load(heads, [ops.toExpr(0)]),
    letIn(
      right,
      load(heads, [ops.toExpr(1)]),
      ifThen(ops.and(ops.lt(left, middle), leftFirst), take(left, 0), take(right, 1)),
    ),
  );
  const double = ops.mul(width, 2);
  return letIn(
    start,
    ops.sub(k, ops.floormod(k, double)),
    letIn(
      middle,
      ops.min(ops.add(start, width), n),
      letIn(end, ops.min(ops.add(start, double), n), seq([ifThen(ops.eq(k, start), first), merge])),
    ),
  );
}
