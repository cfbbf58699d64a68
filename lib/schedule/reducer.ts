/**
 * Which reducer a reduction block applies. Known are sum, prod, max and min of one buffer, and argmax and argmin of a
 * position and a value in two buffers.
 *
 * Lets in the body are seen through. A position is found by the comparison of the values; of equal values a clause
 * that compares positions may decide (`x === best && k < at`). Without one the order of the loops decides, as it does
 * for every primitive that reorders.
 */
import { exprKey, simplify } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  binary,
  constant,
  type Expr,
  letIn,
  load,
  mapExpr,
  ops,
  type Stmt,
  type Store,
  select,
  seq,
  store,
  substExpr,
  substStmt,
  variable,
  visitExpr,
} from "../ir/index.ts";

export type ReducerKind = "sum" | "prod" | "max" | "min" | "argmax" | "argmin";

/** One buffer that the block accumulates in. */
export interface Accumulator {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  /** What an instance brings in; free of the accumulators. */
  readonly input: Expr;
  /** What the init stores. */
  readonly start: Expr;
  /** What changes no result when it is brought in. */
  readonly identity: Expr;
}

/** Where an accumulator lives in another block, and what is brought in there. */
export interface Place {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly input: Expr;
}

export interface Reducer {
  readonly kind: ReducerKind;
  /** One, or two of which either may be the value. */
  readonly accumulators: readonly Accumulator[];
  /** The body that brings `input` in, for accumulators at other places. */
  readonly update: (places: readonly Place[]) => Stmt;
}

/** The reducer of a block with an init; undefined when it is none of those known. */
export function reducerOf(b: Block): Reducer | undefined {
  if (!b.init || b.allocs.length > 0) return undefined;
  const body = storesOf(b.body);
  const init = storesOf(b.init);
  if (!body || !init || body.length !== init.length) return undefined;
  const starts = body.map((s) => init.find((x) => samePlace(x, s))?.value);
  if (starts.some((x) => x === undefined)) return undefined;
  if (body.length === 1) return simpleReducer(body[0], starts[0] as Expr);
  // What the second store reads must have been read before the first one: values come from lets.
  if (body.length !== 2 || !readsFirst(b.body)) return undefined;
  return positionReducer(body as [Store, Store], starts as Expr[]);
}

const COMBINERS = { add: "sum", mul: "prod", max: "max", min: "min" } as const;

function simpleReducer(s: Store, start: Expr): Reducer | undefined {
  const { value, buffer } = s;
  if (value.kind !== "binary" || !Object.hasOwn(COMBINERS, value.op)) return undefined;
  const op = value.op as keyof typeof COMBINERS;
  const old = oldOf(s);
  const left = exprKey(value.a) === old;
  if (!left && exprKey(value.b) !== old) return undefined;
  const input = left ? value.b : value.a;
  if (reads(input, [buffer]) || reads(start, [buffer])) return undefined;
  const identity = {
    add: constant(0, buffer.dtype),
    mul: constant(1, buffer.dtype),
    max: ops.minValue(buffer.dtype),
    min: ops.maxValue(buffer.dtype),
  }[op];
  const update = ([p]: readonly Place[]): Stmt => {
    const acc = load(p.buffer, p.indices);
    return store(p.buffer, p.indices, left ? binary(op, acc, p.input) : binary(op, p.input, acc));
  };
  const accumulators = [{ buffer, indices: s.indices, input, start, identity }];
  return { kind: COMBINERS[op], accumulators, update };
}

interface Choice {
  readonly cond: Expr;
  readonly input: Expr;
  /** The condition chooses what is brought in. */
  readonly newWins: boolean;
}

function choiceOf(s: Store, both: readonly Buffer[]): Choice | undefined {
  const { value } = s;
  if (value.kind !== "select") return undefined;
  const old = oldOf(s);
  const newWins = exprKey(value.b) === old;
  if (!newWins && exprKey(value.a) !== old) return undefined;
  const input = newWins ? value.a : value.b;
  return reads(input, both) ? undefined : { cond: value.cond, input, newWins };
}

