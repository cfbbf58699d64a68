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
  });
});
