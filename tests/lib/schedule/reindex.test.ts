import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

/** B = 2 · A transposed. */
const transposed = () =>
  T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([6, 8]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(6, 8)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vj][vi] * 2;
      });
    }
  });

/** A convolution over one dimension. */
const conv = () =>
  T.primFunc({ X: T.buffer([10, 4]), W: T.buffer([3, 4]), Y: T.buffer([8]) }, ({ X, W, Y }) => {
    for (const [i, r, c] of T.grid(8, 3, 4)) {
      T.block("Y", () => {
        const [vi, vr, vc] = T.axis.remap("SRR", [i, r, c]);
        T.init(() => {
          Y[vi] = 0;
        });
        Y[vi] += X[vi + vr][vc] * W[vr][vc];
      });
    }
  });

describe("reindex", () => {
  it("a read, in the order of the axes", () => {
    same(
      scheduled(transposed(), (sch) => {
        assert.equal(sch.reindex(sch.getBlock("B"), ["read", 0]).name, "A_reindex");
      }),
      T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([6, 8]) }, ({ A, B }) => {
        const R = T.alloc([6, 8]);
        for (const [i, j] of T.grid(6, 8)) {
          T.block("A_reindex", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            R[vi][vj] = A[vj][vi];
          });
        }
        for (const [i, j] of T.grid(6, 8)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = R[vi][vj] * 2;
          });
        }
      }),
    );
  });

  it("a convolution's input: one element for each product; then it can be inlined again", () => {
    const out = scheduled(conv(), (sch) => sch.reindex(sch.getBlock("Y"), "X"));
    same(
      out,
      T.primFunc({ X: T.buffer([10, 4]), W: T.buffer([3, 4]), Y: T.buffer([8]) }, ({ X, W, Y }) => {
        const R = T.alloc([8, 3, 4]);
        for (const [i, r, c] of T.grid(8, 3, 4)) {
          T.block("X_reindex", () => {
            const [vi, vr, vc] = T.axis.remap("SSS", [i, r, c]);
            R[vi][vr][vc] = X[vi + vr][vc];
          });
        }
        for (const [i, r, c] of T.grid(8, 3, 4)) {
          T.block("Y", () => {
            const [vi, vr, vc] = T.axis.remap("SRR", [i, r, c]);
            T.init(() => {
              Y[vi] = 0;
            });
            Y[vi] += R[vi][vr][vc] * W[vr][vc];
          });
        }
      }),
    );
    same(
      scheduled(conv(), (sch) => sch.computeInline(sch.reindex(sch.getBlock("Y"), "X"))),
      conv(),
    );
  });

  it("a write: the copy stands behind; after other primitives", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i] = sch.getLoops(y);
      sch.split(i, [null, 4]);
      const copy = sch.reindex(y, ["write", 0]);
      sch.transformLayout(copy, ["read", 0], (a: number, b: number) => [T.floordiv(b, 4), a, b % 4]);
      sch.reindex(sch.getBlock("C"), ["read", 0]);
    });
    assert.match(
      script(out),
      /Y_reindex\[T\.floordiv\(vj, 4\)\]\[vi\]\[T\.floormod\(vj, 4\)\] \+= A\[vi\]\[vk\]/,
    );
    assert.match(script(out), /Y_reindex_1/);
  });

  it("caches laid out by a map of the axes", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.reindexCacheRead(y, 1, "shared", (_i: number, j: number, k: number) => [
        T.floordiv(j, 4),
        k,
        j % 4,
      ]);
      sch.reindexCacheWrite(y, 0, "local", (i: number, j: number, _k: number) => [j, i]);
    });
    const text = script(out);
    assert.match(text, /B_shared = T\.alloc\(\[4, 10, 4\], "f32", "shared"\)/);
    assert.match(
      text,
      /Y_local\[vj\]\[vi\] \+= A\[vi\]\[vk\] \* B_shared\[T\.floordiv\(vj, 4\)\]\[vk\]\[T\.floormod\(vj, 4\)\]/,
    );
    assert.match(text, /Y\[vi\]\[vj\] = Y_local\[vj\]\[vi\]/);
  });

  it("refuses to write aside what another block writes too", () => {
    const twice = T.primFunc({ A: T.buffer([8]), B: T.buffer([8]) }, ({ A, B }) => {
      for (const i of T.serial(8)) {
        T.block("first", () => {
          const vi = T.axis.spatial(8, i);
          B[vi] = 0;
        });
      }
      for (const i of T.serial(4)) {
        T.block("second", () => {
          const vi = T.axis.spatial(4, i);
          B[vi] = A[vi];
        });
      }
    });
    const sch = new Schedule(twice);
    const first = sch.getBlock("first");
    refuses(sch, () => sch.reindex(first, ["write", 0]), {
      rule: /more than one writer/,
      detail: /B is written by first and by second/,
    });
  });

  it("refuses what it cannot follow", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    refuses(sch, () => sch.reindex(y, ["read", 4]), {
      rule: /read index is out of range/,
      detail: /0: A, 1: B/,
    });
    refuses(sch, () => sch.reindexCacheRead(y, 0, "local", (i: number) => [i]), {
      rule: /does not fit the block/,
      detail: /Y has 3 axes, the index map takes 1/,
    });
    refuses(sch, () => sch.reindexCacheRead(y, 0, "local", (i: number, j: number, _k: number) => [i, j]), {
      rule: /index map and access use different axes/,
      detail: /index map mentions the axis vj of Y, the access does not/,
    });
    refuses(sch, () => sch.reindexCacheRead(y, 0, "local", (i: number, _j: number, k: number) => [i + k]), {
      rule: /not injective/,
    });
    const update = new Schedule(mmRelu());
    const u = update.getBlock("Y");
    update.decomposeReduction(u, update.getLoops(u)[2]);
    refuses(update, () => update.reindex(u, ["read", 0]), {
      rule: /reads what it writes|not a stage pipeline/,
    });
    const loops = sch.getLoops(c);
    sch.computeAt(y, loops[0]);
    refuses(sch, () => sch.reindex(c, ["read", 0]), {
      rule: /used by another block of the nest/,
      detail: /Y writes Y in the nest of C/,
      nodes: ["Y", "C"],
    });
    refuses(sch, () => sch.reindex(y, ["write", 0]), { rule: /used by another block/, detail: /C reads Y/ });
  });

  it("refuses several ways of access, inner loops in an index, blocks inside, gaps", () => {
    const f = T.primFunc(
      { A: T.buffer([9]), B: T.buffer([8]), C: T.buffer([8]), D: T.buffer([16]) },
      ({ A, B, C, D }) => {
        for (const i of T.serial(8)) {
          T.block("B", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[vi] = A[vi] + A[vi + 1];
          });
        }
        for (const i of T.serial(2)) {
          T.block("C", () => {
            const [vi] = T.axis.remap("S", [i]);
            for (const j of T.serial(4)) C[vi * 4 + j] = B[vi * 4 + j];
          });
        }
        for (const i of T.serial(10)) {
          T.block("D", () => {
            const vi = T.axis.spatial(16, i);
            T.where(i < 5);
            D[vi] = 1;
          });
        }
      },
    );
    const sch = new Schedule(f);
    const [b, c, d] = ["B", "C", "D"].map((n) => sch.getBlock(n));
    refuses(sch, () => sch.reindex(b, "A"), { rule: /exactly one way/, detail: /accesses A in 2 ways/ });
    refuses(sch, () => sch.reindex(c, "B"), { rule: /not a single point/, detail: /mentions j/ });
    refuses(sch, () => sch.reindex(d, "D"), { rule: /written region is not covered/ });
    const t = new Schedule(transposed());
    const outer = t.blockize(t.getLoops(t.getBlock("B"))[0]);
    refuses(t, () => t.reindex(outer, "A"), { rule: /not a leaf/, detail: /B_o contains B/ });
  });
});
