import assert from "node:assert/strict";
import { constInt } from "../../../lib/ir/index.ts";
import { divisorsOf, randomFactors } from "../../../lib/schedule/factorize.ts";
import { applyTrace, Schedule, Trace } from "../../../lib/schedule/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import { T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

/** A chain of three elementwise stages. */
const chain = () =>
  T.primFunc({ A: T.buffer([8, 12]), D: T.buffer([8, 12]) }, ({ A, D }) => {
    const B = T.alloc([8, 12]);
    const C = T.alloc([8, 12]);
    for (const [i, j] of T.grid(8, 12)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] + 1;
      });
    }
    for (const [i, j] of T.grid(8, 12)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(8, 12)) {
      T.block("D", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        D[vi][vj] = C[vi][vj] - 3;
      });
    }
  });

describe("random numbers", () => {
  it("repeat with their seed, and fork", () => {
    const draw = (r: Random) => Array.from({ length: 20 }, () => r.int(10));
    const a = new Random(42);
    assert.deepEqual(draw(a), draw(new Random(42)));
    assert.notDeepEqual(draw(new Random(42)), draw(new Random(43)));
    assert.notDeepEqual(draw(new Random(a.fork())), draw(new Random(a.fork())));
    assert.ok(draw(new Random(-5)).every((x) => x >= 0 && x < 10));
    const often = [0, 0, 0];
    const r = new Random(1);
    for (let i = 0; i < 3000; i++) often[r.weighted([1, 0, 2])]++;
    assert.equal(often[1], 0);
    assert.ok(often[0] > 850 && often[0] < 1150, `${often}`);
  });

  it("factors in order, all lists equally likely", () => {
    assert.deepEqual(divisorsOf(36), [1, 2, 3, 4, 6, 9, 12, 18, 36]);
    const seen = new Map<string, number>();
    const r = new Random(3);
    for (let i = 0; i < 3000; i++) {
      const f = randomFactors(12, 3, r, 4);
      assert.equal(
        f.reduce((a, b) => a * b),
        12,
      );
      assert.ok(f[2] <= 4);
      seen.set(f.join(), (seen.get(f.join()) ?? 0) + 1);
    }
    // 12 in two factors: 6 ways; 6: 4; 4: 3; 3: 2 (after 1, 2, 3, 4 have been taken as the last).
    assert.equal(seen.size, 6 + 4 + 3 + 2);
    assert.ok(Math.min(...seen.values()) > 140 && Math.max(...seen.values()) < 265, `${[...seen.values()]}`);
  });
});

describe("samplePerfectTile", () => {
  it("gives factors for split, and the trace replays them", () => {
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [, j] = sch.getLoops(y);
      const tile = sch.samplePerfectTile(j, 3, 4);
      const sizes = tile.map((t) => sch.get(t));
      assert.equal(sizes[0] * sizes[1] * sizes[2], 16);
      assert.ok(sizes[2] <= 4);
      const loops = sch.split(j, tile);
      assert.deepEqual(
        loops.map((l) => constInt(sch.get(l).extent)),
        sizes,
      );
      sch.reorder(loops[1], sch.getLoops(y)[0]);
    });
  });

  it("after other primitives, mixed with numbers, and as an annotation", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j] = sch.getLoops(y);
      const f = sch.fuse(i, j);
      const [a, b] = sch.samplePerfectTile(f, 2, 16, [24, 8]);
      assert.deepEqual([sch.get(a), sch.get(b)], [24, 8]);
      const [, inner] = sch.split(f, [null, b]);
      sch.annotate(inner, "step", a);
    });
    assert.match(JSON.stringify(out.body), /"step":24/);
  });

  it("draws with the seed of the schedule, and differently in a fork", () => {
    const draw = (sch: Schedule) => {
      const [i] = sch.getLoops(sch.getBlock("Y"));
      return Array.from({ length: 8 }, () => sch.samplePerfectTile(i, 2).map((t) => sch.get(t))).join();
    };
    const sch = new Schedule(mmRelu(), { seed: 5 });
    const [copy, fork] = [sch.copy(), sch.fork()];
    fork.seed(sch.forkSeed());
    assert.equal(draw(copy), draw(new Schedule(mmRelu(), { seed: 5 })));
    assert.notEqual(draw(fork), draw(copy));
    sch.seed(5);
    assert.equal(draw(sch), draw(new Schedule(mmRelu(), { seed: 5 })));
  });

  it("fits a decision of another size", () => {
    const sch = new Schedule(mmRelu());
    const [i] = sch.getLoops(sch.getBlock("Y"));
    const t = sch.samplePerfectTile(i, 3, 16, [4, 3, 8]);
    assert.deepEqual(
      t.map((x) => sch.get(x)),
      [1, 2, 6],
    );
    assert.deepEqual(sch.trace.decisions.at(-1)?.decision, [1, 2, 6]);
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const [i] = sch.getLoops(y);
    refuses(sch, () => sch.samplePerfectTile(i, 1), {
      rule: /two factors at least/,
      suggestion: /^sch\.samplePerfectTile\(i, 2\)$/,
      nodes: ["i"],
    });
    refuses(sch, () => sch.samplePerfectTile(i, 2, 0), { rule: /largest innermost factor/ });
    refuses(sch, () => sch.samplePerfectTile(i, 2, 16, [12]), {
      rule: /decision does not fit/,
      detail: /2 whole numbers above 0, got \[12\]/,
    });
    refuses(sch, () => sch.samplePerfectTile(i, 2, 16, [12, 0]), { rule: /decision does not fit/ });
    const symbolic = new Schedule(
      T.primFunc({ A: T.buffer(["n"]), B: T.buffer(["n"]) }, ({ A, B, n }) => {
        for (const i of T.serial(n)) {
          T.block("B", () => {
            const vi = T.axis.spatial(n, i);
            B[vi] = A[vi];
          });
        }
      }),
    );
    const [l] = symbolic.getLoops(symbolic.getBlock("B"));
    refuses(symbolic, () => symbolic.samplePerfectTile(l, 2), {
      rule: /not a number above 0/,
      detail: /symbolic/,
    });
  });
});

