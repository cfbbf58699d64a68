/** Memory plans and profiles as pictures and tables. */
import assert from "node:assert/strict";
import { BlockBuilder, R, runPipeline } from "../../../lib/graph/index.ts";
import { DISPLAY } from "../../../lib/show/display.ts";
import { memoryPlanView } from "../../../lib/show/memory-plan.ts";
import { profileView } from "../../../lib/show/profile-view.ts";
import { readMarkup } from "./markup.ts";

const plan = {
  name: "main",
  steps: ["a", "b", "<c>"],
  tensors: [
    { name: "a", offset: 0, bytes: 4096, first: 0, last: 1, reuses: [] },
    { name: "b", offset: 4096, bytes: 2048, first: 1, last: 2, reuses: [] },
    { name: "<c>", offset: 0, bytes: 1024, first: 2, last: 2, reuses: [0] },
  ],
  arenaBytes: 6144,
  constantBytes: 100,
  lowerBound: 6144,
};

describe("show: memory plan and profile", () => {
  it("a memory plan: sizes, who takes whose place, a rectangle for each value", () => {
    const bundle = memoryPlanView(plan)[DISPLAY]();
    assert.match(
      bundle["text/plain"],
      /arena of 6 KiB \(1\.00 × the largest live set, 6 KiB\) for 7 KiB of values/,
    );
    assert.match(bundle["text/plain"], /<c> +1 KiB +0 +2 – 2 +a$/m);
    const { tags } = readMarkup(bundle["text/html"] as string);
    // One rectangle for each value, and the outline.
    assert.equal(tags.filter((t) => t === "rect").length, 4);
  });

  it("an empty plan and a large one stay readable and bounded", () => {
    const none = { ...plan, steps: [], tensors: [], arenaBytes: 0, lowerBound: 0 };
    assert.match(memoryPlanView(none)[DISPLAY]()["text/plain"], /arena of 0 B for 0 B/);
    const tensors = Array.from({ length: 5000 }, (_, i) => ({
      ...plan.tensors[0],
      name: `t${i}`,
      first: i,
      last: i + 1,
    }));
    const steps = tensors.map((t) => t.name);
    const bundle = memoryPlanView({ ...plan, tensors, steps })[DISPLAY]();
    assert((bundle["text/html"] as string).length < 1_000_000);
    assert.match(bundle["text/plain"], /… 4,900 more values/);
  });

  it("the plan of a module that went through the pipeline", () => {
    const w = R.const(new Float32Array(64).fill(0.5), "f32", [8, 8]);
    const x = R.var("x", R.tensor([4, 8]));
    const bb = new BlockBuilder();
    bb.function("main", [x], () => {
      let v = x;
      for (let i = 0; i < 5; i++) v = bb.emit(R.matmul(v, w), `v${i}`);
      bb.emitFuncOutput(v);
    });
    assert.throws(() => memoryPlanView(bb.get()), /main has no memory plan/);
    const bundle = memoryPlanView(runPipeline(bb.get()))[DISPLAY]();
    assert.match(bundle["text/plain"], /main: arena of 256 B .* for 512 B of values; constants 256 B/);
    // A product is not computed in place: each takes the bytes of the one before its operand.
    assert.match(bundle["text/plain"], /v2 .* v0$/m);
    assert.match(bundle["text/plain"], /v3 .* v1$/m);
  });

  it("a profile: the timeline, and the slowest steps first", () => {
    const step = (name: string, start: number, ms: number) => ({
      name,
      func: `f_${name}`,
      start,
      ms,
      flops: 2e6,
      bytes: 1e6,
      share: ms / 3,
    });
    const p = { name: "main", ms: 3.1, steps: [step("a", 0, 1), step("b", 1, 2)] };
    const bundle = profileView(p)[DISPLAY]();
    assert.match(bundle["text/plain"], /^main: 3\.10 ms in 2 steps\n/);
    assert.match(bundle["text/plain"], /\nb +f_b +2\.00 ms +66\.7 % +1\.00 +0\.50 +977 KiB\na /);
    const { tags } = readMarkup(bundle["text/html"] as string);
    assert.equal(tags.filter((t) => t === "rect").length, 2);
  });
});
