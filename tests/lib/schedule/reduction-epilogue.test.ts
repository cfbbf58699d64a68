import assert from "node:assert/strict";
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";
import { mmRelu } from "./programs.ts";
import { becomes, refuses, scheduled } from "./support.ts";

type Epilogue = (
  sum: ReturnType<typeof te.mul>,
  bias: ReturnType<typeof te.mul>,
) => ReturnType<typeof te.mul>;

const linear = (epilogue: Epilogue, pick: "sum" | "max" = "sum"): PrimFunc => {
  const [A, B, bias] = [te.placeholder([6, 8], "A"), te.placeholder([8, 5], "B"), te.placeholder([5], "b")];
  const k = te.reduceAxis(8, "k");
  const Y = te.compute([6, 5], (i, j) => te[pick](te.mul(A.at(i, k), B.at(k, j)), k), "Y");
  return te.createPrimFunc([A, B, bias, te.compute([6, 5], (i, j) => epilogue(Y.at(i, j), bias.at(j)), "D")]);
};

const plus = (): PrimFunc => linear((y, b) => te.add(y, b));

describe("fuseReductionEpilogue", () => {
  it("refuses a second reduction whose axes are all spatial after rfactor", () => {
    const A = te.placeholder([4, 6], "A");
    const [k, l] = [te.reduceAxis(6, "k"), te.reduceAxis(4, "l")];
    const S = te.compute([4], (i) => te.sum(A.at(i, k), k), "S");
    const sch = new Schedule(te.createPrimFunc([A, te.compute([1], () => te.sum(S.at(l), l), "R")]));
    const [, inner] = sch.getLoops(sch.getBlock("R"));
    sch.rfactor(inner);
    const [sums, partial] = [sch.getBlock("S"), sch.getBlock("R_rf")];
    refuses(sch, () => sch.fuseReductionEpilogue(sums, partial), {
      rule: /the epilogue is not complete/,
      detail: /R_rf has an init/,
    });
  });

  it("the bias becomes the init", () => {
    const out = scheduled(plus(), (sch) => {
      sch.fuseReductionEpilogue(sch.getBlock("Y"), sch.getBlock("D"));
      assert.throws(() => sch.getBlock("D"), /no block "D"/);
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([6, 8]), B: T.buffer([8, 5]), b: T.buffer([5]), D: T.buffer([6, 5]) },
        ({ A, B, b, D }) => {
          for (const [i, j, k] of T.grid(6, 5, 8)) {
            T.block("Y", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
              T.init(() => { D[vi][vj] = b[vj]; });
              D[vi][vj] += A[vi][vk] * B[vk][vj];
            });
          }
        },
      );
    `,
    );
  });

  it("after splits, on the other side of the sum, and decomposed afterwards", () => {
    const out = scheduled(
      linear((y, b) => te.add(te.mul(b, 2), y)),
      (sch) => {
        const y = sch.getBlock("Y");
        const [i, j, k] = sch.getLoops(y);
        const [, j1] = sch.split(j, [null, 2]);
        sch.split(k, [null, 4]);
        sch.reorder(j1, i);
        sch.fuseReductionEpilogue(y, sch.getBlock("D"));
        sch.decomposeReduction(y, sch.getLoops(y)[3]);
      },
    );
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([6, 8]), B: T.buffer([8, 5]), b: T.buffer([5]), D: T.buffer([6, 5]) },
        ({ A, B, b, D }) => {
          for (const [j_1, j_0, i] of T.grid(2, 3, 6)) {
            T.block("Y_init", () => {
              const vi_init = T.axis.spatial(6, i);
              const vj_init = T.axis.spatial(5, j_0 * 2 + j_1);
              T.where(j_0 * 2 + j_1 < 5);
              D[vi_init][vj_init] = b[vj_init] * 2;
            });
            for (const [k_0, k_1] of T.grid(2, 4)) {
              T.block("Y_update", () => {
                const vi = T.axis.spatial(6, i);
                const vj = T.axis.spatial(5, j_0 * 2 + j_1);
                const vk = T.axis.reduce(8, k_0 * 4 + k_1);
                T.where(j_0 * 2 + j_1 < 5);
                D[vi][vj] += A[vi][vk] * B[vk][vj];
              });
            }
          }
        },
      );
    `,
    );
  });

  it("transposed, and factored afterwards: the bias is added once", () => {
    const f = T.primFunc(
      { A: T.buffer([4, 6, 3]), b: T.buffer([4, 3]), D: T.buffer([3, 4]) },
      ({ A, b, D }) => {
        const S = T.alloc([4, 3]);
        for (const [i, j, k] of T.grid(4, 3, 6)) {
          T.block("S", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            T.init(() => {
              S[vi][vj] = 0;
            });
            S[vi][vj] = S[vi][vj] + A[vi][vk][vj];
          });
        }
        for (const [p, q] of T.grid(3, 4)) {
          T.block("D", () => {
            const [vp, vq] = T.axis.remap("SS", [p, q]);
            D[vp][vq] = S[vq][vp] + b[vq][vp];
          });
        }
      },
    );
    const out = scheduled(f, (sch) => {
      const s = sch.getBlock("S");
      sch.fuseReductionEpilogue(s, sch.getBlock("D"));
      sch.rfactor(sch.split(sch.getLoops(s)[2], [2, 3])[0]);
    });
    becomes(
      out,
      `
      T.primFunc({ A: T.buffer([4, 6, 3]), b: T.buffer([4, 3]), D: T.buffer([3, 4]) }, ({ A, b, D }) => {
        const D_rf = T.alloc([2, 3, 4]);
        for (const [i, j, k_0, k_1] of T.grid(4, 3, 2, 3)) {
          T.block("S_rf", () => {
            const [vk_0, vi, vj, vk_1] = T.axis.remap("SSSR", [k_0, i, j, k_1]);
            T.init(() => { D_rf[vk_0][vj][vi] = 0; });
            D_rf[vk_0][vj][vi] += A[vi][vk_0 * 3 + vk_1][vj];
          });
        }
        for (const [i, j, k_0] of T.grid(4, 3, 2)) {
          T.block("S", () => {
            const [vk_0, vi, vj] = T.axis.remap("RSS", [k_0, i, j]);
            T.init(() => { D[vj][vi] = b[vi][vj]; });
            D[vj][vi] += D_rf[vk_0][vj][vi];
          });
        }
      });
    `,
    );
  });

  it("refuses what would change the result", () => {
    const cases: [PrimFunc, RegExp][] = [
      [mmRelu(), /epilogue is not an addition/],
      [linear((y, b) => te.max(te.add(y, b), 0)), /epilogue is not an addition/],
      [linear((y, b) => te.mul(y, b)), /epilogue is not an addition/],
      [linear((y, b) => te.sub(y, b)), /epilogue is not an addition/],
      [linear((y, b) => te.add(y, te.mul(y, b))), /epilogue is not an addition/],
      [linear((y, b) => te.add(y, b), "max"), /not a sum/],
    ];
    for (const [f, rule] of cases) {
      const sch = new Schedule(f);
      const y = sch.getBlock("Y");
      const d = sch.getConsumers(y)[0];
      refuses(sch, () => sch.fuseReductionEpilogue(y, d), { rule });
    }
  });

  it("refuses blocks that do not fit together", () => {
    const sch = new Schedule(plus());
    const [y, d] = [sch.getBlock("Y"), sch.getBlock("D")];
    refuses(sch, () => sch.fuseReductionEpilogue(y, y), { rule: /not in the same scope/ });
    refuses(sch, () => sch.fuseReductionEpilogue(d, y), { rule: /not a reduction block/ });
    const made = sch.copy();
    made.decomposeReduction(y, made.getLoops(y)[0]);
    refuses(made, () => made.fuseReductionEpilogue(y, d), { rule: /not a reduction block/ });
    const other = new Schedule(
      T.primFunc(
        { A: T.buffer([4, 6]), b: T.buffer([4]), S: T.buffer([4]), D: T.buffer([4]), E: T.buffer([4]) },
        ({ A, b, S, D, E }) => {
          const R = T.alloc([4]);
          for (const [i, k] of T.grid(4, 6)) {
            T.block("S", () => {
              const [vi, vk] = T.axis.remap("SR", [i, k]);
              T.init(() => {
                S[vi] = 0;
              });
              S[vi] = S[vi] + A[vi][vk];
            });
          }
          for (const [i, k] of T.grid(4, 6)) {
            T.block("R", () => {
              const [vi, vk] = T.axis.remap("SR", [i, k]);
              T.init(() => {
                R[vi] = 1;
              });
              R[vi] = R[vi] + A[vi][vk];
            });
          }
          for (const i of T.serial(4)) {
            T.block("D", () => {
              const vi = T.axis.spatial(4, i);
              D[vi] = S[vi] + b[vi];
            });
          }
          for (const i of T.serial(4)) {
            T.block("E", () => {
              const vi = T.axis.spatial(4, i);
              E[vi] = R[3 - vi] + b[vi];
            });
          }
        },
      ),
    );
    const [s, r, dd, e] = ["S", "R", "D", "E"].map((n) => other.getBlock(n));
    refuses(other, () => other.fuseReductionEpilogue(s, dd), { rule: /the reduction is an output/ });
    refuses(other, () => other.fuseReductionEpilogue(r, dd), { rule: /does not start at 0/ });
    refuses(other, () => other.fuseReductionEpilogue(r, e), { rule: /does not start at 0/ });
  });

  it("refuses several consumers, a late bias, and an epilogue that takes another part", () => {
    const build = (variant: "both" | "late" | "mirror"): Schedule => {
      const [A, b] = [te.placeholder([4, 6], "A"), te.placeholder([4], "b")];
      const k = te.reduceAxis(6, "k");
      const S = te.compute([4], (i) => te.sum(A.at(i, k), k), "S");
      const L = te.compute([4], (i) => te.mul(b.at(i), 3), "L");
      const D = te.compute(
        [4],
        (i) => te.add(S.at(variant === "mirror" ? te.sub(3, i) : i), (variant === "late" ? L : b).at(i)),
        "D",
      );
      const E = te.compute([4], (i) => te.mul(S.at(i), D.at(i)), "E");
      return new Schedule(te.createPrimFunc(variant === "both" ? [A, b, E] : [A, b, D]));
    };
    const expected = {
      both: /not the only consumer/,
      late: /made behind the reduction/,
      mirror: /does not cover the reduction/,
    } as const;
    for (const [variant, rule] of Object.entries(expected)) {
      const sch = build(variant as keyof typeof expected);
      const [s, d] = [sch.getBlock("S"), sch.getBlock("D")];
      refuses(sch, () => sch.fuseReductionEpilogue(s, d), { rule });
    }
  });
});
