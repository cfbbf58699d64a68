/** The matrix product of the benchmarks: written in the dialect, scheduled by hand with the core primitives. */
import { Schedule, T } from "../../lib/index.ts";

/** C = A · B for 1024 × 1024 matrices of f32. */
export const matmul1024 = T.module({
  matmul: T.primFunc(
    { A: T.buffer([1024, 1024]), B: T.buffer([1024, 1024]), C: T.buffer([1024, 1024]) },
    ({ A, B, C }) => {
      for (const [i, j, k] of T.grid(1024, 1024, 1024)) {
        T.block("C", () => {
          const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
          T.init(() => {
            C[vi][vj] = 0;
          });
          C[vi][vj] += A[vi][vk] * B[vk][vj];
        });
      }
    },
  ),
});

export interface MatmulTiles {
  /** Rows and columns of the tile of sums that is kept in registers. */
  readonly mr: number;
  readonly nr: number;
  /** Rows of A that are used with one packed panel of B, and how many steps of k. */
  readonly mc: number;
  readonly kc: number;
  /** Blocks of rows go to threads. */
  readonly parallel?: boolean;
}

/**
 * Register tile mr × nr; a panel of B (kc × nr) is copied so that it lies in one piece and stays in the first-level
 * cache while mc rows of A (mc × kc, second-level cache) go past it.
 */
export function scheduledMatmul({ mr, nr, mc, kc, parallel = false }: MatmulTiles): Schedule {
  const sch = new Schedule(matmul1024);
  const C = sch.getBlock("C", "matmul");
  const [i, j, k] = sch.getLoops(C);
  const panel = sch.cacheRead(C, 1, "global");
  const [i0, i1, i2] = sch.split(i, [null, mc / mr, mr]);
  const [j0, j1] = sch.split(j, [null, nr]);
  const [k0, k1] = sch.split(k, [null, kc]);
  sch.reorder(i0, k0, j0, i1, k1, i2, j1);
  if (parallel) sch.parallel(i0);
  sch.computeAt(panel, j0);
  const copy = sch.getLoops(panel);
  sch.vectorize(copy[copy.length - 1]);
  sch.unroll(i2);
  sch.vectorize(j1);
  sch.decomposeReduction(C, k0);
  return sch;
}
