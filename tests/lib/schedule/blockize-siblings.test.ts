import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { becomes, refuses, scheduled } from "./support.ts";

/** B = 2 · A, then C = B + 1, row by row. */
const stages = () =>
  T.primFunc({ A: T.buffer([12, 16]), C: T.buffer([12, 16]) }, ({ A, C }) => {
    const B = T.alloc([12, 16]);
    for (const i of T.serial(12)) {
      for (const j of T.serial(16)) {
        T.block("B", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          B[vi][vj] = A[vi][vj] * 2;
        });
      }
      for (const j of T.serial(16)) {
        T.block("C", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          C[vi][vj] = B[vi][vj] + 1;
        });
      }
    }
  });

/** B = 2 · A, then every C reads the row of B before its own as well. */
const lookingBack = () =>
  T.primFunc({ A: T.buffer([12, 16]), C: T.buffer([12, 16]) }, ({ A, C }) => {
    const B = T.alloc([13, 16]);
    for (const i of T.serial(12)) {
      for (const j of T.serial(16)) {
        T.block("B", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          B[vi + 1][vj] = A[vi][vj] * 2;
        });
      }
      for (const j of T.serial(16)) {
        T.block("C", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          C[vi][vj] = B[vi][vj] + B[vi + 1][vj];
        });
      }
    }
  });

