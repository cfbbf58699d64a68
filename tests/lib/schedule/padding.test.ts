import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { addOne, mmRelu } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

/** B = A with zeros around it: three before, one behind. */
const padded = () =>
  T.primFunc({ A: T.buffer([10]), B: T.buffer([14]) }, ({ A, B }) => {
    for (const i of T.serial(14)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi] = vi >= 3 && vi < 13 ? A[vi - 3] : 0;
      });
    }
  });

/** A picture with a border of -1, the condition the other way round. */
const bordered = () =>
  T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([6, 8]), C: T.buffer([6, 8]) }, ({ A, B, C }) => {
    for (const [i, j] of T.grid(6, 8)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = vi < 1 || vi > 4 || vj < 1 || vj >= 7 ? -1 : A[vi - 1][vj - 1];
      });
    }
    for (const [i, j] of T.grid(6, 8)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj] * 2;
      });
    }
  });

describe("padEinsum", () => {
  it("a product in full tiles: padded copies before, the part that was asked for behind", () => {
    const out = scheduled(mmRelu(), (sch) => sch.padEinsum(sch.getBlock("Y"), [8, 8, 8]));
    same(
      out,
      T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        const Yp = T.alloc([16, 16]);
        const Ap = T.alloc([16, 16]);
        const Bp = T.alloc([16, 16]);
        for (const [i, j] of T.grid(16, 16)) {
          T.block("A_pad", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            Ap[vi][vj] = vi < 12 && vj < 10 ? A[vi][vj] : 0;
          });
        }
        for (const [i, j] of T.grid(16, 16)) {
          T.block("B_pad", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            Bp[vi][vj] = vi < 10 ? B[vi][vj] : 0;
          });
        }
        for (const [i, j, k] of T.grid(16, 16, 16)) {
          T.block("Y", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            T.init(() => {
              Yp[vi][vj] = 0;
            });
            Yp[vi][vj] += Ap[vi][vk] * Bp[vk][vj];
          });
        }
        for (const [i, j] of T.grid(12, 16)) {
          T.block("Y_pad", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            Y[vi][vj] = Yp[vi][vj];
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

  it("only what a padded axis reaches is copied; then tiles divide", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.padEinsum(y, [8, 1, 1]);
      const [i, j, k] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 8]);
      const [j0, j1] = sch.split(j, [null, 8]);
      sch.reorder(i0, j0, k, i1, j1);
      sch.vectorize(j1);
      sch.decomposeReduction(y, k);
      sch.reverseComputeInline(sch.getBlock("C"));
    });
    const text = script(out);
    assert.doesNotMatch(text, /B_pad|T\.where/);
    assert.match(text, /A_pad/);
    assert.match(text, /C\[v0\]\[v1\] = T\.max\(Y_pad\[v0\]\[v1\], 0\)/);
  });

  it("after reindex: a convolution becomes an einsum", () => {
    const conv = T.primFunc({ X: T.buffer([9]), W: T.buffer([3]), Y: T.buffer([7]) }, ({ X, W, Y }) => {
      for (const [i, r] of T.grid(7, 3)) {
        T.block("Y", () => {
          const [vi, vr] = T.axis.remap("SR", [i, r]);
          T.init(() => {
            Y[vi] = 0;
          });
          Y[vi] += X[vi + vr] * W[vr];
        });
      }
    });
    const sch = new Schedule(conv);
    const y0 = sch.getBlock("Y");
    refuses(sch, () => sch.padEinsum(y0, [4, 4]), {
      rule: /not an einsum/,
      detail: /index 0 of X is neither an axis nor a constant/,
    });
    const out = scheduled(conv, (s) => {
      const y = s.getBlock("Y");
      s.reindex(y, "X");
      s.padEinsum(y, [4, 4]);
    });
    assert.match(script(out), /X_reindex_pad = T\.alloc\(\[8, 4\]\)/);
  });

  it("extents that fit already: nothing changes", () => {
    same(
      scheduled(mmRelu(), (sch) => sch.padEinsum(sch.getBlock("Y"), [4, 4, 5])),
      mmRelu(),
    );
  });

  it("refuses paddings that are none, and blocks that are no einsum", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    refuses(sch, () => sch.padEinsum(y, [8, 8]), {
      rule: /not one padding for each axis/,
      detail: /Y has 3 axes, the padding is \[8,8\]/,
      suggestion: /sch\.padEinsum\(Y, \[16, 16, 16\]\)/,
    });
    refuses(sch, () => sch.padEinsum(y, [8, 0, 8]), { rule: /whole number above 0/, detail: /holds 0/ });
    refuses(sch, () => sch.padEinsum(c, [8, 8]), { rule: /not an einsum/, detail: /a term holds max/ });
    const s = new Schedule(mmRelu());
    const b = s.getBlock("Y");
    s.split(s.getLoops(b)[0], [null, 4]);
    refuses(s, () => s.padEinsum(b, [8, 8, 8]), { rule: /plain nest/, detail: /3 axes under 4 loops/ });
    const a = new Schedule(addOne());
    const one = a.getBlock("B");
    refuses(a, () => a.padEinsum(one, [8, 8, 8]), { rule: /not an einsum/, detail: /a term holds add/ });
    const f = T.primFunc({ A: T.buffer([3]), W: T.buffer([5]), B: T.buffer([5]) }, ({ A, W, B }) => {
      for (const [i, k] of T.grid(5, 3)) {
        T.block("B", () => {
          const [vi, vk] = T.axis.remap("SR", [i, k]);
          T.init(() => {
            B[vi] = 0;
          });
          B[vi] += A[vk] * W[vi];
        });
      }
    });
    const z = new Schedule(f);
    const zb = z.getBlock("B");
    refuses(z, () => z.padEinsum(zb, [1, 4]), {
      rule: /cannot be padded with zeros/,
      detail: /a factor \(W\) does not move with vk/,
    });
    z.padEinsum(zb, [4, 1]);
    const idle = T.primFunc({ A: T.buffer([3]), B: T.buffer([1]) }, ({ A, B }) => {
      for (const [i, k] of T.grid(1, 3)) {
        T.block("B", () => {
          const [_vi, vk] = T.axis.remap("SR", [i, k]);
          T.init(() => {
            B[0] = 0;
          });
          B[0] += A[vk];
        });
      }
    });
    const q = new Schedule(idle);
    const qb = q.getBlock("B");
    refuses(q, () => q.padEinsum(qb, [2, 1]), {
      rule: /spatial axis does not index the result/,
      detail: /more values of _vi would write the same elements of B again/,
    });
  });
});

