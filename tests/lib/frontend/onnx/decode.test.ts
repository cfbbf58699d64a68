import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { externalDataIn } from "../../../../lib/frontend/onnx/files.node.ts";
import { decodeModel, fromOnnx, OnnxError, onnxParams } from "../../../../lib/frontend/onnx/index.ts";
import { type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { model, tensor } from "../../../support/onnx-model.ts";

const relu = { op: "Relu", in: ["x"], out: ["y"] };
const io = { inputs: { x: ["f32", [2]] }, outputs: ["y"] } as const;
const weights = (t: ReturnType<typeof tensor>): Record<string, NDArray> =>
  onnxParams(decodeModel(model({ ...io, nodes: [relu], weights: { w: t } })));

describe("ONNX files", () => {
  it("have tensors as lists and as bytes", () => {
    assert.deepEqual(numbersOf(weights(tensor("f32", [2], [1.5, -2])).w), [1.5, -2]);
    assert.deepEqual(numbersOf(weights(tensor("i64", [1, 2], [-1, 7])).w), [-1, 7]);
    assert.deepEqual(numbersOf(weights(tensor("f16", [1], [0x3c00])).w), [1]);
    assert.deepEqual(numbersOf(weights(tensor("bool", [2], [0, 5])).w), [0, 1]);
    const raw = { dims: [2], dataType: 6, rawData: new Uint8Array(Int32Array.of(3, -4).buffer) };
    assert.deepEqual(numbersOf(weights(raw).w), [3, -4]);
  });

  it("whose bytes do not fit the shape are refused before memory is taken", () => {
    const huge = { dims: [2 ** 20, 2 ** 20], dataType: 1, rawData: new Uint8Array(8) };
    assert.throws(() => weights(huge), /initializer "w": f32\[1048576, 1048576\] would take \d+ bytes/);
    const few = { dims: [2, 3], dataType: 1, rawData: new Uint8Array(20) };
    assert.throws(() => weights(few), /its data has 20 bytes, its shape takes 24/);
    assert.throws(() => weights(tensor("f32", [3], [1])), /its data has 1 element\(s\), its shape takes 3/);
    assert.throws(() => weights(tensor("f32", [-1], [])), /-1 is no size of a tensor/);
  });

  it("that are truncated or no models are refused", () => {
    const bytes = model({ ...io, nodes: [relu] });
    for (let n = 0; n < bytes.length; n++) {
      try {
        decodeModel(bytes.subarray(0, n));
      } catch (e) {
        assert(e instanceof OnnxError, `cut after ${n} bytes: ${e}`);
      }
    }
    for (const [text, said] of [
      ["\n<!DOCTYPE html><html>Not found</html>", /a page of HTML/],
      ["version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", /Git LFS's pointer.*git lfs pull/],
      ["PK\x03\x04\x14", /a zip archive/],
    ] as const)
      assert.throws(() => decodeModel(new TextEncoder().encode(text)), said);
    assert.throws(() => decodeModel(new Uint8Array()), /it has no graph/);
    const nothing = model({ ...io, outputs: [], nodes: [relu] });
    assert.throws(() => decodeModel(nothing), {
      name: "OnnxError",
      message: /^the model has no outputs: there is nothing/,
    });
  });

  it("with nodes in any order are sorted, cycles are refused", () => {
    const chain = [
      { op: "Relu", in: ["b"], out: ["y"] },
      { op: "Relu", in: ["a"], out: ["b"] },
      { op: "Relu", in: ["x"], out: ["a"] },
    ];
    const file = decodeModel(model({ ...io, nodes: chain }));
    assert.deepEqual(
      file.graph.nodes.map((n) => n.index),
      [2, 1, 0],
    );
    const ring = [
      { op: "Add", in: ["x", "b"], out: ["a"], name: "first" },
      { op: "Relu", in: ["a"], out: ["b"], name: "second" },
      { ...relu, in: ["b"] },
    ];
    assert.throws(
      () => decodeModel(model({ ...io, nodes: ring })),
      /cycle: (Relu "second" → Add "first"|Add "first" → Relu "second")/,
    );
  });

  it("with values that nothing or two nodes make are refused", () => {
    assert.throws(
      () => decodeModel(model({ ...io, nodes: [{ ...relu, in: ["gone"] }] })),
      /node 0 \(Relu\): nothing computes its input "gone"/,
    );
    assert.throws(
      () => decodeModel(model({ ...io, nodes: [relu, { ...relu, name: "again" }] })),
      /node 1 \(Relu "again"\): its output "y" is also made by node 0 \(Relu\)/,
    );
    assert.throws(
      () => decodeModel(model({ ...io, outputs: ["z"], nodes: [relu] })),
      /nothing computes the output "z"/,
    );
  });

  it("chains of thousands of nodes do not exhaust the stack", () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) => ({
      op: "Relu",
      in: [`v${i + 1}`],
      out: [`v${i}`],
    }));
    const file = decodeModel(model({ inputs: { v20000: ["f32", [1]] }, outputs: ["v0"], nodes }));
    assert.equal(file.graph.nodes[0].index, 19_999);
  });
});

