import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { addOne, mmRelu } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

describe("transformBlockLayout", () => {
  it("two axes in one", () => {
    same(
      scheduled(addOne(), (sch) => {
        sch.transformBlockLayout(sch.getBlock("B"), (i: number, j: number, k: number) => [i, j * 6 + k]);
      }),
      T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
        for (const [i, f] of T.grid(4, 78)) {
          T.block("B", () => {
            const [vi, vf] = T.axis.remap("SS", [i, f]);
            B[vi][T.floordiv(vf, 6)][T.floormod(vf, 6)] = A[vi][T.floordiv(vf, 6)][T.floormod(vf, 6)] + 1;
          });
        }
      }),
    );
  });

  it("a reduction in tiles; axes keep their types", () => {
    same(
      scheduled(mmRelu(), (sch) => {
        const tile = (i: number, j: number, k: number) => [T.floordiv(j, 4), i, k, T.floormod(j, 4)];
        sch.transformBlockLayout(sch.getBlock("Y"), tile);
      }),
      T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        for (const [j0, i, k, j1] of T.grid(4, 12, 10, 4)) {
          T.block("Y", () => {
            const [vj0, vi, vk, vj1] = T.axis.remap("SSRS", [j0, i, k, j1]);
            T.init(() => {
              Y[vi][vj0 * 4 + vj1] = 0;
            });
            Y[vi][vj0 * 4 + vj1] += A[vi][vk] * B[vk][vj0 * 4 + vj1];
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

  it("after other primitives, with a constant from outside", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const copy = sch.cacheRead(sch.getBlock("Y"), 1, "global");
      const t = 4;
      const pack = (k: number, j: number) => [T.floordiv(j, t), k, T.floormod(j, t)];
      sch.transformLayout(copy, ["write", 0], pack, { consts: { t } });
      sch.transformBlockLayout(copy, pack, { t });
    });
    assert.match(script(out), /B_global\[v0\]\[v1\]\[v2\] = B\[v1\]\[v0 \* 4 \+ v2\]/);
  });

  it("refuses what is not plain, not one to one, or mixed", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const rule = (map: (...i: number[]) => number[], expected: Parameters<typeof refuses>[2]) =>
      refuses(sch, () => sch.transformBlockLayout(y, map), expected);
    rule((i, j) => [i, j], { rule: /does not fit the block/, detail: /Y has 3 axes, the index map takes 2/ });
    rule((i, j, k) => [i, j * 10 + k], {
      rule: /mixes axes of different types/,
      detail: /vj of Y is S, vk is R/,
    });
    rule((i, j, k) => [i + j, k], { rule: /not bijective/, detail: /terms of an index overlap/ });
    rule((i, j, k) => [T.floordiv(i, 5), T.floormod(i, 5), j, k], {
      rule: /not bijective/,
      detail: /unused/,
    });
    refuses(sch, () => sch.transformBlockLayout(y, "(i, j, k) => [q]"), { rule: /cannot be read/ });
    const [i] = sch.getLoops(y);
    sch.parallel(i);
    rule((a, j, k) => [j, a, k], { rule: /a loop is marked/, detail: /loop i is parallel/ });
    sch.split(i, [null, 4]);
    rule((a, j, k) => [j, a, k], { rule: /not bound to a plain nest/ });
  });
});
