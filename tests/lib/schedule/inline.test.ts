import assert from "node:assert/strict";
import { blocksIn, type PrimFunc } from "../../../lib/ir/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { dataflow, refusal, split } from "./dataflow.ts";
import { chain, conv, crop, reshape, rowNorm, transpose, unreshape } from "./dataflow-programs.ts";
import { mmRelu } from "./programs.ts";
import { becomes, scheduled } from "./support.ts";

const names = (f: PrimFunc): string[] => blocksIn(f.body).map((b) => b.name);

describe("computeInline", () => {
  it("puts a value into all consumers, and the buffer goes", () => {
    dataflow(chain())
      .computeInline("B")
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([100]), D: T.buffer([100]) }, ({ A, D }) => {
          const C = T.alloc([100]);
          for (const i of T.serial(100)) {
            T.block("C", () => {
              const [vi] = T.axis.remap("S", [i]);
              C[vi] = A[vi] * 2 + 1;
            });
          }
          for (const i of T.serial(100)) {
            T.block("D", () => {
              const [vi] = T.axis.remap("S", [i]);
              D[vi] = C[vi] * (A[vi] * 2);
            });
          }
        }),
      );
  });

  it("inlines chains completely, in either order", () => {
    const one = dataflow(chain()).computeInline("B").computeInline("C");
    const two = dataflow(chain()).computeInline("C").computeInline("B");
    assert.deepEqual(names(one.f), ["root", "D"]);
    one.becomes(two.f);
  });

  it("padding into a convolution: indices are put into the condition", () => {
    const d = dataflow(conv()).computeInline("P").roundTrips();
    assert.deepEqual(names(d.f), ["root", "Y"]);
    assert.match(script(d.f), /vi \+ vr >= 1 && vi \+ vr < 9 .* \? X\[vi \+ vr - 1\]\[vj \+ vs - 1\] : 0/);
  });

  it("reshaped, transposed and shifted reads; after a split that leaves a predicate", () => {
    assert.match(
      script(dataflow(reshape()).computeInline("B").f),
      /A\[T\.floordiv\(vi, 8\)\]\[T\.floormod\(vi, 8\)\]/,
    );
    assert.match(script(dataflow(unreshape()).computeInline("B").f), /A\[vi \* 8 \+ vj\]/);
    assert.match(script(dataflow(transpose()).computeInline("B").f), /A\[vj\]\[vi\]/);
    assert.match(
      script(
        dataflow(crop())
          .loops(split("B", 0, [null, 7]))
          .computeInline("B").f,
      ),
      /A\[vi \+ 4\]/,
    );
  });

  it("an elementwise stage into the sum over it", () => {
    const d = dataflow(rowNorm()).computeInline("E");
    assert.deepEqual(names(d.f), ["root", "S", "D"]);
  });

  it("refuses what has no one value to put in place", () => {
    refusal(() => dataflow(mmRelu()).computeInline("Y"), /has an init/, /Y starts with an init/);
    refusal(() => dataflow(mmRelu()).computeInline("C"), /is an output/, /C writes C/);
    refusal(() => dataflow(twoOutputs()).computeInline("B"), /exactly one buffer/, /B writes B, C/);
    refusal(() => dataflow(diagonal()).computeInline("B"), /distinct axes/, /index that is no axis/);
    refusal(() => dataflow(twoStores()).computeInline("B"), /body cannot be inlined/, /several statements/);
    refusal(() => dataflow(partial()).computeInline("B"), /not a stage pipeline/, /C reads parts of B/);
    refusal(() => dataflow(alone()).computeInline("B"), /only leaf/, /left without any statement/);
    refusal(() => dataflow(inPlace()).computeInline("B"), /not complete/, /both reads and writes B/);
    refusal(() => dataflow(opaque()).computeInline("B"), /opaque access/, /C states that it accesses B/);
  });
});

