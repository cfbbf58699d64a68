/** cacheInplace and cacheIndex. */
import assert from "node:assert/strict";
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { becomes, refuses, scheduled } from "./support.ts";

/** A is doubled in place, in a part; then copied. */
const update = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([8, 6]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(4, 6)) {
      T.block("A", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        A[vi + 2][vj] = A[vi + 2][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(8, 6)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj];
      });
    }
  });

describe("cacheInplace", () => {
  it("copies the part that is updated there and back", () => {
    const out = scheduled(update(), (sch) => {
      const [there, back] = sch.cacheInplace(sch.getBlock("A"), 0, "local");
      assert.equal(sch.get(there).name, "A_local");
      assert.equal(sch.get(back).name, "A_local_back");
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([8, 6]) }, ({ A, B }) => {
        const A_local = T.alloc([4, 6], "f32", "local");
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("A_local", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            A_local[v0][v1] = A[v0 + 2][v1];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("A", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            A_local[vi][vj] *= 2;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("A_local_back", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            A[v0 + 2][v1] = A_local[v0][v1];
          });
        }
        for (const [i, j] of T.grid(8, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj];
          });
        }
      });
    `,
    );
  });

  it("after a split; the copies are moved and vectorized", () => {
    const out = scheduled(update(), (sch) => {
      const a = sch.getBlock("A");
      sch.split(sch.getLoops(a)[1], [null, 4]);
      const [there, back] = sch.cacheInplace(a, 0, "global");
      sch.vectorize(sch.getLoops(back)[1]);
      sch.parallel(sch.getLoops(there)[0]);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([8, 6]) }, ({ A, B }) => {
        const A_global = T.alloc([4, 6]);
        for (const ax0 of T.parallel(4)) {
          for (const ax1 of T.serial(6)) {
            T.block("A_global", () => {
              const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
              A_global[v0][v1] = A[v0 + 2][v1];
            });
          }
        }
        for (const [i, j_0, j_1] of T.grid(4, 2, 4)) {
          T.block("A", () => {
            const vi = T.axis.spatial(4, i);
            const vj = T.axis.spatial(6, j_0 * 4 + j_1);
            T.where(j_0 * 4 + j_1 < 6);
            A_global[vi][vj] *= 2;
          });
        }
        for (const ax0 of T.serial(4)) {
          for (const ax1 of T.vectorized(6)) {
            T.block("A_global_back", () => {
              const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
              A[v0 + 2][v1] = A_global[v0][v1];
            });
          }
        }
        for (const [i, j] of T.grid(8, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj];
          });
        }
      });
    `,
    );
  });

  it("of an update that lost its init; twice", () => {
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.decomposeReduction(y, sch.getLoops(y)[0]);
      sch.cacheInplace(y, 0, "local");
      sch.cacheInplace(y, 0, "shared");
    });
  });

  it("refuses", () => {
    const sch = new Schedule(update());
    const [a, b] = [sch.getBlock("A"), sch.getBlock("B")];
    refuses(sch, () => sch.cacheInplace(a, 1, "local"), {
      rule: /read index is out of range/,
      detail: /0: A/,
    });
    refuses(sch, () => sch.cacheInplace(a, 0, ""), { rule: /storage scope has no name/ });
    refuses(sch, () => sch.cacheInplace(b, 0, "local"), {
      rule: /must both read and write/,
      detail: /B reads A, but does not write it/,
      suggestion: /^sch\.cacheRead\(B, 0, "local"\)$/,
    });
  });
});

/** Twice as large, by repeating elements; and a window of it. */
const upsample = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 5]), B: T.buffer([8, 10]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(8, 10)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[T.floordiv(vi, 2)][T.floordiv(vj, 2)] + A[T.floordiv(vi, 2)][4 - T.floordiv(vj, 2)];
      });
    }
  });

describe("cacheIndex", () => {
  it("computes indices beforehand, each over the axes it depends on", () => {
    const out = scheduled(upsample(), (sch) => {
      const made = sch.cacheIndex(sch.getBlock("B"), "global");
      assert.deepEqual(
        made.map((b) => sch.get(b).name),
        ["index_0", "index_1", "index_2"],
      );
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 5]), B: T.buffer([8, 10]) }, ({ A, B }) => {
        const index_var_0 = T.alloc([8], "i32");
        const index_var_1 = T.alloc([10], "i32");
        const index_var_2 = T.alloc([10], "i32");
        for (const ax0 of T.serial(8)) {
          T.block("index_0", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            index_var_0[v0] = T.floordiv(v0, 2);
          });
        }
        for (const ax0 of T.serial(10)) {
          T.block("index_1", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            index_var_1[v0] = T.floordiv(v0, 2);
          });
        }
        for (const ax0 of T.serial(10)) {
          T.block("index_2", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            index_var_2[v0] = 4 - T.floordiv(v0, 2);
          });
        }
        for (const [i, j] of T.grid(8, 10)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[index_var_0[vi]][index_var_1[vj]] + A[index_var_0[vi]][index_var_2[vj]];
          });
        }
      });
    `,
    );
  });

  it("only those that occur more often, after a split", () => {
    const out = scheduled(upsample(), (sch) => {
      const b = sch.getBlock("B");
      sch.split(sch.getLoops(b)[0], [null, 3]);
      const made = sch.cacheIndex(b, "local", 1);
      assert.equal(made.length, 1);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 5]), B: T.buffer([8, 10]) }, ({ A, B }) => {
        const index_var_0 = T.alloc([8], "i32", "local");
        for (const ax0 of T.serial(8)) {
          T.block("index_0", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            index_var_0[v0] = T.floordiv(v0, 2);
          });
        }
        for (const [i_0, i_1, j] of T.grid(3, 3, 10)) {
          T.block("B", () => {
            const vi = T.axis.spatial(8, i_0 * 3 + i_1);
            const vj = T.axis.spatial(10, j);
            T.where(i_0 * 3 + i_1 < 8);
            B[vi][vj] = A[index_var_0[vi]][T.floordiv(vj, 2)] + A[index_var_0[vi]][4 - T.floordiv(vj, 2)];
          });
        }
      });
    `,
    );
  });

  it("after fuse and cacheRead; the new block is moved", () => {
    scheduled(upsample(), (sch) => {
      const b = sch.getBlock("B");
      sch.cacheRead(b, 0, "local");
      const [first] = sch.cacheIndex(b, "global", 1);
      sch.computeAt(first, sch.getLoops(b)[0]);
    });
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    refuses(sch, () => sch.cacheIndex(y, "global"), {
      rule: /computes no index/,
      detail: /Y loads at its axes/,
    });
    refuses(sch, () => sch.cacheIndex(y, ""), { rule: /storage scope has no name/ });
    const up = new Schedule(upsample());
    const b = up.getBlock("B");
    refuses(up, () => up.cacheIndex(b, "global", 2), {
      rule: /computes no index/,
      detail: /not more than 2 times/,
    });
  });
});
