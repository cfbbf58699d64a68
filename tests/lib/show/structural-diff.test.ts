import assert from "node:assert/strict";
import fc from "fast-check";
import { type IRModule, structuralEqual } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { parseModule, script, T } from "../../../lib/script/index.ts";
import {
  changeText,
  DISPLAY,
  diff,
  graph,
  historyDiffs,
  type MimeBundle,
  scheduleBundle,
  structuralDiff,
} from "../../../lib/show/index.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import { actions, Tally, tryAction } from "../../support/random-schedule.ts";
import { longSchedule } from "./long-schedule.ts";
import { readMarkup } from "./markup.ts";
import { states, swapped } from "./samples.ts";

const chain = T.module({
  f: T.primFunc({ A: T.buffer([16, 16]), C: T.buffer([16, 16]) }, ({ A, C }) => {
    const B = T.alloc([16, 16]);
    const D = T.alloc([16, 16]);
    for (const [i, j] of T.grid(16, 16)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(16, 16)) {
      T.block("D", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        D[vi][vj] = B[vi][vj] + 1;
      });
    }
    for (const [i, j] of T.grid(16, 16)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = D[vi][vj] + 1;
      });
    }
  }),
});

/** What each step of a schedule did. */
function told(mod: IRModule, run: (sch: Schedule) => void): string[][] {
  const sch = new Schedule(mod);
  run(sch);
  return historyDiffs(sch.history).map((d) => d.changes.map((c) => c.text));
}

