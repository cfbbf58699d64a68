/** onnxruntime-web as a peer: one-operator models made with onnx-proto, run on its WebAssembly backend. */
import proto from "onnx-proto";
import * as ort from "onnxruntime-web";

const { onnx } = proto;

export interface PeerTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export type Attribute = number | readonly number[] | string;

export interface OperatorNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface OperatorModel {
  readonly nodes: readonly OperatorNode[];
  /** Shapes of what is given in every run, by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** What the file holds, by name: weights, constants. */
  readonly weights?: Readonly<Record<string, PeerTensor>>;
  /** Shape of `y`, the output. */
  readonly output: readonly number[];
}

function attribute(name: string, value: Attribute) {
  const { AttributeType } = onnx.AttributeProto;
  if (typeof value === "string")
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (typeof value !== "number") return { name, type: AttributeType.INTS, ints: [...value] };
  return Number.isInteger(value)
    ? { name, type: AttributeType.INT, i: value }
    : { name, type: AttributeType.FLOAT, f: value };
}

/** An ONNX model (operator set 20) over f32 tensors of fixed shapes, whose output is `y`. */
export function operatorModel({ nodes, inputs, weights = {}, output }: OperatorModel): Uint8Array {
  const elemType = onnx.TensorProto.DataType.FLOAT;
  const value = (name: string, dims: readonly number[]) => ({
    name,
    type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
  });
  const model = onnx.ModelProto.create({
    irVersion: 9,
    opsetImport: [{ domain: "", version: 20 }],
    graph: {
      name: nodes.map((n) => n.op).join("-"),
      node: nodes.map((n) => ({
        opType: n.op,
        input: [...n.inputs],
        output: [n.output],
        attribute: Object.entries(n.attributes ?? {}).map(([k, v]) => attribute(k, v)),
      })),
      initializer: Object.entries(weights).map(([name, t]) => ({
        name,
        dataType: elemType,
        dims: [...t.dims],
        rawData: new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength),
      })),
      input: Object.entries(inputs).map(([name, dims]) => value(name, dims)),
      output: [value("y", output)],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

/** An ONNX model of one node over f32 tensors of fixed shapes: inputs x0, x1, …, output y. */
export function oneNodeModel(
  op: string,
  inputs: readonly (readonly number[])[],
  output: readonly number[],
): Uint8Array {
  const named = inputs.map((dims, i) => [`x${i}`, dims] as const);
  const node = { op, inputs: named.map(([name]) => name), output: "y" };
  return operatorModel({ nodes: [node], inputs: Object.fromEntries(named), output });
}

/** A session on the WebAssembly backend with that many threads. */
export async function ortSession(model: Uint8Array, threads: number): Promise<ort.InferenceSession> {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  return ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
}

/** Runs the session once on inputs x0, x1, …; resolves to the data of y. */
export async function ortRun(
  session: ort.InferenceSession,
  inputs: readonly PeerTensor[],
): Promise<Float32Array> {
  const feeds: Record<string, ort.Tensor> = {};
  inputs.forEach((x, i) => {
    feeds[`x${i}`] = new ort.Tensor("float32", x.data, x.dims);
  });
  const out = await session.run(feeds);
  return out.y.data as Float32Array;
}
