/**
 * Tiles of sums in registers, for products of f32: `mr` rows by `nr` columns.
 *
 * Engines on x64 hand out 15 vector registers. A tile takes mr · nr / 4 of them for the sums and, where an engine moves
 * the loads of a step before its arithmetic (V8 before Turboshaft), mr + nr / 4 for the operands. A fused multiply-add
 * takes 4 cycles and two start in each, so 8 vectors of sums keep the units busy and fewer leave them waiting.
 */

export interface Tile {
  readonly mr: number;
  readonly nr: number;
}

const REGISTERS = 15;
/** Vectors of sums that keep two units with a latency of 4 busy. */
const IN_FLIGHT = 8;
/** What bringing an operand costs, so that padding is not free where the units wait anyway. */
const LOADED = 0.01;

/** In the order of preference. A wide tile has its operands side by side in memory, and few rows to write to. */
const TILES: readonly Tile[] = [2, 3, 4, 1].flatMap((mr) =>
  [28, 24, 20, 16, 12, 8, 4].map((nr) => ({ mr, nr })).filter(fits),
);

function fits({ mr, nr }: Tile): boolean {
  return (mr * nr) / 4 + mr + nr / 4 <= REGISTERS;
}

/** How long m × n results take, in time of one result of a tile that keeps the units busy; of equals the smallest tile. */
function cost({ mr, nr }: Tile, m: number, n: number): number {
  const done = Math.ceil(m / mr) * mr * Math.ceil(n / nr) * nr;
  return done * (Math.max(1, IN_FLIGHT / ((mr * nr) / 4)) + LOADED);
}

/** The tile that does m × n results soonest, padding included. */
export function tileFor(m: number, n: number): Tile {
  const [first, ...others] = TILES.filter((t) => t.mr <= m);
  return others.reduce((best, t) => (cost(t, m, n) < cost(best, m, n) - 1e-9 ? t : best), first);
}
