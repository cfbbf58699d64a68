/**
 * Tiles of sums in registers, for products of f32: `mr` rows by `nr` columns.
 *
 * Engines on x64 hand out 15 vector registers. A tile takes mr · nr / 4 of them for the sums. Operands take nr / 4 for the
 * columns and, where an engine moves the loads of a step before its arithmetic, mr for the rows; where loads stay beside
 * what uses them, one at a time. A fused multiply-add takes 4 cycles and two start in each, so 8 vectors of sums keep the
 * units busy and fewer leave them waiting.
 */

export interface Tile {
  readonly mr: number;
  readonly nr: number;
}

/** When an engine's compiler loads the operands of a step: all before its arithmetic, or each just before its use. */
export type OperandLoads = "early" | "late";

/** V8's optimising compiler of WebAssembly since then (Turboshaft) leaves loads where they stand; Chrome N has V8 N / 10. */
const LATE_SINCE_V8 = 13;

/**
 * What is known of an engine by its name: "node 24.1.0, V8 13.6", or what a browser says of itself. Of engines that nothing
 * is known of the worse is assumed: tiles that need few registers are slow nowhere, and spilled ones take twice the time.
 */
export function operandLoads(engine: string | undefined): OperandLoads {
  const [, v8] = /V8 (\d+)/.exec(engine ?? "") ?? [];
  const [, chrome] = /Chrom(?:e|ium)\/(\d+)/.exec(engine ?? "") ?? [];
  const version = v8 !== undefined ? Number(v8) : chrome !== undefined ? Number(chrome) / 10 : 0;
  return version >= LATE_SINCE_V8 ? "late" : "early";
}

const REGISTERS = 15;
/** Vectors of sums that keep two units with a latency of 4 busy. */
const IN_FLIGHT = 8;
/** With so many nothing waits for a sum, also where a step comes late: measured, a tenth of the time less. */
const AMPLE = 12;
const AMPLE_TIME = 0.9;
/** What bringing an operand costs, so that padding is not free where the units wait anyway. */
const LOADED = 0.01;

/** In the order of preference. A wide tile has its operands side by side in memory, and few rows to write to. */
const ALL: readonly Tile[] = [2, 3, 4, 6, 1].flatMap((mr) =>
  [28, 24, 20, 16, 12, 8, 4].map((nr) => ({ mr, nr })),
);

/** Vector registers of a tile: its sums, a row of the columns' operand, elements of the rows' operand. */
export const registersOf = ({ mr, nr }: Tile, loads: OperandLoads): number =>
  (mr * nr) / 4 + nr / 4 + (loads === "early" ? mr : 1);

/** Whether the registers of an engine hold all of a tile. */
export const fits = (t: Tile, loads: OperandLoads): boolean => registersOf(t, loads) <= REGISTERS;

const TILES: Readonly<Record<OperandLoads, readonly Tile[]>> = {
  early: ALL.filter((t) => fits(t, "early")),
  late: ALL.filter((t) => fits(t, "late")),
};

/** How long m × n results take, in time of one result of a tile that keeps the units busy; of equals the smallest tile. */
function cost({ mr, nr }: Tile, m: number, n: number): number {
  const done = Math.ceil(m / mr) * mr * Math.ceil(n / nr) * nr;
  const sums = (mr * nr) / 4;
  return done * ((sums >= AMPLE ? AMPLE_TIME : Math.max(1, IN_FLIGHT / sums)) + LOADED);
}

/** The tile that does m × n results soonest on an engine, padding included; `whole`: of those that divide the rows. */
export function tileFor(m: number, n: number, loads: OperandLoads = "early", whole = false): Tile {
  const [first, ...others] = TILES[loads].filter((t) => t.mr <= m && !(whole && m % t.mr !== 0));
  return others.reduce((best, t) => (cost(t, m, n) < cost(best, m, n) - 1e-9 ? t : best), first);
}