describe("samplePartitionedTile", () => {
  it("keeps the product of the inner part", () => {
    scheduled(mmRelu(), (sch) => {
      const [, j] = sch.getLoops(sch.getBlock("Y"));
      const tile = sch.samplePartitionedTile(j, 4, 2, 8);
      const [a, b, c, d] = tile.map((t) => sch.get(t));
      assert.deepEqual([a * b, c * d], [2, 8]);
      sch.split(j, tile);
    });
  });

  it("takes and fits decisions", () => {
    const sch = new Schedule(mmRelu());
    const [, j] = sch.getLoops(sch.getBlock("Y"));
    const values = (d: number[]) => sch.samplePartitionedTile(j, 3, 1, 8, d).map((t) => sch.get(t));
    assert.deepEqual(values([2, 2, 4]), [2, 2, 4]);
    assert.deepEqual(values([9, 2, 3]), [2, 4, 2]);
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const [, j] = sch.getLoops(sch.getBlock("Y"));
    refuses(sch, () => sch.samplePartitionedTile(j, 1, 0, 1), { rule: /two factors at least/ });
    refuses(sch, () => sch.samplePartitionedTile(j, 2, 3, 1), { rule: /partition lies between/ });
    refuses(sch, () => sch.samplePartitionedTile(j, 2, 1, 3), {
      rule: /inner part must divide/,
      detail: /3 .*16/,
    });
    refuses(sch, () => sch.samplePartitionedTile(j, 2, 0, 4), { rule: /a part has no factors/ });
    refuses(sch, () => sch.samplePartitionedTile(j, 2, 1, 4, [1]), { rule: /decision does not fit/ });
  });
});

describe("sampleCategorical", () => {
  it("draws by probability, and takes an index as decision", () => {
    const sch = new Schedule(mmRelu(), { seed: 2 });
    const seen = new Set(
      Array.from({ length: 40 }, () => sch.get(sch.sampleCategorical([1, 2, 3], [0.5, 0, 0.5]))),
    );
    assert.deepEqual([...seen].sort(), [1, 3]);
    assert.equal(sch.get(sch.sampleCategorical([10, 20], [0.5, 0.5], 1)), 20);
    scheduled(mmRelu(), (s) => {
      const c = s.sampleCategorical([0, 16, 64], [0.2, 0.3, 0.5]);
      s.annotate(s.getBlock("root"), "unroll", c);
      s.split(s.getLoops(s.getBlock("Y"))[0], [null, s.sampleCategorical([2, 3], [0.5, 0.5])]);
    });
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    refuses(sch, () => sch.sampleCategorical([], []), { rule: /must be whole numbers/ });
    refuses(sch, () => sch.sampleCategorical([1, 2], [1]), { rule: /needs a probability/ });
    refuses(sch, () => sch.sampleCategorical([1, 2], [1, 1]), { rule: /make 1 together/ });
    refuses(sch, () => sch.sampleCategorical([1, 2], [0.5, 0.5], 2), { rule: /decision does not fit/ });
  });
});

