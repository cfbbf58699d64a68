/** onnxruntime-web as a peer: one-operator models made with onnx-proto, run on its WebAssembly backend. */
import proto from "onnx-proto";
import * as ort from "onnxruntime-web";

const { onnx } = proto;

/** The elements of a tensor; the array's type says the dtype. */
export type Elements = Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array;

export interface PeerTensor {
  readonly data: Elements;
  readonly dims: readonly number[];
}

const { DataType } = onnx.TensorProto;
const DTYPES = {
  f32: DataType.FLOAT,
  u8: DataType.UINT8,
  i8: DataType.INT8,
  i32: DataType.INT32,
  i64: DataType.INT64,
} as const;
export type PeerDType = keyof typeof DTYPES;

export function dtypeOf(data: Elements): PeerDType {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Int8Array) return "i8";
  if (data instanceof Uint8Array) return "u8";
  return data instanceof Int32Array ? "i32" : "i64";
}

/** What a tensor of f32 is like, by its sizes; or of another dtype. */
export type Port = readonly number[] | { readonly dims: readonly number[]; readonly dtype: PeerDType };

export const portOf = (p: Port): { readonly dims: readonly number[]; readonly dtype: PeerDType } =>
  "dims" in p ? p : { dims: p, dtype: "f32" };

export type Attribute = number | readonly number[] | string;

export interface OperatorNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Further outputs, which nobody takes but the operator must have. */
  readonly unused?: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface OperatorModel {
  readonly nodes: readonly OperatorNode[];
  /** What is given in every run, by name. */
  readonly inputs: Readonly<Record<string, Port>>;
  /** What the file holds, by name: weights, constants. */
  readonly weights?: Readonly<Record<string, PeerTensor>>;
  /** What `y`, the output, is. */
  readonly output: Port;
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

/** An ONNX model (operator set 20) over tensors of fixed shapes, whose output is `y`. */
export function operatorModel({ nodes, inputs, weights = {}, output }: OperatorModel): Uint8Array {
  const value = (name: string, port: Port) => {
    const { dims, dtype } = portOf(port);
    const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
    return { name, type: { tensorType: { elemType: DTYPES[dtype], shape } } };
  };
  const model = onnx.ModelProto.create({
    irVersion: 9,
    opsetImport: [{ domain: "", version: 20 }],
    graph: {
      name: nodes.map((n) => n.op).join("-"),
      node: nodes.map((n) => ({
        opType: n.op,
        input: [...n.inputs],
        output: [n.output, ...(n.unused ?? [])],
        attribute: Object.entries(n.attributes ?? {}).map(([k, v]) => attribute(k, v)),
      })),
      initializer: Object.entries(weights).map(([name, t]) => ({
        name,
        dataType: DTYPES[dtypeOf(t.data)],
        dims: [...t.dims],
        rawData: new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength),
      })),
      input: Object.entries(inputs).map(([name, port]) => value(name, port)),
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
