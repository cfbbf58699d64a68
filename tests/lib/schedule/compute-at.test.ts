import assert from "node:assert/strict";
import { blocksIn, loopsIn, type PrimFunc } from "../../../lib/ir/index.ts";
import type { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { type Dataflow, dataflow, refusal, split } from "./dataflow.ts";
import { chain, conv, crop, pool, reshape, rowNorm, transpose, windowSum } from "./dataflow-programs.ts";
import { mmRelu } from "./programs.ts";

/** Loop extents around a block, and its predicate or not. */
const nest = (d: Dataflow, name: string): (number | string)[] => {
  const b = blocksIn(d.f.body).find((x) => x.name === name);
  assert.ok(b);
  const around = loopsIn(d.f.body).filter((l) => blocksIn(l).includes(b));
  const extents = around.map((l) => (l.extent.kind === "const" ? Number(l.extent.value) : "?"));
  return b.predicate ? [...extents, "where"] : extents;
};

describe("computeAt", () => {
  it("moves a reduction under the row loop of its consumer, with its reduce loop whole", () => {
    dataflow(mmRelu())
      .computeAt("Y", ["C", 0])
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          for (const i of T.serial(12)) {
            for (const [ax0, ax1] of T.grid(16, 10)) {
              T.block("Y", () => {
                const [vi, vj, vk] = T.axis.remap("SSR", [i, ax0, ax1]);
                T.init(() => {
                  Y[vi][vj] = 0;
                });
                Y[vi][vj] += A[vi][vk] * B[vk][vj];
              });
            }
            for (const j of T.serial(16)) {
              T.block("C", () => {
                const [vi, vj] = T.axis.remap("SS", [i, j]);
                C[vi][vj] = T.max(Y[vi][vj], 0);
              });
            }
          }
        }),
      );
  });

  it("axes with one value get no loop, or a unit loop when asked", () => {
    assert.deepEqual(nest(dataflow(mmRelu()).computeAt("Y", ["C", 1]), "Y"), [12, 16, 10]);
    const d = dataflow(mmRelu()).computeAt("Y", ["C", 1], { preserveUnitLoops: true });
    assert.deepEqual(nest(d, "Y"), [12, 16, 1, 1, 10]);
  });

  it("fetches the 130 elements a GPU block of 128 threads reads, not 3 for each thread", () => {
    const d = dataflow(windowSum()).cacheRead("B", 0, "shared").loops(bound(128));
    d.computeAt("A_shared", ["B", 1])
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([1027]), B: T.buffer([1024]) }, ({ A, B }) => {
          const S = T.alloc([1027], "f32", "shared");
          for (const bx of T.threadBinding(8, "blockIdx.x")) {
            for (const tx of T.threadBinding(128, "threadIdx.x")) {
              for (const ax0 of T.serial(130)) {
                T.block("A_shared", () => {
                  const v0 = T.axis.spatial(1027, bx * 128 + ax0);
                  S[v0] = A[v0];
                });
              }
              T.block("B", () => {
                const vi = T.axis.spatial(1024, bx * 128 + tx);
                B[vi] = S[vi] + S[vi + 1] + S[vi + 2];
              });
            }
          }
        }),
      );
    // The copy shared out over the threads again: 130 = 2 · 128 - 126, so a predicate stays.
    d.loops((sch) => {
      const l = sch.getLoops(sch.getBlock("A_shared"));
      sch.split(l[2], [null, 128]);
    });
    assert.deepEqual(nest(d, "A_shared"), [8, 128, 2, 128, "where"]);
  });

  it("does not widen what each thread keeps for itself", () => {
    const d = dataflow(windowSum()).cacheRead("B", 0, "local").loops(bound(128));
    assert.deepEqual(nest(d.computeAt("A_local", ["B", 1]), "A_local"), [8, 128, 3]);
    const g = dataflow(windowSum()).cacheRead("B", 0, "global").loops(bound(128));
    assert.deepEqual(nest(g.computeAt("A_global", ["B", 1]), "A_global"), [8, 128, 3]);
  });

  it("guards the halo of the last block when the split does not divide", () => {
    const d = dataflow(windowSum()).cacheRead("B", 0, "shared").loops(bound(100));
    assert.deepEqual(nest(d.computeAt("A_shared", ["B", 1]), "A_shared"), [11, 100, 102, "where"]);
  });

  it("computes overlapping rows of a padded convolution input in each tile", () => {
    const d = dataflow(conv())
      .loops(split("Y", 0, [null, 4]))
      .computeAt("P", ["Y", 0])
      .roundTrips();
    assert.deepEqual(nest(d, "P"), [2, 6, 11]);
    assert.deepEqual(nest(dataflow(conv()).computeAt("P", ["Y", 1]), "P"), [8, 9, 3, 3]);
    const uneven = dataflow(conv())
      .loops(split("Y", 1, [null, 5]))
      .computeAt("P", ["Y", 1]);
    assert.deepEqual(nest(uneven, "P"), [8, 2, 3, 7, "where"]);
  });

  it("strided reads, uneven tiles, a shifted part, a transposed read", () => {
    assert.deepEqual(
      nest(
        dataflow(pool())
          .loops(split("C", 0, [null, 4]))
          .computeAt("B", ["C", 0]),
        "B",
      ),
      [3, 9, "where"],
    );
    assert.deepEqual(nest(dataflow(crop()).computeAt("B", ["C", 0]), "B"), [9]);
    assert.deepEqual(
      nest(
        dataflow(transpose())
          .loops(split("C", 0, [null, 3]))
          .computeAt("B", ["C", 1]),
        "B",
      ),
      [3, 3, 6, "where"],
    );
  });

  it("follows a reshape, and fused loops", () => {
    const d = dataflow(reshape())
      .loops(split("C", 0, [null, 4]))
      .computeAt("B", ["C", 0]);
    assert.deepEqual(nest(d, "B"), [12, 4]);
    const fused = dataflow(mmRelu()).loops((sch) => {
      const [i, j] = sch.getLoops(sch.getBlock("C"));
      sch.split(sch.fuse(i, j), [null, 8]);
    });
    assert.deepEqual(nest(fused.computeAt("Y", ["C", 0]), "Y"), [24, 8, 10]);
  });

  it("a chain of three stages into one tile; the part that several consumers read", () => {
    const d = dataflow(chain()).loops(split("D", 0, [null, 16]));
    d.computeAt("C", ["D", 0]).computeAt("B", ["D", 0]).roundTrips();
    assert.deepEqual(nest(d, "B"), [7, 16, "where"]);
    assert.deepEqual(
      blocksIn(d.f.body).map((b) => b.name),
      ["root", "B", "C", "D"],
    );
  });

  it("sums and their inputs into the rows of a normalisation", () => {
    const d = dataflow(rowNorm()).computeAt("S", ["D", 0]).computeAt("E", ["D", 0]).roundTrips();
    assert.deepEqual(nest(d, "S"), [6, 10]);
    assert.deepEqual(nest(d, "E"), [6, 10]);
  });

  it("refuses outputs, loops above, consumers elsewhere, other scopes, blocks that are no stage", () => {
    const d = dataflow(mmRelu());
    refusal(() => d.computeAt("C", ["Y", 0]), /is an output/, /C writes C/);
    refusal(() => d.computeAt("Y", ["Y", 0]), /ancestor/, /Y stands already under the loop i/);
    refusal(
      () => dataflow(chain()).computeAt("B", ["C", 0]),
      /not all consumers are under the loop/,
      /consumer\(s\) D of B/,
    );
    refusal(() => dataflow(overwritten()).computeAt("B", ["C", 0]), /not a stage pipeline/, /W writes A/);
    refusal(() => dataflow(half()).computeAt("B", ["C", 0]), /not a stage pipeline/, /C reads parts of B/);
    refusal(
      () => dataflow(twice()).computeAt("B1", ["C", 0]),
      /neither complete nor a reduction/,
      /B2 writes B/,
    );
    refusal(() => dataflow(nested()).computeAt("B", ["inner", 0]), /not in the same scope/);
  });
});

