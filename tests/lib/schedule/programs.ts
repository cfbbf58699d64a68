/** Programs to transform. No name here is used outside the programs, so that theirs stay as written. */
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { T } from "../../../lib/script/index.ts";

/** C = max(A · B, 0) in two stages. */
export const mmRelu = (): PrimFunc =>
  T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
    const Y = T.alloc([12, 16]);
    for (const [i, j, k] of T.grid(12, 16, 10)) {
      T.block("Y", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => {
          Y[vi][vj] = 0;
        });
        Y[vi][vj] += A[vi][vk] * B[vk][vj];
      });
    }
    for (const [i, j] of T.grid(12, 16)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = T.max(Y[vi][vj], 0);
      });
    }
  });

/** B = A + 1 over 3 dimensions. */
export const addOne = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
    for (const [i, j, k] of T.grid(4, 13, 6)) {
      T.block("B", () => {
        const [vi, vj, vk] = T.axis.remap("SSS", [i, j, k]);
        B[vi][vj][vk] = A[vi][vj][vk] + 1;
      });
    }
  });

/** B[j] = A[j] over an inner extent that grows with the outer loop; marked loops; a loop from 2. */
export const oddLoops = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8, 8]), B: T.buffer([8, 8]), D: T.buffer([8]) }, ({ A, B, D }) => {
    for (const i of T.serial(8)) {
      for (const j of T.serial(i + 1)) {
        T.block("B", () => {
          const vi = T.axis.spatial(8, i);
          const vj = T.axis.spatial(8, j);
          B[vi][vj] = A[vi][vj] * 2;
        });
      }
    }
    for (const a of T.serial(8, { annotations: { pragma: 1 } })) {
      T.block("D", () => {
        const va = T.axis.spatial(8, a);
        D[va] = 1;
      });
    }
    for (const b of T.range(2, 8)) {
      T.block("E", () => {
        const vb = T.axis.spatial(6, b - 2);
        D[vb + 2] = 2;
      });
    }
  });

/** A sum over a window that is computed as S only in appearance: two loops meet in one axis. */
export const window = (): PrimFunc =>
  T.primFunc({ A: T.buffer([10]), B: T.buffer([10]) }, ({ A, B }) => {
    for (const [i, r] of T.grid(8, 3)) {
      T.block("B", () => {
        const v = T.axis.spatial(10, i + r);
        B[v] = A[v] * 2;
      });
    }
  });

/** An opaque axis, and an axis bound to a product. */
export const opaque = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 4]), B: T.buffer([4, 4]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(4, 4)) {
      T.block("B", () => {
        const vi = T.axis.opaque(4, i);
        const vj = T.axis.spatial(4, j);
        B[vi][vj] = A[vi][vj];
      });
    }
  });

/** A sum of sums where the outer loop drives no axis of the reduction. */
export const repeated = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), S: T.buffer([1]) }, ({ A, S }) => {
    for (const [_r, k] of T.grid(4, 8)) {
      T.block("S", () => {
        const v = T.axis.spatial(1, 0);
        const vk = T.axis.reduce(8, k);
        T.init(() => {
          S[v] = 0;
        });
        S[v] += A[vk];
      });
    }
  });

/** Loops with two things in them. */
export const siblings = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6, 5]), B: T.buffer([6, 5]), C: T.buffer([6, 5]) }, ({ A, B, C }) => {
    for (const i of T.serial(6)) {
      for (const j of T.serial(5)) {
        T.block("B", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          B[vi][vj] = A[vi][vj] + 1;
        });
      }
      for (const k of T.serial(5)) {
        T.block("C", () => {
          const [vi, vk] = T.axis.remap("SS", [i, k]);
          C[vi][vk] = B[vi][vk] * 2;
        });
      }
    }
  });

/** Sums of rows, by a symbolic number of columns. */
export const symbolic = (): PrimFunc =>
  T.primFunc({ A: T.buffer(["m", "n"]), B: T.buffer(["m", "n"]) }, ({ A, B, m, n }) => {
    for (const [i, j] of T.grid(m, n)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] + 1;
      });
    }
  });

/** A loop inside a block, with a bare store. */
export const bareLoop = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6, 7]), B: T.buffer([6, 7]) }, ({ A, B }) => {
    for (const i of T.serial(6)) {
      T.block("B", () => {
        const vi = T.axis.spatial(6, i);
        for (const j of T.serial(7)) {
          B[vi][j] = A[vi][j] + 1;
        }
      });
    }
  });

/** Sums along the middle axis; `row` reads what is on another line. */
export const runningSums = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6, 8, 12]), B: T.buffer([6, 8, 12]), D: T.buffer([6, 8]) }, ({ A, B, D }) => {
    for (const [i, j, k] of T.grid(6, 8, 12)) {
      T.block("B", () => {
        const [vi, vj, vk] = T.axis.remap("SOS", [i, j, k]);
        B[vi][vj][vk] = vj >= 1 ? B[vi][vj - 1][vk] + A[vi][vj][vk] : A[vi][vj][vk];
      });
    }
    for (const [i, j] of T.grid(6, 8)) {
      T.block("row", () => {
        const [vi, vj] = T.axis.remap("SO", [i, j]);
        D[vi][vj] = vj >= 1 ? D[5 - vi][vj - 1] + A[vi][vj][0] : A[vi][vj][0];
      });
    }
  });
