/** Sizes of a product's tiles: threads of a workgroup and sums of each thread, along rows and along columns. */

/** Threads and sums of each along one side of a tile. */
export interface Side {
  readonly threads: number;
  readonly sums: number;
}

/** Threads along a side: squared, they are what every adapter has in a workgroup. */
const SIDE = 16;
/** Sides from which on a thread has 8 sums along each: 64 registers, and half the traffic. */
const LARGE = 1024;

/** The largest tiles that divide the result evenly; undefined where they would have a few elements. */
export function evenTiles(rows: number, columns: number): readonly [Side, Side] | undefined {
  const large = Math.min(rows, columns) >= LARGE;
  const [row, column] = [divided(rows, large), divided(columns, large)];
  // Then a thread for each result does as well.
  return row && column && row.threads * column.threads >= 16 ? [row, column] : undefined;
}

/** Threads and sums for a side of so many elements, so that tiles come out even; undefined when they cannot. */
function divided(n: number, large: boolean): Side | undefined {
  let best: Side | undefined;
  for (const sums of large ? [8] : [4, 7, 5, 6, 3, 2, 1]) {
    for (let threads = large ? SIDE : 8; threads >= 1; threads--) {
      if (n % (sums * threads) !== 0) continue;
      const size = sums * threads;
      if (!best || size > best.sums * best.threads) best = { threads, sums };
      break;
    }
  }
  // A side of a prime number of elements would be one thread for each of them.
  return best && (best.threads * best.sums >= 8 || best.threads * best.sums === n) ? best : undefined;
}

/** What a load costs, in multiplications with an addition: SwiftShader picks the numbers of its lanes one by one. */
const LOAD = 4;
/** Lanes that a processor's vectors have: threads that run in step. */
const LANES = 4;
/** Sums of a thread, at most: twice as many gain a sixth, and take the driver three times as long to compile. */
const MOST_SUMS = 64;
/** Workgroups that keep all cores of a processor busy. */
const GROUPS = 16;

/**
 * The tiles that cost least by what a thread loads for its sums, and by lanes and cores that have nothing to do; undefined
 * where a thread would have fewer than four sums.
 */
export function weighedTiles(
  rows: number,
  columns: number,
  batch: number,
): readonly [Side, Side] | undefined {
  let best: readonly [Side, Side] | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const row of sidesOf(rows)) {
    for (const column of sidesOf(columns)) {
      const [sums, threads] = [row.sums * column.sums, row.threads * column.threads];
      if (sums < 4 || sums > MOST_SUMS || threads > 4 * LANES) continue;
      const groups = (batch * rows * columns) / (sums * threads);
      // Four columns side by side are one vector.
      const columnLoad = column.sums % 4 === 0 ? LOAD : 1.5 * LOAD;
      const work = 1 + LOAD / column.sums + columnLoad / row.sums;
      const idle = (Math.ceil(threads / LANES) * LANES) / threads;
      const cost = work * idle * (1 + 0.5 / threads) * Math.max(1, GROUPS / groups);
      if (cost >= least) continue;
      least = cost;
      best = [row, column];
    }
  }
  return best;
}

function sidesOf(n: number): Side[] {
  const sides: Side[] = [];
  for (let sums = 1; sums <= 16; sums++)
    for (const threads of [1, 2, 4, 8, 16]) if (n % (sums * threads) === 0) sides.push({ threads, sums });
  return sides;
}
