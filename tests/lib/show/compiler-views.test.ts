/** The table of the compiler's views: which apply to what, what they draw, and the code that draws the same. */
import assert from "node:assert/strict";
import { BlockBuilder, PassRecorder, R, runPipeline } from "../../../lib/graph/index.ts";
import * as tilewright from "../../../lib/index.ts";
import { comparisonViews, compilerViews, valueKind } from "../../../lib/show/compiler-views.ts";
import { DISPLAY } from "../../../lib/show/display.ts";
import type { Measurer } from "../../../lib/tune/index.ts";
import { linear } from "../tune/programs.ts";

const { build, Schedule, T, tuneTir, watchSearches } = tilewright;

function scheduled(factor: number): InstanceType<typeof Schedule> {
  const add = T.primFunc({ A: T.buffer([64]), B: T.buffer([64]) }, ({ A, B }) => {
    for (const i of T.serial(64)) {
      T.block("B", () => {
        const vi = T.axis.spatial(64, i);
        B[vi] = A[vi] + 1;
      });
    }
  });
  const sch = new Schedule(T.module({ add }));
  const [i] = sch.getLoops(sch.getBlock("B", "add"));
  sch.split(i!, [null, factor]);
  return sch;
}

function pipeline(extra: boolean): PassRecorder {
  const w = R.const(new Float32Array(64).fill(0.5), "f32", [8, 8]);
  const x = R.var("x", R.tensor([4, 8]));
  const bb = new BlockBuilder();
  bb.function("main", [x], () => {
    let v = extra ? bb.emit(R.exp(x)) : x;
    for (let i = 0; i < 3; i++) v = bb.emit(R.matmul(v, w));
    bb.emitFuncOutput(v);
  });
  const recorder = new PassRecorder();
  runPipeline(bb.get(), { recorder });
  return recorder;
}

/** The titles of the views of a value, in their order. */
const titles = (value: unknown): string[] =>
  compilerViews.filter((v) => v.applies(value)).map((v) => v.title);

/** Draws a view; whatever it shows has a text and opens without a script. */
async function drawn(view: { render(...values: never[]): unknown }, ...values: unknown[]): Promise<string> {
  const shown = (await view.render(...(values as never[]))) as { [DISPLAY](): unknown };
  const bundle = (await shown[DISPLAY]()) as { [mime: string]: string };
  assert.ok(bundle["text/plain"]!.length > 0);
  assert.doesNotMatch(bundle["text/html"]!, /<script/);
  return bundle["text/html"]!;
}

/** Runs what `code` gives, as a cell that imports all the library's names would; `!` is TypeScript's. */
async function ran(code: string, values: { [name: string]: unknown }): Promise<{ [DISPLAY](): unknown }> {
  const names = Object.keys({ ...tilewright, ...values });
  const body = new Function(...names, `return (async () => (${code.replaceAll("!.", ".")}))();`);
  return body(...Object.values({ ...tilewright, ...values }));
}

describe("show: the views of the compiler", () => {
  it("tells which views a value has", async () => {
    const sch = scheduled(8);
    const program = ["Program", "Blocks", "WAT", "WGSL", "Estimate"];
    assert.deepEqual(titles(sch), ["Steps", ...program]);
    assert.deepEqual(titles(sch.mod), program);
    assert.deepEqual(titles(pipeline(false)), ["Passes", "Memory plan"]);
    const lib = await build(sch.mod);
    assert.deepEqual(titles(lib), ["Generated code"]);
    for (const nothing of [undefined, null, 3, "sch", [], {}, () => 1]) assert.deepEqual(titles(nothing), []);
    assert.deepEqual([sch, sch.mod, pipeline(false), lib, [], { kind: "module" }].map(valueKind), [
      "schedule",
      "module",
      "pipeline",
      "executable",
      undefined,
      undefined,
    ]);
  });

  it("draws each view, and the code it gives draws the same", async () => {
    const rec = pipeline(false);
    const sch = scheduled(8);
    const values = {
      sch,
      mod: sch.mod,
      rec,
      planned: rec.list().at(-1)!.after,
      model: rec.list()[0]!.before,
    };
    for (const [name, value] of Object.entries(values)) {
      for (const view of compilerViews.filter((v) => v.applies(value))) {
        await drawn(view, value);
        const text = ((await (await view.render(value))[DISPLAY]()) as { [m: string]: string })["text/plain"];
        const again = (await (await ran(view.code(name, value), values))[DISPLAY]()) as {
          [m: string]: string;
        };
        assert.equal(again["text/plain"], text, `${view.title} of ${name}`);
      }
    }
  });

  it("lights up loops and blocks on both sides", async () => {
    const html = await drawn(compilerViews.find(({ name }) => name === "program")!, scheduled(8));
    const named = [...html.matchAll(/data-node="([^"]+)"/g)].flatMap(([, keys]) => keys!.split(" "));
    const key = named.find((k) => k.startsWith("loop:"))!;
    assert.equal(named.filter((k) => k === key).length, 2, "in the script and in the picture");
    assert.ok(html.includes(`.tw:has([data-node~="${key}"]:hover)`));
  });

  it("compares two schedules, and two pipelines", async () => {
    const [sides, pipelines] = ["sides", "pipelines"].map((n) => comparisonViews.find((v) => v.name === n)!);
    assert.ok(sides!.applies(scheduled(8), scheduled(16)) && !sides!.applies(scheduled(8), pipeline(true)));
    assert.match(await drawn(sides!, scheduled(8), scheduled(16), ["p", "q"]), /Difference from p to q/);
    const html = await drawn(pipelines!, pipeline(false), pipeline(true), ["p", "q"]);
    assert.match(html, /programs differ after \d+ passes/);
    assert.doesNotMatch(
      await drawn(pipelines!, pipeline(false), pipeline(false), ["p", "q"]),
      /programs differ</,
    );
  });

  it("hears of searches that others begin, and draws what they tell", async () => {
    const heard: tilewright.Progress[] = [];
    const stop = watchSearches((p) => heard.push(p));
    const measurer: Measurer = {
      target: { kind: "wasm", relaxedSimd: false, threads: 1, engine: "test" },
      measure: async () => ({ status: "measured", runs: [1, 2] }),
      dispose: async () => undefined,
    };
    const options = { numTrials: 4, confirm: 0, strategy: "replayFunc" as const, measurer };
    await tuneTir(linear(4, 8, 8), options);
    stop();
    const before = heard.length;
    assert.ok(heard.at(-1)?.done);
    const last = heard.at(-1)!;
    for (const view of compilerViews.filter((v) => v.applies(last))) await drawn(view, last);
    assert.deepEqual(titles(last.history), ["Tuning curve", "Predictions", "Space"]);
    await tuneTir(linear(4, 8, 8), options);
    assert.equal(heard.length, before);
  });
});