describe("external data of ONNX files", () => {
  const outside = (location: string, more: Record<string, string> = {}) => ({
    dims: [2],
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
  });
  const read = (t: object, files: Record<string, Uint8Array>) =>
    onnxParams(
      decodeModel(model({ ...io, nodes: [relu], weights: { w: t } }), {
        externalData: (name) => files[name] ?? assert.fail("no such file"),
      }),
    );
  const bytes = new Uint8Array(Float32Array.of(9, 1, 2).buffer);

  it("are read at their offset", () => {
    const { w } = read(outside("data/w.bin", { offset: "4", length: "8" }), { "data/w.bin": bytes });
    assert.deepEqual(numbersOf(w), [1, 2]);
  });

  it("outside the folder, or beyond the file, are refused", () => {
    for (const path of ["../w.bin", "/etc/passwd", "a/../../b", "C:\\w.bin", "https://x/w", ""]) {
      assert.throws(() => read(outside(path), {}), /outside the model's folder/, path);
    }
    assert.throws(
      () => read(outside("w", { offset: "8" }), { w: bytes }),
      /bytes 8 to 16 of w, which has 12/,
    );
    assert.throws(
      () => read(outside("w", { offset: "-4" }), { w: bytes }),
      /offset of its external data is -4/,
    );
    assert.throws(() => read(outside("w", { length: "4" }), { w: bytes }), /has 4 bytes, its shape takes 8/);
    assert.throws(
      () => decodeModel(model({ ...io, nodes: [relu], weights: { w: outside("w") } })),
      /give externalData/,
    );
  });

  it("that a link leads outside the folder are refused", () => {
    const folder = mkdtempSync(join(tmpdir(), "tilewright-onnx-"));
    try {
      mkdirSync(join(folder, "model"));
      writeFileSync(join(folder, "secret"), bytes);
      writeFileSync(join(folder, "model", "w"), bytes);
      symlinkSync(join(folder, "secret"), join(folder, "model", "link"));
      const open = externalDataIn(join(folder, "model"));
      assert.equal(open("w").length, 12);
      assert.throws(() => open("link"), /leads outside the model's folder/);
      assert.throws(() => open("gone"), /^Error: there is no such file beside the model$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("what ONNX files have that is not supported", () => {
  it("is listed all at once, with the nodes", () => {
    const bytes = model({
      inputs: { x: ["f32", [2]], s: ["string", [1]] },
      outputs: ["y", "z", "q"],
      nodes: [
        { op: "Frobnicate", in: ["x"], out: ["y"], name: "f" },
        { op: "Relu", in: ["x"], out: ["z"], domain: "org.example" },
        { op: "Add", in: ["x", "w"], out: ["q"] },
      ],
      weights: { w: tensor("u32", [1], [1]) },
    });
    assert.throws(
      () => fromOnnx(bytes),
      (e: OnnxError) => {
        const text = e.message;
        assert.match(text, /4 problems/);
        assert.match(text, /input "s": elements of type string/);
        assert.match(text, /initializer "w": it has elements of type uint32/);
        assert.match(text, /node 0 \(Frobnicate "f"\): the operator Frobnicate is not supported/);
        assert.match(text, /node 1 \(Relu\): the operator org.example:Relu is not supported/);
        return true;
      },
    );
  });

  it("names newer operator sets and missing ones", () => {
    assert.throws(
      () => fromOnnx(model({ ...io, opset: 99, nodes: [relu] })),
      /what Relu means in operator set 99 is not known \(the newest known set is \d+\)/,
    );
  });
});
