/** Sessions for the GPU: tensors of the device as inputs, outputs that stay there. */
import assert from "node:assert/strict";
import { GpuTensor, loadOnnx, Tensor } from "../../../lib/runtime/index.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { model, tensor } from "../../support/onnx-model.ts";
import { requireGpu } from "../../support/system.ts";

/** y = relu(x · w) for any number of rows. */
const layer = model({
  inputs: { x: ["f32", ["batch", 2]] },
  outputs: ["y"],
  weights: { w: tensor("f32", [2, 2], [1, -1, 2, -2]) },
  nodes: [
    { op: "MatMul", in: ["x", "w"], out: ["m"] },
    { op: "Relu", in: ["m"], out: ["y"] },
  ],
});

const reshaped = model({
  inputs: { x: ["f32", [6]], s: ["i64", [2]] },
  outputs: ["y", "t"],
  nodes: [
    { op: "Reshape", in: ["x", "s"], out: ["y"] },
    { op: "Identity", in: ["s"], out: ["t"] },
  ],
});

describe("webgpu, sessions", function () {
  this.timeout(120_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  it("take tensors of the GPU, and leave outputs there when asked to", async () => {
    const session = loadOnnx(layer, { target: "webgpu" });
    const x = Tensor.from(Float32Array.of(1, 1, -1, 0), [2, 2]);
    const { y } = await session.run({ x }, { outputs: "gpu" });
    assert.ok(y instanceof GpuTensor);
    const { traffic } = await gpuDevice();
    const before = { ...traffic };
    const again = await session.run({ x: y }, { outputs: "gpu" });
    assert.ok(again.y instanceof GpuTensor);
    assert.equal(traffic.uploads, before.uploads);
    assert.equal(traffic.readBacks, before.readBacks);
    assert.deepEqual([...(await again.y.to("cpu"))], [3, 0, 2, 0]);
    const here = (await session.run({ x: y })).y;
    assert.ok(here instanceof Tensor);
    assert.deepEqual([...here], [3, 0, 2, 0]);
    assert.deepEqual(await session.notes({ x: y }), []);
    y.dispose();
    await assert.rejects(session.run({ x: y }), /x.*f32.*disposed/);
    session.dispose();
  });

  it("bring an input back whose elements decide sizes", async () => {
    const session = loadOnnx(reshaped, { target: "webgpu" });
    const x = Tensor.from(Float32Array.of(1, 2, 3, 4, 5, 6), [6]);
    for (const shape of [
      [2, 3],
      [3, 2],
    ]) {
      const s = await Tensor.from(BigInt64Array.from(shape, BigInt), [2]).to("webgpu");
      const { y } = await session.run({ x: await x.to("webgpu"), s });
      assert.deepEqual([...(y as Tensor).shape], shape);
      const kept = await session.run({ x, s }, { outputs: "gpu" });
      assert.deepEqual([...(await (kept.y as GpuTensor).to("cpu"))], [1, 2, 3, 4, 5, 6]);
      assert.deepEqual([...(await (kept.t as GpuTensor).to("cpu"))], shape.map(BigInt));
      assert.throws(
        () => session.memoryPlan({ x, s }),
        /"s" decides sizes by its elements: bring it to the CPU/,
      );
    }
    session.dispose();
  });

  it("for the CPU refuse both, with what to do", async () => {
    const session = loadOnnx(layer);
    const x = await Tensor.from(Float32Array.of(1, 1), [1, 2]).to("webgpu");
    await assert.rejects(
      session.run({ x }),
      /the session is for "wasm".*bring it to the CPU with to\("cpu"\)/,
    );
    const here = await x.to("cpu");
    await assert.rejects(
      session.run({ x: here }, { outputs: "gpu" }),
      /"gpu" is for sessions with the target "webgpu"/,
    );
    session.dispose();
  });
});
