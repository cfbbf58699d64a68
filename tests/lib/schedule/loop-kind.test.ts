import assert from "node:assert/strict";
import { loopsIn } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { addOne, mmRelu, opaque, repeated, siblings, window } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

const loopsOf = (sch: Schedule, block: string) => sch.getLoops(sch.getBlock(block));

describe("parallel, vectorize, unroll", () => {
  it("sets the kinds of loops", () => {
    const out = scheduled(addOne(), (sch) => {
      const [a, b, c] = loopsOf(sch, "B");
      sch.parallel(a);
      sch.unroll(b);
      sch.vectorize(c);
    });
    const expected = T.primFunc({ A: T.buffer([4, 13, 6]), B: T.buffer([4, 13, 6]) }, ({ A, B }) => {
      for (const i of T.parallel(4)) {
        for (const j of T.unroll(13)) {
          for (const k of T.vectorized(6)) {
            T.block("B", () => {
              const [vi, vj, vk] = T.axis.remap("SSS", [i, j, k]);
              B[vi][vj][vk] = A[vi][vj][vk] + 1;
            });
          }
        }
      }
    });
    same(out, expected);
  });

  it("takes the spatial loops of a reduction, and loops of several blocks", () => {
    scheduled(mmRelu(), (sch) => {
      const [a, b, c] = loopsOf(sch, "Y");
      sch.parallel(a);
      sch.vectorize(b);
      sch.unroll(c);
    });
    scheduled(siblings(), (sch) => sch.parallel(loopsOf(sch, "B")[0]));
  });

  it("unroll drops a thread axis", () => {
    const out = scheduled(addOne(), (sch) => {
      const [a] = loopsOf(sch, "B");
      sch.bind(a, "blockIdx.x");
      sch.unroll(a);
    });
    const [l] = loopsIn(out.body);
    assert.equal(l.loopKind, "unrolled");
    assert.ok(!("thread" in l));
  });

  for (const primitive of ["parallel", "vectorize"] as const) {
    it(`${primitive} refuses`, () => {
      const sch = new Schedule(mmRelu());
      const [, , k] = loopsOf(sch, "Y");
      refuses(sch, () => sch[primitive](k), {
        rule: /axis that is not data-parallel/,
        detail: /k drives vk of Y, a reduce axis/,
        suggestion: new RegExp(`sch\\.${primitive} of a loop of vi or vj`),
        nodes: ["k", "Y"],
      });
      const o = new Schedule(opaque());
      const [p] = loopsOf(o, "B");
      refuses(o, () => o[primitive](p), {
        rule: /compact dataflow/,
        detail: /B is not complete: axis vi of B is opaque, not spatial; no reduction: B has no init/,
      });
      const d = new Schedule(mmRelu());
      const y = d.getBlock("Y");
      const [, b, c] = d.getLoops(y);
      d.decomposeReduction(y, c);
      refuses(d, () => d[primitive](b), {
        rule: /compact dataflow/,
        detail: /Y_init is not complete: Y_update writes Y as well as Y_init/,
      });
      refuses(d, () => d[primitive](c), {
        rule: /compact dataflow/,
        detail: /Y_update is not complete: axis vk of Y_update is a reduce axis/,
        suggestion: /before sch\.decomposeReduction/,
      });
      const r = new Schedule(repeated());
      const [outer] = loopsOf(r, "S");
      refuses(r, () => r[primitive](outer), {
        rule: /repeats a reduction/,
        detail: /iterations of _r compute the same instances of S/,
      });
    });
  }

  it("takes a complete block whose loops overlap: its instances may run twice", () => {
    scheduled(window(), (sch) => sch.parallel(loopsOf(sch, "B")[0]));
  });
});

