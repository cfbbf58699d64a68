/** Weights of 8 bits take 8 bits in a bundle's file, however wide kernels want them. */
import assert from "node:assert/strict";
import path from "node:path";
import { type Bundle, type BundleOptions, bundle } from "../../../lib/deploy/index.ts";
import { narrowed, narrowName, narrowOf } from "../../../lib/deploy/narrow.ts";
import { expandText } from "../../../lib/deploy/text.ts";
import { layOutWeights } from "../../../lib/deploy/weights.ts";
import { writeBundle } from "../../../lib/deploy/write.node.ts";
import { decodeModel, fromOnnx } from "../../../lib/frontend/onnx/index.ts";
import { constantData } from "../../../lib/graph/index.ts";
import { type DType, elementsOf, type IRModule, type NDArray, numbersOf } from "../../../lib/ir/index.ts";
import { Random } from "../../../lib/runtime/random.ts";
import { model, type NodeSpec, type TypeName, tensor } from "../../support/onnx-model.ts";
import { requireGpu } from "../../support/system.ts";
import { oracle } from "../runtime/vm-support.ts";
import { runInNode, withFolder } from "./support.ts";

const integers = (count: number, least: number, most: number, seed: number): number[] => {
  const next = new Random(seed);
  return Array.from({ length: count }, () => least + (next.bits() % (most - least + 1)));
};

/** Rows of whole numbers by two matrices, each less its zero point; between them the sums become 8 bits again. */
function layers(weight: TypeName, zero: number, [k, n, m]: readonly [number, number, number]): IRModule {
  const [least, most] = weight === "i8" ? [-128, 127] : [0, 255];
  const scale = tensor("f32", [], [0.02]);
  const nodes: NodeSpec[] = [
    { op: "QLinearMatMul", in: ["x", "s", "zx", "w", "s", "zw", "t", "zx"], out: ["h"] },
    { op: "MatMulInteger", in: ["h", "v", "zx", "zw"], out: ["y"] },
  ];
  return fromOnnx(
    decodeModel(
      model({
        inputs: { x: ["u8", [3, k]] },
        outputs: ["y"],
        weights: {
          ...{ s: scale, t: tensor("f32", [], [0.9]) },
          ...{ zx: tensor("u8", [], [120]), zw: tensor(weight, [], [zero]) },
          w: tensor(weight, [k, n], integers(k * n, least, most, 1)),
          v: tensor(weight, [n, m], integers(n * m, least, most, 2)),
        },
        nodes,
      }),
    ),
  );
}

const weightsIn = (b: Bundle): number => b.files.find((f) => f.name === "weights.bin")?.bytes.length ?? 0;

/** What a bundle computes from some bytes, and what the interpreter does. */
async function bothOf(module: IRModule, shape: readonly number[], options: BundleOptions = {}) {
  const made = await bundle([{ module }], options);
  const count = shape.reduce((a, b) => a * b);
  const x = constantData(Uint8Array.from(integers(count, 0, 255, 7)), "u8", shape);
  const got = await withFolder((folder) => {
    const at = path.join(folder, "b");
    writeBundle(made, at);
    const given = { data: numbersOf(x), shape, array: "Uint8Array" };
    return runInNode(at, { x: given }, { webgpu: options.target === "webgpu" });
  });
  return { made, got: got.y, want: numbersOf((oracle(module, [x]) as readonly NDArray[])[0]) };
}

describe("deploy: narrow integers", function () {
  this.timeout(60_000);

  /** The words as the loading code makes them again. */
  function expanded(constants: readonly NDArray[]): Uint8Array {
    const w = layOutWeights(constants, 64, false);
    const to = new Uint8Array(w.end);
    new Function("file", "to", expandText(w, 64, "file", "to"))(w.bytes, to);
    return to;
  }

  it("come back as they were, the least and the greatest values too", () => {
    const i32 = (values: readonly number[]): NDArray => constantData(values, "i32");
    const many = (values: readonly number[]): number[] =>
      Array.from({ length: 300 }, (_, i) => values[i % values.length]);
    const pairs = integers(300, -120, 135, 3).map((x, i, all) => (x & 0xffff) | (all[(i + 1) % 300] << 16));
    const cases: [string, NDArray, string | undefined][] = [
      ["bytes", i32(many([-5, 250])), "i32 as u8"],
      ["at the ends", i32(many([2 ** 31 - 1, 2 ** 31 - 256])), "i32 as u8"],
      ["at the other end", i32(many([-(2 ** 31), -(2 ** 31) + 65535])), "i32 as u16"],
      ["too far apart", i32(many([-(2 ** 31), 2 ** 31 - 1])), undefined],
      ["pairs", i32(pairs), "i32 as 2 u8"],
      ["long", constantData(many([3, 200, 0]).map(BigInt), "i64"), "i64 as 2 u8"],
      ["few", i32([1, 2, 3]), undefined],
      ["bytes already", constantData(many([1, 2]), "u8"), undefined],
      ["floats stay", constantData(many([0, 1]), "f32"), undefined],
    ];
    for (const [what, c, name] of cases) {
      const form = narrowOf(c);
      assert.equal(form && narrowName(c.dtype, form), name, what);
    }
    const all = cases.map(([, c]) => c);
    const { addresses } = layOutWeights(all, 64, false);
    const memory = expanded(all);
    all.forEach((c, i) => {
      const got = memory.slice(addresses[i], addresses[i] + c.bytes.length);
      assert.deepEqual(got, new Uint8Array(c.bytes), cases[i][0]);
    });
    const form = narrowOf(all[0]);
    assert.deepEqual(form && narrowed(all[0], form), Uint8Array.from(many([0, 255])));
  });

  for (const [dtype, zero] of [
    ["i8", 0],
    ["u8", 131],
  ] as const satisfies [DType, number][]) {
    it(`a network with weights of ${dtype} takes a byte for each, and computes what it did`, async () => {
      const sizes = [64, 48, 32] as const;
      const { made, got, want } = await bothOf(layers(dtype, zero, sizes), [3, 64]);
      const elements = 64 * 48 + 48 * 32;
      assert.ok(weightsIn(made) < 1.05 * elements, `${weightsIn(made)} bytes for ${elements} weights`);
      assert.deepEqual(made.manifest.weights[0].dtype, "i32 as 2 u8");
      assert.ok(want.some((v) => v !== 0));
      assert.deepEqual(got.data, want);
    });
  }

  it("beside weights that are stored as f16", () => {
    const half = constantData(
      integers(200, -50, 50, 4).map((x) => x / 8),
      "f32",
    );
    const all = [half, constantData(integers(500, 0, 9, 5), "i32"), constantData([1.1], "f32")];
    const w = layOutWeights(all, 64, true);
    assert.equal(w.halves, 200);
    const to = new Uint8Array(w.end);
    new Function("file", "to", expandText(w, 64, "file", "to"))(w.bytes, to);
    all.forEach((c, i) => {
      const got = to.slice(w.addresses[i], w.addresses[i] + c.bytes.length);
      assert.deepEqual(got, new Uint8Array(c.bytes));
    });
    assert.equal(elementsOf(half).length, 200);
  });

  it("on a GPU, whose integers have 32 bits", async function () {
    await requireGpu(this);
    const { made, got, want } = await bothOf(layers("i8", 0, [64, 48, 32]), [3, 64], { target: "webgpu" });
    assert.ok(weightsIn(made) < 1.05 * (64 * 48 + 48 * 32), `${weightsIn(made)}`);
    assert.deepEqual(got.data, want);
  });
});
