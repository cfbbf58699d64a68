import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { addOne, mmRelu, oddLoops, symbolic } from "./programs.ts";
import { becomes, refuses, scheduled } from "./support.ts";

describe("loopPartition", () => {
  it("cuts a loop into ranges, the rest last", () => {
    const out = scheduled(addOne(), (sch) => {
      const loops = sch.getLoops(sch.getBlock("B"));
      const parts = sch.loopPartition(loops[1], [2, 8]);
      assert.deepEqual(
        parts.map((l) => sch.get(l).v.name),
        ["j_0", "j_1", "j_2"],
      );
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
        for (const i of T.serial(4)) {
          for (const [j_0, k] of T.grid(2, 6)) {
            T.block("B_j0", () => {
              const [vi, vj, vk] = T.axis.remap("SSS", [i, j_0, k]);
              B[vi][vj][vk] = A[vi][vj][vk] + 1;
            });
          }
          for (const [j_1, k] of T.grid(8, 6)) {
            T.block("B_j1", () => {
              const vi = T.axis.spatial(4, i);
              const vj = T.axis.spatial(13, j_1 + 2);
              const vk = T.axis.spatial(6, k);
              B[vi][vj][vk] = A[vi][vj][vk] + 1;
            });
          }
          for (const [j_2, k] of T.grid(3, 6)) {
            T.block("B_j2", () => {
              const vi = T.axis.spatial(4, i);
              const vj = T.axis.spatial(13, j_2 + 10);
              const vk = T.axis.spatial(6, k);
              B[vi][vj][vk] = A[vi][vj][vk] + 1;
            });
          }
        }
      });
    `,
    );
  });

  it("the first part may be fused with its inner loop: the axis ends where the part does", () => {
    scheduled(addOne(), (sch) => {
      const [i] = sch.getLoops(sch.getBlock("B"));
      const [outer] = sch.split(i, [4, null]);
      const [part] = sch.loopPartition(outer, [1]);
      const [, inner] = sch.getLoops(sch.getBlock("B_i_00"));
      assert.equal(sch.get(part).v.name, "i_0_0");
      sch.fuse(part, inner);
    });
  });

  it("peels what an uneven split guards", () => {
    const out = scheduled(addOne(), (sch) => {
      const [, j] = sch.getLoops(sch.getBlock("B"));
      const [outer] = sch.split(j, [null, 4]);
      sch.loopPartition(outer, [3]);
      const [, , inner] = sch.getLoops(sch.getBlock("B_j_00"));
      sch.vectorize(inner);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
        for (const i of T.serial(4)) {
          for (const j_0_0 of T.serial(3)) {
            for (const j_1 of T.vectorized(4)) {
              for (const k of T.serial(6)) {
                T.block("B_j_00", () => {
                  const vi = T.axis.spatial(4, i);
                  const vj = T.axis.spatial(13, j_0_0 * 4 + j_1);
                  const vk = T.axis.spatial(6, k);
                  B[vi][vj][vk] = A[vi][vj][vk] + 1;
                });
              }
            }
          }
          for (const [j_0_1, j_1, k] of T.grid(1, 4, 6)) {
            T.block("B_j_01", () => {
              const vi = T.axis.spatial(4, i);
              const vj = T.axis.spatial(13, j_0_1 * 4 + j_1 + 12);
              const vk = T.axis.spatial(6, k);
              T.where(j_0_1 * 4 + j_1 + 12 < 13);
              B[vi][vj][vk] = A[vi][vj][vk] + 1;
            });
          }
        }
      });
    `,
    );
  });

  it("of a reduce loop: only the first range starts the sum", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const [, , k] = sch.getLoops(sch.getBlock("Y"));
      sch.loopPartition(k, [null, 2]);
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          for (const [i, j] of T.grid(12, 16)) {
            for (const k_0 of T.serial(8)) {
              T.block("Y_k0", () => {
                const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k_0]);
                T.init(() => { Y[vi][vj] = 0; });
                Y[vi][vj] += A[vi][vk] * B[vk][vj];
              });
            }
            for (const k_1 of T.serial(2)) {
              T.block("Y_k1", () => {
                const vi = T.axis.spatial(12, i);
                const vj = T.axis.spatial(16, j);
                const vk = T.axis.reduce(10, k_1 + 8);
                Y[vi][vj] += A[vi][vk] * B[vk][vj];
              });
            }
          }
          for (const [i, j] of T.grid(12, 16)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(Y[vi][vj], 0);
            });
          }
        },
      );
    `,
    );
  });

  it("a part of which the condition leaves nothing", () => {
    const out = scheduled(
      T.primFunc({ A: T.buffer([1]), B: T.buffer([1]) }, ({ A, B }) => {
        for (const i of T.serial(1)) {
          T.block("B", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[vi] = A[vi];
          });
        }
      }),
      (sch) => {
        const [i] = sch.getLoops(sch.getBlock("B"));
        const fused = sch.fuse(...sch.split(i, [null, 3]));
        sch.loopPartition(fused, [1]);
      },
    );
    assert.match(script(out), /T\.where\(false\)/);
  });

  it("nested, and with sampled lengths", () => {
    scheduled(mmRelu(), (sch) => {
      const [i] = sch.getLoops(sch.getBlock("Y"));
      const n = sch.sampleCategorical([3, 5], [0.5, 0.5]);
      sch.loopPartition(i, [n, null]);
      for (const part of ["Y_i0", "Y_i1"]) sch.loopPartition(sch.getLoops(sch.getBlock(part))[1], [4]);
      sch.unroll(sch.getLoops(sch.getBlock("Y_i1_j0"))[1]);
    });
  });

  it("refuses", () => {
    const sch = new Schedule(addOne());
    const [i, j, k] = sch.getLoops(sch.getBlock("B"));
    refuses(sch, () => sch.loopPartition(j, []), { rule: /no lengths are given/ });
    refuses(sch, () => sch.loopPartition(j, [0]), {
      rule: /whole number above 0/,
      detail: /length 0 for loop j/,
    });
    refuses(sch, () => sch.loopPartition(j, [null, null]), { rule: /only one length may be null/ });
    refuses(sch, () => sch.loopPartition(j, [5, 8]), {
      rule: /leave a rest/,
      detail: /5 \+ 8 = 13, but loop j has 13 iterations/,
      suggestion: /^sch\.loopPartition\(j, \[6\]\)$/,
    });
    sch.annotate(i, "pragma", 1);
    refuses(sch, () => sch.loopPartition(i, [1]), { rule: /annotated/, suggestion: /unannotate/ });
    sch.bind(k, "threadIdx.x");
    refuses(sch, () => sch.loopPartition(k, [1]), { rule: /bound to a thread axis/ });
    const odd = new Schedule(oddLoops());
    const [e] = odd.getLoops(odd.getBlock("E"));
    refuses(odd, () => odd.loopPartition(e, [1]), { rule: /start at 0/ });
    const n = new Schedule(symbolic());
    const l = n.getLoops(n.getBlock("B")).find((x) => n.get(x).extent.kind !== "const");
    assert.ok(l);
    refuses(n, () => n.loopPartition(l, [1]), { rule: /not a number/, detail: /symbolic/ });
  });
});

/** Two stages, and a third that reads a neighbour. */
const stages = () =>
  T.primFunc({ A: T.buffer([8, 6]), C: T.buffer([8, 6]), D: T.buffer([7, 6]) }, ({ A, C, D }) => {
    const B = T.alloc([8, 6]);
    for (const [i, j] of T.grid(8, 6)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] + 1;
      });
    }
    for (const [i, j] of T.grid(8, 6)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(7, 6)) {
      T.block("D", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        D[vi][vj] = B[vi + 1][vj] * 3;
      });
    }
  });

describe("merge", () => {
  const loops = (sch: Schedule, name: string) => sch.getLoops(sch.getBlock(name));

  it("joins nests down to the given loops", () => {
    const out = scheduled(stages(), (sch) => {
      const m = sch.merge(loops(sch, "B")[1], loops(sch, "C")[1]);
      assert.equal(sch.get(m).v.name, "j_m");
      assert.equal(sch.getChildBlocks(m).length, 2);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([8, 6]), C: T.buffer([8, 6]), D: T.buffer([7, 6]) }, ({ A, C, D }) => {
        const B = T.alloc([8, 6]);
        for (const [i_m, j_m] of T.grid(8, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i_m, j_m]);
            B[vi][vj] = A[vi][vj] + 1;
          });
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i_m, j_m]);
            C[vi][vj] = B[vi][vj] * 2;
          });
        }
        for (const [i, j] of T.grid(7, 6)) {
          T.block("D", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            D[vi][vj] = B[vi + 1][vj] * 3;
          });
        }
      });
    `,
    );
  });

  it("only the outer loops, after splits, and parallel then", () => {
    const out = scheduled(stages(), (sch) => {
      sch.split(loops(sch, "B")[0], [4, 2]);
      sch.split(loops(sch, "C")[0], [4, 2]);
      sch.parallel(sch.merge(loops(sch, "B")[0], loops(sch, "C")[0]));
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([8, 6]), C: T.buffer([8, 6]), D: T.buffer([7, 6]) }, ({ A, C, D }) => {
        const B = T.alloc([8, 6]);
        for (const i_0_m of T.parallel(4)) {
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("B", () => {
              const vi = T.axis.spatial(8, i_0_m * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              B[vi][vj] = A[vi][vj] + 1;
            });
          }
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(8, i_0_m * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              C[vi][vj] = B[vi][vj] * 2;
            });
          }
        }
        for (const [i, j] of T.grid(7, 6)) {
          T.block("D", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            D[vi][vj] = B[vi + 1][vj] * 3;
          });
        }
      });
    `,
    );
  });

  it("below a common loop", () => {
    const out = scheduled(stages(), (sch) => {
      sch.reverseComputeAt(sch.getBlock("C"), loops(sch, "B")[0]);
      sch.merge(loops(sch, "B")[1], loops(sch, "C")[1]);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([8, 6]), C: T.buffer([8, 6]), D: T.buffer([7, 6]) }, ({ A, C, D }) => {
        const B = T.alloc([8, 6]);
        for (const [i, j_m] of T.grid(8, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j_m]);
            B[vi][vj] = A[vi][vj] + 1;
          });
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j_m]);
            C[vi][vj] = B[vi][vj] * 2;
          });
        }
        for (const [i, j] of T.grid(7, 6)) {
          T.block("D", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            D[vi][vj] = B[vi + 1][vj] * 3;
          });
        }
      });
    `,
    );
  });

  it("refuses", () => {
    const sch = new Schedule(stages());
    const [b, c, d] = ["B", "C", "D"].map((x) => loops(sch, x));
    refuses(sch, () => sch.merge(b[0]), { rule: /two different loops/ });
    refuses(sch, () => sch.merge(b[0], b[0]), { rule: /two different loops/ });
    refuses(sch, () => sch.merge(b[0], b[1]), { rule: /a loop is inside another/ });
    refuses(sch, () => sch.merge(b[0], c[1]), { rule: /different depths/ });
    refuses(sch, () => sch.merge(c[0], d[0]), { rule: /different extents/, nodes: ["i", "i"] });
    refuses(sch, () => sch.merge(b[0], d[0]), { rule: /different extents/ });
    sch.loopPartition(b[0], [7]);
    const parts = ["B_i0", "B_i1"].map((x) => loops(sch, x));
    refuses(sch, () => sch.merge(parts[0][0], d[0]), { rule: /not neighbours/ });
    refuses(sch, () => sch.merge(parts[0][1], parts[1][1]), { rule: /different extents/ });
    sch.annotate(d[0], "x", 1);
    refuses(sch, () => sch.merge(parts[0][0], d[0]), { rule: /annotated/ });
    const moved = new Schedule(stages());
    moved.reverseComputeAt(moved.getBlock("C"), loops(moved, "B")[0]);
    const [cj, dj] = [loops(moved, "C")[1], loops(moved, "D")[1]];
    refuses(moved, () => moved.merge(cj, dj), { rule: /not the only child/, detail: /i contains more/ });
  });

  it("refuses nests that need later iterations, unfinished sums, one buffer written twice, other scopes", () => {
    const late = new Schedule(
      T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
        const B = T.alloc([8]);
        for (const i of T.serial(8)) {
          T.block("B", () => {
            const vi = T.axis.spatial(8, i);
            B[vi] = A[vi];
          });
        }
        for (const i of T.serial(8)) {
          T.block("C", () => {
            const vi = T.axis.spatial(8, i);
            C[vi] = B[7 - vi];
          });
        }
      }),
    );
    const [lb, lc] = [loops(late, "B")[0], loops(late, "C")[0]];
    refuses(late, () => late.merge(lb, lc), {
      rule: /in a later iteration/,
    });
    const mm = new Schedule(mmRelu());
    const [y, c] = [mm.getBlock("Y"), mm.getBlock("C")];
    mm.reorder(mm.getLoops(y)[2], mm.getLoops(y)[0], mm.getLoops(y)[1]);
    const k = mm.getLoops(y)[0];
    mm.split(mm.getLoops(c)[0], [10, null]);
    const [first] = mm.getLoops(c);
    refuses(mm, () => mm.merge(k, first), { rule: /not finished/, detail: /k drives a reduce axis of Y/ });
    const twice = new Schedule(addOne());
    const parts = twice.loopPartition(twice.getLoops(twice.getBlock("B"))[0], [2]);
    refuses(twice, () => twice.merge(parts[0], parts[1]), { rule: /write the same buffer/ });
  });
});