describe("reverseComputeAt", () => {
  it("moves a consumer behind the rows it reads", () => {
    const d = dataflow(mmRelu()).reverseComputeAt("C", ["Y", 0]).roundTrips();
    assert.deepEqual(nest(d, "C"), [12, 16]);
    assert.deepEqual(
      blocksIn(d.f.body).map((b) => b.name),
      ["root", "Y", "C"],
    );
  });

  it("follows tiles: chapter 3's schedule, uneven, fused", () => {
    const tiled = (factor: number) =>
      dataflow(mmRelu())
        .loops((sch) => {
          const [, j, k] = sch.getLoops(sch.getBlock("Y"));
          const [j0, j1] = sch.split(j, [null, factor]);
          sch.reorder(j0, k, j1);
        })
        .reverseComputeAt("C", ["Y", 1]);
    assert.deepEqual(nest(tiled(4), "C"), [12, 4, 4]);
    assert.deepEqual(nest(tiled(5), "C"), [12, 4, 5, "where"]);
    const fused = dataflow(mmRelu()).loops((sch) => {
      const [i, j] = sch.getLoops(sch.getBlock("Y"));
      sch.split(sch.fuse(i, j), [null, 8]);
    });
    assert.deepEqual(nest(fused.reverseComputeAt("C", ["Y", 0]), "C"), [24, 8]);
  });

  it("guards both ends of a consumer that reads a shifted part", () => {
    const d = dataflow(crop())
      .loops(split("B", 0, [null, 5]))
      .reverseComputeAt("C", ["B", 0]);
    assert.deepEqual(nest(d, "C"), [4, 5, "where"]);
  });

  it("reshape and transpose", () => {
    assert.deepEqual(nest(dataflow(reshape()).reverseComputeAt("C", ["B", 0]), "C"), [6, 8]);
    assert.deepEqual(nest(dataflow(reshape()).reverseComputeAt("C", ["B", 1]), "C"), [6, 8]);
    const d = dataflow(transpose())
      .loops(split("B", 0, [null, 4]))
      .reverseComputeAt("C", ["B", 0]);
    assert.deepEqual(nest(d, "C"), [2, 8, 4, "where"]);
  });

  it("goes on with a sum from tile to tile, and brings the next stage along", () => {
    const tiled = dataflow(rowNorm())
      .loops(split("E", 1, [null, 3]))
      .reverseComputeAt("S", ["E", 1]);
    assert.deepEqual(nest(tiled, "S"), [6, 4, 3, "where"]);
    const rows = dataflow(rowNorm()).reverseComputeAt("S", ["E", 0]).reverseComputeAt("D", ["E", 0]);
    assert.deepEqual(nest(rows, "D"), [6, 10]);
  });

  it("refuses unfinished sums, scattered producers, halos, repeated sums", () => {
    refusal(
      () => dataflow(mmRelu()).reverseComputeAt("C", ["Y", 2]),
      /not finished/,
      /iterations of k \(axis vk\)/,
    );
    refusal(() => dataflow(rowNorm()).reverseComputeAt("D", ["S", 0]), /not all producers are under/, /E/);
    refusal(
      () => dataflow(windowOfStage()).reverseComputeAt("C", ["B", 0]),
      /region cannot be followed/,
      /in one piece/,
    );
    refusal(() => dataflow(mmRelu()).reverseComputeAt("Y", ["C", 0]), /has no producer/);
    const ragged = dataflow(mmRelu()).loops((sch) => {
      const [i, j] = sch.getLoops(sch.getBlock("Y"));
      sch.split(sch.fuse(i, j), [null, 7]);
    });
    refusal(() => ragged.reverseComputeAt("C", ["Y", 0]), /region cannot be followed/, /may have gaps/);
    const parallel = dataflow(rowNorm()).loops((sch) => {
      sch.parallel(sch.getLoops(sch.getBlock("E"))[1]);
    });
    refusal(() => parallel.reverseComputeAt("S", ["E", 1]), /sum would not be formed once/, /j is parallel/);
  });
});

const bound = (threads: number) => (sch: Schedule) => {
  const [i] = sch.getLoops(sch.getBlock("B"));
  const [bx, tx] = sch.split(i, [null, threads]);
  sch.bind(bx, "blockIdx.x");
  sch.bind(tx, "threadIdx.x");
};

/** A is overwritten after B was made of it. */
const overwritten = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(8)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(8)) {
      T.block("W", () => {
        const [vi] = T.axis.remap("S", [i]);
        A[vi] = 0;
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] + 1;
      });
    }
  });

/** B is made in part only. */
const half = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] + 1;
      });
    }
  });

/** The halves of B are made by two blocks. */
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

/** The consumer is a block around another. */
const nested = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(8)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(2)) {
      T.block("outer", () => {
        const [vo] = T.axis.remap("S", [i]);
        for (const j of T.serial(4)) {
          T.block("inner", () => {
            const vi = T.axis.spatial(8, vo * 4 + j);
            C[vi] = B[vi] + 1;
          });
        }
      });
    }
  });

/** Each element of C needs two of B: they come from different iterations. */
const windowOfStage = (): PrimFunc =>
  T.primFunc({ A: T.buffer([9]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([9]);
    for (const i of T.serial(9)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] + B[vi + 1];
      });
    }
  });
