/**
 * Products on matrix units: a workgroup is a few subgroups, each has a few matrices of the result, which it keeps while it
 * goes through the reduction. Operands are loaded into matrices from device memory where they lie, or from memory of the
 * workgroup, into which all its threads fetch the next steps together; what takes the result element by element, and the
 * part that was asked for of a padded one, goes through that memory too.
 */
import { constInt } from "../../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../../schedule/index.ts";
import {
  type MatrixMemory,
  type MatrixShape,
  type MatrixUnits,
  matrixIntrinsics,
} from "../../../schedule/subgroup-matrix.ts";
import { rolesOf } from "../../default/roles.ts";
import { contractionOf, product } from "../../default/shape.ts";
import { LANES } from "../elementwise.ts";
import type { Count } from "../product.ts";
import { readNumber } from "../reads.ts";
import { normalize, type Operand } from "./normal.ts";

/** How a product is tiled; asked for when the loops are there. */
export interface MatrixChoices {
  /**
   * Subgroups along a side of so many matrices, and matrices of each; together they divide it. `staged`: the tile of the
   * whole workgroup goes through its memory.
   */
  readonly side: (
    loop: LoopRV,
    matrices: number,
    which: "row" | "column",
    staged: boolean,
  ) => readonly [subgroups: Count, matrices: Count];
  /** Matrices of the reduction, of so many, whose operands are fetched at a time. */
  readonly steps: (loop: LoopRV, matrices: number) => Count;
  /** Whether an operand that lies as it should goes through memory of the workgroup nevertheless. */
  readonly shared: (operand: "x" | "y") => boolean;
}

/** Puts the product in the block on matrix units; false, or a primitive's refusal, where it is none that fits the shape. */
export function tileOnMatrixUnits(
  s: Schedule,
  block: BlockRV,
  units: MatrixUnits,
  shape: MatrixShape,
  choices: MatrixChoices,
): boolean {
  const { M, N, K } = shape;
  const normal = normalize(s, block, { rows: M, columns: N, reduce: K });
  if (!normal) return false;
  const b = s.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!c || !roles) return false;
  const { consumer } = normal;
  if (consumer) s.setScope(block, 0, "shared");
  const fetches: BlockRV[] = [];
  // What lies in memory of the workgroup, and then in matrices.
  const operand = (which: "x" | "y"): [BlockRV, MatrixMemory] => {
    const { copy, transposed }: Operand = normal[which];
    const staged = copy !== undefined || choices.shared(which);
    const now = (): number => {
      const at = s.get(block);
      const of = contractionOf(at);
      return readNumber(at, (of && rolesOf(at, of)?.[which]) ?? roles[which]);
    };
    if (copy) s.setScope(copy, 0, "shared");
    if (staged) fetches.push(copy ?? s.cacheRead(block, now(), "shared"));
    const matrices = s.cacheRead(block, now(), which === "x" ? "subgroup.left" : "subgroup.right");
    if (transposed) s.transformLayout(matrices, ["write", 0], turned(roles[which].indices.length));
    return [matrices, staged ? "shared" : "global"];
  };
  const [x, memoryX] = operand("x");
  const [y, memoryY] = operand("y");
  const out = s.cacheWrite(block, 0, "subgroup.result");

  const loops = s.getLoops(block);
  const at = (v: { readonly id: number }): number => b.axes.findIndex((a) => a.v.id === v.id);
  const [i, j, k] = [roles.rows[0], roles.columns[0], roles.reduce[0]].map((a) => loops[at(a.v)]);
  const outer = loops.filter((l) => ![i, j, k].some((own) => own.id === l.id));
  const extent = (l: LoopRV): number => constInt(s.get(l).extent) ?? 1;
  const [rowGroups, rowMatrices] = choices.side(i, extent(i) / M, "row", consumer !== undefined);
  const [i0, iw, i1, i2] = s.split(i, [null, rowGroups, rowMatrices, M]);
  const [columnGroups, columnMatrices] = choices.side(j, extent(j) / N, "column", consumer !== undefined);
  const [j0, jw, j1, j2] = s.split(j, [null, columnGroups, columnMatrices, N]);
  const [k0, k1, k2] = s.split(k, [null, choices.steps(k, extent(k) / K), K]);
  s.reorder(...outer, i0, j0, iw, jw, k0, k1, i1, j1, i2, j2, k2);
  const group = s.fuse(...outer, i0, j0);
  const subgroup = s.fuse(iw, jw);
  s.bind(group, "blockIdx.x");
  s.bind(subgroup, "threadIdx.y");
  const subgroups = extent(subgroup);
  s.computeAt(x, k1);
  s.computeAt(y, k1);
  for (const fetch of fetches) s.computeAt(fetch, k0);
  s.reverseComputeAt(out, subgroup);
  if (consumer) s.reverseComputeAt(consumer, group);
  const init = s.decomposeReduction(block, k0);

  const [ofX, ofY] = [matrixIntrinsics(shape, memoryX), matrixIntrinsics(shape, memoryY)];
  const names = matrixIntrinsics(shape, consumer ? "shared" : "global");
  if (normal.x.transposed) onTiles(s, x, ofX.loadLeftTransposed, K, M);
  else onTiles(s, x, ofX.loadLeft, M, K);
  if (normal.y.transposed) onTiles(s, y, ofY.loadRightTransposed, N, K);
  else onTiles(s, y, ofY.loadRight, K, N);
  onTiles(s, out, names.store, M, N);
  onTiles(s, init, names.fill, M, N);
  for (const l of [i1, j1]) s.unroll(l);
  s.tensorize(i2, names.multiply);
  // Last: where threads have no even share, nothing more can be proven of what they fill.
  for (const fetch of fetches) together(s, s.getLoops(fetch).slice(depth(s, fetch, k0)), subgroups, units);
  if (consumer) together(s, s.getLoops(consumer).slice(depth(s, consumer, group)), subgroups, units);
  return true;
}

