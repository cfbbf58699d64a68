import assert from "node:assert/strict";
import {
  axis,
  block,
  buffer,
  getPrimFunc,
  load,
  loop,
  ops,
  primFunc,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import {
  animate,
  blockGraph,
  DISPLAY,
  type Displayable,
  estimateTable,
  explore,
  graph,
  iterationTrace,
  type MimeBundle,
  scheduleBundle,
  sideBySide,
} from "../../../lib/show/index.ts";
import { longSchedule } from "./long-schedule.ts";
import { readMarkup } from "./markup.ts";
import { schedule, states, timings } from "./samples.ts";
import { product, tiled } from "./small-programs.ts";

const shown = (d: Displayable): MimeBundle => d[DISPLAY]() as MimeBundle;

/** The text of the markup, which must be well-formed, of known elements only, and without a script. */
function read(d: Displayable): string {
  const { text, tags } = readMarkup(shown(d)["text/html"]!);
  assert(!tags.includes("script"));
  return text;
}

describe("show: block graph", () => {
  it("edges by buffer, loops, and the part one iteration of each loop touches", () => {
    const g = blockGraph(getPrimFunc(states[2], "mm_relu"), "mm_relu");
    const [y, c] = g.blocks;
    assert.deepEqual(g.edges, [{ from: y.key, to: c.key, buffer: "Y", kind: "readAfterWrite" }]);
    assert.deepEqual(
      y.loops.map((l) => `${l.name} ${l.extent}`),
      ["i 128", "j_0 16", "k 128", "j_1 8"],
    );
    assert.deepEqual(
      c.reads.map((r) => [r.buffer, r.from]),
      [["Y", [y.key]]],
    );
    const B = y.reads.find((r) => r.buffer === "B")!;
    assert.deepEqual(
      B.levels.map((l) => [l.loop, l.box.min, l.box.extent]),
      [
        ["i", [0, 0], [128, 128]],
        ["j_0", [0, 40], [128, 8]],
        ["k", [42, 40], [1, 8]],
        [null, [42, 42], [1, 1]],
      ],
    );
    const d = graph(states[2]);
    assert.match(
      shown(d)["text/plain"],
      /block Y in i 128, j_0 16, k 128, j_1 8\n +reads {2}A\[128, 128\]: 1 × 1, 1 × 128 in each j_0/,
    );
    assert.match(read(d), /reads B/);
  });

  it("nested blocks stand inside; of symbolic sizes nothing is claimed", () => {
    const sch = new Schedule(states[0]);
    const [i] = sch.getLoops(sch.getBlock("C"));
    sch.blockize(i);
    const g = blockGraph(sch.func("mm_relu"));
    assert.deepEqual(
      g.blocks.map((b) => [b.name, b.depth]),
      [
        ["Y", 0],
        ["C_o", 0],
        ["C", 1],
      ],
    );
    read(graph(sch.mod));
    const n = variable("n");
    const N = buffer("N", [n]);
    const [v, u] = [variable("i"), variable("vi")];
    const body = store(N, [u], ops.add(load(N, [u]), 1));
    const f = primFunc([N], loop(v, n, block({ name: "N", axes: [axis(u, "S", n, v)], body })));
    assert.match(shown(graph(f))["text/plain"], /reads {2}N\[\?\]: not known/);
    read(graph(f));
    assert.match(shown(estimateTable(f))["text/plain"], /unknown/);
  });

  it("is bounded", () => {
    const { mod } = longSchedule(10);
    assert(shown(graph(mod))["text/html"]!.length < 400_000);
    assert(shown(graph(mod))["text/plain"].length < 21_000);
  });
});

describe("show: animation", () => {
  it("traces loads and stores with their cache lines, and counts fetches", () => {
    const t = iterationTrace(product(16), { maxSteps: 3 });
    assert.equal(t.steps.length, 3);
    assert.deepEqual(t.steps[1].loops, [
      { name: "i", value: 0 },
      { name: "j", value: 0 },
      { name: "k", value: 0 },
    ]);
    assert.deepEqual(
      t.steps[2].accesses.map((a) => [a.verb, a.buffer, a.indices, a.line]),
      [
        ["load", "C", [0, 0], 0],
        ["load", "A", [0, 1], 0],
        ["load", "B", [1, 0], 1],
        ["store", "C", [0, 0], 0],
      ],
    );
    assert(t.complete);
    const fetches = (order: "ijk" | "ikj") =>
      iterationTrace(product(16, order)).buffers.find((b) => b.name === "B")!.fetches;
    assert.equal(fetches("ijk"), 4096);
    assert.equal(fetches("ikj"), 256);
  });

  it("moves without a script, stays within bounds, reads as text", () => {
    for (const o of [{}, { banks: 32, maxSteps: 400 }, { buffers: ["B"], cacheLine: 32, stepMs: 100 }]) {
      const d = animate(product(16), o);
      assert.match(read(d), /pause/);
      assert(shown(d)["text/html"]!.length < 500_000);
      assert.match(shown(d)["text/plain"], /i=0 j=0 k=1: .*B\[1,0\] line/);
      assert.equal(shown(d)["text/html"], shown(animate(product(16), o))["text/html"]!);
    }
    const large = animate(product(100), { maxSteps: 20 });
    assert.match(read(large), /first 32 × 32 drawn/);
  });

  it("says what it cannot run", () => {
    assert.throws(() => iterationTrace(product(4), { buffers: ["X"] }), /no buffer X; there are A, B, C/);
    assert.throws(() => iterationTrace(product(4096), {}), /small instance/);
    assert.throws(() => iterationTrace(product(4), { cacheLine: 0 }), RangeError);
  });
});

describe("show: two schedules, and many", () => {
  it("side by side: numbers, steps, loops, difference", () => {
    const d = sideBySide(schedule, tiled(8), { names: ["rows", "tiles"], timings: [timings[2], timings[3]] });
    const text = shown(d)["text/plain"];
    assert.match(text, /bytes moved +9\.19 MiB +2\.06 MiB +4\.45×/);
    assert.match(text, /median time +3\.90 ms +3\.10 ms +1\.26×/);
    assert.match(text, /sch\.vectorize\(j_1\);/);
    read(d);
    assert.match(
      read(sideBySide(getPrimFunc(states[0], "mm_relu"), getPrimFunc(states[0], "mm_relu"))),
      /Difference from A to B/,
    );
  });

  it("explore: one picks among variants without a script; refusals are variants too", () => {
    const d = explore([4, 8, "x"], (f) => tiled(f as number), { name: "factor", chosen: 8 });
    const html = shown(d)["text/html"]!;
    assert.equal(html.match(/<input type="radio"/g)!.length, 3);
    assert.match(html, /checked\/> 8</);
    assert.match(read(d), /factor = 8.*i split into i_0 \(16\) × i_1 \(8\)/s);
    assert.match(shown(d)["text/plain"], /factor = x: refused: split/);
    const twin = JSON.parse(JSON.stringify(d));
    assert.equal(twin[1].summary.blocks, 1);
    assert.deepEqual(twin[0].changes[0], "i split into i_0 (32) × i_1 (4)");
    assert.throws(() => explore([], tiled), RangeError);
    assert.throws(
      () =>
        explore([1], () => {
          throw new Error("mine");
        }),
      /mine/,
    );
  });

  it("the estimate as a table, alone and in a schedule", () => {
    const d = estimateTable(states[2]);
    assert.match(shown(d)["text/plain"], /4\.21 MFLOP · moves 9\.19 MiB/);
    assert.match(read(d), /j_0/);
    const html = scheduleBundle(schedule)["text/html"]!;
    assert.match(readMarkup(html).text, /moves 16\.\d MiB → 9\.19 MiB/);
    assert.match(scheduleBundle(schedule)["text/plain"], /j split into j_0 \(16\) × j_1 \(8\)/);
  });
});
