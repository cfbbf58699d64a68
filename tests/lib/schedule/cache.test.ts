import assert from "node:assert/strict";
import { blocksIn, type PrimFunc } from "../../../lib/ir/index.ts";
import { cacheRead } from "../../../lib/schedule/cache.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { parsePrimFunc, script, T } from "../../../lib/script/index.ts";
import { dataflow, refusal, split } from "./dataflow.ts";
import { chain, rowNorm } from "./dataflow-programs.ts";
import { mmRelu } from "./programs.ts";
import { becomes, refuses, same, scheduled } from "./support.ts";

const names = (f: PrimFunc): string[] => blocksIn(f.body).map((b) => b.name);

describe("cacheRead", () => {
  it("an input is copied first, and all its readers read the copy", () => {
    dataflow(chain())
      .computeInline("B")
      .cacheRead("C", 0, "shared")
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([100]), D: T.buffer([100]) }, ({ A, D }) => {
          const C = T.alloc([100]);
          const A_shared = T.alloc([100], "f32", "shared");
          for (const ax0 of T.serial(100)) {
            T.block("A_shared", () => {
              const [v0] = T.axis.remap("S", [ax0]);
              A_shared[v0] = A[v0];
            });
          }
          for (const i of T.serial(100)) {
            T.block("C", () => {
              const [vi] = T.axis.remap("S", [i]);
              C[vi] = A_shared[vi] * 2 + 1;
            });
          }
          for (const i of T.serial(100)) {
            T.block("D", () => {
              const [vi] = T.axis.remap("S", [i]);
              D[vi] = C[vi] * (A_shared[vi] * 2);
            });
          }
        }),
      );
  });

  it("an intermediate is copied behind its writer, which keeps to the original", () => {
    const d = dataflow(mmRelu()).cacheRead("C", 0, "local").roundTrips();
    assert.deepEqual(names(d.f), ["root", "Y", "Y_local", "C"]);
    assert.match(script(d.f), /Y\[vi\]\[vj\] \+= A/);
    assert.match(script(d.f), /T\.max\(Y_local\[vi\]\[vj\], 0\)/);
  });

  it("under the loop that writer and reader share, only what was written there", () => {
    const d = dataflow(rowNorm()).reverseComputeAt("S", ["E", 0]).reverseComputeAt("D", ["E", 0]);
    d.cacheRead("D", 1, "local").cacheRead("D", 0, "local").roundTrips();
    assert.deepEqual(names(d.f), ["root", "E", "E_local", "S", "S_local", "D"]);
    const text = script(d.f);
    assert.match(
      text,
      /const \[v0, v1\] = T\.axis\.remap\("SS", \[i, ax1\]\)|T\.axis\.spatial\(6, i \+ ax0\)/,
    );
  });

  it("gives the block that copies; it can be moved and inlined again", () => {
    const f = mmRelu();
    const { func, block } = cacheRead(f, blocksIn(f.body)[1].id, 0, "shared");
    assert.equal(blocksIn(func.body).find((b) => b.id === block)?.name, "A_shared");
    const d = dataflow(f).cacheRead("Y", 0, "shared").computeAt("A_shared", ["Y", 0]);
    assert.match(script(d.f), /for \(const ax0 of T\.serial\(10\)\)/);
    d.computeInline("A_shared").becomes(f);
  });

  it("takes the stated regions along", () => {
    const d = dataflow(stated()).cacheRead("B", 0, "local").roundTrips();
    assert.match(script(d.f), /T\.reads\(A_local\[vi\]\)/);
  });

  it("refuses an index out of range, several writers, no scope, a late writer, uncovered reads", () => {
    refusal(() => dataflow(mmRelu()).cacheRead("Y", 2, "local"), /read index is out of range/, /0: A, 1: B/);
    refusal(() => dataflow(mmRelu()).cacheRead("Y", -1, "local"), /read index is out of range/);
    refusal(() => dataflow(mmRelu()).cacheRead("Y", 0, ""), /scope has no name/);
    refusal(() => dataflow(twice()).cacheRead("C", 0, "local"), /more than one writer/, /B1, B2/);
    refusal(
      () => dataflow(late()).cacheRead("B", 0, "local"),
      /written behind a reader/,
      /B reads A before W/,
    );
    refusal(() => dataflow(short()).cacheRead("C", 0, "local"), /not covered/, /C reads parts of B/);
    refusal(() => dataflow(late()).cacheRead("W", 0, "local"), /makes what it reads|behind a reader/);
  });
});