describe("bind", () => {
  it("binds spatial loops to any axis, and a reduction to threadIdx", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const [a, b, c] = loopsOf(sch, "Y");
      sch.bind(a, "blockIdx.x");
      sch.bind(b, "vthread");
      sch.bind(c, "threadIdx.x");
    });
    const threads = loopsIn(out.body).slice(0, 3);
    assert.deepEqual(
      threads.map((l) => l.thread),
      ["blockIdx.x", "vthread", "threadIdx.x"],
    );
    assert.ok(threads.every((l) => l.loopKind === "threadBinding"));
  });

  it("threads of a workgroup share the fetching of a tile that all of them read", () => {
    const tiles = (scope: string, more: (sch: Schedule) => void) => (sch: Schedule) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 4]);
      const [j0, j1] = sch.split(j, [null, 4]);
      const [k0, k1] = sch.split(k, [null, 2]);
      sch.reorder(i0, j0, i1, j1, k0, k1);
      sch.bind(i0, "blockIdx.x");
      sch.bind(i1, "threadIdx.y");
      sch.bind(j1, "threadIdx.x");
      sch.computeAt(sch.cacheRead(y, 0, scope), k0);
      more(sch);
    };
    const copy = (sch: Schedule, scope: string) => sch.getLoops(sch.getBlock(`A_${scope}`)).slice(-2);
    const out = scheduled(
      mmRelu(),
      tiles("shared", (sch) => {
        const [, x] = sch.split(sch.fuse(...copy(sch, "shared")), [null, 4]);
        sch.bind(x, "threadIdx.x");
      }),
    );
    assert.deepEqual(
      loopsIn(out.body).flatMap((l) => l.thread ?? []),
      ["blockIdx.x", "threadIdx.y", "threadIdx.x", "threadIdx.x"],
    );

    const rule = /thread axis is taken/;
    const sch = new Schedule(mmRelu());
    tiles("shared", () => {})(sch);
    const [rows] = copy(sch, "shared");
    const [, inner] = sch.split(rows, [2, 2]);
    refuses(sch, () => sch.bind(inner, "threadIdx.x"), {
      rule,
      detail: /j_1 is bound to threadIdx\.x already, and j_1 and ax0_1 have different extents/,
    });
    const own = new Schedule(
      T.primFunc({ A: T.buffer([4]), C: T.buffer([4, 4]) }, ({ A, C }) => {
        const L = T.alloc([4], "f32", "local");
        for (const x of T.threadBinding(4, "threadIdx.x")) {
          for (const a of T.serial(4)) {
            T.block("L", () => {
              const [va] = T.axis.remap("S", [a]);
              L[va] = A[va];
            });
          }
          for (const b of T.serial(4)) {
            T.block("C", () => {
              const [vx, vb] = T.axis.remap("SS", [x, b]);
              C[vx][vb] = L[vb];
            });
          }
        }
      }),
    );
    const [, l] = loopsOf(own, "L");
    const [, c] = loopsOf(own, "C");
    refuses(own, () => own.bind(l, "threadIdx.x"), {
      rule,
      detail: /each of its threads has a L of its own, which L would fill in part/,
    });
    refuses(own, () => own.bind(c, "threadIdx.x"), {
      rule,
      detail: /what b contains differs between the iterations of x/,
    });
  });

  it("what threads fill together stays where all of them see it", () => {
    const program = () =>
      T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
        const B = T.alloc([8], "f32", "shared");
        for (const i of T.threadBinding(8, "threadIdx.x")) {
          for (const a of T.serial(8)) {
            T.block("B", () => {
              const [va] = T.axis.remap("S", [a]);
              B[va] = A[va];
            });
          }
          T.block("C", () => {
            const [vi] = T.axis.remap("S", [i]);
            C[vi] = B[7 - vi];
          });
        }
      });
    // A copy that lives in one iteration of the fetching is its thread's own.
    scheduled(program(), (sch) => {
      const b = sch.getBlock("B");
      const [, a] = sch.getLoops(b);
      sch.bind(a, "threadIdx.x");
      sch.computeAt(sch.cacheRead(b, 0, "local"), a);
    });
    const sch = new Schedule(program());
    const b = sch.getBlock("B");
    const [, a] = sch.getLoops(b);
    sch.bind(a, "threadIdx.x");
    const rule = /threads would no longer share their work/;
    refuses(sch, () => sch.setScope(b, 0, "local"), {
      rule,
      detail:
        /iterations of a\d* are shared out among the threads of i, and each of its threads has a B of its own/,
    });
    refuses(sch, () => sch.cacheWrite(b, 0, "local"), { rule, detail: /has a B_local of its own/ });
    sch.setScope(b, 0, "global");
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const [a, b, c] = loopsOf(sch, "Y");
    refuses(sch, () => sch.bind(a, "threadIdx.w"), {
      rule: /unknown thread axis/,
      detail: /"threadIdx\.w" is not one of blockIdx\.x/,
    });
    refuses(sch, () => sch.bind(c, "blockIdx.x"), {
      rule: /not data-parallel/,
      detail: /k drives vk of Y/,
      suggestion: /sch\.bind\(k, "threadIdx\.x"\)/,
    });
    refuses(sch, () => sch.bind(c, "vthread"), { rule: /not data-parallel/ });
    sch.bind(a, "threadIdx.x");
    refuses(sch, () => sch.bind(b, "threadIdx.x"), {
      rule: /thread axis is taken/,
      detail: /i is bound to threadIdx\.x already/,
      suggestion: /sch\.bind\(j, "threadIdx\.y"\)/,
      nodes: ["j", "i"],
    });
    const o = new Schedule(opaque());
    const [d] = loopsOf(o, "B");
    refuses(o, () => o.bind(d, "threadIdx.x"), { rule: /compact dataflow/ });
  });
});
