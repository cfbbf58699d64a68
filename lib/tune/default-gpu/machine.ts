/**
 * What default schedules suppose of a machine: a row of a table for real GPUs, and one for drivers in software. Processors
 * run the threads of a workgroup a few at a time, one such lot after another: memory of the workgroup is memory like any
 * other, and at a barrier all that a lot has in registers is put aside. What pays there are threads that keep to themselves
 * and compute much for what they load (docs/GPU.md has figures).
 */
import type { MatrixUnits } from "../../schedule/subgroup-matrix.ts";
import type { WebgpuTarget } from "../target.ts";
import { evenTiles, type Side, weighedTiles } from "./tile-sizes.ts";

export interface GpuMachine {
  readonly name: "hardware" | "software";
  /** For readers: how products, rows and sums are scheduled. */
  readonly what: string;
  /** Threads of a workgroup fetch operands together, share rows and wait for each other. */
  readonly together: boolean;
  /** Rows, or results of a reduction, from which on each has one thread. */
  readonly many: number;
  /** Steps of a sum that are written out, and neighbours along a row that are one vector: the first that fits. */
  readonly written: readonly number[];
  /** The same for the reduction of a product whose operands are read where they lie. */
  readonly steps: readonly number[];
  /** Elements of one of a reduction's windows, at most, that are written out. */
  readonly window: number;
  /** Tiles of a product of so many rows, columns, and products of the batch; undefined where it is better not tiled. */
  readonly tiles: (rows: number, columns: number, batch: number) => readonly [Side, Side] | undefined;
  /** What matrix units do, where the adapter has them: products that fit go there. */
  readonly matrix?: MatrixUnits;
}

export const GPU_MACHINES: Readonly<Record<GpuMachine["name"], GpuMachine>> = {
  hardware: {
    name: "hardware",
    what: "operands in tiles that a workgroup fetches into its memory, rows shared by its threads",
    together: true,
    many: 8192,
    written: [1],
    steps: [1],
    window: 1,
    tiles: evenTiles,
  },
  software: {
    name: "software",
    what: "operands read where they lie, many sums in each thread, a thread for each row; no barriers",
    together: false,
    many: 32,
    written: [4, 2, 3, 1],
    steps: [2, 3, 1],
    window: 64,
    tiles: weighedTiles,
  },
};

/** The row for a target. Without one, for code that any device may run: a real GPU's. */
export const gpuMachine = (target?: Pick<WebgpuTarget, "software" | "matrix">): GpuMachine => ({
  ...GPU_MACHINES[target?.software ? "software" : "hardware"],
  ...(target?.matrix && { matrix: target.matrix }),
});