describe("decomposePadding", () => {
  it("one dimension: a fill, and a copy over the inside alone", () => {
    const out = scheduled(padded(), (sch) => {
      const b = sch.getBlock("B");
      assert.equal(sch.decomposePadding(b, sch.getLoops(b)[0]).name, "B_pad_const");
    });
    same(
      out,
      T.primFunc({ A: T.buffer([10]), B: T.buffer([14]) }, ({ A, B }) => {
        for (const i of T.serial(14)) {
          T.block("B_pad_const", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[vi] = 0;
          });
        }
        for (const i of T.serial(10)) {
          T.block("B", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[vi + 3] = A[vi];
          });
        }
      }),
    );
  });

  it("two dimensions, at the inner loop: the outer one keeps its condition", () => {
    const out = scheduled(bordered(), (sch) => {
      const b = sch.getBlock("B");
      sch.decomposePadding(b, sch.getLoops(b)[1]);
    });
    const text = script(out);
    assert.match(text, /for \(const j of T\.serial\(6\)\)[\s\S]*T\.where\(i >= 1 && i <= 4\)/);
    assert.match(text, /B\[vi\]\[vj \+ 1\] = A\[vi - 1\]\[vj\]/);
  });

  it("after split and computeAt, under loops of the consumer", () => {
    const out = scheduled(bordered(), (sch) => {
      const [b, c] = [sch.getBlock("B"), sch.getBlock("C")];
      const [i] = sch.getLoops(b);
      const [i0] = sch.split(i, [null, 2]);
      sch.reverseComputeAt(c, i0);
      sch.decomposePadding(b, sch.getLoops(b)[1]);
    });
    assert.match(script(out), /B_pad_const/);
  });

  it("copies with the loop's kind; the whole nest at the outermost loop", () => {
    const out = scheduled(bordered(), (sch) => {
      const b = sch.getBlock("B");
      const [i, j] = sch.getLoops(b);
      sch.parallel(i);
      sch.vectorize(j);
      sch.decomposePadding(b, i);
    });
    assert.equal(script(out).match(/T\.vectorized/g)?.length, 2);
    assert.match(script(out), /B\[vi \+ 1\]\[vj \+ 1\] = A\[vi\]\[vj\]/);
  });

  it("refuses a foreign loop, a block that is not complete or does not pad", () => {
    const sch = new Schedule(bordered());
    const [b, c] = [sch.getBlock("B"), sch.getBlock("C")];
    const [other] = sch.getLoops(c);
    refuses(sch, () => sch.decomposePadding(b, other), { rule: /loop is not around/, nodes: ["i", "B"] });
    refuses(sch, () => sch.decomposePadding(c, other), {
      rule: /no padding pattern/,
      detail: /does not store a choice/,
    });
    const mm = new Schedule(mmRelu());
    const y = mm.getBlock("Y");
    const [i] = mm.getLoops(y);
    refuses(mm, () => mm.decomposePadding(y, i), { rule: /not complete/, detail: /reduce axis/ });
    const f = T.primFunc({ A: T.buffer([8]), B: T.buffer([8]), C: T.buffer([8]) }, ({ A, B, C }) => {
      for (const a of T.serial(8)) {
        T.block("B", () => {
          const [va] = T.axis.remap("S", [a]);
          B[va] = A[va] > 0 ? A[va] : 0;
        });
      }
      for (const a of T.serial(8)) {
        T.block("C", () => {
          const [va] = T.axis.remap("S", [a]);
          C[va] = va > 3 ? A[va] : A[7 - va];
        });
      }
    });
    const s = new Schedule(f);
    const [sb, sc] = [s.getBlock("B"), s.getBlock("C")];
    const [lb, lc] = [s.getLoops(sb)[0], s.getLoops(sc)[0]];
    refuses(s, () => s.decomposePadding(sb, lb), { rule: /no padding pattern/, detail: /depends on data/ });
    refuses(s, () => s.decomposePadding(sc, lc), { rule: /no padding pattern/, detail: /neither side/ });
  });
});