describe("reverseComputeInline", () => {
  it("puts a consumer into its producer, which then stores the consumer's result", () => {
    dataflow(chain())
      .computeInline("B")
      .reverseComputeInline("D")
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([100]), D: T.buffer([100]) }, ({ A, D }) => {
          for (const i of T.serial(100)) {
            T.block("C", () => {
              const [vi] = T.axis.remap("S", [i]);
              D[vi] = (A[vi] * 2 + 1) * (A[vi] * 2);
            });
          }
        }),
      );
  });

  it("inverts reshapes and transposes", () => {
    assert.match(script(dataflow(reshape()).reverseComputeInline("C").f), /C\[vi \* 8 \+ vj\] = /);
    assert.match(
      script(dataflow(unreshape()).reverseComputeInline("C").f),
      /C\[T\.floordiv\(vi, 8\)\]\[T\.floormod\(vi, 8\)\] = /,
    );
    assert.match(script(dataflow(transpose()).reverseComputeInline("C").f), /C\[vj\]\[vi\] = /);
  });

  it("inverts several indices together, quotient and remainder of one number", () => {
    const out = scheduled(
      T.primFunc({ A: T.buffer([16, 32]), C: T.buffer([2, 8, 4, 8]) }, ({ A, C }) => {
        const B = T.alloc([16, 32]);
        for (const [i, j] of T.grid(16, 32)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [i, j, k, l] of T.grid(2, 8, 4, 8)) {
          T.block("C", () => {
            const [vi, vj, vk, vl] = T.axis.remap("SSSS", [i, j, k, l]);
            C[vi][vj][vk][vl] =
              B[T.floordiv(((vi * 8 + vj) * 4 + vk) * 8 + vl, 32)][
                T.floormod(((vi * 8 + vj) * 4 + vk) * 8 + vl, 32)
              ] + 1;
          });
        }
      }),
      (sch) => sch.reverseComputeInline(sch.getBlock("C")),
    );
    becomes(
      out,
      `T.primFunc({ A: T.buffer([16, 32]), C: T.buffer([2, 8, 4, 8]) }, ({ A, C }) => {
        for (const [i, j] of T.grid(16, 32)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[T.floordiv(vi, 8)][T.floormod(vi, 8)][T.floordiv(vj, 8)][T.floormod(vj, 8)] = A[vi][vj] * 2 + 1;
          });
        }
      });`,
    );
  });

  it("the producer runs only for what is consumed", () => {
    dataflow(crop())
      .reverseComputeInline("C")
      .roundTrips()
      .becomes(
        T.primFunc({ A: T.buffer([20]), C: T.buffer([9]) }, ({ A, C }) => {
          for (const i of T.serial(20)) {
            T.block("B", () => {
              const [vi] = T.axis.remap("S", [i]);
              T.where(i - 4 >= 0 && i - 4 < 9);
              C[vi - 4] = A[vi] * 2 + 1;
            });
          }
        }),
      );
  });

  it("keeps the producer's tiles and predicate; a consumer's predicate that its axes imply goes", () => {
    const d = dataflow(transpose())
      .loops(split("B", 0, [null, 4]))
      .loops(split("C", 0, [null, 3]));
    d.reverseComputeInline("C");
    assert.deepEqual(names(d.f), ["root", "B"]);
    assert.match(script(d.f), /T\.where\(i_0 \* 4 \+ i_1 < 6\)/);
  });

  it("refuses a consumer that runs beyond what its producer makes", () => {
    const rule = /consumer is not covered by its producer/;
    refusal(() => dataflow(border()).reverseComputeInline("C"), rule, /as for a border/);
    refusal(
      () => dataflow(border()).reverseComputeAt("C", ["B", 0]),
      /cannot be followed/,
      /as for a border/,
    );
  });

  it("an axis of one value still says which of the producer's values is meant", () => {
    const d = dataflow(firstRow()).reverseComputeInline("C").roundTrips();
    assert.match(script(d.f), /T\.where\(i < 1\)/);
  });

  it("refuses reductions, several producers, several places, other consumers, what cannot be inverted", () => {
    refusal(
      () => dataflow(mmRelu()).reverseComputeInline("C"),
      /producer is not complete/,
      /before the result is finished/,
    );
    refusal(() => dataflow(mmRelu()).reverseComputeInline("Y"), /has an init/);
    refusal(() => dataflow(chain()).reverseComputeInline("D"), /several producers/, /D reads/);
    refusal(() => dataflow(chain()).reverseComputeInline("C"), /other consumers/, /D also read/);
    refusal(() => dataflow(chain()).reverseComputeInline("B"), /has no producer/);
    refusal(
      () => dataflow(neighbours()).reverseComputeInline("C"),
      /at several places/,
      /2 different places/,
    );
    refusal(
      () => dataflow(broadcast()).reverseComputeInline("C"),
      /cannot be inverted/,
      /do not tell its axis vj/,
    );
    refusal(() => dataflow(gather()).reverseComputeInline("C"), /cannot be inverted/, /not affine/);
    refusal(() => dataflow(some()).reverseComputeInline("C"), /predicate is not implied/, /only in part/);
    refusal(
      () => dataflow(outputProducer()).reverseComputeInline("C"),
      /producer is an output/,
      /B writes B/,
    );
  });
});

