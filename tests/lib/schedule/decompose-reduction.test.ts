import assert from "node:assert/strict";
import { blocksIn, loopsIn } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { addOne, mmRelu, opaque, repeated, window } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

describe("decomposeReduction", () => {
  it("gives the init a nest of its own, from the loop down", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [, b, c] = sch.getLoops(y);
      sch.reorder(c, b);
      const init = sch.decomposeReduction(y, c);
      assert.equal(sch.get(init).name, "Y_init");
      assert.equal(sch.get(y).name, "Y_update", "the handle of the block is the update");
    });
    const expected = T.primFunc(
      { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
      ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        for (const i of T.serial(12)) {
          for (const z of T.serial(16)) {
            T.block("Y_init", () => {
              const [vi, vj] = T.axis.remap("SS", [i, z]);
              Y[vi][vj] = 0;
            });
          }
          for (const [k, j] of T.grid(10, 16)) {
            T.block("Y_update", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
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
    same(out, expected);
    assert.deepEqual(
      blocksIn(out.body).map((b) => b.name),
      ["root", "Y_init", "Y_update", "C"],
    );
    assert.equal(loopsIn(out.body)[1].v.name, "j_init");
  });

  it("works under tiled loops with predicates, and keeps kinds and annotations", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [a, b, c] = sch.getLoops(y);
      const [b0, b1] = sch.split(b, [null, 5]);
      const [c0, c1] = sch.split(c, [null, 4]);
      sch.reorder(b0, c0, c1, b1);
      sch.vectorize(b1);
      sch.parallel(a);
      sch.annotate(b1, "mark", 1);
      sch.annotate(y, "keep", true);
      sch.decomposeReduction(y, c0);
    });
    const [, init, update] = blocksIn(out.body);
    assert.deepEqual(init.annotations, { keep: true });
    assert.deepEqual(update.annotations, { keep: true });
    const copied = loopsIn(out.body).find((l) => l.v.name === "j_1_init");
    assert.equal(copied?.loopKind, "vectorized");
    assert.deepEqual(copied?.annotations, { mark: 1 });
    assert.equal(
      init.predicate?.kind === "binary" && init.predicate.op,
      "lt",
      "only the condition about j is kept",
    );
    assert.equal(update.predicate?.kind === "binary" && update.predicate.op, "and");
  });

  it("works at the outermost loop, and where a fused loop drives both kinds of axes", () => {
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.decomposeReduction(y, sch.getLoops(y)[0]);
    });
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [, b, c] = sch.getLoops(y);
      const [x] = sch.split(sch.fuse(b, c), [null, 7]);
      sch.decomposeReduction(y, x);
    });
  });

  it("puts an init without loops right before the reduce loop", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.decomposeReduction(y, sch.getLoops(y)[2]);
    });
    const [, j] = loopsIn(out.body);
    assert.ok(j.body.kind === "seq" && j.body.stmts[0].kind === "block");
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const [a, b, c] = sch.getLoops(y);
    const relu = sch.getBlock("C");
    const [d] = sch.getLoops(relu);
    refuses(sch, () => sch.decomposeReduction(y, d), {
      rule: /the loop is not around the block/,
      detail: /i does not contain Y/,
      suggestion: /sch\.decomposeReduction\(Y, k\)/,
    });
    refuses(sch, () => sch.decomposeReduction(relu, d), {
      rule: /not a reduction block/,
      detail: /C has no init/,
      nodes: ["C"],
    });
    sch.reorder(c, a, b);
    refuses(sch, () => sch.decomposeReduction(y, b), {
      rule: /inside a loop of the reduction/,
      detail: /k is around j and drives a reduce axis of Y/,
      suggestion: /sch\.decomposeReduction\(Y, k\)/,
      nodes: ["k", "j"],
    });
    sch.decomposeReduction(y, c);
    refuses(sch, () => sch.decomposeReduction(y, c), {
      rule: /not a reduction block/,
      detail: /has no init/,
    });

    for (const f of [addOne(), opaque(), window()]) {
      const s = new Schedule(f);
      const block = s.getBlock("B");
      const [l] = s.getLoops(block);
      refuses(s, () => s.decomposeReduction(block, l), { rule: /not a reduction block/ });
    }
    const r = new Schedule(repeated());
    const s = r.getBlock("S");
    const [outer, k] = r.getLoops(s);
    refuses(r, () => r.decomposeReduction(s, outer), {
      rule: /a loop repeats the reduction/,
      detail: /iterations of _r compute the same instances of S: a sum would start once/,
    });
    r.decomposeReduction(s, k);
  });
});
