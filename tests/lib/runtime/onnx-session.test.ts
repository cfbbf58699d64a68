import assert from "node:assert/strict";
import { cpuMemory, loadOnnx, Tensor } from "../../../lib/runtime/index.ts";
import { model, tensor } from "../../support/onnx-model.ts";
import { free, keepsMemory, settled } from "./vm-support.ts";

/** y = relu(x · w) and the row sums of x; the first size of x is open. */
const layer = model({
  inputs: { x: ["f32", ["batch", 2]] },
  outputs: ["y", "s"],
  weights: { w: tensor("f32", [2, 2], [1, -1, 2, -2]), axes: tensor("i64", [1], [1]) },
  nodes: [
    { op: "MatMul", in: ["x", "w"], out: ["m"] },
    { op: "Relu", in: ["m"], out: ["y"] },
    { op: "ReduceSum", in: ["x", "axes"], out: ["s"], attrs: { keepdims: 0 } },
  ],
});

/** y = x in the shape that the input s says. */
const reshaped = model({
  inputs: { x: ["f32", [6]], s: ["i64", [2]] },
  outputs: ["y"],
  nodes: [{ op: "Reshape", in: ["x", "s"], out: ["y"] }],
});

describe("runtime: ONNX sessions", () => {
  it("inputs and outputs by name, tensors or { data, shape }", async () => {
    const session = loadOnnx(layer);
    assert.deepEqual(session.inputs, [{ name: "x", type: "f32[batch, 2]" }]);
    const x = Tensor.from([
      [1, 1],
      [-1, 0],
    ]);
    for (const given of [
      x,
      { data: Float32Array.of(1, 1, -1, 0), shape: [2, 2] },
      { data: [1, 1, -1, 0], shape: [2, 2] },
    ]) {
      const { y, s } = (await session.run({ x: given })) as Record<string, Tensor>;
      assert.deepEqual([...y], [3, 0, 0, 1]);
      assert.deepEqual(
        [y.shape, [...s]],
        [
          [2, 2],
          [2, -1],
        ],
      );
    }
    assert.ok((await session.profile({ x })).steps.length >= 2);
    assert.ok(session.memoryPlan({ x }).steps.length >= 2);
    assert.equal(session.moduleFor({ x }).kind, "module");
    const untouched = loadOnnx(layer);
    assert.equal(untouched.moduleFor({ x }).kind, "module");
    assert.equal(untouched.compiled, 0, "a module is imported, not compiled");
    assert.ok(Object.keys(session.loweredFor({ x }).funcs).length > 1);
  });

  it("a run after another of the same form, in whatever way its inputs are given; what does not fit is told all the same", async () => {
    const session = loadOnnx(layer);
    const used = await settled();
    const y = async (x: Parameters<typeof session.run>[0]): Promise<number[]> => {
      const out = (await session.run(x)) as { y: Tensor; s: Tensor };
      const values = [...out.y] as number[];
      Object.values(out).forEach(free);
      return values;
    };
    const first = { data: Float32Array.of(1, 1), shape: [1, 2] };
    assert.deepEqual(await y({ x: first }), [3, 0]);
    assert.deepEqual(await y({ x: { data: Float32Array.of(-1, 0), shape: [1, 2] } }), [0, 1]);
    const t = Tensor.from([[2, 0]]);
    assert.deepEqual(await y({ x: t }), [2, 0]);
    assert.deepEqual(await y({ x: { data: [1, 2], shape: [1, 2] } }), [5, 0]);
    assert.deepEqual(await y({ x: { data: Float64Array.of(0, 2), shape: [1, 2] } }), [4, 0]);
    assert.deepEqual(await y({ x: { data: Float32Array.of(1, 1, -1, 0), shape: [2, 2] } }), [3, 0, 0, 1]);
    for (const [given, says] of [
      [{ x: first, z: first }, /no input "z"/],
      [{ z: first }, /no input "z"/],
      [{ x: { data: new Float32Array(3), shape: [1, 2] } }, /"x" must be f32\[batch, 2\].*3 element/],
      [{ x: { data: Float32Array.of(1, 1), shape: [2, 1] } }, /must be f32\[batch, 2\], got f32\[2, 1\]/],
      [{ x: Tensor.zeros([1, 2], "i32") }, /got i32\[1, 2\]/],
    ] as const) {
      assert.deepEqual(await y({ x: first }), [3, 0]);
      await assert.rejects(session.run(given as never), says);
    }
    t.dispose();
    await assert.rejects(session.run({ x: t }), /disposed/);
    assert.equal(session.compiled, 2);
    session.dispose();
    assert.ok(cpuMemory().usedBytes <= used + 64);
  });

  it("one program for each shape, in a cache that is bounded; memory goes back", async () => {
    const used = await settled();
    const session = loadOnnx(layer, { cacheSize: 2 });
    const call = async (rows: number): Promise<void> => {
      const out = await session.run({ x: { data: new Float32Array(2 * rows), shape: [rows, 2] } });
      Object.values(out).forEach(free);
      assert.ok(session.compiled <= 2);
    };
    let rows = 1;
    await keepsMemory(() => call(1 + (rows++ % 2)), 10);
    for (let n = 1; n < 6; n++) await call(n);
    session.dispose();
    assert.ok(cpuMemory().usedBytes <= used);
  });

  it("values of inputs that decide sizes", async () => {
    const session = loadOnnx(reshaped);
    const x = { data: [1, 2, 3, 4, 5, 6], shape: [6] };
    for (const shape of [
      [2, 3],
      [6, 1],
      [2, 3],
    ]) {
      const { y } = (await session.run({ x, s: { data: shape.map(BigInt), shape: [2] } })) as { y: Tensor };
      assert.deepEqual(y.shape, shape);
      assert.deepEqual([...y], x.data);
    }
    assert.equal(session.compiled, 2);
  });

  it("inputs that do not fit are named", async () => {
    const session = loadOnnx(layer);
    await assert.rejects(
      session.run({}),
      /^ArgumentError: the input "x" is missing; the model takes x: f32\[batch, 2\]$/,
    );
    const x = Tensor.zeros([1, 2]);
    await assert.rejects(session.run({ x, z: x }), /the model has no input "z"; it takes x: f32\[batch, 2\]/);
    await assert.rejects(
      session.run({ x: Tensor.zeros([1, 3]) }),
      /"x" must be f32\[batch, 2\], got f32\[1, 3\]/,
    );
    await assert.rejects(
      session.run({ x: Tensor.zeros([1, 2], "i32") }),
      /must be f32\[batch, 2\], got i32\[1, 2\]/,
    );
    await assert.rejects(
      session.run({ x: { data: [1], shape: [1, 2] } }),
      /must be f32\[batch, 2\]: .*1 element/,
    );
    await assert.rejects(session.run({ x: 3 as never }), /a Tensor or \{ data, shape \}, got 3/);
    x.dispose();
    await assert.rejects(session.run({ x }), /disposed/);
    assert.throws(() => loadOnnx(Uint8Array.of(9, 9, 9)), { name: "OnnxError" });
  });
});
