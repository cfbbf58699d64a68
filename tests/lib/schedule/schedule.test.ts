import assert from "node:assert/strict";
import { getFunc, irModule } from "../../../lib/ir/index.ts";
import { type BlockRV, type LoopRV, Schedule, ScheduleError, Trace } from "../../../lib/schedule/index.ts";
import { addOne, mmRelu, siblings } from "./programs.ts";
import { named, refuses, same } from "./support.ts";

const thrown = (run: () => unknown): ScheduleError => {
  try {
    run();
  } catch (e) {
    assert.ok(e instanceof ScheduleError, String(e));
    return e;
  }
  assert.fail("nothing was thrown");
};

describe("Schedule", () => {
  describe("queries", () => {
    it("finds blocks, their loops and their neighbours", () => {
      const sch = new Schedule(mmRelu());
      const y = sch.getBlock("Y");
      const c = sch.getBlock("C");
      assert.deepEqual(
        sch.getLoops(y).map((l) => l.name),
        ["i", "j", "k"],
      );
      assert.deepEqual(
        sch.getLoops(c).map((l) => sch.get(l).v.name),
        ["i", "j"],
      );
      assert.deepEqual(sch.getProducers(c), [y]);
      assert.deepEqual(sch.getConsumers(y), [c]);
      assert.deepEqual(sch.getProducers(y), []);
      const root = sch.getBlock("root");
      assert.deepEqual(sch.getChildBlocks(root), [y, c]);
      assert.deepEqual(sch.getChildBlocks(sch.getLoops(y)[0]), [y]);
      assert.deepEqual(sch.getOutputBlocks(root), [c]);
      assert.equal(sch.get(y).name, "Y");
      assert.ok(Object.isFrozen(y));
    });

    it("refuses what is no program", () => {
      const none: unknown = undefined;
      assert.throws(() => new Schedule(none as never), /^TypeError: new Schedule takes a module/);
    });

    it("refuses a name that no block has, or several, and lists what there is", () => {
      const sch = new Schedule(irModule({ f: mmRelu(), g: addOne(), h: addOne() }));
      refuses(sch, () => sch.getBlock("Z"), {
        rule: /there is no block "Z"/,
        detail: /^f has Y, C; g has B; h has B$/,
      });
      refuses(sch, () => sch.getBlock("B"), {
        rule: /2 blocks are called "B"/,
        suggestion: /sch\.getBlock\("B", "g"\)/,
      });
      assert.throws(() => sch.getBlock("Y", "nope"), /no function "nope"; it has f, g, h/);
      assert.equal(sch.getBlock("Y").func, "f");
      assert.equal(sch.getBlock("B", "h").func, "h");
      sch.workOn("g");
      assert.equal(sch.getBlock("B").func, "g");
      assert.throws(() => sch.workOn("nope"), /no function "nope"/);
      assert.throws(() => sch.func(), /3 functions \(f, g, h\)/);
    });
  });

  it("is a cursor: the module it was given stays as it is", () => {
    const mod = irModule({ f: mmRelu() });
    const before = getFunc(mod, "f");
    const sch = new Schedule(mod);
    sch.parallel(sch.getLoops(sch.getBlock("Y"))[0]);
    assert.equal(getFunc(mod, "f"), before);
    assert.notEqual(sch.func("f"), before);
  });

  it("copies go their own ways", () => {
    const sch = new Schedule(mmRelu(), { seed: 7 });
    const y = sch.getBlock("Y");
    const [i, j] = sch.getLoops(y);
    sch.parallel(i);
    const other = sch.copy();
    assert.equal(other.forkSeed(), new Schedule(mmRelu(), { seed: 7 }).forkSeed());
    other.split(j, [null, 4]);
    sch.vectorize(j);
    assert.equal(sch.history.length, 2);
    assert.deepEqual(
      other.history.map((s) => s.primitive),
      ["parallel", "split"],
    );
    assert.equal(sch.getLoops(y).length, 3);
    assert.equal(other.getLoops(y).length, 4);
    const [, j0] = other.getLoops(y);
    const e = thrown(() => sch.unroll(j0));
    assert.match(e.refusal.rule, /belongs to another schedule/);
  });

  describe("history", () => {
    it("has the call as text and the module before and after each step", () => {
      const sch = named("mm", mmRelu());
      const start = sch.mod;
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const seen: string[] = [];
      const stop = sch.onStep((s) => seen.push(s.primitive));
      const [j0, j1] = sch.split(j, [null, 8]);
      sch.reorder(j0, k, j1);
      sch.annotate(i, "a", { b: [1, "x"], "c-d": null });
      stop();
      sch.decomposeReduction(y, k);
      assert.deepEqual(
        sch.history.map((s) => s.call),
        [
          "const [j_0, j_1] = sch.split(j, [null, 8]);",
          "sch.reorder(j_0, k, j_1);",
          'sch.annotate(i, "a", { b: [1, "x"], "c-d": null });',
          "const Y_init = sch.decomposeReduction(Y, k);",
        ],
      );
      assert.deepEqual(
        sch.history.map((s) => s.index),
        [1, 2, 3, 4],
      );
      assert.ok(sch.history.every((s) => s.func === "mm" && s.ms >= 0));
      assert.equal(sch.history[0].before, start);
      assert.equal(sch.history[3].after, sch.mod);
      for (let n = 1; n < 4; n++) assert.equal(sch.history[n].before, sch.history[n - 1].after);
      assert.deepEqual(seen, ["split", "reorder", "annotate"]);
    });
  });

  describe("trace", () => {
    it("prints as TypeScript with distinct names", () => {
      const sch = new Schedule(irModule({ f: mmRelu(), g: addOne() }));
      sch.workOn("f");
      const y = sch.getBlock("Y");
      sch.getLoops(y);
      const c = sch.getBlock("C", "f");
      const [p, q] = sch.getLoops(c);
      sch.parallel(sch.fuse(p, q));
      const u = sch.addUnitLoop(y);
      sch.getLoops(y);
      sch.bind(u, "threadIdx.x");
      assert.equal(
        sch.trace.script(),
        `sch.workOn("f");
const Y = sch.getBlock("Y");
const [i, j, k] = sch.getLoops(Y);
const C = sch.getBlock("C", "f");
const [i_1, j_1] = sch.getLoops(C);
const i_j_fused = sch.fuse(i_1, j_1);
sch.parallel(i_j_fused);
const u = sch.addUnitLoop(Y);
sch.bind(u, "threadIdx.x");`,
      );
    });

    it("names only what is new", () => {
      const sch = new Schedule(mmRelu());
      const y = sch.getBlock("Y");
      const [i] = sch.getLoops(y);
      sch.addUnitLoop(i);
      const copy = sch.copy();
      copy.split(copy.getLoops(y)[2], [2, 8]);
      assert.match(copy.trace.script(), /const \[j_0, j_1\] = sch\.split\(j, \[2, 8\]\);$/);
    });

    it("is plain data", () => {
      const sch = new Schedule(mmRelu());
      const [, j] = sch.getLoops(sch.getBlock("Y"));
      sch.split(j, [null, 8], { preserveUnitIters: false });
      const json = JSON.parse(JSON.stringify(sch.trace));
      assert.deepEqual(json.instructions[2], {
        primitive: "split",
        inputs: ["j", [null, 8]],
        attrs: { options: { preserveUnitIters: false } },
        outputs: ["j_0", "j_1"],
        gives: "list",
      });
      assert.equal(Trace.from(json).script("s"), sch.trace.script("s"));
    });

    it("replays on a module with other sizes, and says when the shape is another", async () => {
      const { applyTrace } = await import("../../../lib/schedule/index.ts");
      const sch = new Schedule(addOne());
      const [a] = sch.getLoops(sch.getBlock("B"));
      sch.parallel(a);
      assert.throws(
        () => applyTrace(sch.trace, new Schedule(siblings())),
        /gives 2 handle\(s\) here and gave 3/,
      );
      assert.throws(() => applyTrace(sch.trace, new Schedule(mmRelu())), /there is no block "B"/);
      const again = applyTrace(sch.trace, new Schedule(addOne()));
      same(again.func(), sch.func());
    });

    it("refuses an unknown primitive", () => {
      const sch = new Schedule(addOne());
      assert.throws(() => sch.call("teleport", [], {}), /no primitive teleport; it has split, fuse/);
    });
  });

  describe("stale handles", () => {
    it("say which step took them", () => {
      const sch = new Schedule(mmRelu());
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      sch.parallel(i);
      sch.split(j, [null, 8]);
      refuses(sch, () => sch.reorder(k, j), {
        rule: /the loop is gone/,
        detail: /^loop j was split in step 2 into j_0, j_1$/,
        suggestion: /take the loops again with sch\.getLoops/,
      });
      sch.unroll(k);
      const [, j0, j1] = sch.getLoops(y);
      sch.fuse(j0, j1);
      refuses(sch, () => sch.vectorize(j1), {
        rule: /the loop is gone/,
        detail: /^loop j_1 was fused in step 4 into j_0_j_1_fused$/,
      });
      assert.match(thrown(() => sch.get(j)).refusal.detail, /split in step 2/);
    });

    it("of another schedule, and things that are no handles", () => {
      const one = new Schedule(mmRelu());
      const two = new Schedule(mmRelu());
      const y = one.getBlock("Y");
      const [i] = one.getLoops(y);
      refuses(two, () => two.parallel(i), {
        rule: /belongs to another schedule/,
        detail: /never gave out i/,
      });
      refuses(one, () => one.parallel(y as unknown as LoopRV), {
        rule: /a loop is needed/,
        detail: /Y is a block/,
      });
      refuses(one, () => one.getLoops(i as unknown as BlockRV), { rule: /a block is needed/ });
      refuses(one, () => one.parallel(undefined as unknown as LoopRV), {
        rule: /a loop is needed/,
        detail: /got nothing/,
      });
      const both = new Schedule(irModule({ f: mmRelu(), g: addOne() }));
      const [a] = both.getLoops(both.getBlock("Y"));
      const [b] = both.getLoops(both.getBlock("B"));
      refuses(both, () => both.fuse(a, b), {
        rule: /different functions/,
        detail: /i is in f, i_1 in g/,
      });
    });
  });

  it("an error shows the program with the loops at fault underlined, and the reader's names", () => {
    const sch = new Schedule(mmRelu());
    const c = sch.getBlock("C");
    const y = sch.getBlock("Y");
    const [a] = sch.getLoops(c);
    const [, , k] = sch.getLoops(y);
    const e = thrown(() => sch.bind(k, "blockIdx.x"));
    assert.equal(e.func, sch.func());
    const lines = (e.excerpt ?? "").split("\n");
    const at = lines.findIndex((l) => l.includes("^"));
    const line = lines[at - 1];
    assert.match(line, /of T\.grid\(12, 16, 10\)/);
    assert.equal(lines[at].indexOf("^"), line.indexOf("k]"));
    assert.equal(lines[at].trim(), "^");
    assert.match(e.message, /^bind: the loop reaches an axis that is not data-parallel\. k drives vk of Y/);
    assert.match(e.message, /Try: sch\.bind\(k, "threadIdx\.x"\)/);
    // The two loops named i have the handles i and i_1.
    const [b] = sch.getLoops(y);
    sch.annotate(b, "p", 1);
    const twice = thrown(() => sch.annotate(b, "p", 1));
    assert.match(twice.message, /sch\.unannotate\(i_1, "p"\)/);
    assert.equal(a.name, "i");
  });

  it("survives hundreds of steps quickly", () => {
    const sch = new Schedule(mmRelu());
    const [i] = sch.getLoops(sch.getBlock("Y"));
    for (let n = 0; n < 200; n++) sch.annotate(i, `k${n}`, n);
    const slow = sch.history.map((s) => s.ms).sort((a, b) => a - b)[100];
    assert.ok(slow < 20, `${slow} ms`);
  });
});
