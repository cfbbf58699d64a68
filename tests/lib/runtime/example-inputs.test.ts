// Made-up inputs, and what a model file says of itself.
import assert from "node:assert/strict";
import { decodeModel, modelSummary, OnnxModel, openSizes } from "../../../lib/frontend/onnx/index.ts";
import { exampleInputs, loadOnnx } from "../../../lib/runtime/index.ts";
import { model, tensor } from "../../support/onnx-model.ts";
import { smallCnn } from "../../support/small-cnn.ts";

describe("runtime: a model that is looked at", () => {
  it("the summary says what the file holds", () => {
    const summary = modelSummary(decodeModel(smallCnn()));
    assert.deepEqual(summary.opsets, { "ai.onnx": 13 });
    assert.deepEqual(summary.inputs, { x: "f32[batch, 4, 8, 8]" });
    assert.deepEqual(Object.keys(summary.outputs), ["scores", "gates"]);
    assert.deepEqual(summary.open, { batch: ["x"] });
    assert.equal(summary.nodes, 12);
    assert.equal(summary.operators.Mul, 2);
    assert.equal(
      Object.values(summary.operators).reduce((a, b) => a + b),
      12,
    );
    // 288 + 8 + 8 + 8 + 1 + 1 + 40 floats, and two i64.
    assert.deepEqual(summary.weights, { tensors: 8, elements: 356, bytes: 354 * 4 + 16 });
  });

  it("open sizes: one name once, those without a name by input and dimension, weights are no inputs", () => {
    const file = decodeModel(
      model({
        inputs: { a: ["f32", ["n", null]], b: ["f32", ["n", 3]], w: ["f32", ["m"]] },
        outputs: ["a"],
        weights: { w: tensor("f32", [1], [1]) },
        nodes: [],
      }),
    );
    assert.deepEqual(
      [...openSizes(file)],
      [
        ["n", ["a", "b"]],
        ["a_1", ["a"]],
      ],
    );
  });

  it("inputs have the sizes that were asked for, 1 where none was, and fit the model", async () => {
    const session = loadOnnx(smallCnn());
    const inputs = exampleInputs(session.model, { sizes: { batch: 3 } });
    assert.deepEqual(inputs.x?.shape, [3, 4, 8, 8]);
    assert.ok(inputs.x?.data.some((v) => v < 0) && inputs.x.data.some((v) => v > 0));
    const { scores } = await session.run(inputs);
    assert.deepEqual("shape" in scores && scores.shape, [3, 5]);
    assert.deepEqual(exampleInputs(session.model).x?.shape, [1, 4, 8, 8]);
    assert.deepEqual(exampleInputs(session.model).x?.data, exampleInputs(session.model).x?.data);
    session.dispose();
  });

  it("integers are 0 or 1; values are taken where they are given", () => {
    const made = exampleInputs(
      new OnnxModel(
        model({
          inputs: { ids: ["i64", [1, 40]], axes: ["i64", ["k"]], scalar: ["f32", []] },
          outputs: ["ids"],
          nodes: [],
        }),
      ),
      { values: { axes: [0, 2], scalar: [0.5] } },
    );
    assert.deepEqual([...new Set(made.ids?.data as BigInt64Array)].sort(), [0n, 1n]);
    assert.deepEqual([...(made.axes?.data ?? [])], [0n, 2n]);
    assert.deepEqual([made.scalar?.shape, made.scalar?.data[0]], [[], 0.5]);
  });
});
