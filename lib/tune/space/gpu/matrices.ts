/**
 * Products on matrix units: which of the adapter's shapes, how many subgroups a workgroup has along each side, how many
 * matrices each of them keeps, how much of the reduction is fetched at a time, and whether an operand goes through the
 * memory of the workgroup; all drawn.
 */
import type { BlockRV, Schedule } from "../../../schedule/index.ts";
import type { MatrixUnits } from "../../../schedule/subgroup-matrix.ts";
import { matrixShapesFor } from "../../default-gpu/matrix/choose.ts";
import { tileOnMatrixUnits } from "../../default-gpu/matrix/tile.ts";
import { chance, type Draw, drawNumber, oneOf } from "../draw.ts";

/** Subgroups along a side, and matrices of each of them. */
const SUBGROUPS = [1, 2, 4];
const MATRICES = [1, 2, 3, 4, 6, 8];
/** Steps of the reduction, in matrices, that are fetched at a time. */
const STEPS = [1, 2, 4, 8];

/** Undefined where there are no matrix units, or no shape of theirs fits. */
export function gpuMatrices(
  sch: Schedule,
  block: BlockRV,
  d: Draw,
  units: MatrixUnits | undefined,
): Schedule | undefined {
  const shapes = units ? matrixShapesFor(sch.get(block), units) : [];
  if (!units || typeof shapes === "string" || shapes.length === 0) return undefined;
  const shape = oneOf(
    d,
    shapes.map((s, i) => [s, 1 / (1 + i)] as const),
  );
  const [x, y] = [chance(d, 0.6), chance(d, 0.6)];
  const even = (n: number, of: readonly number[]): (readonly [number, number])[] =>
    of.filter((k) => n % k === 0).map((k) => [k, k === 1 ? 0.5 : 1] as const);
  const made = tileOnMatrixUnits(sch, block, units, shape, {
    side: (_, n) => {
      const subgroups = drawNumber(sch, even(n, SUBGROUPS));
      const own = drawNumber(sch, even(n / sch.get(subgroups), MATRICES));
      return [subgroups, own];
    },
    steps: (_, n) => drawNumber(sch, even(n, STEPS)),
    shared: (operand) => (operand === "x" ? x : y),
  });
  return made ? sch : undefined;
}
