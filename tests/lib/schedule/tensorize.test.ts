import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule, TensorIntrin } from "../../../lib/schedule/index.ts";
import { parsePrimFunc, script, T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { argumentsOf, becomes, refuses, same, scheduled } from "./support.ts";

/** C += A · B over 4 x 5 x 4. */
const description = () =>
  T.primFunc({ A: T.buffer([4, 5]), B: T.buffer([5, 4]), C: T.buffer([4, 4]) }, ({ A, B, C }) => {
    T.block("root", () => {
      T.reads(C, A, B);
      T.writes(C);
      for (const [i, j, k] of T.grid(4, 4, 5)) {
        T.block("mm", () => {
          const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
          C[vi][vj] += A[vi][vk] * B[vk][vj];
        });
      }
    });
  });

/** The rows of C in vectors, whatever the strides of A; those of B and C must lie together. */
const implementation = () =>
  T.primFunc(
    {
      A: T.buffer([4, 5], "f32", { strides: ["sa", 1] }),
      B: T.buffer([5, 4], "f32", { strides: ["sb", 1], offsetFactor: 4 }),
      C: T.buffer([4, 4], "f32", { strides: ["sc", 1], offsetFactor: 4 }),
    },
    ({ A, B, C }) => {
      for (const [i, k] of T.grid(4, 5)) {
        for (const j of T.vectorized(4)) C[i][j] += A[i][k] * B[k][j];
      }
    },
  );

TensorIntrin.register("mm4x4", description(), implementation());

function tiles(sch: Schedule) {
  const y = sch.getBlock("Y");
  const [i, j, k] = sch.getLoops(y);
  const [i0, i1] = sch.split(i, [null, 4]);
  const [j0, j1] = sch.split(j, [null, 4]);
  const [k0, k1] = sch.split(k, [null, 5]);
  sch.reorder(i0, j0, k0, i1, j1, k1);
  return { y, k0, i1, j1, k1, j0 };
}

describe("tensorize", () => {
  it("a loop becomes a block, its inside the implementation; the init stays a loop nest", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const { y, k0, i1 } = tiles(sch);
      sch.decomposeReduction(y, k0);
      sch.tensorize(i1, "mm4x4");
    });
    same(
      out,
      T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        for (const [i0, j0] of T.grid(3, 4)) {
          for (const [i1, j1] of T.grid(4, 4)) {
            T.block("Y_init", () => {
              const vi = T.axis.spatial(12, i0 * 4 + i1);
              const vj = T.axis.spatial(16, j0 * 4 + j1);
              Y[vi][vj] = 0;
            });
          }
          for (const k0 of T.serial(2)) {
            T.block("Y_update_o", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i0, j0, k0]);
              for (const [i, k] of T.grid(4, 5)) {
                for (const j of T.vectorized(4)) {
                  Y[vi * 4 + i][vj * 4 + j] += A[vi * 4 + i][vk * 5 + k] * B[vk * 5 + k][vj * 4 + j];
                }
              }
            });
          }
        }
        for (const [i, j] of T.grid(12, 16)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = T.max(Y[vi][vj], 0);
          });
        }
      }),
    );
    same(parsePrimFunc(script(out)), out);
  });

  it("a block that was made before; its init is kept", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const { i1 } = tiles(sch);
      sch.tensorize(sch.blockize(i1), "mm4x4");
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          for (const [i_0, j_0, k_0] of T.grid(3, 4, 2)) {
            T.block("Y_o", () => {
              const [vi_o, vj_o, vk_o] = T.axis.remap("SSR", [i_0, j_0, k_0]);
              T.init(() => {
                for (const [i_1_init, j_1_init] of T.grid(4, 4)) {
                  T.block("Y_init", () => {
                    const [vi_i_init, vj_i_init] = T.axis.remap("SS", [i_1_init, j_1_init]);
                    Y[vi_o * 4 + vi_i_init][vj_o * 4 + vj_i_init] = 0;
                  });
                }
              });
              for (const [i, k] of T.grid(4, 5)) {
                for (const j of T.vectorized(4)) {
                  Y[vi_o * 4 + i][vj_o * 4 + j] += A[vi_o * 4 + i][vk_o * 5 + k] * B[vk_o * 5 + k][vj_o * 4 + j];
                }
              }
            });
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

  it("of a cached, packed operand; the operands may stand the other way round", () => {
    const out = scheduled(swapped(), (sch) => {
      const { y, k0, i1, j0 } = tiles(sch);
      const packed = sch.cacheRead(y, 0, "global");
      sch.computeAt(packed, j0);
      sch.decomposeReduction(y, k0);
      sch.tensorize(i1, "mm4x4");
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          const B_global = T.alloc([10, 16]);
          for (const [i_0, j_0] of T.grid(3, 4)) {
            for (const [ax0, ax1] of T.grid(10, 4)) {
              T.block("B_global", () => {
                const v0 = T.axis.spatial(10, ax0);
                const v1 = T.axis.spatial(16, j_0 * 4 + ax1);
                B_global[v0][v1] = B[v0][v1];
              });
            }
            for (const [i_1_init, j_1_init] of T.grid(4, 4)) {
              T.block("Y_init", () => {
                const vi_init = T.axis.spatial(12, i_0 * 4 + i_1_init);
                const vj_init = T.axis.spatial(16, j_0 * 4 + j_1_init);
                Y[vi_init][vj_init] = 0;
              });
            }
            for (const k_0 of T.serial(2)) {
              T.block("Y_update_o", () => {
                const [vi_o, vj_o, vk_o] = T.axis.remap("SSR", [i_0, j_0, k_0]);
                for (const [i, k] of T.grid(4, 5)) {
                  for (const j of T.vectorized(4)) {
                    Y[vi_o * 4 + i][vj_o * 4 + j] += A[vi_o * 4 + i][vk_o * 5 + k] * B_global[vk_o * 5 + k][vj_o * 4 + j];
                  }
                }
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

  it("with names for rows, stated regions, and an init: the sum is no operand, and can be cached", () => {
    TensorIntrin.register(
      "mm4x4_rows",
      description(),
      T.primFunc(
        {
          A: T.buffer([4, 5], "f32", { strides: ["sa", 1] }),
          B: T.buffer([5, 4], "f32", { strides: ["sb", 1] }),
          C: T.buffer([4, 4], "f32", { strides: ["sc", 1] }),
        },
        ({ A, B, C }) => {
          T.block("rows", () => {
            T.reads(C, A, B);
            T.writes(C);
            for (const [i, k] of T.grid(4, 5)) {
              T.block("row", () => {
                const [vi, vk] = T.axis.remap("SR", [i, k]);
                const b = T.matchBuffer(B[vk][T.slice(0, 4)], [4], { strides: [1] });
                const c = T.matchBuffer(C[vi][T.slice(0, 4)], [4], { strides: [1] });
                for (const j of T.vectorized(4)) c[j] += A[vi][vk] * b[j];
              });
            }
          });
        },
      ),
    );
    const out = scheduled(mmRelu(), (sch) => {
      const { k0, j0, i1 } = tiles(sch);
      sch.tensorize(i1, "mm4x4_rows");
      const outer = sch.getBlock("Y_o");
      const copy = sch.cacheWrite(outer, 0, "local");
      sch.reverseComputeAt(copy, j0);
      sch.decomposeReduction(outer, k0);
    });
    const text = script(out);
    assert.match(text, /Y_local\[vi_o \* 4 \+ vi\]\[vj_o \* 4 \+ j\] \+= A\[/);
    assert.match(text, /T\.block\("Y_o_init"/);
  });

  it("computes the same in WebAssembly", async () => {
    const sch = new Schedule(mmRelu());
    const { y, k0, i1 } = tiles(sch);
    sch.decomposeReduction(y, k0);
    sch.tensorize(i1, "mm4x4");
    const lib = await build(sch.mod);
    const [args, expected] = [argumentsOf(mmRelu()), argumentsOf(mmRelu())];
    const tensors = args.map((a) => Tensor.from(a.data as Float32Array, a.shape as number[]));
    await lib.main(...tensors);
    interpret(mmRelu(), expected);
    assert.deepEqual([...tensors[2].data], [...expected[2].data]);
  });

  it("refuses an unknown intrinsic, and says where a block differs", () => {
    const sch = new Schedule(mmRelu());
    const { y, k0, i1, j1 } = tiles(sch);
    const c = sch.getBlock("C");
    refuses(sch, () => sch.tensorize(i1, "mm3x3"), {
      rule: /not registered/,
      detail: /"mm3x3" is unknown; registered: mm4x4/,
      suggestion: /TensorIntrin\.register\("mm3x3"/,
    });
    const rule = /does not match the description of "mm4x4"/;
    refuses(sch, () => sch.tensorize(j1, "mm4x4"), {
      rule,
      detail: /extent of loop k_1: 5 against 4|extent of loop/,
    });
    refuses(sch, () => sch.tensorize(c, "mm4x4"), { rule, detail: /a store against a for/ });
    sch.parallel(j1);
    sch.decomposeReduction(y, k0);
    refuses(sch, () => sch.tensorize(i1, "mm4x4"), { rule, detail: /in loop i_1: loop j_1 is parallel/ });
  });

  it("says which operator, buffer or index differs", () => {
    const rule = /does not match/;
    const differs = (f: PrimFunc, detail: RegExp): void => {
      const sch = new Schedule(f);
      const { y, k0, i1 } = tiles(sch);
      sch.decomposeReduction(y, k0);
      refuses(sch, () => sch.tensorize(i1, "mm4x4"), { rule, detail });
    };
    differs(
      product((a, b) => `${a} - ${b}`),
      /in loop i_1, loop j_1, loop k_1, block Y_update, store to Y: operator: sub against mul/,
    );
    differs(
      product((a) => `${a} * ${a}`),
      /index 0 of A does not move as index 0 of B|index 1 of A does not move/,
    );
    differs(
      product((a, b) => `${a} * ${b} * 2`),
      /a binary against a load|literal/,
    );
  });

  it("refuses strides and starts that the implementation does not take", () => {
    const strided = T.primFunc(
      { A: T.buffer([4]), B: T.buffer([4], "f32", { strides: [2] }) },
      ({ A, B }) => {
        for (const i of T.serial(4)) {
          T.block("B", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[vi] = A[vi] + 1;
          });
        }
      },
    );
    const plus = (options: { strides?: [number]; offsetFactor?: number }) =>
      parsePrimFunc(
        `T.primFunc({ A: T.buffer([4]), B: T.buffer([4], "f32", ${JSON.stringify(options)}) }, ({ A, B }) => {
          for (const i of T.serial(4)) {
            T.block("B", () => {
              const [vi] = T.axis.remap("S", [i]);
              B[vi] = A[vi] + 1;
            });
          }
        })`,
      );
    TensorIntrin.register("plus_dense", plus({}), plus({ strides: [1] }), { override: true });
    TensorIntrin.register("plus_at_8", plus({}), plus({ offsetFactor: 8 }), { override: true });
    const s = new Schedule(strided);
    const [i] = s.getLoops(s.getBlock("B"));
    refuses(s, () => s.tensorize(i, "plus_dense"), {
      rule: /strides do not fit/,
      detail: /dimension 0 of B has stride 2, B of "plus_dense" needs 1/,
    });
    const t = new Schedule(
      T.primFunc({ A: T.buffer([16]), B: T.buffer([16]) }, ({ A, B }) => {
        for (const [a, b] of T.grid(4, 4)) {
          T.block("B", () => {
            const v = T.axis.spatial(16, a * 4 + b);
            B[v] = A[v] + 1;
          });
        }
      }),
    );
    const [, inner] = t.getLoops(t.getBlock("B"));
    refuses(t, () => t.tensorize(inner, "plus_at_8"), {
      rule: /start of a tile does not fit/,
      detail: /starts at element v_o \* 4, B of "plus_at_8" needs multiples of 8/,
    });
  });

  it("registers what fits together, once", () => {
    assert.throws(
      () => TensorIntrin.register("mm4x4", description(), implementation()),
      /there is an intrinsic/,
    );
    assert.throws(
      () => TensorIntrin.register("x", description(), mmRelu()),
      /buffer 0 is f32\[4, 5\] global in the description, f32\[12, 10\] global/,
    );
    assert.ok(TensorIntrin.names().includes("mm4x4"));
  });

  it("prints offset factors", () => {
    const f = implementation();
    same(parsePrimFunc(script(f)), f);
    assert.match(script(f), /strides: \["sb", 1\], offsetFactor: 4/);
  });
});

/** mmRelu with another term under the sum. */
function product(term: (a: string, b: string) => string): PrimFunc {
  return parsePrimFunc(script(mmRelu()).replace("A[vi][vk] * B[vk][vj]", term("A[vi][vk]", "B[vk][vj]")));
}

const swapped = (): PrimFunc => product((a, b) => `${b} * ${a}`);