describe("sampleComputeLocation", () => {
  it("a loop, the block's own place, or its consumers", () => {
    for (const decision of [-2, -1, 0, 1]) {
      const out = scheduled(chain(), (sch) => {
        const b = sch.getBlock("B");
        sch.computeAt(b, sch.sampleComputeLocation(b, decision));
      });
      const loops = decision === -2 ? undefined : decision + 1;
      const at = new Schedule(out);
      if (loops === undefined) assert.throws(() => at.getBlock("B"), /no block "B"/);
      else assert.equal(at.getChildBlocks(at.getBlock("root"))[0].name, "B");
      if (decision === 1) assert.equal(at.getLoops(at.getBlock("B")).length, 2);
    }
  });

  it("draws each of them", () => {
    const sch = new Schedule(chain());
    const b = sch.getBlock("B");
    for (let i = 0; i < 40; i++) sch.sampleComputeLocation(b);
    const drawn = new Set(sch.trace.decisions.map((d) => d.decision));
    assert.deepEqual([...drawn].sort(), [-1, -2, 0, 1]);
  });

  it("of an output: only its own place; a decision that is not legal moves outwards", () => {
    const sch = new Schedule(chain());
    sch.sampleComputeLocation(sch.getBlock("D"));
    sch.sampleComputeLocation(sch.getBlock("B"), 7);
    assert.deepEqual(
      sch.trace.decisions.map((d) => d.decision),
      [-1, 1],
    );
  });

  it("refuses other uses of a place without a loop, and bad decisions", () => {
    const sch = new Schedule(chain());
    const b = sch.getBlock("B");
    const place = sch.sampleComputeLocation(b, -1);
    refuses(sch, () => sch.unroll(place), { rule: /the place is no loop/, suggestion: /sch\.computeAt/ });
    refuses(sch, () => sch.get(place), { rule: /the place is no loop/ });
    refuses(sch, () => sch.sampleComputeLocation(b, 0.5), { rule: /decision does not fit/ });
  });
});

describe("decisions in a trace", () => {
  const tiled = () => {
    const sch = new Schedule(mmRelu(), { seed: 11 });
    const [i, j] = sch.getLoops(sch.getBlock("Y"));
    sch.split(j, sch.samplePerfectTile(j, 2, 16, [4, 4]));
    sch.unroll(i);
    return sch;
  };

  it("stand in JSON and in the printed calls", () => {
    const { trace } = tiled();
    assert.match(
      trace.script(),
      /const \[j_factor, j_factor_1\] = sch\.samplePerfectTile\(j, 2, 16, \[4, 4\]\);/,
    );
    assert.match(trace.script(), /= sch\.split\(j, \[j_factor, j_factor_1\]\);/);
    assert.deepEqual(trace.decisions, [{ index: 2, primitive: "samplePerfectTile", decision: [4, 4] }]);
    assert.deepEqual(Trace.from(JSON.parse(JSON.stringify(trace))).decisions, trace.decisions);
  });

  it("are replaced, and give another program", () => {
    const { trace } = tiled();
    const other = applyTrace(trace.withDecision(2, [2, 8]), new Schedule(mmRelu()));
    const expected = new Schedule(mmRelu());
    const [i, j] = expected.getLoops(expected.getBlock("Y"));
    expected.split(j, [2, 8]);
    expected.unroll(i);
    same(other.func(), expected.func());
    assert.deepEqual(trace.decisions[0].decision, [4, 4], "the trace itself is as it was");
    assert.throws(() => trace.withDecision(0, 1), /instruction 0: getBlock decides nothing; decisions: 2 \(/);
    assert.throws(() => trace.withDecision(99, 1), /no such instruction/);
  });

  it("are drawn anew", () => {
    const { trace } = tiled();
    const drawn = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const sch = applyTrace(trace.withoutDecisions(), new Schedule(mmRelu(), { seed }));
      drawn.add(JSON.stringify(sch.trace.decisions[0].decision));
    }
    assert.ok(drawn.size > 2);
  });

  it("fit a module of the same shape with other sizes", () => {
    const small = T.primFunc(
      { A: T.buffer([4, 4]), B: T.buffer([4, 6]), C: T.buffer([4, 6]) },
      ({ A, B, C }) => {
        const Y = T.alloc([4, 6]);
        for (const [i, j, k] of T.grid(4, 6, 4)) {
          T.block("Y", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            T.init(() => {
              Y[vi][vj] = 0;
            });
            Y[vi][vj] += A[vi][vk] * B[vk][vj];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = T.max(Y[vi][vj], 0);
          });
        }
      },
    );
    const sch = applyTrace(tiled().trace, new Schedule(small));
    assert.deepEqual(sch.trace.decisions[0].decision, [2, 3]);
  });

  it("dead instructions go, and the rest gives the same program", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    sch.getBlock("C");
    const [, j] = sch.getLoops(y);
    sch.samplePerfectTile(j, 2);
    sch.sampleCategorical([1, 2], [0.5, 0.5]);
    const [a, b] = sch.samplePerfectTile(j, 2);
    sch.split(j, [null, b]);
    sch.getConsumers(y);
    const simple = sch.trace.simplified();
    assert.deepEqual(
      simple.instructions.map((i) => i.primitive),
      ["getBlock", "getLoops", "samplePerfectTile", "split"],
    );
    assert.ok(a);
    same(applyTrace(simple, new Schedule(mmRelu())).func(), sch.func());
    assert.equal(simple.simplified(), simple);
  });

  it("what workOn named stays, where a block is looked for", () => {
    const sch = new Schedule(mmRelu());
    sch.workOn("main");
    sch.unroll(sch.getLoops(sch.getBlock("Y"))[0]);
    assert.equal(sch.trace.simplified().instructions[0].primitive, "workOn");
  });
});
