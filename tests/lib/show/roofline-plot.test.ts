import assert from "node:assert/strict";
import { DISPLAY, rooflinePlaces, rooflinePlot } from "../../../lib/show/index.ts";

const limits = {
  peaks: [
    { name: "f32, SIMD", gflops: 40, dtype: "f32" },
    { name: "f32, relaxed SIMD", gflops: 50, dtype: "f32" },
    { name: "i8", gflops: 90, dtype: "i8" },
  ],
  bandwidths: [
    { level: "L1", gbps: 100 },
    { level: "memory", gbps: 20 },
  ],
};
const timing = (name: string, intensity: number | undefined, gflops: number | undefined) => ({
  ...{ name, median: 1, min: 1, max: 1, p25: 1, p75: 1 },
  ...{ intensity, gflops },
});

describe("the roofline", () => {
  it("says what bounds each timing", () => {
    const peaks = limits.peaks.slice(0, 2);
    const places = rooflinePlaces({ ...limits, peaks }, [
      timing("streams", 0.5, 5),
      timing("multiplies", 100, 25),
      timing("says nothing", undefined, undefined),
    ]);
    assert.deepEqual(places, [
      { name: "streams", intensity: 0.5, gflops: 5, limit: 10, bound: "memory", share: 0.5 },
      { name: "multiplies", intensity: 100, gflops: 25, limit: 50, bound: "f32, relaxed SIMD", share: 0.5 },
    ]);
  });

  it("draws roofs that end where they meet, and names what it leaves out", async () => {
    const plot = rooflinePlot(limits, [
      timing("streams", 0.5, 5),
      timing("says <nothing>", undefined, undefined),
    ]);
    const [roofs] = plot.spec.layer as { data: { values: { x: number; y: number; roof: string }[] } }[];
    const memory = roofs.data.values.filter((v) => v.roof.startsWith("memory"));
    assert.deepEqual(memory[1], { x: 2.5, y: 50, roof: "memory, 20.0 GB/s" });
    assert.ok(!roofs.data.values.some((v) => v.roof.startsWith("i8")), "only peaks of the dtype asked");
    assert.match(plot.text, /streams +0\.5 +5\.00 +10\.0 +50 % +memory/);
    assert.match(plot.text, /1 timing without known work left out/);
    const bundle = await plot[DISPLAY]();
    assert.match(String(bundle["image/svg+xml"]), /streams/);
    assert.match(
      String(bundle["image/svg+xml"]),
      /f32, relaxed SIMD, 50\.0 GFLOP\/s</,
      "no name of a roof is cut off",
    );
  });

  it("keeps the names of points apart that stand nearly at the same place, and leaves the others where they are", () => {
    const plot = rooflinePlot(limits, [
      timing("vectorised", 30, 20),
      timing("vectorised and fused", 30, 20.3),
      timing("a third", 31, 19.9),
      timing("far below", 30, 2),
      timing("far left", 0.2, 20),
    ]);
    type Layer = { data: { values: { x: number; y: number; name: string }[] } };
    const [, points, names] = plot.spec.layer as unknown as Layer[];
    const at = Object.fromEntries(names.data.values.map(({ name, y }) => [name, y]));
    const [low, high] = (plot.spec.layer as { encoding: { y: { scale: { domain: number[] } } } }[])[0]
      .encoding.y.scale.domain;
    const pixels = (from: number, to: number) => (Math.log(from / to) / Math.log(high / low)) * 280;
    assert.equal(at["vectorised and fused"], 20.3);
    assert.ok(pixels(at["vectorised and fused"], at.vectorised) > 11.9);
    assert.ok(pixels(at.vectorised, at["a third"]) > 11.9);
    assert.deepEqual([at["far below"], at["far left"]], [2, 20]);
    assert.deepEqual(new Set(points.data.values.map(({ y }) => y)), new Set([20, 20.3, 19.9, 2, 20]));
  });
});
