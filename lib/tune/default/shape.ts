/**
 * What a block computes, as far as the default schedule asks: which of its axes move which access, and how an access
 * walks through memory along an axis.
 */
import { factorsOfPairs, simplify } from "../../arith/index.ts";
import {
  type Block,
  type BlockAxis,
  type Buffer,
  constant,
  constInt,
  type Expr,
  type Load,
  ops,
  type Store,
  stridesOf,
  substExpr,
  usesVar,
  type Var,
  visitExpr,
} from "../../ir/index.ts";

/** An element of a buffer, read or written. */
export interface Access {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
}

/** A product that is summed: `out[S] += x[…] * y[…]`, or the product of pairs (`arith/pairs.ts`). */
export interface Contraction {
  readonly out: Store;
  readonly x: Load;
  readonly y: Load;
}

/** The one store of a body without anything around it. */
export const storeOf = (b: Block): Store | undefined => (b.body.kind === "store" ? b.body : undefined);

/** The stores of a body that has nothing else; none where it has. */
export function storesOf(b: Block): readonly Store[] {
  const parts = b.body.kind === "seq" ? b.body.stmts : [b.body];
  const stores = parts.flatMap((s) => (s.kind === "store" ? [s] : []));
  return stores.length === parts.length ? stores : [];
}

export const extentOf = (a: BlockAxis): number => constInt(a.extent) ?? Number.NaN;

/** Whether every extent is a number, and every axis is one loop of the nest. */
export const isStatic = (b: Block): boolean => b.axes.every((a) => constInt(a.extent) !== undefined);

export function loadsOf(e: Expr): Load[] {
  const out: Load[] = [];
  visitExpr(e, (x) => {
    if (x.kind === "load") out.push(x);
  });
  return out;
}

const uses = (a: Access, v: Var): boolean => a.indices.some((i) => usesVar(i, new Set([v.id])));
export const moves = uses;

/** The one load in a factor of a product, seen through casts and differences with what no axis moves. */
function loneLoad(e: Expr): Load | undefined {
  const all = loadsOf(e).filter((l) => l.indices.length > 0);
  return all.length === 1 ? all[0] : undefined;
}

/** The product that a reduction block sums; undefined when it does something else. */
export function contractionOf(b: Block): Contraction | undefined {
  const out = storeOf(b);
  if (!out || !b.init || out.value.kind !== "binary" || out.value.op !== "add") return undefined;
  const { a, b: term } = out.value;
  const isOld = a.kind === "load" && a.buffer.id === out.buffer.id;
  if (!isOld) return undefined;
  const factors =
    factorsOfPairs(term) ?? (term.kind === "binary" && term.op === "mul" ? [term.a, term.b] : []);
  const [x, y] = factors.map(loneLoad);
  return x && y ? { out, x, y } : undefined;
}

/**
 * How many elements further an access goes when the variable grows by one, or undefined where that depends on where it
 * stands. Not moved: 0.
 */
export function strideAlong(at: Access, v: Var): number | undefined {
  if (!uses(at, v)) return 0;
  const strides = stridesOf(at.buffer);
  const flat = at.indices.reduce<Expr>((sum, i, d) => ops.add(sum, ops.mul(i, strides[d])), constant(0));
  const next = substExpr(flat, new Map([[v.id, ops.add(v, constant(1, v.dtype))]]));
  return constInt(simplify(ops.sub(next, flat)));
}

/** The greatest of the candidates that divides n, or undefined. */
export const divisor = (n: number, candidates: readonly number[]): number | undefined =>
  candidates.find((c) => n % c === 0);

/** The divisor of n, from 5 to `most`, with the fewest idle lanes in vectors of four. */
export function evenParts(n: number, most: number): number | undefined {
  const vectors = (d: number): number => Math.ceil(d / 4) * (n / d);
  let best: number | undefined;
  for (let d = 5; d <= Math.min(n, most); d++) {
    if (n % d === 0 && (best === undefined || vectors(d) < vectors(best))) best = d;
  }
  return best;
}

export const product = (ns: readonly number[]): number => ns.reduce((a, b) => a * b, 1);

/** n, n - 1, … 1. */
export const range = (n: number): number[] => Array.from({ length: Math.max(n, 0) }, (_, i) => n - i);
