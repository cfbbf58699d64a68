import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { parsePrimFunc, script, T } from "../../../lib/script/index.ts";
import { addOne, mmRelu, oddLoops } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

/** B = 2 · A over 16 x 16. */
const twice = () =>
  T.primFunc({ A: T.buffer([16, 16]), B: T.buffer([16, 16]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(16, 16)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
  });

/** The sums of the rows. */
const rowSum = () =>
  T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([8]) }, ({ A, B }) => {
    for (const [k, i] of T.grid(6, 8)) {
      T.block("B", () => {
        const [vk, vi] = T.axis.remap("RS", [k, i]);
        T.init(() => {
          B[vi] = 0;
        });
        B[vi] += A[vi][vk];
      });
    }
  });

describe("blockize", () => {
  it("tiles of an elementwise block", () => {
    const out = scheduled(twice(), (sch) => {
      const b = sch.getBlock("B");
      const [i, j] = sch.getLoops(b);
      const [i0, i1] = sch.split(i, [null, 4]);
      const [j0, j1] = sch.split(j, [null, 4]);
      sch.reorder(i0, j0, i1, j1);
      const tile = sch.blockize(i1);
      assert.deepEqual(
        sch.getLoops(tile).map((l) => l.name),
        ["i_0", "j_0"],
      );
      assert.deepEqual(
        sch.getLoops(b).map((l) => l.name),
        ["i_1", "j_1"],
      );
    });
    same(
      out,
      T.primFunc({ A: T.buffer([16, 16]), B: T.buffer([16, 16]) }, ({ A, B }) => {
        for (const [i0, j0] of T.grid(4, 4)) {
          T.block("B_o", () => {
            const [vio, vjo] = T.axis.remap("SS", [i0, j0]);
            for (const [i1, j1] of T.grid(4, 4)) {
              T.block("B", () => {
                const [vi, vj] = T.axis.remap("SS", [i1, j1]);
                B[vio * 4 + vi][vjo * 4 + vj] = A[vio * 4 + vi][vjo * 4 + vj] * 2;
              });
            }
          });
        }
      }),
    );
  });

  it("a whole reduction: its init gets a nest of its own, its axes unit axes outside", () => {
    const out = scheduled(rowSum(), (sch) => sch.blockize(sch.getLoops(sch.getBlock("B"))[0]));
    // Unit axes are not mentioned, which the checker of this file would report: as text.
    same(
      out,
      parsePrimFunc(`T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([8]) }, ({ A, B }) => {
        T.block("B_o", () => {
          const vko = T.axis.reduce(1, 0);
          const vio = T.axis.spatial(1, 0);
          T.init(() => {
            for (const i of T.serial(8)) {
              T.block("B_init", () => {
                const [vi] = T.axis.remap("S", [i]);
                B[vi] = 0;
              });
            }
          });
          for (const [k, i] of T.grid(6, 8)) {
            T.block("B", () => {
              const [vk, vi] = T.axis.remap("RS", [k, i]);
              B[vi] += A[vi][vk];
            });
          }
        });
      })`),
    );
  });

  it("without unit axes: only the reduce axis that the init needs", () => {
    const out = scheduled(rowSum(), (sch) =>
      sch.blockize(sch.getLoops(sch.getBlock("B"))[0], { preserveUnitIters: false }),
    );
    assert.match(script(out), /const vk_o = T\.axis\.reduce\(1, 0\);\n\s+T\.init/);
  });

  it("tiles of a product, twice over; the inner tile's axes divide again", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const [i0, i1, i2] = sch.split(i, [null, 3, 2]);
      const [j0, j1] = sch.split(j, [null, 4]);
      const [k0, k1] = sch.split(k, [null, 5]);
      sch.reorder(i0, j0, k0, i1, i2, j1, k1);
      const outer = sch.blockize(i1);
      const inner = sch.blockize(i2);
      sch.decomposeReduction(outer, k0);
      assert.equal(sch.getBlock("Y_o_init").name, "Y_o_init");
      assert.deepEqual(
        sch.getChildBlocks(outer).map((x) => x.name),
        [inner.name],
      );
    });
    assert.match(script(out), /Y\[vi_o \* 6 \+ \(?vi_i_o \* 2 \+ vi_i_i\)?\]/);
  });

  it("uneven tiles: the condition speaks about outer axes and inner loops", () => {
    const out = scheduled(addOne(), (sch) => {
      const b = sch.getBlock("B");
      const [, j] = sch.getLoops(b);
      const [, j1] = sch.split(j, [null, 4]);
      sch.blockize(j1);
    });
    assert.match(script(out), /T\.where\(vj_o \* 4 \+ j_1 < 13\)/);
  });

  it("an uneven sum: the init runs where its first term does", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 5]);
      const [k0, k1] = sch.split(k, [null, 4]);
      sch.reorder(i0, j, k0, i1, k1);
      sch.blockize(i1);
    });
    assert.match(script(out), /T\.where\(vi_o \* 5 \+ i_1_init < 12\)/);
  });

  it("what stands in the new init is no stage: it cannot be cached or moved away", () => {
    const sch = new Schedule(rowSum());
    sch.blockize(sch.getLoops(sch.getBlock("B"))[0]);
    const init = sch.getBlock("B_init");
    refuses(sch, () => sch.cacheWrite(init, 0, "local"), {
      rule: /stands in an init/,
      detail: /B_init belongs to the init of B_o/,
      suggestion: /sch\.decomposeReduction\(B_o, loop\) before/,
    });
    refuses(sch, () => sch.computeInline(init), { rule: /stands in an init|has an init/ });
  });

  it("what a block of blocks makes is known: its consumer moves beside it", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
      const [i, j] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 4]);
      const [j0, j1] = sch.split(j, [null, 8]);
      sch.reorder(i0, j0, i1, j1);
      sch.blockize(i1);
      sch.reverseComputeAt(c, j0);
    });
    assert.match(
      script(out),
      /T\.block\("Y_o"[\s\S]*for \(const \[ax0, ax1\] of T\.grid\(4, 8\)\) \{\s+T\.block\("C"/,
    );
  });

  it("refuses several blocks, gaps, bindings that do not divide, bounds from outside", () => {
    const odd = new Schedule(oddLoops());
    const [i, j] = odd.getLoops(odd.getBlock("B"));
    assert.equal(i.name, "i");
    refuses(odd, () => odd.blockize(j), {
      rule: /inner loop depends on an outer one/,
      detail: /bounds of j change with i/,
      nodes: ["i", "j"],
    });

    const s = new Schedule(mmRelu());
    const y = s.getBlock("Y");
    s.computeAt(y, s.getLoops(s.getBlock("C"))[0]);
    const [l] = s.getLoops(s.getBlock("C"));
    refuses(s, () => s.blockize(l), {
      rule: /does not contain exactly one block/,
      detail: /stand Y, C/,
      nodes: ["i", "Y", "C"],
    });

    const t = new Schedule(twice());
    const b = t.getBlock("B");
    const [ti] = t.getLoops(b);
    const [t0, t1] = t.split(ti, [null, 4]);
    t.reorder(t1, t0);
    refuses(t, () => t.blockize(t0), {
      rule: /bindings are not divisible/,
      detail: /the axes of B do not divide into a part outside and a part of i_0, j/,
      nodes: ["i_0", "B"],
    });
  });

  it("refuses loops that repeat a sum, and statements beside the block", () => {
    const f = T.primFunc({ A: T.buffer([6]), B: T.buffer([1]) }, ({ A, B }) => {
      for (const [_again, k] of T.grid(2, 6)) {
        T.block("B", () => {
          const vk = T.axis.reduce(6, k);
          T.init(() => {
            B[0] = 0;
          });
          B[0] += A[vk] + 0 * T.cast(vk, "f32");
        });
      }
    });
    const s = new Schedule(f);
    const [outer] = s.getLoops(s.getBlock("B"));
    refuses(s, () => s.blockize(outer), { rule: /a loop repeats the reduction/, nodes: ["_again", "B"] });

    const g = T.primFunc({ A: T.buffer([6]) }, ({ A }) => {
      for (const i of T.serial(6)) {
        if (i > 2) {
          T.block("A", () => {
            const vi = T.axis.spatial(6, i);
            A[vi] = 1;
          });
        }
      }
    });
    const u = new Schedule(g);
    const [ui] = u.getLoops(u.getBlock("A"));
    refuses(u, () => u.blockize(ui), { rule: /more than loops/, detail: /between i and A stands a if/ });
  });
});
