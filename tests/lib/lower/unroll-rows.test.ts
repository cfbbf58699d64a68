import assert from "node:assert/strict";
import { lower } from "../../../lib/codegen/lower/index.ts";
import { loopsIn, type PrimFunc } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";

const matmul = T.primFunc(
  { A: T.buffer([16, 16]), B: T.buffer([16, 16]), C: T.buffer([16, 16]) },
  ({ A, B, C }) => {
    for (const [i, j, k] of T.grid(16, 16, 16)) {
      T.block("C", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => {
          C[vi][vj] = 0;
        });
        C[vi][vj] += A[vi][vk] * B[vk][vj];
      });
    }
  },
);

function tiled(factor: number, innermost: "j" | "k"): PrimFunc {
  const sch = new Schedule(matmul);
  const block = sch.getBlock("C");
  const [, j, k] = sch.getLoops(block);
  if (innermost === "j") {
    const [j0, j1] = sch.split(j, [null, factor]);
    sch.reorder(j0, k, j1);
    sch.decomposeReduction(block, k);
  } else {
    const [k0] = sch.split(k, [null, factor]);
    sch.decomposeReduction(block, k0);
  }
  return sch.func();
}

const loopNames = (f: PrimFunc): string[] => loopsIn(lower(f).body).map((l) => l.v.name);

describe("unrollRows", () => {
  it("writes out a short row of sums inside a reduction, which then stay in registers", () => {
    const names = loopNames(tiled(8, "j"));
    assert.ok(!names.includes("j_1"), names.join());
    assert.match(script(lower(tiled(8, "j")).body), /C_acc/);
  });

  it("leaves long rows and the reduction itself as loops", () => {
    assert.ok(loopNames(tiled(16, "j")).includes("j_1"));
    assert.ok(loopNames(tiled(4, "k")).includes("k_1"));
  });
});
