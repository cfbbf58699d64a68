import assert from "node:assert/strict";
import { blocksIn, loopsIn, verify } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { split } from "../../../lib/schedule/split.ts";
import { T } from "../../../lib/script/index.ts";
import { addOne, bareLoop, mmRelu, oddLoops, siblings, symbolic } from "./programs.ts";
import { refuses, same, sameResults, scheduled } from "./support.ts";

const loopsOf = (sch: Schedule, block: string) => sch.getLoops(sch.getBlock(block));

describe("split", () => {
  it("tiles evenly without a predicate", () => {
    const out = scheduled(addOne(), (sch) => {
      sch.split(loopsOf(sch, "B")[2], [null, 2]);
    });
    const expected = T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
      for (const [i, j, k0, k1] of T.grid(4, 13, 3, 2)) {
        T.block("B", () => {
          const vi = T.axis.spatial(4, i);
          const vj = T.axis.spatial(13, j);
          const vk = T.axis.spatial(6, k0 * 2 + k1);
          B[vi][vj][vk] = A[vi][vj][vk] + 1;
        });
      }
    });
    same(out, expected);
    assert.deepEqual(
      loopsIn(out.body).map((l) => l.v.name),
      ["i", "j", "k_0", "k_1"],
    );
  });

  it("guards what is left over", () => {
    const out = scheduled(addOne(), (sch) => {
      const [x] = loopsOf(sch, "B").slice(1);
      sch.split(x, [2, null, 3]);
    });
    const expected = T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
      for (const [i, j0, j1, j2, k] of T.grid(4, 2, 3, 3, 6)) {
        T.block("B", () => {
          const vi = T.axis.spatial(4, i);
          const vj = T.axis.spatial(13, j0 * 9 + j1 * 3 + j2);
          const vk = T.axis.spatial(6, k);
          T.where((j0 * 3 + j1) * 3 + j2 < 13);
          B[vi][vj][vk] = A[vi][vj][vk] + 1;
        });
      }
    });
    same(out, expected);
  });

  it("adds to a predicate that is there, and simplifies it", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const [a, b, c] = loopsOf(sch, "Y");
      const [b0, b1] = sch.split(b, [null, 5]);
      sch.split(a, [5, 3]);
      sch.split(c, [4, 4]);
      sch.fuse(b0, b1);
    });
    const [y] = blocksIn(out.body).filter((b) => b.name === "Y");
    assert.ok(y.predicate);
  });

  it("keeps loops of one iteration in bindings, or drops them when told", () => {
    const kept = scheduled(addOne(), (sch) => {
      sch.split(loopsOf(sch, "B")[0], [1, null]);
    });
    const dropped = scheduled(addOne(), (sch) => {
      sch.split(loopsOf(sch, "B")[0], [1, null], { preserveUnitIters: false });
    });
    const binding = (f: typeof kept) => blocksIn(f.body)[1].axes[0].binding.kind;
    assert.equal(binding(kept), "binary");
    assert.equal(binding(dropped), "var");
  });

  it("guards bare stores with a condition", () => {
    const before = bareLoop();
    const { func, loops } = split(before, loopsIn(before.body)[1].v.id, [null, 4]);
    assert.equal(loops.length, 2);
    assert.deepEqual(verify(func), []);
    sameResults(before, func);
    const store = loopsIn(func.body)[2].body;
    assert.equal(store.kind, "if");
  });

  it("infers a factor of a symbolic loop", () => {
    const out = scheduled(
      symbolic(),
      (sch) => {
        sch.split(loopsOf(sch, "B")[1], [null, 8]);
      },
      false,
    );
    const expected = T.primFunc({ A: T.buffer(["m", "n"]), B: T.buffer(["m", "n"]) }, ({ A, B, m, n }) => {
      for (const [i, j0, j1] of T.grid(m, T.floordiv(n + 7, 8), 8)) {
        T.block("B", () => {
          const vi = T.axis.spatial(m, i);
          const vj = T.axis.spatial(n, j0 * 8 + j1);
          T.where(j0 * 8 + j1 < n);
          B[vi][vj] = A[vi][vj] + 1;
        });
      }
    });
    same(out, expected);
  });

  it("disablePredication: where the factors divide the loop, and no other", () => {
    const sch = new Schedule(mmRelu());
    const [i, j] = sch.getLoops(sch.getBlock("Y"));
    sch.split(j, [null, 4], { disablePredication: true });
    assert.doesNotMatch(sch.script(), /T\.where/);
    refuses(sch, () => sch.split(i, [null, 5], { disablePredication: true }), {
      rule: /the factors do not divide the loop/,
      detail: /\[null, 5\] of loop i: the blocks below need the condition/,
      suggestion: /sch\.split\(i, \[null, 5\]\)/,
    });
  });

  it("refuses", () => {
    const sch = new Schedule(oddLoops());
    const [first] = loopsOf(sch, "B");
    refuses(sch, () => sch.split(first, [null, null]), {
      rule: /only one factor may be null/,
      detail: /\[null, null\] has 2, and the extents of loop i cannot be inferred/,
      suggestion: /^sch\.split\(i, \[null, 1\]\)$/,
      nodes: ["i"],
    });
    // What JavaScript without types can write.
    refuses(sch, () => sch.split(first, 4 as unknown as number[]), {
      rule: /a list of numbers is needed/,
      detail: /got 4/,
    });
    for (const bad of [0, -2, 1.5, Number.NaN]) {
      refuses(sch, () => sch.split(first, [null, bad]), {
        rule: /every factor must be a whole number above 0, or null/,
        detail: new RegExp(`the factor ${bad} of loop i is not`),
      });
    }
    refuses(sch, () => sch.split(first, [2, 3]), {
      rule: /the product of the factors must cover the loop/,
      detail: /2 · 3 = 6, but loop i has 8 iterations/,
      suggestion: /sch\.split\(i, \[null, 3\]\)/,
    });
    refuses(sch, () => sch.split(first, []), { rule: /no factors are given/ });
    const [marked] = loopsOf(sch, "D");
    refuses(sch, () => sch.split(marked, [null, 2]), {
      rule: /the loop is annotated/,
      detail: /loop a carries "pragma", which would be lost/,
      suggestion: /sch\.unannotate\(a, "pragma"\)/,
    });
    const [late] = loopsOf(sch, "E");
    refuses(sch, () => sch.split(late, [null, 2]), {
      rule: /does not start at 0/,
      detail: /loop b starts at 2/,
    });
    const sym = new Schedule(symbolic());
    const [any] = loopsOf(sym, "B");
    refuses(sym, () => sym.split(any, [4, 4]), {
      rule: /must cover/,
      detail: /the extent of loop i is symbolic/,
      suggestion: /\[null, 4\]/,
    });
    const bound = new Schedule(addOne());
    const [x] = loopsOf(bound, "B");
    bound.bind(x, "blockIdx.x");
    refuses(bound, () => bound.split(x, [2, 2]), { rule: /bound to a thread axis/, detail: /blockIdx\.x/ });
  });
});

