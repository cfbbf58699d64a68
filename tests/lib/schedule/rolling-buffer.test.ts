import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { parsePrimFunc, script, T } from "../../../lib/script/index.ts";
import { conv, pool } from "./dataflow-programs.ts";
import { mmRelu } from "./programs.ts";
import { argumentsOf, becomes, refuses, same, scheduled } from "./support.ts";

/** C sums three neighbours of B, D two of C. */
const cascade = (): PrimFunc =>
  T.primFunc({ A: T.buffer([20]), D: T.buffer([16]) }, ({ A, D }) => {
    const B = T.alloc([20]);
    const C = T.alloc([18]);
    for (const i of T.serial(20)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = A[vi] * 2;
      });
    }
    for (const i of T.serial(18)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi] + B[vi + 1] + B[vi + 2];
      });
    }
    for (const i of T.serial(16)) {
      T.block("D", () => {
        const [vi] = T.axis.remap("S", [i]);
        D[vi] = C[vi] + C[vi + 2];
      });
    }
  });

/** Sums of 3, added two rows apart. */
const rowSums = (): PrimFunc =>
  T.primFunc({ A: T.buffer([12, 8, 3]), D: T.buffer([10, 8]) }, ({ A, D }) => {
    const B = T.alloc([12, 8]);
    for (const [i, j, k] of T.grid(12, 8, 3)) {
      T.block("B", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => {
          B[vi][vj] = 0;
        });
        B[vi][vj] += A[vi][vj][vk];
      });
    }
    for (const [i, j] of T.grid(10, 8)) {
      T.block("D", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        D[vi][vj] = B[vi][vj] + B[vi + 2][vj];
      });
    }
  });

/** Sums of 3x3 elements along the diagonal. */
const diagonal = (): PrimFunc =>
  T.primFunc({ A: T.buffer([12, 12]), D: T.buffer([10]) }, ({ A, D }) => {
    const B = T.alloc([12, 12]);
    for (const [i, j] of T.grid(12, 12)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const [i, r, s] of T.grid(10, 3, 3)) {
      T.block("D", () => {
        const [vi, vr, vs] = T.axis.remap("SRR", [i, r, s]);
        T.init(() => {
          D[vi] = 0;
        });
        D[vi] += B[vi + vr][vi + vs];
      });
    }
  });

/** Moves `of` under loop number `i` of `to`, and rolls it. */
function roll(sch: Schedule, of: string, to: string, i: number): void {
  const b = sch.getBlock(of);
  sch.computeAt(b, sch.getLoops(sch.getBlock(to))[i]);
  sch.rollingBuffer(b, 0);
}

/** Tiles of 4x3 of the convolution, each with the padded input it needs. */
function tiled(sch: Schedule): void {
  const y = sch.getBlock("Y");
  const [i, j] = sch.getLoops(y);
  const [i0, i1] = sch.split(i, [null, 4]);
  const [j0, j1] = sch.split(j, [null, 3]);
  sch.reorder(i0, j0, i1, j1);
  sch.computeAt(sch.getBlock("P"), j0);
}

