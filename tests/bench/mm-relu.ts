/** Chapter 3's program and its transformation, as the notebook has them. */
import { Schedule, T } from "../../lib/index.ts";

export const mmRelu = T.module({
  mm_relu: T.primFunc(
    { A: T.buffer([128, 128]), B: T.buffer([128, 128]), C: T.buffer([128, 128]) },
    ({ A, B, C }) => {
      const Y = T.alloc([128, 128]);
      for (const [i, j, k] of T.grid(128, 128, 128)) {
        T.block("Y", () => {
          const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
          T.init(() => {
            Y[vi][vj] = 0;
          });
          Y[vi][vj] += A[vi][vk] * B[vk][vj];
        });
      }
      for (const [i, j] of T.grid(128, 128)) {
        T.block("C", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          C[vi][vj] = T.max(Y[vi][vj], 0);
        });
      }
    },
  ),
});

export function scheduledMmRelu(jfactor: number, vector: boolean): Schedule {
  const sch = new Schedule(mmRelu);
  const Y = sch.getBlock("Y", "mm_relu");
  const [, j, k] = sch.getLoops(Y);
  const [j0, j1] = sch.split(j, [null, jfactor]);
  sch.reorder(j0, k, j1);
  const C = sch.getBlock("C", "mm_relu");
  sch.reverseComputeAt(C, j0);
  if (vector) {
    sch.vectorize(j1);
    sch.vectorize(sch.getLoops(C)[2]);
  }
  sch.decomposeReduction(Y, k);
  return sch;
}
