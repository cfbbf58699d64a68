import assert from "node:assert/strict";
import {
  axis,
  block,
  buffer,
  constant,
  irModule,
  loop,
  primFunc,
  type Stmt,
  seq,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { BOUNDS, boundText, cut } from "../../../lib/show/bounds.ts";
import {
  barPlot,
  DISPLAY,
  diff,
  imageGrid,
  linePlot,
  type MimeBundle,
  scheduleBundle,
  show,
  source,
  tensorBundle,
  timingTable,
} from "../../../lib/show/index.ts";
import { readMarkup } from "./markup.ts";
import { states, timings } from "./samples.ts";

const A = buffer("A", [4]);

/** `n` nests of one loop and one block. */
function wide(n: number, tag = ""): Stmt {
  return seq(
    Array.from({ length: n }, (_, i) => {
      const [v, u] = [variable(`i${i}`), variable(`v${i}`)];
      const body = store(A, [u], constant(i, "f32"));
      return loop(v, 4, block({ name: `b${tag}${i}`, axes: [axis(u, "S", 4, v)], body }));
    }),
  );
}

const moduleOf = (s: Stmt) => irModule({ f: primFunc([A], s) });
const shown = (d: { [DISPLAY](): MimeBundle | Promise<MimeBundle> }): MimeBundle =>
  d[DISPLAY]() as MimeBundle;

function bounded(b: MimeBundle): void {
  assert(b["text/plain"].length <= BOUNDS.text + 100, `${b["text/plain"].length} characters of text`);
  const markup = b["text/html"] ?? b["image/svg+xml"]!;
  assert(markup.length < 2 * BOUNDS.html, `${markup.length} characters`);
  assert.match(readMarkup(markup).text, /left out|the mean of/);
}

describe("show: bounds", () => {
  it("cuts between characters and says so", () => {
    assert.equal(cut("abcdef", 4), "abc…");
    assert.equal(cut("ab😀cd", 4), "ab…");
    assert.match(boundText("line\n".repeat(10_000)), /\n… [\d,]+ more characters left out$/);
  });

  it("a long program, its tree and its diff", () => {
    const long = moduleOf(wide(500));
    bounded(shown(show(long)));
    bounded(shown(show(long, { view: "tree" })));
    bounded(shown(diff(long, moduleOf(wide(450, "x")))));
  });

  it("a long history keeps every step's line", () => {
    const [a, b] = [moduleOf(wide(30)), moduleOf(wide(30, "x"))];
    const history = Array.from({ length: 120 }, (_, i) => ({
      index: i + 1,
      primitive: "split",
      call: `sch.split(i${i}, [null, 8]);`,
      before: i % 2 ? a : b,
      after: i % 2 ? b : a,
      ms: 1,
    }));
    const bundle = scheduleBundle({ mod: a, history });
    bounded(bundle);
    assert.equal(bundle["text/html"]!.match(/class="tw-step"/g)!.length, 120);
  });

  it("a large tensor, many pictures, long sources", () => {
    bounded(
      tensorBundle({
        dtype: "f32",
        shape: [1000, 1000],
        data: Float32Array.from({ length: 1e6 }, (_, i) => i % 997),
      }),
    );
    bounded(
      shown(
        imageGrid({ dtype: "u8", shape: [500, 28, 28], data: new Uint8Array(500 * 784) }, { limit: 500 }),
      ),
    );
    bounded(shown(source("(nop)\n".repeat(20_000), "wat")));
    bounded(shown(timingTable(Array.from({ length: 500 }, () => timings[0]))));
  });

  it("many bars and points", () => {
    const rows = Array.from({ length: 9000 }, (_, i) => ({ x: i, y: i + 1 }));
    for (const plot of [barPlot(rows, { x: "x", y: "y" }), linePlot(rows, { x: "x", y: "y", log: "both" })]) {
      assert.match(plot.text, /left out/);
      assert(JSON.stringify(plot).length < 400_000);
    }
  });

  it("folds deeper parts when asked", () => {
    const html = String(shown(show(states[4], { depth: 3 }))["text/html"]);
    assert(html.includes("<details><summary data-lines"));
    assert(html.includes("<details open><summary data-lines"));
  });
});