describe("rollingBuffer", () => {
  it("a window with a stride: each step makes what is new", () => {
    becomes(
      scheduled(pool(), (sch) => roll(sch, "B", "C", 0)),
      `
      T.primFunc({ A: T.buffer([20]), C: T.buffer([9]) }, ({ A, C }) => {
        const B = T.alloc([3]);
        for (const i of T.serial(9)) {
          for (const ax0 of T.serial(3)) {
            T.block("B", () => {
              const vi = T.axis.opaque(20, i * 2 + ax0);
              T.where(i < 1 || 1 <= ax0);
              B[T.floormod(vi, 3)] = A[vi] * 2;
            });
          }
          for (const k of T.serial(3)) {
            T.block("C", () => {
              const [vi, vk] = T.axis.remap("SR", [i, k]);
              T.init(() => { C[vi] = 0; });
              C[vi] += B[T.floormod(vi * 2 + vk, 3)];
            });
          }
        }
      });
    `,
    );
  });

  it("tiles that overlap both ways: rows go in a circle, columns are kept; after split and reorder", () => {
    becomes(
      scheduled(conv(), (sch) => {
        tiled(sch);
        sch.rollingBuffer(sch.getBlock("P"), 0);
      }),
      `
      T.primFunc({ X: T.buffer([8, 9]), W: T.buffer([3, 3]), Y: T.buffer([8, 9]) }, ({ X, W, Y }) => {
        const P = T.alloc([6, 11]);
        for (const [i_0, j_0] of T.grid(2, 3)) {
          for (const [ax0, ax1] of T.grid(6, 5)) {
            T.block("P", () => {
              const vi = T.axis.opaque(10, i_0 * 4 + ax0);
              const vj = T.axis.opaque(11, j_0 * 3 + ax1);
              T.where((i_0 < 1 || 2 <= ax0) && (j_0 < 1 || 2 <= ax1));
              P[T.floormod(vi, 6)][vj] =
                vi >= 1 && vi < 9 && vj >= 1 && vj < 10 ? X[vi - 1][vj - 1] : 0;
            });
          }
          for (const [i_1, j_1, r, s] of T.grid(4, 3, 3, 3)) {
            T.block("Y", () => {
              const vi = T.axis.spatial(8, i_0 * 4 + i_1);
              const vj = T.axis.spatial(9, j_0 * 3 + j_1);
              const vr = T.axis.reduce(3, r);
              const vs = T.axis.reduce(3, s);
              T.init(() => { Y[vi][vj] = 0; });
              Y[vi][vj] += P[T.floormod(vi + vr, 6)][vj + vs] * W[vr][vs];
            });
          }
        }
      });
    `,
    );
  });

  it("a cascade in uneven tiles: the predicate that was there stays", () => {
    becomes(
      scheduled(cascade(), (sch) => {
        const [t] = sch.split(sch.getLoops(sch.getBlock("D"))[0], [null, 5]);
        const [b, c] = [sch.getBlock("B"), sch.getBlock("C")];
        sch.computeAt(c, t);
        sch.computeAt(b, t);
        sch.rollingBuffer(c, 0);
        sch.rollingBuffer(b, 0);
      }),
      `
      T.primFunc({ A: T.buffer([20]), D: T.buffer([16]) }, ({ A, D }) => {
        const B = T.alloc([9]);
        const C = T.alloc([7]);
        for (const i_0 of T.serial(4)) {
          for (const ax0 of T.serial(9)) {
            T.block("B", () => {
              const vi = T.axis.opaque(20, i_0 * 5 + ax0);
              T.where(i_0 * 5 + ax0 < 20 && (i_0 < 1 || 4 <= ax0));
              B[T.floormod(vi, 9)] = A[vi] * 2;
            });
          }
          for (const ax0 of T.serial(7)) {
            T.block("C", () => {
              const vi = T.axis.opaque(18, i_0 * 5 + ax0);
              T.where(i_0 * 5 + ax0 < 18 && (i_0 < 1 || 2 <= ax0));
              C[T.floormod(vi, 7)] =
                B[T.floormod(vi, 9)] + B[T.floormod(vi + 1, 9)] + B[T.floormod(vi + 2, 9)];
            });
          }
          for (const i_1 of T.serial(5)) {
            T.block("D", () => {
              const vi = T.axis.spatial(16, i_0 * 5 + i_1);
              T.where(i_0 * 5 + i_1 < 16);
              D[vi] = C[T.floormod(vi, 7)] + C[T.floormod(vi + 2, 7)];
            });
          }
        }
      });
    `,
    );
  });

  it("sums, in a loop inside: each column starts over", () => {
    becomes(
      scheduled(rowSums(), (sch) => {
        const [i, j] = sch.getLoops(sch.getBlock("D"));
        sch.reorder(j, i);
        roll(sch, "B", "D", 1);
      }),
      `
      T.primFunc({ A: T.buffer([12, 8, 3]), D: T.buffer([10, 8]) }, ({ A, D }) => {
        const B = T.alloc([3, 8]);
        for (const [j, i] of T.grid(8, 10)) {
          for (const [ax0, ax1] of T.grid(3, 3)) {
            T.block("B", () => {
              const vi = T.axis.opaque(12, i + ax0);
              const vj = T.axis.spatial(8, j);
              const vk = T.axis.reduce(3, ax1);
              T.where(i < 1 || 2 <= ax0);
              T.init(() => { B[T.floormod(vi, 3)][vj] = 0; });
              B[T.floormod(vi, 3)][vj] += A[vi][vj][vk];
            });
          }
          T.block("D", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            D[vi][vj] = B[T.floormod(vi, 3)][vj] + B[T.floormod(vi + 2, 3)][vj];
          });
        }
      });
    `,
    );
  });

  it("a diagonal: an element is known when it was there in both dimensions", () => {
    becomes(
      scheduled(diagonal(), (sch) => roll(sch, "B", "D", 0)),
      `
      T.primFunc({ A: T.buffer([12, 12]), D: T.buffer([10]) }, ({ A, D }) => {
        const B = T.alloc([3, 12]);
        for (const i of T.serial(10)) {
          for (const [ax0, ax1] of T.grid(3, 3)) {
            T.block("B", () => {
              const vi = T.axis.opaque(12, i + ax0);
              const vj = T.axis.opaque(12, i + ax1);
              T.where(i < 1 || 2 <= ax0 || 2 <= ax1);
              B[T.floormod(vi, 3)][vj] = A[vi][vj] * 2;
            });
          }
          for (const [r, s] of T.grid(3, 3)) {
            T.block("D", () => {
              const [vi, vr, vs] = T.axis.remap("SRR", [i, r, s]);
              T.init(() => { D[vi] = 0; });
              D[vi] += B[T.floormod(vi + vr, 3)][vi + vs];
            });
          }
        }
      });
    `,
    );
  });

  it("before other primitives; the order of the loop counts from then on", () => {
    const out = scheduled(conv(), (sch) => {
      tiled(sch);
      const p = sch.getBlock("P");
      sch.rollingBuffer(p, 0);
      const [i0, j0] = sch.getLoops(p);
      refuses(sch, () => sch.reorder(j0, i0), { rule: /opaque/ });
      refuses(sch, () => sch.parallel(i0), { rule: /compact dataflow/ });
      sch.split(j0, [null, 2]);
      sch.unroll(i0);
      sch.setScope(p, 0, "local");
    });
    same(out, parsePrimFunc(script(out)));
  });

  it("computes the same in WebAssembly: what is kept is not packed", async () => {
    for (const f of [conv, cascade, diagonal]) {
      const sch = new Schedule(f());
      if (f === conv) {
        tiled(sch);
        sch.rollingBuffer(sch.getBlock("P"), 0);
      } else roll(sch, f === cascade ? "C" : "B", "D", 0);
      const [args, expected] = [argumentsOf(f()), argumentsOf(f())];
      const tensors = args.map((a) => Tensor.from(a.data as Float32Array, a.shape as number[]));
      const lib = await build(sch.mod, { target: "wasm" });
      await lib.main(...tensors);
      interpret(f(), expected);
      const last = expected.length - 1;
      assert.deepEqual([...tensors[last].data], [...expected[last].data]);
    }
  });

  it("refuses outputs, other dependencies, sums without a start, and bad numbers", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    refuses(sch, () => sch.rollingBuffer(c, 0), {
      rule: /block is an output/,
      detail: /C writes C, which is seen outside root/,
      nodes: ["C"],
    });
    refuses(sch, () => sch.rollingBuffer(y, 1), { rule: /write index is out of range/, detail: /0: Y/ });
    sch.decomposeReduction(y, sch.getLoops(y)[2]);
    refuses(sch, () => sch.rollingBuffer(y, 0), {
      rule: /not only read-after-write/,
      detail: /Y_update writes Y, which Y_init writes before/,
      nodes: ["Y_init", "Y_update"],
    });
    const overwritten = new Schedule(
      T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
        const B = T.alloc([8]);
        const E = T.alloc([8]);
        for (const i of T.serial(8)) {
          T.block("B", () => {
            const vi = T.axis.spatial(8, i);
            B[vi] = E[vi] + A[vi];
          });
          T.block("C", () => {
            const vi = T.axis.spatial(8, i);
            E[vi] = A[vi];
            C[vi] = B[vi];
          });
        }
      }),
    );
    const early = overwritten.getBlock("B");
    refuses(overwritten, () => overwritten.rollingBuffer(early, 0), {
      rule: /not only read-after-write/,
      detail: /C writes E, which B reads before/,
    });
    const added = new Schedule(
      T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
        const B = T.alloc([8]);
        for (const i of T.serial(8)) {
          T.block("B", () => {
            const vi = T.axis.spatial(8, i);
            B[vi] = T.max(B[vi], A[vi]);
          });
          T.block("C", () => {
            const vi = T.axis.spatial(8, i);
            C[vi] = B[vi];
          });
        }
      }),
    );
    const sum = added.getBlock("B");
    refuses(added, () => added.rollingBuffer(sum, 0), {
      rule: /neither complete nor a reduction/,
      detail: /both reads and writes B; no reduction: B has no init/,
    });
  });

  it("refuses what does not roll", () => {
    const rule = /no rolling pattern/;
    const sch = new Schedule(pool());
    const [b, c] = [sch.getBlock("B"), sch.getBlock("C")];
    refuses(sch, () => sch.rollingBuffer(b, 0), {
      rule,
      detail: /B and its consumers \(C\) share no loop/,
      suggestion: /^sch\.computeAt\(B, loop\) with a loop around C before$/,
      nodes: ["B", "C"],
    });
    const [i] = sch.getLoops(c);
    sch.computeAt(b, i);
    sch.rollingBuffer(b, 0);
    refuses(sch, () => sch.rollingBuffer(b, 0), { rule: /neither complete/, detail: /axis vi is opaque/ });

    const flat = new Schedule(mmRelu());
    const y = flat.getBlock("Y");
    flat.computeAt(y, flat.getLoops(flat.getBlock("C"))[1]);
    refuses(flat, () => flat.rollingBuffer(y, 0), {
      rule,
      detail: /no dimension of Y overlaps between neighbouring iterations of i, j/,
    });

    const side = new Schedule(pool());
    const t = side.getLoops(side.getBlock("C"))[0];
    side.computeAt(side.getBlock("B"), t);
    side.bind(t, "blockIdx.x");
    const moved = side.getBlock("B");
    refuses(side, () => side.rollingBuffer(moved, 0), {
      rule,
      detail: /iterations of i do not follow each other/,
    });

    const block = (binding: string, where: string, store: string) =>
      parsePrimFunc(`
        T.primFunc({ A: T.buffer([20]), C: T.buffer([9]) }, ({ A, C }) => {
          const B = T.alloc([40]);
          for (const i of T.serial(9)) {
            for (const k of T.serial(3)) {
              T.block("B", () => {
                const vi = T.axis.spatial(20, ${binding});
                ${where}
                B[${store}] = A[vi];
              });
            }
            T.block("C", () => {
              const vi = T.axis.spatial(9, i);
              C[vi] = B[vi];
            });
          }
        })`);
    const no = (f: PrimFunc, detail: RegExp) => {
      const s = new Schedule(f);
      const rolled = s.getBlock("B");
      refuses(s, () => s.rollingBuffer(rolled, 0), { rule, detail });
    };
    no(block("i + k", "", "vi * 2"), /does not write B at its spatial axes/);
    no(block("i + k * 2", "", "vi"), /may have gaps/);
    no(block("i + k", "T.where(i + k < 4);", "vi"), /C reads parts of B that B do not fill/);
    no(block("i + k", "T.where(k < 2);", "vi"), /leaves out different elements in different iterations/);
  });
});
