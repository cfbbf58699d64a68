/**
 * The programs that find a machine's limits: scheduled like any other, so that the ceiling is one that the language can
 * reach. Work is repeated inside the program; a call's overhead does not count.
 */
import { pairProduct, quadProduct } from "../../arith/index.ts";
import type { DType, Expr, PrimFunc } from "../../ir/index.ts";
import { getPrimFunc } from "../../ir/index.ts";
import { Schedule } from "../../schedule/index.ts";
import { te } from "../../te/index.ts";

/** A tile of sums that stays in registers: rows × columns. */
export interface Tile {
  readonly mr: number;
  readonly nr: number;
}

/** How two elements of a dtype are multiplied, and how many factors each holds. */
interface Product {
  readonly dtype: DType;
  readonly together: number;
  readonly of: (a: Expr, b: Expr) => Expr;
}

/** One number at a time; two of 16 bits (lib/arith/pairs.ts); four of 8 bits with as many of 7 (lib/arith/quads.ts). */
export const PRODUCTS = {
  f32: { dtype: "f32", together: 1, of: te.mul },
  pairs: { dtype: "i32", together: 2, of: pairProduct },
  quads: { dtype: "i32", together: 4, of: quadProduct },
} as const satisfies Record<string, Product>;

/**
 * `C[i, j] += A[k, i] · B[k, j]` over a tile of sums in registers, `repeats` times over the same operands. With `k` of
 * some hundred they stay in the first-level cache, so nothing but arithmetic and first-level loads is left.
 * Operations: 2 · mr · nr · k · repeats. `k` counts factors: A is [k / n, mr] and B [k / n, nr] where elements hold n.
 */
export function multiplyProbe(
  { mr, nr }: Tile,
  k: number,
  repeats: number,
  product: keyof typeof PRODUCTS,
): PrimFunc {
  const { dtype, together, of }: Product = PRODUCTS[product];
  if (k % together !== 0) throw new RangeError(`multiplyProbe: ${k} factors are no multiple of ${together}`);
  const A = te.placeholder([k / together, mr], "A", dtype);
  const B = te.placeholder([k / together, nr], "B", dtype);
  const r = te.reduceAxis(repeats, "r");
  const s = te.reduceAxis(k / together, "k");
  const C = te.compute([mr, nr], (i, j) => te.sum(of(A.at(s, i), B.at(s, j)), [r, s]), "C");
  const sch = new Schedule(te.createPrimFunc([A, B, C]));
  const block = sch.getBlock("C");
  const [i, j, outer, inner] = sch.getLoops(block);
  sch.reorder(outer, inner, i, j);
  sch.unroll(i);
  sch.vectorize(j);
  sch.decomposeReduction(block, outer);
  return getPrimFunc(sch.mod, "main");
}

/** Columns that are added up side by side: eight vectors of four, enough to hide the time an addition takes. */
const LANES = 32;

/**
 * Reads `bytes` of memory from one end to the other, `repeats` times, adding up. Bytes read: bytes · repeats. Throws
 * unless `bytes` is a multiple of 128.
 */
export function readProbe(bytes: number, repeats: number): PrimFunc {
  if (bytes % (4 * LANES) !== 0)
    throw new RangeError(`readProbe: ${bytes} is no multiple of ${4 * LANES} bytes`);
  const A = te.placeholder([bytes / 4 / LANES, LANES], "A");
  const r = te.reduceAxis(repeats, "r");
  const i = te.reduceAxis(bytes / 4 / LANES, "i");
  const S = te.compute([LANES], (j) => te.sum(A.at(i, j), [r, i]), "S");
  const sch = new Schedule(te.createPrimFunc([A, S]));
  const block = sch.getBlock("S");
  const [j, outer, inner] = sch.getLoops(block);
  sch.reorder(outer, inner, j);
  sch.vectorize(j);
  sch.decomposeReduction(block, outer);
  return getPrimFunc(sch.mod, "main");
}

/** Does next to nothing: what is left is the call. */
export function emptyProbe(): PrimFunc {
  const A = te.placeholder([1], "A");
  return te.createPrimFunc([A, te.compute([1], (i) => A.at(i), "B")]);
}
