/** Which products go to matrix units without search, with which of the shapes, and in which tiles. */
import type { Block } from "../../../ir/index.ts";
import { BYTES } from "../../../ir/index.ts";
import type { BlockRV, Schedule } from "../../../schedule/index.ts";
import { type MatrixShape, type MatrixUnits, matrixShapeText } from "../../../schedule/subgroup-matrix.ts";
import { attempt } from "../../default/attempt.ts";
import { rolesOf } from "../../default/roles.ts";
import { contractionOf, extentOf, product } from "../../default/shape.ts";
import { type MatrixChoices, tileOnMatrixUnits } from "./tile.ts";

/** Work with the zeros that fill up matrices, relative to what was asked for: beyond, plain threads do as well. */
const MOST_PADDING = 2;
/** Elements of a result's tile in the registers of a subgroup. */
const SUBGROUP_ELEMENTS = 2048;
/** Bytes of a workgroup's memory that every adapter has. */
const WORKGROUP_BYTES = 16384;
/** Threads of a workgroup that every adapter has. */
const WORKGROUP_THREADS = 256;
/** Rows and columns of the reduction that are fetched at a time. */
const FETCHED = 32;

/** The shapes that fit a product, those with the least padding first; or why none does. */
export function matrixShapesFor(b: Block, units: MatrixUnits): readonly MatrixShape[] | string {
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!c || !roles) return `${b.name} is no product`;
  const [component, result] = [c.x.buffer.dtype, c.out.buffer.dtype];
  if (c.y.buffer.dtype !== component)
    return `its operands are ${component} and ${c.y.buffer.dtype}; matrix units take one type for both`;
  const typed = units.shapes.filter((s) => s.componentType === component && s.resultComponentType === result);
  if (typed.length === 0) {
    const offered = units.shapes.map(matrixShapeText).join("; ") || "nothing";
    return `no shape takes ${component} to ${result}; the adapter offers ${offered}`;
  }
  const sizes = [roles.rows, roles.columns, roles.reduce].map((axes) => product(axes.map(extentOf)));
  const waste = (s: MatrixShape): number =>
    product([s.M, s.N, s.K].map((n, i) => (Math.ceil(sizes[i] / n) * n) / sizes[i]));
  const fitting = typed.filter((s) => waste(s) <= MOST_PADDING);
  if (fitting.length === 0)
    return `${sizes.join(" x ")} filled up to whole matrices is more than ${MOST_PADDING} times the work`;
  const weight = (s: MatrixShape): number => s.M * s.N * s.K;
  return [...fitting].sort((p, q) => waste(p) - waste(q) || weight(q) - weight(p));
}

/** The product on matrix units, with the shape that fits best; the schedule given where there are none that fit. */
export function scheduleMatrixUnits(sch: Schedule, block: BlockRV, units: MatrixUnits | undefined): Schedule {
  const shapes = units ? matrixShapesFor(sch.get(block), units) : [];
  if (!units || typeof shapes === "string") return sch;
  for (const shape of shapes) {
    const made = attempt(sch, (s) => tileOnMatrixUnits(s, block, units, shape, byDefault(shape, units)));
    if (made !== sch) return made;
  }
  return sch;
}

/** Elements along the sides of a subgroup's tile, large ones first: the nearer to a square, the more often each is used. */
const EDGES = [
  [64, 32],
  [32, 32],
  [32, 16],
  [16, 16],
  [16, 8],
  [8, 8],
] as const;

/** Four subgroups (of large ones two), two along each side, with as many matrices as registers and memory hold. */
function byDefault(shape: MatrixShape, units: MatrixUnits): MatrixChoices {
  const { M, N, K, componentType: t, resultComponentType: r } = shape;
  const steps = Math.max(1, Math.floor(FETCHED / K));
  const edges = (staged: boolean): readonly [number, number] => {
    const fits = EDGES.find(([rows, columns]) => {
      const fetched = 2 * (rows + columns) * steps * K * BYTES[t];
      const result = staged ? 4 * rows * columns * BYTES[r] : 0;
      return rows * columns <= SUBGROUP_ELEMENTS && fetched + result <= WORKGROUP_BYTES;
    });
    const [rows, columns] = fits ?? [M, N];
    return [Math.max(rows, M), Math.max(columns, N)];
  };
  return {
    side: (_, matrices, which, staged) => {
      const [rows, columns] = edges(staged);
      const most = Math.max(1, Math.floor(which === "row" ? rows / M : columns / N));
      const subgroups = which === "row" || 4 * units.subgroupSize <= WORKGROUP_THREADS ? [2, 1] : [1];
      const all = subgroups.flatMap((groups) =>
        Array.from({ length: most }, (_x, n) => [groups, most - n] as const),
      );
      const even = all.filter(([groups, own]) => matrices % (groups * own) === 0);
      return even.reduce((best, x) => (x[0] * x[1] > best[0] * best[1] ? x : best), [1, 1] as const);
    },
    steps: (_, matrices) => [steps, 2, 1].find((n) => n <= steps && matrices % n === 0) ?? 1,
    shared: () => true,
  };
}
