/** The picture of graph-level functions: nodes and edges, folding, layout beside the main thread. */
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { getGraphFunc, type IRModule } from "../../../lib/ir/index.ts";
import { DISPLAY } from "../../../lib/show/display.ts";
import { graphData } from "../../../lib/show/graph-data.ts";
import { edgesBetween, foldGraph } from "../../../lib/show/graph-fold.ts";
import { graphView } from "../../../lib/show/graph-view.ts";
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

  it("large graphs are laid out by a worker, which gives what a small one gets here", async () => {
    const g = graphData(getGraphFunc(residual(60), "main"));
    const nodes = g.nodes.map((n) => ({ id: n.id, width: 80, height: 30 }));
    const place = await layOut({ nodes, edges: g.edges });
    assert.equal(Object.keys(place.at).length, nodes.length);
    assert.equal(place.lines.length, g.edges.length);
    const y = (id: string): number => place.at[id].y;
    for (const e of g.edges) assert(y(e.from) < y(e.to), "edges run downwards");
  });

  it("is markup without scripts, with folded groups and the programs inside", async () => {
    const bundle = await graphView(residual(100), { foldAbove: 50, times: { lv: 1.5 } })[DISPLAY]();
    const { tags } = readMarkup(bundle["text/html"] as string);
    assert(!tags.includes("script"));
    assert(tags.includes("svg") && tags.includes("details"));
    assert.match(bundle["text/plain"], /lv: f32\[4, 8\] = matmul\(x\) {2}1\.50 ms/);
    assert((bundle["text/html"] as string).length < 1_000_000);
  });
});