describe("show: structural diff", () => {
  it("an intermediate that becomes a result is told as such, both ways", () => {
    const [inside, outside] = ["const B = T.alloc([4]);", ""].map((alloc) =>
      parseModule(`T.module({
        f: T.primFunc(
          { A: T.buffer([4]), ${alloc ? "" : "B: T.buffer([4]), "}C: T.buffer([4]) },
          ({ A, ${alloc ? "" : "B, "}C }) => {
            ${alloc}
            for (const i of T.serial(4)) {
              T.block("B", () => { const [vi] = T.axis.remap("S", [i]); B[vi] = A[vi] * 2; });
            }
            for (const i of T.serial(4)) {
              T.block("C", () => { const [vi] = T.axis.remap("S", [i]); C[vi] = B[vi] + 1; });
            }
          },
        ),
      })`),
    );
    const text = (a: IRModule, b: IRModule) => structuralDiff(a, b).map((c) => changeText(c));
    assert.deepEqual(text(inside, outside), ["buffer B is a parameter (was allocated in root)"]);
    assert.deepEqual(text(outside, inside), ["buffer B is allocated in root (was a parameter)"]);
  });

  it("a schedule's text names a new buffer once", () => {
    const sch = new Schedule(chain);
    sch.cacheRead(sch.getBlock("D"), 0, "local");
    const text = scheduleBundle(sch)["text/plain"];
    assert.match(text, /; buffer B_local: f32\[16, 16\] in local added\n/);
  });

  it("says what each primitive did, in one line each", () => {
    const steps = told(states[0], (sch) => {
      const Y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(Y);
      sch.cacheRead(Y, 0, "local");
      const copy = sch.cacheWrite(Y, 0, "local");
      const [j0, j1] = sch.split(j, [null, 8]);
      sch.reorder(j0, k, j1);
      sch.reverseComputeAt(copy, j0);
      sch.vectorize(j1);
      sch.parallel(i);
      sch.annotate(k, "unroll", 4);
      sch.unannotate(k, "unroll");
      sch.decomposeReduction(Y, k);
    });
    assert.deepEqual(steps, [
      [
        "block A_local added: copies A to A_local (local)",
        "block Y reads A_local in place of A",
        "buffer A_local: f32[128, 128] in local added",
      ],
      [
        "block Y_local added: copies Y_local to Y",
        "block Y writes Y_local in place of Y",
        "buffer Y_local: f32[128, 128] in local added",
      ],
      ["j split into j_0 (16) × j_1 (8)"],
      ["loops reordered: k, j_1 (was j_1, k)"],
      ["block Y_local moved under j_0, with loop ax0 (8)"],
      ["j_1 is vectorized"],
      ["i is parallel"],
      ["k annotated unroll = 4"],
      ["annotation unroll of k removed"],
      ["init of Y became block Y_init under j_0", "block Y is now Y_update"],
    ]);
  });

  it("fused, bound, blockized, inlined, laid out anew", () => {
    const steps = told(chain, (sch) => {
      sch.computeInline(sch.getBlock("B"));
      sch.reverseComputeInline(sch.getBlock("C"));
      const D = sch.getBlock("D");
      const f = sch.fuse(...sch.getLoops(D));
      const [a, b] = sch.split(f, [null, 4]);
      sch.bind(a, "blockIdx.x");
      sch.blockize(b);
      sch.addUnitLoop(D);
    });
    assert.deepEqual(steps.slice(0, 5), [
      ["block B inlined into D", "block D reads A in place of B", "buffer B: f32[16, 16] removed"],
      ["block C inlined into D", "block D writes C in place of D", "buffer D: f32[16, 16] removed"],
      ["i, j fused into i_j_fused (256)"],
      ["i_j_fused split into i_j_fused_0 (64) × i_j_fused_1 (4)"],
      ["i_j_fused_0 is blockIdx.x"],
    ]);
    assert.equal(steps[5][0], "block D_o made around D");
    assert.match(steps[6][0], /^loop u\w* \(1\) put around D$/);
    const parts = told(chain, (sch) => {
      sch.loopPartition(sch.getLoops(sch.getBlock("C"))[0], [null, 4]);
    });
    assert.equal(parts[0][0], "i parted into i_0 (12) then i_1 (4)");
    const layout = told(chain, (sch) => {
      sch.transformLayout(sch.getBlock("B"), "B", "(i, j) => [T.floordiv(j, 4), i, T.floormod(j, 4)]");
    });
    assert.deepEqual(layout, [["shape of buffer B: [16, 16] → [4, 16, 4]"]]);
  });

  it("several steps at once; programs that share no ids; blocks that changed places", () => {
    const texts = (a: IRModule, b: IRModule) => structuralDiff(a, b).map((c) => changeText(c));
    const all = [
      "j split into j_0 (16) × j_1 (8, vectorized)",
      "loops reordered: j_0, k, j_1 (was j, k)",
      "i is parallel",
    ];
    assert.deepEqual(texts(states[0], states[4]), all);
    assert.deepEqual(texts(parseModule(script(states[0])), states[4]), all);
    assert.deepEqual(texts(states[0], parseModule(script(states[0]))), []);
    assert.deepEqual(texts(states[0], states[0]), []);
    assert.deepEqual(texts(states[0], swapped), ["block Y moved to the end"]);
    assert.deepEqual(texts(states[0], chain), ["function mm_relu removed", "function f added"]);
  });

  it("folds what did not change, as text and as markup", () => {
    const bundle = diff(states[0], states[2], { layout: "tree" })[DISPLAY]() as MimeBundle;
    assert.equal(
      bundle["text/plain"],
      [
        "* j split into j_0 (16) × j_1 (8)",
        "* loops reordered: j_0, k, j_1 (was j, k)",
        "  for i in 128",
        "+   for j_0 in 16   // j split into j_0 (16) × j_1 (8); loops reordered: j_0, k, j_1 (was j, k)",
        ">     for k in 128",
        "+       for j_1 in 8",
        "          … unchanged: block Y",
        "  … unchanged: 2 loops, block C",
      ].join("\n"),
    );
    assert.match(readMarkup(bundle["text/html"]!).text, /… unchanged: 2 loops, block C/);
  });

  it("the changes are data", () => {
    const [c] = JSON.parse(JSON.stringify(structuralDiff(states[0], states[1])));
    assert.equal(c.kind, "split");
    assert.deepEqual([c.loop.name, c.into.map((l: { extent: string }) => l.extent)], ["j", ["16", "8"]]);
    assert.match(c.into[0].key, /^loop:\d+$/);
  });

  it("random schedules: no step goes unsaid, and every text is one line", () => {
    fc.assert(
      fc.property(recipe, actions, (r, todo) => {
        const sch = new Schedule(programOf(r));
        const tally = new Tally();
        for (const a of todo) tryAction(sch, a, tally);
        for (const d of historyDiffs(sch.history)) {
          const { before, after } = sch.history[d.index - 1];
          if (!structuralEqual(before, after)) assert(d.changes.length > 0, d.call);
          for (const c of d.changes) assert.match(c.text, /^[^\n]+$/);
        }
        const changed = structuralDiff(sch.history[0]?.before ?? sch.mod, sch.mod).length > 0;
        if (sch.history.length === 0) assert(!changed);
        structuralDiff(parseModule(script(sch.mod)), sch.history[0]?.before ?? sch.mod);
        graph(sch.mod).toString();
      }),
      { numRuns: 60 },
    );
  }).timeout(60_000);

  it("a module of 30 blocks: every step is told", () => {
    const sch = longSchedule(60);
    for (const s of sch.history) assert.equal(historyDiffs([s]).length, 1);
    const bundle = scheduleBundle(sch);
    assert.equal(bundle["text/html"]!.match(/class="tw-step"/g)!.length, 60);
    assert.match(bundle["text/plain"], /j split into|split into/);
  }).timeout(20_000);
});
