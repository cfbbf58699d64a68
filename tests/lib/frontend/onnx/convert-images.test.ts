/** Converters of convolutions, poolings, resizing and recurrent layers, where the standard's own cases say nothing. */
import assert from "node:assert/strict";
import { type GraphData, interpretGraph } from "../../../../lib/codegen/index.ts";
import { fromOnnx, OnnxError, OnnxModel } from "../../../../lib/frontend/onnx/index.ts";
import {
  assertModuleWellFormed,
  type GraphFunc,
  type NDArray,
  numbersOf,
  typeText,
} from "../../../../lib/ir/index.ts";
import { fill, Numbers, total } from "../../../support/nd.ts";
import { type AttrValue, model, type NodeSpec, tensor, type ValueSpec } from "../../../support/onnx-model.ts";
import { close, nd } from "../../../support/run-op.ts";

interface One {
  readonly inputs: Readonly<Record<string, ValueSpec>>;
  readonly op: string;
  readonly in?: readonly string[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly weights?: NonNullable<Parameters<typeof model>[0]["weights"]>;
  readonly out?: readonly string[];
  readonly opset?: number;
}

/** A model of one node. */
function single(m: One): Uint8Array {
  const out = m.out ?? ["y"];
  const names = m.in ?? [...Object.keys(m.inputs), ...Object.keys(m.weights ?? {})];
  const n: NodeSpec = { op: m.op, in: names, out, ...(m.attrs ? { attrs: m.attrs } : {}) };
  return model({
    inputs: m.inputs,
    outputs: out.filter((o) => o !== ""),
    nodes: [n],
    ...(m.weights ? { weights: m.weights } : {}),
    opset: m.opset ?? 18,
  });
}

const typeOf = (m: One): string => {
  const main = assertModuleWellFormed(fromOnnx(single(m))).funcs.main as GraphFunc;
  return typeText(main.body.result.type);
};

function run(m: One, inputs: Record<string, NDArray>): NDArray[] {
  const file = new OnnxModel(single(m));
  const args = file.inputs.map((v) => inputs[v.name]);
  const mod = assertModuleWellFormed(file.specialise(inputs));
  return interpretGraph(mod, "main", args) as readonly GraphData[] as NDArray[];
}

const refuses = (m: One, text: RegExp): void => {
  assert.throws(
    () => fromOnnx(single(m)),
    (e) => e instanceof OnnxError && text.test(e.message),
  );
};

describe("windows of ONNX models", () => {
  const image = { x: ["f32", ["n", 3, "h", "w"]] } as const;

  it("SAME padding of open sizes needs no more than a stride of 1", () => {
    const weights = { k: tensor("f32", [2, 3, 3, 3], new Array(54).fill(0)) };
    const same = { auto_pad: "SAME_UPPER" };
    assert.equal(typeOf({ op: "Conv", inputs: image, weights, attrs: same }), "(f32[n, 2, h, w])");
    refuses(
      { op: "Conv", inputs: image, weights, attrs: { ...same, strides: [2, 2] } },
      /Conv.*auto_pad.*give the shape/s,
    );
  });

  it("a transposed convolution of a given size", () => {
    const m = {
      op: "ConvTranspose",
      inputs: { x: ["f32", [1, 1, 3, 3]] },
      weights: { k: tensor("f32", [1, 2, 3, 3], new Array(18).fill(1)) },
    } as const;
    const attrs = { strides: [3, 2], output_shape: [10, 8], output_padding: [1, 1] };
    assert.equal(typeOf({ ...m, attrs }), "(f32[1, 2, 10, 8])");
    assert.equal(typeOf({ ...m, attrs: { strides: [2, 2], auto_pad: "SAME_LOWER" } }), "(f32[1, 2, 6, 6])");
  });

  it("norms of windows and of all of the data", () => {
    const x = new Numbers(3).floats([1, 2, 4, 4]);
    const X = numbersOf(x);
    const inputs = { x: ["f32", [1, 2, 4, 4]] } as const;
    const [y] = run({ op: "GlobalLpPool", inputs, attrs: { p: 3 } }, { x });
    assert.deepEqual(y.shape, [1, 2, 1, 1]);
    close(
      numbersOf(y),
      fill([2], ([c]) => total([16], ([k]) => Math.abs(X[c * 16 + k]) ** 3) ** (1 / 3)),
      1e-4,
    );
    const [z] = run({ op: "LpPool", inputs, attrs: { kernel_shape: [2, 2], strides: [2, 2] } }, { x });
    assert.deepEqual(z.shape, [1, 2, 2, 2]);
    close([numbersOf(z)[0]], [Math.hypot(X[0], X[1], X[4], X[5])], 1e-5);
  });

  it("regions pooled to their greatest elements", () => {
    const x = nd(
      [1, 1, 4, 4],
      fill([16], ([k]) => k),
    );
    const [y] = run(
      {
        op: "MaxRoiPool",
        inputs: { x: ["f32", [1, 1, 4, 4]], r: ["f32", [1, 5]] },
        attrs: { pooled_shape: [1, 2] },
      },
      { x, r: nd([1, 5], [0, 0, 1, 3, 2]) },
    );
    assert.deepEqual(numbersOf(y), [9, 11]);
  });

  it("windows over four axes are refused by name", () => {
    refuses(
      { op: "MaxPool", inputs: { x: ["f32", [1, 1, 2, 2, 2, 2]] }, attrs: { kernel_shape: [1, 1, 1, 1] } },
      /MaxPool.*data of rank 6 is not supported/s,
    );
  });
});

describe("resizing in ONNX models", () => {
  const none = tensor("f32", [0], []);

  it("open sizes are scaled by fractions", () => {
    const weights = { roi: none, s: tensor("f32", [4], [1, 1, 2, 0.5]) };
    const m = { op: "Resize", inputs: { x: ["f32", ["n", 3, "h", "w"]] }, weights } as const;
    assert.match(typeOf(m), /^\(f32\[n, 3, h \* 2, .*w.*\]\)$/);
    const [y] = run(m, {
      x: nd(
        [1, 3, 2, 4],
        fill([24], ([k]) => k),
      ),
    });
    assert.deepEqual(y.shape, [1, 3, 4, 2]);
  });

  it("one scale for all axes, so that the ratio stays", () => {
    const weights = { roi: none, s: none, z: tensor("i64", [2], [7, 8]) };
    const inputs = { x: ["f32", [1, 1, 2, 4]] } as const;
    const attrs = { axes: [2, 3], mode: "linear" };
    const of = (policy: string): string =>
      typeOf({ op: "Resize", inputs, weights, attrs: { ...attrs, keep_aspect_ratio_policy: policy } });
    assert.equal(of("not_larger"), "(f32[1, 1, 4, 8])");
    assert.equal(of("not_smaller"), "(f32[1, 1, 7, 14])");
  });

  it("opset 10, and Upsample: the element before", () => {
    const x = nd([1, 1, 1, 2], [1, 2]);
    const inputs = { x: ["f32", [1, 1, 1, 2]] } as const;
    const weights = { s: tensor("f32", [4], [1, 1, 1, 2.5]) };
    for (const [op, opset] of [
      ["Resize", 10],
      ["Upsample", 9],
    ] as const) {
      assert.deepEqual(numbersOf(run({ op, opset, inputs, weights }, { x })[0]), [1, 1, 1, 2, 2]);
    }
  });

  it("nothing to do gives the data itself", () => {
    const weights = { roi: none, s: tensor("f32", [4], [1, 1, 1, 1]) };
    const m = { op: "Resize", inputs: { x: ["f32", ["n", 1, 2, 2]] }, weights } as const;
    assert.equal(typeOf(m), "(f32[n, 1, 2, 2])");
    assert.deepEqual(numbersOf(run(m, { x: nd([1, 1, 2, 2], [1, 2, 3, 4]) })[0]), [1, 2, 3, 4]);
  });

  it("columns back to an image, and the grid of a map", () => {
    const sizes = { i: tensor("i64", [2], [2, 2]), k: tensor("i64", [2], [1, 2]) };
    const [y] = run(
      { op: "Col2Im", inputs: { x: ["f32", [1, 2, 2]] }, weights: sizes },
      { x: nd([1, 2, 2], [1, 2, 3, 4]) },
    );
    assert.deepEqual(
      [y.shape, numbersOf(y)],
      [
        [1, 1, 2, 2],
        [1, 3, 2, 4],
      ],
    );
    const [g] = run(
      {
        op: "AffineGrid",
        opset: 20,
        inputs: { x: ["f32", [1, 2, 3]] },
        weights: { z: tensor("i64", [4], [1, 1, 1, 2]) },
        attrs: { align_corners: 1 },
      },
      { x: nd([1, 2, 3], [1, 0, 0, 0, 1, 0]) },
    );
    assert.deepEqual(numbersOf(g), [-1, -1, 1, -1]);
  });
});

describe("recurrent layers in ONNX models", () => {
  it("an open number of steps and sequences; only the last state", () => {
    const [gates, hidden, size] = [4 * 2, 2, 3];
    const r = new Numbers(5);
    const values = (n: number): number[] => numbersOf(r.floats([n]));
    const m = {
      op: "LSTM",
      inputs: { x: ["f32", ["t", "b", size]] },
      in: ["x", "w", "u"],
      weights: {
        w: tensor("f32", [1, gates, size], values(gates * size)),
        u: tensor("f32", [1, gates, hidden], values(gates * hidden)),
      },
      attrs: { hidden_size: hidden },
      out: ["", "h"],
    } as const;
    assert.equal(typeOf(m), "(f32[1, b, 2])");
    const x = r.floats([5, 2, size]);
    const [h] = run(m, { x });
    // The same by two calls: the state after all steps of a sequence is that of the sequence alone.
    const X = numbersOf(x);
    const alone = nd(
      [5, 1, size],
      fill([5, size], ([t, i]) => X[(t * 2 + 1) * size + i]),
    );
    close(numbersOf(run(m, { x: alone })[0]), numbersOf(h).slice(hidden));
  });

  it("an unknown direction is named", () => {
    const weights = { w: tensor("f32", [1, 2, 1], [1, 1]), u: tensor("f32", [1, 2, 2], [1, 1, 1, 1]) };
    refuses(
      {
        op: "RNN",
        inputs: { x: ["f32", [1, 1, 1]] },
        weights,
        attrs: { hidden_size: 2, direction: "sideways" },
      },
      /RNN.*direction "sideways" is none of forward, reverse, bidirectional/s,
    );
  });
});
