import assert from "node:assert/strict";
import { barPlot, DISPLAY, linePlot, speedPlot, timingRows, timingTable } from "../../../lib/show/index.ts";
import { readMarkup } from "./markup.ts";
import { timings } from "./samples.ts";

describe("show: plots and timings", () => {
  it("a speed plot has Vega-Lite, SVG and a table", async () => {
    const plot = speedPlot(timings, { title: "a < b & c" });
    const bundle = await plot[DISPLAY]();
    const svg = bundle["image/svg+xml"]!;
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    assert.match(svg, /a &lt; b &amp; c/);
    assert.match(svg, /fused linear \+ relu/);
    assert.match(svg, /13\.3×/);
    readMarkup(svg, true);
    assert.doesNotMatch(svg, / id="/, "ids would collide with those of other plots in the page");
    assert(readMarkup(bundle["text/html"]!, true).tags.includes("pre"));
    const hostile = "<script>alert(1)</script>\" onload='x' &lt; \u001b[31m {{datum.x}}";
    const rows = [{ [hostile]: hostile, y: 1 }];
    for (const p of [
      barPlot(rows, { x: hostile, y: "y", title: hostile, unit: hostile }),
      linePlot(rows, { x: hostile, y: "y", series: hostile, title: hostile }),
    ])
      readMarkup((await p[DISPLAY]())["text/html"]!, true);
    assert.deepEqual(bundle["application/vnd.vegalite.v5+json"], plot.spec);
    assert.deepEqual(JSON.parse(JSON.stringify(plot)), JSON.parse(JSON.stringify(plot.spec)));
    assert.match(bundle["text/plain"], /^a < b & c\nname +median time \(ms\) +from +to\n/);
  }).timeout(60_000);

  it("chooses the unit, compares with the first or the named one", () => {
    const fast = timings.map((t) => ({ ...t, median: t.median / 1e4, p25: t.p25 / 1e4, p75: t.p75 / 1e4 }));
    assert.match(speedPlot(fast).text, /median time \(µs\)/);
    assert.match(speedPlot(timings, { baseline: "vectorized" }).text, /0\.09×/);
    assert.match(speedPlot(timings, { by: "gflops" }).text, /1\.35 · 13\.3×/);
    assert.throws(
      () => speedPlot(timings, { baseline: "x" }),
      /no timing is called "x"; there are plain loops, reordered/,
    );
  });

  it("keeps two bars of one name apart and leaves out what is no number", () => {
    const plot = barPlot(
      [
        { n: "a", v: 1 },
        { n: "a", v: Number.NaN },
      ],
      { x: "n", y: "v", unit: "ms" },
    );
    const { values } = plot.spec.data as { values: { x: string; y: number | null }[] };
    assert.deepEqual(
      values.map((v) => [v.x, v.y]),
      [
        ["a", 1],
        ["a (2)", null],
      ],
    );
    assert.match(plot.text, /NaN/);
  });

  it("lines: series, log axes, names on the x axis", () => {
    const rows = [1, 10, 100, 0].flatMap((x) => ["p", "q"].map((s) => ({ x, s, y: x * 2 })));
    const plot = linePlot(rows, { x: "x", y: "y", series: "s", log: "both" });
    assert.match(plot.text, /2 points without a logarithm left out/);
    assert.equal((plot.spec.data as { values: unknown[] }).values.length, 6);
    assert.match(JSON.stringify(linePlot([{ x: "a", y: 1 }], { x: "x", y: "y" }).spec), /"ordinal"/);
  });

  it("the table compares with the first row", () => {
    assert.deepEqual(
      timingRows(timings).map((r) => r.speed.toFixed(1)),
      ["1.0", "3.5", "10.6", "13.3"],
    );
    const bundle = timingTable(timings)[DISPLAY]() as { "text/plain": string };
    assert.equal(
      bundle["text/plain"].split("\n")[2],
      "reordered            wasm    11.7 ms  11.5 ms – 12.1 ms  11.4 ms     0.36    50  3.52×",
    );
    const alone = timingTable([timings[0]])[DISPLAY]() as { "text/plain": string };
    assert.doesNotMatch(alone["text/plain"], /speed/);
  });
});
