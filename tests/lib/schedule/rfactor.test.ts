import assert from "node:assert/strict";
import { type PrimFunc, reviveModule } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";
import { mmRelu, repeated } from "./programs.ts";
import { becomes, refuses, scheduled } from "./support.ts";

/** The sums of rows of a matrix. */
const rows = (n = 8): PrimFunc => {
  const A = te.placeholder([4, n], "A");
  const k = te.reduceAxis(n, "k");
  return te.createPrimFunc([A, te.compute([4], (i) => te.sum(A.at(i, k), k), "S")]);
};

const reduced = (pick: "max" | "min" | "prod"): PrimFunc => {
  const A = te.placeholder([4, 6], "A");
  const k = te.reduceAxis(6, "k");
  return te.createPrimFunc([A, te.compute([4], (i) => te[pick](A.at(i, k), k), "S")]);
};

/** Position of the largest value of each row, as f32. */
const position = (pick: "argmax" | "argmin"): PrimFunc => {
  const A = te.placeholder([4, 6], "A");
  const k = te.reduceAxis(6, "k");
  const P = te.compute([4], (i) => te[pick](A.at(i, k), k), "P");
  return te.createPrimFunc([A, te.compute([4], (i) => te.cast(P.at(i), "f32"), "F")]);
};

describe("rfactor", () => {
  it("leaves partial sums that are not finished in one step: nothing is put into them", () => {
    const sch = new Schedule(rows());
    const sums = sch.getBlock("S");
    const [, k] = sch.getLoops(sums);
    sch.rfactor(k);
    const copy = sch.cacheRead(sums, 0, "global");
    refuses(sch, () => sch.reverseComputeInline(copy), {
      rule: /the producer is not complete/,
      detail: /S_rf has an init/,
    });
  });

  it("a loop of a sum: partial results, then their sum", () => {
    const out = scheduled(rows(), (sch) => {
      const [, k] = sch.getLoops(sch.getBlock("S"));
      const [, inner] = sch.split(k, [null, 4]);
      const partial = sch.rfactor(inner, 0);
      assert.equal(sch.get(partial).name, "S_rf");
      assert.equal(sch.getLoops(partial).length, 3);
      assert.equal(sch.getLoops(sch.getBlock("S")).length, 2);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 8]), S: T.buffer([4]) }, ({ A, S }) => {
        const S_rf = T.alloc([4, 4]);
        for (const [i, k_0, k_1] of T.grid(4, 2, 4)) {
          T.block("S_rf", () => {
            const [vk_1, vi, vk_0] = T.axis.remap("SSR", [k_1, i, k_0]);
            T.init(() => { S_rf[vk_1][vi] = 0; });
            S_rf[vk_1][vi] += A[vi][vk_0 * 4 + vk_1];
          });
        }
        for (const [i, k_1] of T.grid(4, 4)) {
          T.block("S", () => {
            const [vk_1, vi] = T.axis.remap("RS", [k_1, i]);
            T.init(() => { S[vi] = 0; });
            S[vi] += S_rf[vk_1][vi];
          });
        }
      });
    `,
    );
  });

  it("after an uneven split, its dimension last, the partial results vectorized", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [, , k] = sch.getLoops(y);
      const [, k1] = sch.split(k, [null, 4]);
      const partial = sch.rfactor(k1, -1);
      const [i, j, k0, v] = sch.getLoops(partial);
      sch.reorder(i, k0, j, v);
      sch.vectorize(v);
      sch.parallel(sch.getLoops(y)[0]);
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          const Y_rf = T.alloc([12, 16, 4]);
          for (const [i, k_0, j] of T.grid(12, 3, 16)) {
            for (const k_1 of T.vectorized(4)) {
              T.block("Y_rf", () => {
                const [vk_1, vi, vj, vk_0] = T.axis.remap("SSSR", [k_1, i, j, k_0]);
                T.where(k_0 * 4 + k_1 < 10);
                T.init(() => { Y_rf[vi][vj][vk_1] = 0; });
                Y_rf[vi][vj][vk_1] += A[vi][vk_0 * 4 + vk_1] * B[vk_0 * 4 + vk_1][vj];
              });
            }
          }
          for (const i of T.parallel(12)) {
            for (const [j, k_1] of T.grid(16, 4)) {
              T.block("Y", () => {
                const [vk_1, vi, vj] = T.axis.remap("RSS", [k_1, i, j]);
                T.init(() => { Y[vi][vj] = 0; });
                Y[vi][vj] += Y_rf[vi][vj][vk_1];
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

  it("partial results of which some have no instance bring in the identity", () => {
    const out = scheduled(rows(5), (sch) => {
      const [, k] = sch.getLoops(sch.getBlock("S"));
      sch.rfactor(sch.split(k, [4, 3])[0], 1);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 5]), S: T.buffer([4]) }, ({ A, S }) => {
        const S_rf = T.alloc([4, 4]);
        for (const [i, k_0, k_1] of T.grid(4, 4, 3)) {
          T.block("S_rf", () => {
            const [vk_0, vi, vk_1] = T.axis.remap("SSR", [k_0, i, k_1]);
            T.init(() => { S_rf[vi][vk_0] = 0; });
            S_rf[vi][vk_0] += vk_0 * 3 + vk_1 < 5 ? A[vi][vk_0 * 3 + vk_1] : 0;
          });
        }
        for (const [i, k_0] of T.grid(4, 4)) {
          T.block("S", () => {
            const [vk_0, vi] = T.axis.remap("RS", [k_0, i]);
            T.init(() => { S[vi] = 0; });
            S[vi] += S_rf[vi][vk_0];
          });
        }
      });
    `,
    );
  });

  it("twice, and then decomposed", () => {
    scheduled(rows(), (sch) => {
      const s = sch.getBlock("S");
      const [, k] = sch.getLoops(s);
      const [, b, c] = sch.split(k, [2, 2, 2]);
      const first = sch.rfactor(c);
      const second = sch.rfactor(b);
      assert.equal(sch.get(second).name, "S_rf_rf");
      assert.equal(sch.get(first).name, "S_rf");
      sch.decomposeReduction(s, sch.getLoops(s)[1]);
    });
  });

  it("over loops that were fused, at another scope", () => {
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const [k0, k1] = sch.split(k, [5, 2]);
      sch.fuse(i, j);
      sch.rfactor(sch.split(sch.fuse(k0, k1), [null, 5])[1], 1);
      sch.setScope(sch.getBlock("Y_rf"), 0, "local");
    });
  });

  for (const pick of ["max", "min", "prod"] as const) {
    it(`${pick} keeps its own start`, () => {
      scheduled(reduced(pick), (sch) => {
        const [, k] = sch.getLoops(sch.getBlock("S"));
        sch.rfactor(sch.split(k, [null, 2])[0]);
      });
    });
  }

  for (const pick of ["argmax", "argmin"] as const) {
    it(`${pick}: position and value together`, () => {
      const out = scheduled(position(pick), (sch) => {
        const [, k] = sch.getLoops(sch.getBlock("P"));
        sch.rfactor(sch.split(k, [null, 4])[0]);
      });
      if (pick === "argmax")
        becomes(
          out,
          `
      T.primFunc({ A: T.buffer([4, 6]), F: T.buffer([4]) }, ({ A, F }) => {
        const P = T.alloc([4], "i32");
        const P_value = T.alloc([4]);
        const P_rf = T.alloc([2, 4], "i32");
        const P_value_rf = T.alloc([2, 4]);
        for (const [i, k_0, k_1] of T.grid(4, 2, 4)) {
          T.block("P_rf", () => {
            const [vk_0, vi, vk_1] = T.axis.remap("SSR", [k_0, i, k_1]);
            T.where(k_0 * 4 + k_1 < 6);
            T.init(() => {
              P_rf[vk_0][vi] = 0;
              P_value_rf[vk_0][vi] = -Infinity;
            });
            const at = vk_0 * 4 + vk_1;
            const x = A[vi][vk_0 * 4 + vk_1];
            const better = x > P_value_rf[vk_0][vi] || (x === P_value_rf[vk_0][vi] && at < P_rf[vk_0][vi]);
            P_rf[vk_0][vi] = better ? at : P_rf[vk_0][vi];
            P_value_rf[vk_0][vi] = better ? x : P_value_rf[vk_0][vi];
          });
        }
        for (const [i, k_0] of T.grid(4, 2)) {
          T.block("P", () => {
            const [vk_0, vi] = T.axis.remap("RS", [k_0, i]);
            T.init(() => {
              P[vi] = 0;
              P_value[vi] = -Infinity;
            });
            const at = P_rf[vk_0][vi];
            const x = P_value_rf[vk_0][vi];
            const better = x > P_value[vi] || (x === P_value[vi] && at < P[vi]);
            P[vi] = better ? at : P[vi];
            P_value[vi] = better ? x : P_value[vi];
          });
        }
        for (const i of T.serial(4)) {
          T.block("F", () => {
            const [vi] = T.axis.remap("S", [i]);
            F[vi] = T.cast(P[vi], "f32");
          });
        }
      });
    `,
        );
    });
  }

  it("argmax as others write it: two lets, the old position kept, the first of equals", () => {
    const f = T.primFunc(
      { A: T.buffer([4, 6]), I: T.buffer([4, 6]), P: T.buffer([4]), V: T.buffer([4]) },
      ({ A, I, P, V }) => {
        for (const [i, k] of T.grid(4, 6)) {
          T.block("P", () => {
            const [vi, vk] = T.axis.remap("SR", [i, k]);
            T.init(() => {
              P[vi] = -1;
              V[vi] = -Infinity;
            });
            const at = V[vi] >= A[vi][vk] ? P[vi] : I[vi][vk];
            const best = V[vi] >= A[vi][vk] ? V[vi] : A[vi][vk];
            P[vi] = at;
            V[vi] = best;
          });
        }
      },
    );
    // Outermost digits keep the order of equal values.
    scheduled(f, (sch) => {
      const [, k] = sch.getLoops(sch.getBlock("P"));
      sch.rfactor(sch.split(k, [2, 3])[0]);
    });
  });

  it("an initial value that is no identity goes into the combination once", () => {
    const f = T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([4]), S: T.buffer([4]) }, ({ A, B, S }) => {
      for (const [i, k] of T.grid(4, 6)) {
        T.block("S", () => {
          const [vi, vk] = T.axis.remap("SR", [i, k]);
          T.init(() => {
            S[vi] = B[vi];
          });
          S[vi] = A[vi][vk] + S[vi];
        });
      }
    });
    scheduled(f, (sch) => {
      sch.rfactor(sch.getLoops(sch.getBlock("S"))[1]);
    });
  });

  it("gives a function that survives JSON", () => {
    const sch = new Schedule(rows());
    sch.rfactor(sch.getLoops(sch.getBlock("S"))[1]);
    assert.equal(new Schedule(reviveModule(JSON.parse(JSON.stringify(sch.mod)))).script(), sch.script());
  });

  it("refuses what it has to", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const [i, j, k] = sch.getLoops(y);
    const [c] = sch.getLoops(sch.getBlock("C"));
    refuses(sch, () => sch.rfactor(c), {
      rule: /not a reduction block/,
      detail: /C has no init/,
      nodes: ["C"],
    });
    refuses(sch, () => sch.rfactor(j), {
      rule: /no loop of the reduction/,
      detail: /j drives no reduce axis of Y/,
      suggestion: /^sch\.rfactor\(k, 0\)$/,
    });
    refuses(sch, () => sch.rfactor(k, 3), {
      rule: /factor axis is out of range/,
      detail: /3, but Y with one more dimension has 3: -3 to 2/,
    });
    refuses(sch, () => sch.rfactor(k, -4), { rule: /factor axis is out of range/ });
    refuses(sch, () => sch.rfactor(k, 0.5), { rule: /factor axis is out of range/ });
    const un = sch.copy();
    un.unroll(k);
    refuses(un, () => un.rfactor(k), {
      rule: /the loop is not serial/,
      detail: /k is unrolled/,
      nodes: ["k"],
    });
    const mixed = sch.copy();
    const f = mixed.fuse(j, k);
    const [, part] = mixed.split(f, [null, 7]);
    refuses(mixed, () => mixed.rfactor(part), { rule: /touches both kinds of axes/ });
    const moved = sch.copy();
    moved.reverseComputeAt(moved.getBlock("C"), i);
    refuses(moved, () => moved.rfactor(k), {
      rule: /several children/,
      detail: /i contains 2 statements/,
    });
  });

  it("refuses a reducer it does not know, and a loop that repeats", () => {
    const odd = new Schedule(
      T.primFunc({ A: T.buffer([4, 6]), S: T.buffer([4]) }, ({ A, S }) => {
        for (const [i, k] of T.grid(4, 6)) {
          T.block("S", () => {
            const [vi, vk] = T.axis.remap("SR", [i, k]);
            T.init(() => {
              S[vi] = 0;
            });
            S[vi] = S[vi] * 2 + A[vi][vk];
          });
        }
      }),
    );
    const oddK = odd.getLoops(odd.getBlock("S"))[1];
    refuses(odd, () => odd.rfactor(oddK), {
      rule: /the reducer is unknown/,
      detail: /none of sum, prod, max, min/,
    });
    const again = new Schedule(repeated());
    const block = again.getChildBlocks(again.getBlock("root"))[0];
    const loops = again.getLoops(block);
    const why = [/repeats the reduction/, /no loop of the reduction/, /not a reduction block/];
    for (const l of loops) {
      assert.throws(
        () => again.rfactor(l),
        (e: Error) => why.some((w) => w.test(e.message)),
      );
    }
  });

  it("refuses loops that do not form a box from 0, and conditions it cannot follow", () => {
    const from2 = new Schedule(
      T.primFunc({ A: T.buffer([4, 6]), S: T.buffer([4]) }, ({ A, S }) => {
        for (const i of T.serial(4)) {
          for (const k of T.range(2, 6)) {
            T.block("S", () => {
              const vi = T.axis.spatial(4, i);
              const vk = T.axis.reduce(4, k - 2);
              T.init(() => {
                S[vi] = 0;
              });
              S[vi] = S[vi] + A[vi][vk];
            });
          }
        }
      }),
    );
    const from2K = from2.getLoops(from2.getBlock("S"))[1];
    refuses(from2, () => from2.rfactor(from2K), {
      rule: /do not form a box from 0/,
      detail: /k does not start at 0/,
    });
    const guarded = new Schedule(
      T.primFunc({ A: T.buffer([4, 6]), S: T.buffer([4]) }, ({ A, S }) => {
        for (const [i, k] of T.grid(4, 6)) {
          T.block("S", () => {
            const [vi, vk] = T.axis.remap("SR", [i, k]);
            T.where(i + k < 8);
            T.init(() => {
              S[vi] = 0;
            });
            S[vi] = S[vi] + A[vi][vk];
          });
        }
      }),
    );
    const guardedK = guarded.getLoops(guarded.getBlock("S"))[1];
    refuses(guarded, () => guarded.rfactor(guardedK), {
      rule: /a condition touches both kinds/,
    });
  });
});
