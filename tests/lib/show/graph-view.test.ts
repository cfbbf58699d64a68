/** The picture of graph-level functions: nodes and edges, folding, layout beside the main thread. */
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { getGraphFunc, type IRModule } from "../../../lib/ir/index.ts";
import { DISPLAY } from "../../../lib/show/display.ts";
import { graphData } from "../../../lib/show/graph-data.ts";
import { edgesBetween, foldGraph } from "../../../lib/show/graph-fold.ts";
import { graphView } from "../../../lib/show/graph-view.ts";
import { layered } from "../../../lib/show/layered.ts";
import { layOut } from "../../../lib/show/layout.ts";
import { te } from "../../../lib/te/index.ts";
import { readMarkup } from "./markup.ts";

/** x + relu(x · w), so many times. */
function residual(layers: number): IRModule {
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([4, 8]));
  const w = R.const(new Float32Array(64), "f32", [8, 8]);
  bb.function("main", [x], () => {
    const out = bb.dataflow(() => {
      let y: ReturnType<typeof bb.emit> = x;
      for (let i = 0; i < layers; i++) {
        const z = bb.emit(R.nn.relu(R.matmul(y, w)));
        y = bb.emit(R.add(y, z));
      }
      const twice = bb.emitTe(
        (A: te.Tensor) => te.compute(A.shape, (...i) => te.mul(A.get(i), 2), "twice"),
        [y],
      );
      return bb.emitOutput(twice);
    });
    bb.emitFuncOutput(out);
  });
  return bb.get();
}

describe("show: graph view", () => {
  it("nodes, edges, constants at their users, tensor programs by name", () => {
    const g = graphData(getGraphFunc(residual(1), "main"));
    assert.deepEqual(
      g.nodes.map((n) => [n.kind, n.label, n.type]),
      [
        ["input", "x", "f32[4, 8]"],
        ["operator", "matmul", "f32[4, 8]"],
        ["operator", "nn.relu", "f32[4, 8]"],
        ["operator", "add", "f32[4, 8]"],
        ["program", "twice", "f32[4, 8]"],
        ["output", "output", "f32[4, 8]"],
      ],
    );
    assert.deepEqual(g.nodes[1].constants, ["f32[8, 8]"]);
    assert.equal(g.nodes[4].program, "twice");
    const value = (id: string): string => g.nodes.find((n) => n.id === id)?.label ?? "";
    assert.deepEqual(
      g.edges.map((e) => `${value(e.from)} > ${value(e.to)}`),
      ["x > matmul", "matmul > nn.relu", "x > add", "nn.relu > add", "add > twice", "twice > output"],
    );
    assert.deepEqual(JSON.parse(JSON.stringify(graphView(residual(1))))[0].name, "main");
  });

  it("folds at places where one value goes on, never in a circle", () => {
    const g = graphData(getGraphFunc(residual(100), "main"));
    assert.equal(g.nodes.length, 303);
    const groups = foldGraph(g, 40);
    assert(groups.length <= 45 && groups.length >= 20, `${groups.length} groups`);
    assert.equal(groups.flatMap((x) => x.nodes).length, 303);
    const order = new Map(groups.map((x, i) => [x.id, i]));
    for (const e of edgesBetween(groups, g.edges)) assert((order.get(e.from) ?? 0) < (order.get(e.to) ?? 0));
    // Each group begins behind an addition: nothing but its value crosses the border.
    for (const x of groups.slice(2, -2)) assert.equal(x.nodes[x.nodes.length - 1].label, "add");
  });

  it("inputs that one group alone uses are folded into it where there are many", () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([4, 8]));
    const weights = Array.from({ length: 60 }, (_, i) => R.var(`w${i}`, R.tensor([8, 8])));
    bb.function("main", [x, ...weights], () => {
      const first = weights.reduce<ReturnType<typeof bb.emit>>((y, w) => bb.emit(R.matmul(y, w)), x);
      bb.emitFuncOutput(bb.emit(R.matmul(first, weights[0])));
    });
    const g = graphData(getGraphFunc(bb.get(), "main"));
    const groups = foldGraph(g, 20);
    assert(groups.length <= 26, `${groups.length} groups`);
    assert.equal(new Set(groups.flatMap((y) => y.nodes)).size, g.nodes.length);
    // The first weight is used at both ends.
    assert(groups.some((y) => y.nodes.length === 1 && y.nodes[0].label === "w0"));
    const order = new Map(groups.map((y, i) => [y.id, i]));
    for (const e of edgesBetween(groups, g.edges)) assert((order.get(e.from) ?? 0) < (order.get(e.to) ?? 0));
  });

  const boxes = (layers: number) => {
    const g = graphData(getGraphFunc(residual(layers), "main"));
    return { nodes: g.nodes.map((n) => ({ id: n.id, width: 80, height: 30 })), edges: g.edges };
  };

  it("large graphs are laid out by a worker, which gives what a small one gets here", async () => {
    const [large, small] = [boxes(60), boxes(3)];
    // The limit is for people who wait, not for machines that are busy.
    const { placements, note } = await layOut([large, small], { ms: 120_000 });
    assert.equal(note, undefined);
    assert.deepEqual(placements, [layered(large), layered(small)]);
    const { at, lines } = placements[0];
    assert.equal(lines.length, large.edges.length);
    for (const e of large.edges) assert(at[e.from].y < at[e.to].y, "edges run downwards");
  });

  it("a layout can be called off, and has a limit on its time, beyond which boxes are stacked", async () => {
    const [large, small] = [boxes(400), boxes(2)];
    const controller = new AbortController();
    const begun = layOut([large], { signal: controller.signal });
    controller.abort(new Error("not any more"));
    await assert.rejects(begun, /not any more/);
    await assert.rejects(layOut([large], { signal: controller.signal }), /not any more/);
    await assert.rejects(graphView(residual(400), { signal: controller.signal })[DISPLAY](), /not any more/);
    const { placements, note } = await layOut([large, small], { ms: 1 });
    assert.match(note ?? "", /No layout was found in 0\.001 s/);
    const ys = Object.values(placements[0].at).map((p) => p.y);
    assert.deepEqual(
      ys,
      [...ys].sort((a, b) => a - b),
    );
    assert.deepEqual(placements[1], layered(small));
  });

  it("is markup without scripts; groups open to pictures, nodes to the programs behind them", async () => {
    const bundle = await graphView(residual(100), { foldAbove: 50, times: { lv: 1.5 } })[DISPLAY]();
    const { tags, text } = readMarkup(bundle["text/html"] as string);
    assert(!tags.includes("script"));
    assert(tags.includes("svg") && tags.includes("details"));
    assert.match(bundle["text/plain"], /lv: f32\[4, 8\] = matmul\(x\) {2}1\.50 ms/);
    assert.match(text, /T\.block\("matmul"/, "an operator opens to what it becomes");
    assert.match(text, /T\.block\("twice"/, "a call opens to its program");
    assert((bundle["text/html"] as string).length < 600_000);
  });

  it("a profile's times stand on the nodes; what has no node is told", async () => {
    const steps = [
      { name: "lv", ms: 0.25 },
      { name: "lv", ms: 0.5 },
      { name: "elsewhere", ms: 2 },
    ];
    const view = graphView(residual(1), { profile: { steps } });
    assert.equal(view.graphs[0].nodes.find((n) => n.value === "lv")?.ms, 0.75);
    const { text } = readMarkup((await view[DISPLAY]())["text/html"] as string);
    assert.match(text, /750 µs, 100\.0 % of what was measured here/);
    assert.match(text, /1 step \(2\.00 ms\) compute values that are not in this graph/);
  });
});
