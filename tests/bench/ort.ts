/** onnxruntime-web as a peer: one-operator models made with onnx-proto, run on its WebAssembly backend. */
import proto from "onnx-proto";
import * as ort from "onnxruntime-web";

const { onnx } = proto;

export interface PeerTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** An ONNX model of one node over f32 tensors of fixed shapes. */
export function oneNodeModel(
  op: string,
  inputs: readonly (readonly number[])[],
  output: readonly number[],
): Uint8Array {
  const value = (name: string, dims: readonly number[]) => ({
    name,
    type: {
      tensorType: {
        elemType: onnx.TensorProto.DataType.FLOAT,
        shape: { dim: dims.map((dimValue) => ({ dimValue })) },
      },
    },
  });
  const names = inputs.map((_, i) => `x${i}`);
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: {
      name: op,
      node: [{ opType: op, input: names, output: ["y"] }],
      input: inputs.map((dims, i) => value(names[i], dims)),
      output: [value("y", output)],
    },
  });
  return onnx.ModelProto.encode(model).finish();
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
