import assert from "node:assert/strict";
import { DEFAULT_LIMITS } from "../../../lib/codegen/wgsl/index.ts";
import { blocksIn, loopsIn, type PrimFunc } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { DISPLAY, type MimeBundle, shader, source } from "../../../lib/show/index.ts";
import { te } from "../../../lib/te/index.ts";
import { readMarkup } from "./markup.ts";

/** Twice a vector, by way of the memory of a workgroup. */
function doubled(): Schedule {
  const A = te.placeholder([64], "A");
  const sch = new Schedule(te.createPrimFunc([A, te.compute([64], (i) => te.mul(A.at(i), 2), "B")]));
  const B = sch.getBlock("B");
  const tile = sch.cacheRead(B, 0, "shared");
  const [i0, i1] = sch.split(sch.getLoops(B)[0], [null, 8]);
  sch.bind(i0, "blockIdx.x");
  sch.bind(i1, "threadIdx.x");
  sch.computeAt(tile, i0);
  return sch;
}

describe("show: shaders beside their programs", () => {
  it("lines know the loops and blocks that they come from", () => {
    const sch = doubled();
    const main = Object.values(sch.mod.funcs)[0] as PrimFunc;
    const { "text/html": markup = "", "text/plain": text } = shader(sch)[DISPLAY]() as MimeBundle;
    assert.match(text, /@workgroup_size\(8, 1, 1\)/);
    const { tags } = readMarkup(markup);
    assert.ok(!tags.includes("script"));
    const wgsl = markup.slice(markup.indexOf("WGSL: "));
    const [serial] = loopsIn(main.body).filter((l) => l.loopKind === "serial");
    const bound = loopsIn(main.body).filter((l) => l.thread !== undefined);
    for (const l of [serial, ...bound])
      assert.match(wgsl, new RegExp(`data-node="[^"]*\\bloop:${l.v.id}\\b`));
    for (const b of blocksIn(main.body).slice(1)) assert.match(wgsl, new RegExp(`data-node="block:${b.id}"`));
    // One lights up the other.
    assert.ok(
      markup.includes(
        `.tw:has([data-node~="loop:${serial.v.id}"]:hover) [data-node~="loop:${serial.v.id}"]{`,
      ),
    );
  });

  it("lines that are folded away count as one of those that are shown", () => {
    const A = te.placeholder([64], "A");
    const sch = new Schedule(te.createPrimFunc([A, te.compute([64], (i) => te.mul(A.at(i), 2), "B")]));
    const [i0, i1] = sch.split(sch.getLoops(sch.getBlock("B"))[0], [null, 32]);
    sch.bind(i0, "threadIdx.x");
    sch.unroll(i1);
    // 27 lines; seven loads and seven stores differ in numbers alone.
    const markupOf = (lines: number) => (shader(sch, { lines })[DISPLAY]() as MimeBundle)["text/html"]!;
    const markup = markupOf(15);
    assert.equal(markup.match(/<details><summary data-lines="6"/g)?.length, 2);
    assert.ok(!markup.includes("left out"));
    assert.match(markupOf(14), /1 more line left out/);
  });

  it("colours WGSL", () => {
    const { "text/html": markup } = source("@compute fn f() { let x = 1f; // one\n}", "wgsl")[
      DISPLAY
    ]() as MimeBundle;
    for (const part of [">@compute<", ">fn<", ">1f<", ">// one<"]) assert.ok(markup?.includes(part), part);
  });

  it("refuses what has no shader", () => {
    const sch = doubled();
    const limits = { ...DEFAULT_LIMITS, maxComputeInvocationsPerWorkgroup: 4 };
    assert.throws(() => shader(sch, { device: { limits } }), /maxComputeInvocationsPerWorkgroup is 4/);
  });
});
