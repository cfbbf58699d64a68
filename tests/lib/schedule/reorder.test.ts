import assert from "node:assert/strict";
import { loopsIn } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { addOne, mmRelu, oddLoops, opaque, repeated, runningSums, siblings, window } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

const loopsOf = (sch: Schedule, block: string) => sch.getLoops(sch.getBlock(block));

describe("reorder", () => {
  it("permutes a chain", () => {
    const out = scheduled(addOne(), (sch) => {
      const [a, b, c] = loopsOf(sch, "B");
      sch.reorder(c, a, b);
    });
    const expected = T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
      for (const [k, i, j] of T.grid(6, 4, 13)) {
        T.block("B", () => {
          const [vi, vj, vk] = T.axis.remap("SSS", [i, j, k]);
          B[vi][vj][vk] = A[vi][vj][vk] + 1;
        });
      }
    });
    same(out, expected);
  });

  it("leaves loops that are not named where they are", () => {
    const out = scheduled(addOne(), (sch) => {
      const [a, , c] = loopsOf(sch, "B");
      sch.reorder(c, a);
    });
    assert.deepEqual(
      loopsIn(out.body).map((l) => l.v.name),
      ["k", "j", "i"],
    );
  });

  it("moves reduce loops outwards, after a split, and around a predicate", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const [a, b, c] = loopsOf(sch, "Y");
      const [b0, b1] = sch.split(b, [null, 5]);
      const [c0, c1] = sch.split(c, [null, 2]);
      sch.reorder(c0, b0, c1, a, b1);
    });
    assert.deepEqual(
      loopsIn(out.body)
        .slice(0, 5)
        .map((l) => l.v.name),
      ["k_0", "j_0", "k_1", "i", "j_1"],
    );
  });

  it("works after decomposeReduction and keeps one loop as it is", () => {
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [a, b, c] = sch.getLoops(y);
      sch.decomposeReduction(y, a);
      sch.reorder(c, b, a);
      sch.reorder(b);
    });
  });

  it("refuses", () => {
    const sch = new Schedule(siblings());
    const [i, j] = loopsOf(sch, "B");
    const [, k] = loopsOf(sch, "C");
    refuses(sch, () => sch.reorder(j, i), {
      rule: /do not form a chain/,
      detail: /i contains more than one statement/,
      nodes: ["i", "j"],
    });
    refuses(sch, () => sch.reorder(j, k), {
      rule: /do not form a chain/,
      detail: /neither of k and j is inside the other|neither of j and k is inside the other/,
    });
    refuses(sch, () => sch.reorder(i, j, i), {
      rule: /a loop is given twice/,
      detail: /i occurs more than once/,
      suggestion: /^sch\.reorder\(i, j\)$/,
    });
    refuses(sch, () => sch.reorder(), { rule: /at least one loop is needed/ });

    const odd = new Schedule(oddLoops());
    const [x, y] = loopsOf(odd, "B");
    refuses(odd, () => odd.reorder(y, x), {
      rule: /bounds depend on a loop that would be inside it/,
      detail: /the bounds of j mention i/,
      suggestion: /^sch\.reorder\(i, j\)$/,
      nodes: ["j", "i"],
    });
    const o = new Schedule(opaque());
    const [p, q] = loopsOf(o, "B");
    refuses(o, () => o.reorder(q, p), {
      rule: /opaque axis/,
      detail: /axis vi of B is opaque/,
      nodes: ["B"],
    });
    const w = new Schedule(window());
    const [r, s] = loopsOf(w, "B");
    refuses(w, () => w.reorder(s, r), {
      rule: /not affine/,
      detail: /the bindings of B are not quasi-affine/,
      nodes: ["B"],
    });
  });

  it("lines of a scan in any order, places on a line in theirs", () => {
    const out = scheduled(runningSums(), (sch) => {
      const [i, j, k] = loopsOf(sch, "B");
      const [k0, k1] = sch.split(k, [null, 4]);
      const [j0, j1] = sch.split(j, [null, 3]);
      sch.reorder(j0, k0, j1, i, k1);
      sch.vectorize(k1);
      sch.unroll(i);
    });
    assert.deepEqual(
      loopsIn(out.body)
        .slice(0, 5)
        .map((l) => l.v.name),
      ["j_0", "k_0", "j_1", "i", "k_1"],
    );
    const sch = new Schedule(runningSums());
    const [, j] = loopsOf(sch, "B");
    const [j0, j1] = sch.split(j, [null, 4]);
    refuses(sch, () => sch.reorder(j1, j0), { rule: /opaque axis/, nodes: ["B"] });
    refuses(sch, () => sch.vectorize(j1), { rule: /not data-parallel/, detail: /an opaque axis/ });
    const [p, q] = loopsOf(sch, "row");
    refuses(sch, () => sch.reorder(q, p), { rule: /opaque axis/, detail: /reads D elsewhere along vi/ });
  });

  it("keeps the init of a reduction first", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const [, b, c] = sch.getLoops(y);
    const [d, e] = sch.split(sch.fuse(b, c), [null, 4]);
    refuses(sch, () => sch.reorder(e, d), {
      rule: /the init of a reduction would not come first/,
      detail: /j_k_fused_0, j_k_fused_1 drive both spatial and reduce axes of Y/,
      suggestion: /sch\.decomposeReduction\(Y, j_k_fused_0\) before/,
    });
    scheduled(mmRelu(), (s) => {
      const block = s.getBlock("Y");
      const [, p, q] = s.getLoops(block);
      const [x, z] = s.split(s.fuse(p, q), [null, 4]);
      s.decomposeReduction(block, x);
      s.reorder(z, x);
    });
    const r = new Schedule(repeated());
    const [outer, k] = loopsOf(r, "S");
    refuses(r, () => r.reorder(k, outer), {
      rule: /a loop repeats a reduction/,
      detail: /iterations of _r compute the same instances of S.*the order of _r, k matters/,
    });
  });

  it("does not cross a block", () => {
    const nested = T.primFunc({ A: T.buffer([4, 8]), B: T.buffer([4, 8]) }, ({ A, B }) => {
      for (const i of T.serial(4)) {
        T.block("outer", () => {
          const vi = T.axis.spatial(4, i);
          for (const j of T.serial(8)) {
            T.block("inner", () => {
              const wi = T.axis.spatial(4, vi);
              const vj = T.axis.spatial(8, j);
              B[wi][vj] = A[wi][vj];
            });
          }
        });
      }
    });
    const sch = new Schedule(nested);
    const [x] = loopsOf(sch, "outer");
    const [y] = loopsOf(sch, "inner");
    assert.equal(sch.getLoops(sch.getBlock("inner")).length, 1, "loops end at the scope");
    refuses(sch, () => sch.reorder(y, x), { rule: /chain/, detail: /block outer stands between i and j/ });
  });
});