function positionReducer(stores: readonly [Store, Store], starts: readonly Expr[]): Reducer | undefined {
  const both = stores.map((s) => s.buffer);
  const [a, b] = stores.map((s) => choiceOf(s, both));
  if (!a || !b || a.newWins !== b.newWins || exprKey(a.cond) !== exprKey(b.cond)) return undefined;
  if (starts.some((s) => reads(s, both))) return undefined;
  const olds = stores.map(oldOf);
  const news = [a, b].map((c) => exprKey(c.input));
  const { better, tie } = clauses(a.cond);
  // Which of the two is compared: the value.
  const v = [0, 1].find((k) => relation(better, news[k], olds[k]) !== undefined);
  if (v === undefined) return undefined;
  const p = 1 - v;
  if (tie) {
    const equal = relation(tie[0], news[v], olds[v]) === "eq";
    const first = relation(tie[1], news[p], olds[p]);
    if (!equal || first === undefined || first === "eq") return undefined;
  }
  const more = relation(better, news[v], olds[v]);
  if (more === "eq" || more === undefined) return undefined;
  const kind = (more === "gt" || more === "ge") === a.newWins ? "argmax" : "argmin";
  const inputs = [a.input, b.input];
  const accumulators = stores.map((s, i) => ({
    buffer: s.buffer,
    indices: s.indices,
    input: inputs[i],
    start: starts[i],
    // The same value and position again change nothing.
    identity: starts[i],
  }));
  const update = (places: readonly Place[]): Stmt => {
    const xs = places.map((q, i) => variable(i === v ? "x" : "at", q.input.dtype));
    const accs = places.map((q) => load(q.buffer, q.indices));
    const moved = new Map<string, Expr>([
      ...news.map((key, i) => [key, xs[i]] as const),
      ...olds.map((key, i) => [key, accs[i]] as const),
    ]);
    const wins = variable(a.newWins ? "better" : "kept", "bool");
    const writes = places.map((q, i) => {
      const value = a.newWins ? select(wins, xs[i], accs[i]) : select(wins, accs[i], xs[i]);
      return store(q.buffer, q.indices, value);
    });
    const decided = letIn(wins, replaced(a.cond, moved), seq(writes));
    return places.reduceRight<Stmt>((s, q, i) => letIn(xs[i], q.input, s), decided);
  };
  return { kind, accumulators, update };
}

/** better, or better || (equal && first). */
function clauses(cond: Expr): { better: Expr; tie?: readonly [Expr, Expr] } {
  if (cond.kind !== "binary" || cond.op !== "or") return { better: cond };
  const { a, b } = cond;
  if (b.kind === "binary" && b.op === "and") return { better: a, tie: [b.a, b.b] };
  return { better: cond };
}

const MIRROR = { gt: "lt", lt: "gt", ge: "le", le: "ge", eq: "eq" } as const;

/** How a comparison of x and y relates x to y. */
function relation(e: Expr, x: string, y: string): keyof typeof MIRROR | undefined {
  if (e.kind !== "binary" || !Object.hasOwn(MIRROR, e.op)) return undefined;
  const op = e.op as keyof typeof MIRROR;
  const [a, b] = [exprKey(e.a), exprKey(e.b)];
  if (a === x && b === y) return op;
  return a === y && b === x ? MIRROR[op] : undefined;
}

/** The stores a statement consists of, lets put in; undefined for other statements. */
function storesOf(s: Stmt): Store[] | undefined {
  switch (s.kind) {
    case "store":
      return [s];
    case "let":
      return storesOf(substStmt(s.body, new Map([[s.v.id, s.value]])));
    case "seq": {
      const all = s.stmts.map(storesOf);
      return all.every((x) => x !== undefined) ? all.flat() : undefined;
    }
    default:
      return undefined;
  }
}

/** Lets around stores whose own expressions do not read what a store before them has written. */
function readsFirst(s: Stmt): boolean {
  if (s.kind === "let") return readsFirst(s.body);
  if (s.kind !== "seq") return s.kind === "store";
  return s.stmts.every((x, i) => {
    if (x.kind !== "store") return false;
    const before = s.stmts.slice(0, i).flatMap((y) => (y.kind === "store" ? [y.buffer] : []));
    return !reads(x.value, before);
  });
}

const oldOf = (s: Store): string => exprKey(load(s.buffer, s.indices));

const samePlace = (a: Store, b: Store): boolean =>
  a.buffer.id === b.buffer.id &&
  a.indices.every((x, i) => exprKey(simplify(x)) === exprKey(simplify(b.indices[i])));

function reads(e: Expr, buffers: readonly Buffer[]): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "load" && buffers.some((b) => b.id === x.buffer.id)) found = true;
  });
  return found;
}

/** Outermost first, so that a position inside the value that is brought in is left alone. */
function replaced(e: Expr, by: ReadonlyMap<string, Expr>): Expr {
  return by.get(exprKey(e)) ?? mapExpr(e, (c) => replaced(c, by));
}

/** Accumulators with the block's axes put in. */
export const atAxes = (a: Accumulator, axes: ReadonlyMap<number, Expr>): Accumulator => ({
  buffer: a.buffer,
  indices: a.indices.map((i) => substExpr(i, axes)),
  input: substExpr(a.input, axes),
  start: substExpr(a.start, axes),
  identity: substExpr(a.identity, axes),
});