const twoOutputs = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), D: T.buffer([4]) }, ({ A, D }) => {
    const B = T.alloc([4]);
    const C = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
        C[vi] = A[vi] + 1;
      });
    }
    for (const i of T.serial(4)) {
      T.block("D", () => {
        const [vi] = T.axis.remap("S", [i]);
        D[vi] = B[vi] * C[vi];
      });
    }
  });

const diagonal = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), D: T.buffer([4]) }, ({ A, D }) => {
    const B = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[3 - vi] = A[vi];
      });
    }
    for (const i of T.serial(4)) {
      T.block("D", () => {
        const [vi] = T.axis.remap("S", [i]);
        D[vi] = B[vi];
      });
    }
  });

const twoStores = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), D: T.buffer([4]) }, ({ A, D }) => {
    const B = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
        B[vi] = A[vi] + 1;
      });
    }
    for (const i of T.serial(4)) {
      T.block("D", () => {
        const [vi] = T.axis.remap("S", [i]);
        D[vi] = B[vi];
      });
    }
  });

const partial = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(8)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        T.where(i < 4);
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

const alone = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]) }, ({ A }) => {
    const B = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
  });

const inPlace = (): PrimFunc =>
  T.primFunc({ C: T.buffer([4]) }, ({ C }) => {
    const B = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = B[vi] * 0;
      });
    }
    for (const i of T.serial(4)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] - B[vi];
      });
    }
  });

/** C tells of its access to B in words only. */
const opaque = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), C: T.buffer([4]) }, ({ A, C }) => {
    const B = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(4)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        T.reads(B[vi]);
        T.writes(C[vi]);
        C[vi] = 1;
      });
    }
  });

const neighbours = (): PrimFunc =>
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

const broadcast = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), C: T.buffer([4, 5]) }, ({ A, C }) => {
    const B = T.alloc([4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const [i, j] of T.grid(4, 5)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi] + 1;
      });
    }
  });

const gather = (): PrimFunc =>
  T.primFunc({ A: T.buffer([16]), C: T.buffer([4]) }, ({ A, C }) => {
    const B = T.alloc([16]);
    for (const i of T.serial(16)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(4)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi * vi];
      });
    }
  });

const some = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(8)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        T.where(i < 5);
        C[vi] = B[vi];
      });
    }
  });

const outputProducer = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), B: T.buffer([8]), C: T.buffer([8]) }, ({ A, B, C }) => {
    for (const i of T.serial(8)) {
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

/** C is B with a border of zeros. */
const border = (): PrimFunc =>
  T.primFunc({ A: T.buffer([6]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([6]);
    for (const i of T.serial(6)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = vi >= 1 && vi < 7 ? B[vi - 1] : 0;
      });
    }
  });

const firstRow = (): PrimFunc =>
  T.primFunc({ A: T.buffer([3, 4]), C: T.buffer([1, 4]) }, ({ A, C }) => {
    const B = T.alloc([3, 4]);
    for (const [i, j] of T.grid(3, 4)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(1, 4)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj] + 1;
      });
    }
  });