/** `(a0, a1, a2) => [a0, a2, a1]`. */
function turned(rank: number): string {
  const names = Array.from({ length: rank }, (_, i) => `a${i}`);
  const [p, q] = names.slice(-2);
  return `(${names.join(", ")}) => [${[...names.slice(0, -2), q, p].join(", ")}]`;
}

const depth = (s: Schedule, block: BlockRV, at: LoopRV): number =>
  s.getLoops(block).findIndex((l) => s.get(l).v.id === s.get(at).v.id) + 1;

/** Replaces the innermost h x w of a block over matrices by the operation, and writes out the loops over them. */
function onTiles(s: Schedule, block: BlockRV, name: string, h: number, w: number): void {
  const [y, x] = s.getLoops(block).slice(-2);
  const size = (l: LoopRV): number => constInt(s.get(l).extent) ?? 1;
  const split = (l: LoopRV, n: number): readonly [LoopRV | undefined, LoopRV] => {
    if (size(l) === n) return [undefined, l];
    const [outer, inner] = s.split(l, [null, n]);
    return [outer, inner];
  };
  const [[y0, y1], [x0, x1]] = [split(y, h), split(x, w)];
  const outer = [y0, x0].filter((l) => l !== undefined);
  s.reorder(...outer, y1, x1);
  for (const l of outer) s.unroll(l);
  s.tensorize(y1, name);
}

/** Elements of memory of the workgroup: by all its threads, in vectors where they come out even. */
function together(s: Schedule, own: readonly LoopRV[], subgroups: number, units: MatrixUnits): void {
  if (own.length === 0) return;
  const size = (l: LoopRV): number => constInt(s.get(l).extent) ?? 1;
  const all = product(own.map(size));
  const threads = subgroups * units.subgroupSize;
  const wide = size(own[own.length - 1]) % LANES === 0 && all % (LANES * threads) === 0;
  const fused = own.length > 1 ? s.fuse(...own) : own[0];
  const [, y, x, vector] = s.split(fused, [null, subgroups, units.subgroupSize, ...(wide ? [LANES] : [])]);
  s.bind(y, "threadIdx.y");
  s.bind(x, "threadIdx.x");
  if (vector) s.vectorize(vector);
}