describe("cacheWrite", () => {
  it("a reduction sums up in the cache; the copy comes before the readers", () => {
    dataflow(mmRelu())
      .cacheWrite("Y", 0, "local")
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          const Y_local = T.alloc([12, 16], "f32", "local");
          for (const [i, j, k] of T.grid(12, 16, 10)) {
            T.block("Y", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
              T.init(() => {
                Y_local[vi][vj] = 0;
              });
              Y_local[vi][vj] += A[vi][vk] * B[vk][vj];
            });
          }
          for (const [ax0, ax1] of T.grid(12, 16)) {
            T.block("Y_local", () => {
              const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
              Y[v0][v1] = Y_local[v0][v1];
            });
          }
          for (const [i, j] of T.grid(12, 16)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(Y[vi][vj], 0);
            });
          }
        }),
      );
  });

  it("an output is copied last; the copy follows the tiles of the block", () => {
    const d = dataflow(mmRelu())
      .loops(split("C", 1, [null, 5]))
      .cacheWrite("C", 0, "local");
    assert.deepEqual(names(d.f), ["root", "Y", "C", "C_local"]);
    d.reverseComputeAt("C_local", ["C", 1]).roundTrips();
    assert.match(script(d.f), /T\.where\(j_0 \* 5 \+ ax0 < 16\)/);
  });

  it("under a shared loop, only what was written there", () => {
    const d = dataflow(rowNorm()).reverseComputeAt("S", ["E", 0]).cacheWrite("E", 0, "local").roundTrips();
    assert.deepEqual(names(d.f), ["root", "E", "E_local", "S", "D"]);
  });

  it("a part of a parameter is copied, the rest left alone", () => {
    const d = dataflow(lowerPart()).cacheWrite("B", 0, "local").roundTrips();
    assert.match(script(d.f), /const B_local = T\.alloc\(\[4\], "f32", "local"\)/);
  });

  it("refuses an index out of range, several writers, old values, gaps", () => {
    refusal(() => dataflow(mmRelu()).cacheWrite("Y", 1, "local"), /write index is out of range/, /0: Y/);
    refusal(() => dataflow(twice()).cacheWrite("B1", 0, "local"), /more than one writer/, /B1, B2/);
    refusal(() => dataflow(late()).cacheWrite("W", 0, "local"), /reads what it writes/, /W reads A/);
    refusal(() => dataflow(odd()).cacheWrite("B", 0, "local"), /not covered/, /gaps in B/);
  });
});

/** The regions of B are stated. */
const stated = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), B: T.buffer([4]) }, ({ A, B }) => {
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        T.reads(A[vi]);
        T.writes(B[vi]);
        B[vi] = A[vi];
      });
    }
  });

const twice = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(4)) {
      T.block("B1", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(4)) {
      T.block("B2", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi + 4] = A[vi];
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] + 1;
      });
    }
  });

/** A is changed after it was read. */
const late = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), B: T.buffer([4]) }, ({ A, B }) => {
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(4)) {
      T.block("W", () => {
        const [vi] = T.axis.remap("S", [i]);
        A[vi] = A[vi] + 1;
      });
    }
  });

/** C reads a parameter beyond what B has written of it. */
const short = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), B: T.buffer([8]), C: T.buffer([8]) }, ({ A, B, C }) => {
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi];
      });
    }
  });

const lowerPart = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), B: T.buffer([8]) }, ({ A, B }) => {
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi + 2] = A[vi];
      });
    }
  });

const odd = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), B: T.buffer([8]) }, ({ A, B }) => {
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi * 2 + 1] = A[vi];
      });
    }
  });

describe("cacheRead and cacheWrite by name, and for some of the readers", () => {
  /** B = 2 A; C = B + 1; D = B + 2. */
  const shared = () =>
    parsePrimFunc(`T.primFunc({ A: T.buffer([8]), C: T.buffer([8]), D: T.buffer([8]) }, ({ A, C, D }) => {
      const B = T.alloc([8]);
      for (const i of T.serial(8)) {
        T.block("B", () => { const [vi] = T.axis.remap("S", [i]); B[vi] = A[vi] * 2; });
      }
      for (const i of T.serial(8)) {
        T.block("C", () => { const [vi] = T.axis.remap("S", [i]); C[vi] = B[vi] + 1; });
      }
      for (const i of T.serial(8)) {
        T.block("D", () => { const [vi] = T.axis.remap("S", [i]); D[vi] = B[vi] + 2; });
      }
    })`);

  it("a name stands for the number of the buffer", () => {
    const byName = scheduled(shared(), (sch) => {
      sch.cacheRead(sch.getBlock("C"), "B", "local");
      sch.cacheWrite(sch.getBlock("D"), "D", "local");
    });
    const byNumber = scheduled(shared(), (sch) => {
      sch.cacheRead(sch.getBlock("C"), 0, "local");
      sch.cacheWrite(sch.getBlock("D"), 0, "local");
    });
    same(byName, byNumber);
    const sch = new Schedule(shared());
    const c = sch.getBlock("C");
    const rule = /the block does not access the buffer/;
    refuses(sch, () => sch.cacheRead(c, "A", "local"), { rule, detail: /C reads B, not A/ });
    refuses(sch, () => sch.cacheWrite(c, "B", "local"), { rule, detail: /C writes C, not B/ });
  });

  it("consumerBlocks read the copy, the others go on reading the original", () => {
    const out = scheduled(shared(), (sch) => {
      const [c, d] = [sch.getBlock("C"), sch.getBlock("D")];
      sch.cacheRead(c, "B", "local", { consumerBlocks: [d] });
    });
    becomes(
      out,
      `T.primFunc({ A: T.buffer([8]), C: T.buffer([8]), D: T.buffer([8]) }, ({ A, C, D }) => {
        const B = T.alloc([8]);
        const L = T.alloc([8], "f32", "local");
        for (const i of T.serial(8)) {
          T.block("B", () => { const [vi] = T.axis.remap("S", [i]); B[vi] = A[vi] * 2; });
        }
        for (const i of T.serial(8)) {
          T.block("B_local", () => { const [vi] = T.axis.remap("S", [i]); L[vi] = B[vi]; });
        }
        for (const i of T.serial(8)) {
          T.block("C", () => { const [vi] = T.axis.remap("S", [i]); C[vi] = B[vi] + 1; });
        }
        for (const i of T.serial(8)) {
          T.block("D", () => { const [vi] = T.axis.remap("S", [i]); D[vi] = L[vi] + 2; });
        }
      });`,
    );
    const sch = new Schedule(shared());
    const [b, c] = [sch.getBlock("B"), sch.getBlock("C")];
    refuses(sch, () => sch.cacheRead(c, 0, "local", { consumerBlocks: [c, b] }), {
      rule: /a consumer does not read the buffer/,
      detail: /B does not read B in root/,
    });
  });
});
