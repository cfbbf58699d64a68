// Writes the first network as an ONNX file, for the chapter on integration:
//   notebooks/data/mlp-784-200-10.onnx   the nodes; the weights stay in mlp-784-200-10.bin beside it (external data)
// Run with:  node --import tsx scripts/data/make-onnx.ts     after train-mlp.ts
// The same network gives the same bytes again.
import { readFileSync, writeFileSync } from "node:fs";
import onnxProto from "onnx-proto";

const { onnx } = onnxProto;
const folder = new URL("../../notebooks/data/", import.meta.url);
const NAME = "mlp-784-200-10";

interface Manifest {
  readonly file: string;
  readonly tensors: readonly { name: string; shape: number[]; offset: number; bytes: number }[];
}
const manifest = JSON.parse(readFileSync(new URL(`${NAME}.json`, folder), "utf8")) as Manifest;
const FLOAT = onnx.TensorProto.DataType.FLOAT;

/** An input or output; a size that is a name may be anything. */
const port = (name: string, sizes: readonly (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType: FLOAT,
      shape: { dim: sizes.map((s) => (typeof s === "string" ? { dimParam: s } : { dimValue: s })) },
    },
  },
});

/** A linear layer: the weights have a row for each output, hence `transB`. */
const gemm = (name: string, input: readonly string[], output: string) => ({
  opType: "Gemm",
  name,
  input: [...input],
  output: [output],
  attribute: [{ name: "transB", type: onnx.AttributeProto.AttributeType.INT, i: 1 }],
});

const initializer = manifest.tensors.map(({ name, shape, offset, bytes }) => ({
  name,
  dims: shape,
  dataType: FLOAT,
  dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
  externalData: [
    { key: "location", value: manifest.file },
    { key: "offset", value: String(offset) },
    { key: "length", value: String(bytes) },
  ],
}));

const model = onnx.ModelProto.fromObject({
  irVersion: 8,
  producerName: "scripts/data/make-onnx.ts",
  opsetImport: [{ domain: "", version: 17 }],
  graph: {
    name: "mlp",
    input: [port("x", ["n", 784])],
    output: [port("scores", ["n", 10])],
    initializer,
    node: [
      gemm("linear0", ["x", "w0", "b0"], "hidden"),
      { opType: "Relu", name: "relu0", input: ["hidden"], output: ["active"] },
      gemm("linear1", ["active", "w1", "b1"], "scores"),
    ],
  },
});
const bytes = onnx.ModelProto.encode(model).finish();
writeFileSync(new URL(`${NAME}.onnx`, folder), bytes);
console.log(`${NAME}.onnx: ${bytes.length} bytes`);