describe("blockize of several blocks", () => {
  it("neighbours under one loop: the axes they share stand outside", () => {
    const out = scheduled(stages(), (sch) => {
      const [b, c] = [sch.getBlock("B"), sch.getBlock("C")];
      const outer = sch.blockize([b, c], { preserveUnitIters: false });
      assert.deepEqual(
        sch.getLoops(outer).map((l) => l.name),
        ["i"],
      );
      assert.deepEqual(
        sch.getChildBlocks(outer).map((x) => x.name),
        ["B", "C"],
      );
    });
    becomes(
      out,
      `T.primFunc({ A: T.buffer([12, 16]), C: T.buffer([12, 16]) }, ({ A, C }) => {
        const B = T.alloc([12, 16]);
        for (const i of T.serial(12)) {
          T.block("outer_B_C_", () => {
            const [vi] = T.axis.remap("S", [i]);
            for (const j of T.serial(16)) {
              T.block("B", () => {
                const [vj] = T.axis.remap("S", [j]);
                B[vi][vj] = A[vi][vj] * 2;
              });
            }
            for (const j of T.serial(16)) {
              T.block("C", () => {
                const [vj] = T.axis.remap("S", [j]);
                C[vi][vj] = B[vi][vj] + 1;
              });
            }
          });
        }
      });`,
    );
  });

  it("unit axes stay unless they are left out", () => {
    const out = scheduled(stages(), (sch) => sch.blockize([sch.getBlock("B"), sch.getBlock("C")]));
    assert.match(
      script(out),
      /const vi = T\.axis\.spatial\(12, i\);\s+const vj_o = T\.axis\.spatial\(1, 0\);/,
    );
  });

  it("after split, reverseComputeAt and decomposeReduction: conditions go inside", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
      const [i] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 5]);
      sch.reverseComputeAt(c, i0);
      const init = sch.decomposeReduction(y, i1);
      sch.blockize([init, sch.getBlock("Y_update"), c], { preserveUnitIters: false });
    });
    becomes(
      out,
      `T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        for (const i_0 of T.serial(3)) {
          T.block("outer_Y_init_Y_update_C_", () => {
            const vo = T.axis.spatial(3, i_0);
            for (const [i, j] of T.grid(5, 16)) {
              T.block("Y_init", () => {
                const [vi, vj] = T.axis.remap("SS", [i, j]);
                T.where(vo * 5 + i < 12);
                Y[vo * 5 + vi][vj] = 0;
              });
            }
            for (const [i, j, k] of T.grid(5, 16, 10)) {
              T.block("Y_update", () => {
                const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
                T.where(vo * 5 + i < 12);
                Y[vo * 5 + vi][vj] += A[vo * 5 + vi][vk] * B[vk][vj];
              });
            }
            for (const [i, j] of T.grid(5, 16)) {
              T.block("C", () => {
                const [vi, vj] = T.axis.remap("SS", [i, j]);
                T.where(vo * 5 + i < 12);
                C[vo * 5 + vi][vj] = T.max(Y[vo * 5 + vi][vj], 0);
              });
            }
          });
        }
      });`,
    );
  });

  it("whole stages of a function, and some of the blocks of a loop", () => {
    const out = scheduled(mmRelu(), (sch) => {
      sch.blockize([sch.getBlock("C"), sch.getBlock("Y")], { preserveUnitIters: false });
    });
    assert.match(script(out), /T\.block\("outer_Y_C_", \(\) => \{\s+for/);
    const some = scheduled(mmRelu(), (sch) => {
      const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
      const [i, j] = sch.getLoops(y);
      sch.reverseComputeAt(c, i);
      sch.decomposeReduction(y, j);
      sch.blockize([sch.getBlock("Y_init"), sch.getBlock("Y_update")]);
      sch.unroll(i);
    });
    assert.match(script(some), /T\.block\("outer_Y_init_Y_update_"/);
  });

  it("one block alone", () => {
    const out = scheduled(stages(), (sch) => sch.blockize([sch.getBlock("C")]));
    assert.match(
      script(out),
      /T\.block\("outer_C_", \(\) => \{\s+const \[vi, vj\] = T\.axis\.remap\("SS", \[i, j/,
    );
  });

  it("an axis that one of them reduces over reduces", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      sch.reorder(k, i, j);
      sch.decomposeReduction(y, k);
      const update = sch.getBlock("Y_update");
      const copy = sch.cacheRead(update, 2, "local");
      sch.computeAt(copy, k);
      sch.blockize([copy, update], { preserveUnitIters: false });
    });
    assert.match(
      script(out),
      /T\.block\("outer_B_local_Y_update_", \(\) => \{\s+const \[v\w+\] = T\.axis\.remap\("R"/,
    );
  });

  it("refuses", () => {
    const sch = new Schedule(stages());
    const b = sch.getBlock("B");
    const [row] = sch.getLoops(b);
    refuses(sch, () => sch.blockize([]), {
      rule: /a loop, or a list of blocks, is needed/,
      detail: /got \[\]/,
    });
    refuses(sch, () => sch.blockize([b, b]), { rule: /different blocks are needed/, detail: /got B, B/ });
    refuses(sch, () => sch.blockize([row as never]), { rule: /a block is needed/ });

    const nested = new Schedule(stages());
    const inner = nested.getBlock("B");
    const outer = nested.blockize(nested.getLoops(inner)[1]);
    refuses(nested, () => nested.blockize([outer, inner]), { rule: /inside each other/, detail: /B_o, B/ });
    const reader = nested.getBlock("C");
    refuses(nested, () => nested.blockize([inner, reader]), {
      rule: /not in the same scope/,
      detail: /B, C are in different blocks/,
    });

    const three = new Schedule(mmRelu());
    const [y, relu] = [three.getBlock("Y"), three.getBlock("C")];
    const init = three.decomposeReduction(y, three.getLoops(y)[0]);
    refuses(three, () => three.blockize([init, relu]), {
      rule: /not neighbours/,
      detail: /something stands between Y_init, C/,
      nodes: ["Y_init", "C"],
    });

    const back = new Schedule(lookingBack());
    const lines = [back.getBlock("B"), back.getBlock("C")];
    refuses(back, () => back.blockize(lines), {
      rule: /needs what another one makes outside of the new block/,
      detail: /C reads parts of B/,
    });

    const open = new Schedule(mmRelu());
    const sum = open.getBlock("Y");
    const [i, j, k] = open.getLoops(sum);
    open.reorder(k, i, j);
    const read = open.cacheRead(sum, 0, "local");
    open.computeAt(read, k);
    refuses(open, () => open.blockize([read, sum]), {
      rule: /a reduction goes on outside/,
      detail: /reduce axis vk of Y/,
      suggestion: /decomposeReduction/,
    });
  });

  it("refuses nests of more than loops, and axes that do not divide", () => {
    const sch = new Schedule(
      T.primFunc({ A: T.buffer([12]), B: T.buffer([12]), C: T.buffer([12]) }, ({ A, B, C }) => {
        for (const i of T.serial(3)) {
          for (const j of T.serial(4)) {
            if (A[0] > 0) {
              T.block("B", () => {
                const vi = T.axis.spatial(12, i * 4 + j);
                B[vi] = A[vi];
              });
            }
          }
          for (const j of T.serial(4)) {
            T.block("C", () => {
              const vi = T.axis.spatial(12, i + j * 3);
              C[vi] = A[vi];
            });
          }
          for (const j of T.serial(4)) {
            T.block("D", () => {
              const vi = T.axis.spatial(12, i * 4 + j);
              C[vi] = A[vi];
            });
          }
        }
      }),
    );
    const [b, c, d] = ["B", "C", "D"].map((x) => sch.getBlock(x));
    refuses(sch, () => sch.blockize([b, c]), {
      rule: /more than loops around a block/,
      detail: /around B stands a if/,
    });
    refuses(sch, () => sch.blockize([c, d]), { rule: /the bindings are not divisible/, detail: /axes of C/ });
  });
});