describe("fuse", () => {
  it("joins two and three loops", () => {
    const out = scheduled(addOne(), (sch) => {
      sch.fuse(...loopsOf(sch, "B"));
    });
    const expected = T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
      for (const f of T.serial(312)) {
        T.block("B", () => {
          const vi = T.axis.spatial(4, T.floordiv(f, 78));
          const vj = T.axis.spatial(13, T.floormod(T.floordiv(f, 6), 13));
          const vk = T.axis.spatial(6, T.floormod(f, 6));
          B[vi][vj][vk] = A[vi][vj][vk] + 1;
        });
      }
    });
    same(out, expected);
    assert.equal(loopsIn(out.body)[0].v.name, "i_j_k_fused");
  });

  it("undoes a split", () => {
    const before = mmRelu();
    const out = scheduled(before, (sch) => {
      const parts = sch.split(loopsOf(sch, "Y")[1], [null, 2, 4]);
      sch.fuse(...parts);
    });
    same(out, before);
    const uneven = scheduled(before, (sch) => {
      const parts = sch.split(loopsOf(sch, "Y")[1], [null, 5]);
      sch.fuse(...parts);
    });
    assert.equal(loopsIn(uneven.body).length, 5);
  });

  it("is split again off the old borders", () => {
    scheduled(addOne(), (sch) => {
      const [, b, c] = loopsOf(sch, "B");
      const [d, e] = sch.split(sch.fuse(b, c), [null, 8]);
      sch.reorder(e, d);
    });
  });

  it("takes symbolic extents", () => {
    scheduled(
      symbolic(),
      (sch) => {
        const [a, b] = loopsOf(sch, "B");
        sch.parallel(sch.fuse(a, b));
      },
      false,
    );
  });

  it("refuses", () => {
    const sch = new Schedule(addOne());
    const [a, b, c] = loopsOf(sch, "B");
    refuses(sch, () => sch.fuse(b, a), {
      rule: /outermost first/,
      detail: /i is not inside j/,
      suggestion: /^sch\.fuse\(i, j\)$/,
    });
    refuses(sch, () => sch.fuse(a, a), { rule: /each once/ });
    refuses(sch, () => sch.fuse(a, c), {
      rule: /not the parent of the next/,
      detail: /j stands between i and k/,
      suggestion: /sch\.reorder\(i, k, j\)/,
    });
    refuses(sch, () => sch.fuse(), { rule: /at least one loop is needed/ });
    const two = new Schedule(siblings());
    const [i, k] = loopsOf(two, "C");
    const [, j] = loopsOf(two, "B");
    refuses(two, () => two.fuse(i, k), { rule: /not the only child/, detail: /i contains more than k/ });
    refuses(two, () => two.fuse(j, k), { rule: /not the parent/, detail: /k is not inside j/ });
    const odd = new Schedule(oddLoops());
    const [x, y] = loopsOf(odd, "B");
    refuses(odd, () => odd.fuse(x, y), {
      rule: /extent of a loop depends on another/,
      detail: /the extent of j changes with i/,
      nodes: ["i", "j"],
    });
    const marked = new Schedule(addOne());
    const [p, q] = loopsOf(marked, "B");
    marked.annotate(q, "pragma", 1);
    refuses(marked, () => marked.fuse(p, q), { rule: /annotated/ });
    marked.unannotate(q, "pragma");
    marked.bind(p, "threadIdx.x");
    refuses(marked, () => marked.fuse(p, q), { rule: /bound to a thread axis/ });
  });
});
