/** Programs of several stages. */
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { T } from "../../../lib/script/index.ts";

/** B[i] = A[i] + A[i + 1] + A[i + 2]. */
export const windowSum = (): PrimFunc =>
  T.primFunc({ A: T.buffer([1027]), B: T.buffer([1024]) }, ({ A, B }) => {
    for (const i of T.serial(1024)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] + A[vi + 1] + A[vi + 2];
      });
    }
  });

/** A 3x3 convolution of a padded input. */
export const conv = (): PrimFunc =>
  T.primFunc({ X: T.buffer([8, 9]), W: T.buffer([3, 3]), Y: T.buffer([8, 9]) }, ({ X, W, Y }) => {
    const P = T.alloc([10, 11]);
    for (const [i, j] of T.grid(10, 11)) {
      T.block("P", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        P[vi][vj] = vi >= 1 && vi < 9 && vj >= 1 && vj < 10 ? X[vi - 1][vj - 1] : 0;
      });
    }
    for (const [i, j, r, s] of T.grid(8, 9, 3, 3)) {
      T.block("Y", () => {
        const [vi, vj, vr, vs] = T.axis.remap("SSRR", [i, j, r, s]);
        T.init(() => {
          Y[vi][vj] = 0;
        });
        Y[vi][vj] += P[vi + vr][vj + vs] * W[vr][vs];
      });
    }
  });

/** D = (A * 2 + 1) * (A * 2): B has two consumers. */
export const chain = (): PrimFunc =>
  T.primFunc({ A: T.buffer([100]), D: T.buffer([100]) }, ({ A, D }) => {
    const B = T.alloc([100]);
    const C = T.alloc([100]);
    for (const i of T.serial(100)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(100)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] + 1;
      });
    }
    for (const i of T.serial(100)) {
      T.block("D", () => {
        const [vi] = T.axis.remap("S", [i]);
        D[vi] = C[vi] * B[vi];
      });
    }
  });

/** Sums of 3 with stride 2 over a stage. */
export const pool = (): PrimFunc =>
  T.primFunc({ A: T.buffer([20]), C: T.buffer([9]) }, ({ A, C }) => {
    const B = T.alloc([20]);
    for (const i of T.serial(20)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const [i, k] of T.grid(9, 3)) {
      T.block("C", () => {
        const [vi, vk] = T.axis.remap("SR", [i, k]);
        T.init(() => {
          C[vi] = 0;
        });
        C[vi] += B[vi * 2 + vk];
      });
    }
  });

/** The middle of a stage. */
export const crop = (): PrimFunc =>
  T.primFunc({ A: T.buffer([20]), C: T.buffer([9]) }, ({ A, C }) => {
    const B = T.alloc([20]);
    for (const i of T.serial(20)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(9)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi + 4] + 1;
      });
    }
  });

/** A 6x8 stage read as 48 elements. */
export const reshape = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6, 8]), C: T.buffer([48]) }, ({ A, C }) => {
    const B = T.alloc([6, 8]);
    for (const [i, j] of T.grid(6, 8)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const i of T.serial(48)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[T.floordiv(vi, 8)][T.floormod(vi, 8)] + 1;
      });
    }
  });

/** 48 elements of a stage read as 6x8. */
export const unreshape = (): PrimFunc =>
  T.primFunc({ A: T.buffer([48]), C: T.buffer([6, 8]) }, ({ A, C }) => {
    const B = T.alloc([48]);
    for (const i of T.serial(48)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const [i, j] of T.grid(6, 8)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi * 8 + vj] + 1;
      });
    }
  });

export const transpose = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6, 8]), C: T.buffer([8, 6]) }, ({ A, C }) => {
    const B = T.alloc([6, 8]);
    for (const [i, j] of T.grid(6, 8)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(8, 6)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vj][vi] + 1;
      });
    }
  });

/** E elementwise, S its row sums, D of both. */
export const rowNorm = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6, 10]), D: T.buffer([6, 10]) }, ({ A, D }) => {
    const E = T.alloc([6, 10]);
    const S = T.alloc([6]);
    for (const [i, j] of T.grid(6, 10)) {
      T.block("E", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        E[vi][vj] = A[vi][vj] * A[vi][vj];
      });
    }
    for (const [i, j] of T.grid(6, 10)) {
      T.block("S", () => {
        const [vi, vj] = T.axis.remap("SR", [i, j]);
        T.init(() => {
          S[vi] = 0;
        });
        S[vi] += E[vi][vj];
      });
    }
    for (const [i, j] of T.grid(6, 10)) {
      T.block("D", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        D[vi][vj] = E[vi][vj] + S[vi];
      });
    }
  });
