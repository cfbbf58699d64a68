import assert from "node:assert/strict";
import { irModule, primFuncs } from "../../../lib/ir/index.ts";
import { loadOnnx, type OnnxSession, type Tensor } from "../../../lib/runtime/index.ts";
import { script } from "../../../lib/script/index.ts";
import { model, tensor } from "../../support/onnx-model.ts";
import { free, keepsMemory } from "./vm-support.ts";

const D = 16;
const wave = (n: number, from: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.sin(i + from) / 4);
const weight = (from: number) => tensor("f32", [D, D], wave(D * D, from));

/** One step of a decoder: attention of the new row over all rows so far, which are kept, and a layer after it. */
const step = model({
  inputs: { x: ["f32", [1, D]], pk: ["f32", ["past", D]], pv: ["f32", ["past", D]] },
  outputs: ["y", "k", "v"],
  weights: { wq: weight(1), wk: weight(2), wv: weight(3), wo: weight(4) },
  nodes: [
    { op: "MatMul", in: ["x", "wq"], out: ["q"] },
    { op: "MatMul", in: ["x", "wk"], out: ["nk"] },
    { op: "MatMul", in: ["x", "wv"], out: ["nv"] },
    { op: "Concat", in: ["pk", "nk"], out: ["k"], attrs: { axis: 0 } },
    { op: "Concat", in: ["pv", "nv"], out: ["v"], attrs: { axis: 0 } },
    { op: "Transpose", in: ["k"], out: ["kt"], attrs: { perm: [1, 0] } },
    { op: "MatMul", in: ["q", "kt"], out: ["s"] },
    { op: "Softmax", in: ["s"], out: ["p"], attrs: { axis: -1 } },
    { op: "MatMul", in: ["p", "v"], out: ["a"] },
    { op: "MatMul", in: ["a", "wo"], out: ["o"] },
    { op: "Tanh", in: ["o"], out: ["t"] },
    { op: "Add", in: ["t", "x"], out: ["y"] },
  ],
});

type Given = Parameters<OnnxSession["run"]>[0];
const row = (from: number) => ({ data: wave(D, from), shape: [1, D] });
const past = (n: number): Given => ({
  x: row(n),
  pk: { data: wave(n * D, 7), shape: [n, D] },
  pv: { data: wave(n * D, 9), shape: [n, D] },
});
const numbers = (t: unknown): number[] => [...(t as Tensor)].flat() as number[];

/** The tensor programs that are compiled for these inputs, as text. */
const programsFor = (session: OnnxSession, inputs: Given): string[] =>
  Object.values(primFuncs(session.loweredFor(inputs))).map((f) => script(irModule({ f })));

describe("runtime: sizes that grow", function () {
  this.timeout(120_000);

  it("20 steps of a decoder give what a session of its own gives at each", async () => {
    const session = loadOnnx(step, { cacheSize: 3 });
    let given: Given = past(1);
    for (let n = 1; n <= 20; n++) {
      const out = await session.run(given);
      const fresh = loadOnnx(step);
      const expected = await fresh.run(given);
      for (const name of ["y", "k", "v"])
        assert.deepEqual(numbers(out[name]), numbers(expected[name]), `${name}, ${n}`);
      assert.deepEqual((out.k as Tensor).shape, [n + 1, D]);
      fresh.dispose();
      given = { x: row(n + 1), pk: out.k as Tensor, pv: out.v as Tensor };
      assert.ok(session.compiled <= 3);
    }
    session.dispose();
  });

  it("of a new length only the programs that mention it are compiled", async () => {
    const session = loadOnnx(step);
    const known = new Set<string>();
    for (const n of [5, 6, 7, 6, 8]) {
      const before = session.kernels.compiled;
      const programs = programsFor(session, past(n));
      const fresh = programs.filter((text) => !known.has(text));
      assert.equal(session.kernels.compiled - before, fresh.length, `${n}`);
      if (known.size > 0)
        assert.ok(fresh.length <= programs.length - 2, `${fresh.length} of ${programs.length}`);
      for (const text of programs) known.add(text);
    }
    assert.equal(session.kernels.kept, known.size);
    session.dispose();
    assert.equal(session.kernels.kept, 0);
  });

  it("a length that was dropped takes along what only it needed, and is right when it comes again", async () => {
    const session = loadOnnx(step, { cacheSize: 2 });
    const first = numbers((await session.run(past(4))).y);
    const { kept } = session.kernels;
    for (let n = 5; n < 12; n++) {
      await session.run(past(n));
      assert.ok(session.kernels.kept < 2 * kept);
    }
    assert.deepEqual(numbers((await session.run(past(4))).y), first);
    await keepsMemory(async () => {
      for (const n of [3, 4, 5]) for (const t of Object.values(await session.run(past(n)))) free(t as Tensor);
    }, 3);
    session.dispose();
  });
});
