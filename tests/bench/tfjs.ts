/**
 * tfjs on its WebAssembly backend as a peer for single operators: it reads no ONNX, so each operator is said in its own
 * functions. Images are given channels last, as it wants them, before the time is taken.
 */
import { createRequire } from "node:module";
import path from "node:path";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import type { Attribute, OperatorModel } from "./ort.ts";
import type { Feeds, Opened } from "./peers.ts";

type Attributes = Readonly<Record<string, Attribute>>;
type Say = (inputs: readonly tf.Tensor[], attributes: Attributes) => tf.Tensor;

const numbers = (a: Attribute | undefined): readonly number[] => (a ?? []) as readonly number[];

/** What an operator is in tfjs. Those not listed are not compared. */
const WORDS: Readonly<Record<string, Say>> = {
  MatMul: ([a, b]) => tf.matMul(a, b),
  Add: ([a, b]) => tf.add(a, b),
  Mul: ([a, b]) => tf.mul(a, b),
  Sub: ([a, b]) => tf.sub(a, b),
  Div: ([a, b]) => tf.div(a, b),
  Relu: ([x]) => tf.relu(x),
  Sigmoid: ([x]) => tf.sigmoid(x),
  Tanh: ([x]) => tf.tanh(x),
  Exp: ([x]) => tf.exp(x),
  Erf: ([x]) => tf.erf(x),
  Softmax: ([x]) => tf.softmax(x),
  Conv: ([x, w], { strides, group = 1, pads }) => {
    const stride = numbers(strides)[0] ?? 1;
    const pad = numbers(pads)[0] ?? 0;
    if (group === 1) return tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad);
    return tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad);
  },
};

let ready: Promise<unknown> | undefined;

function start(): Promise<unknown> {
  const main = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${path.dirname(main)}/`);
  setThreadsCount(1);
  return tf.setBackend("wasm");
}

/** What runs the model once in tfjs. Throws, with the reason, where tfjs lacks an operator. */
export async function openTfjs(model: OperatorModel, feeds: Feeds): Promise<Opened> {
  const unknown = model.nodes.find((n) => !Object.hasOwn(WORDS, n.op));
  if (unknown) throw new Error(`no ${unknown.op} in the table of tests/bench/tfjs.ts`);
  await (ready ??= start());
  const images = model.nodes.some((n) => n.op === "Conv");
  const fixed = Object.fromEntries(
    Object.entries(model.weights ?? {}).map(([k, t]) => [
      k,
      weight(tf.tensor(t.data as Float32Array, [...t.dims]), model),
    ]),
  );
  const given = Object.entries(feeds).map(([k, { data, dims }]) => {
    const x = tf.tensor(data as Float32Array, [...dims]);
    const turned = images && dims.length === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x;
    return [k, turned.dataSync() as Float32Array, turned.shape] as const;
  });
  const call = (): tf.Tensor =>
    tf.tidy(() => {
      const values: Record<string, tf.Tensor> = { ...fixed };
      for (const [k, data, shape] of given) values[k] = tf.tensor(data, shape);
      for (const n of model.nodes)
        values[n.output] = WORDS[n.op](
          n.inputs.map((name) => values[name]),
          n.attributes ?? {},
        );
      return values.y;
    });
  let shape: readonly number[] = [];
  const run = async () => {
    const y = call();
    shape = y.shape;
    const data = (await y.data()) as Float32Array;
    y.dispose();
    return { y: data };
  };
  return images ? { run, arrange: ({ y }) => ({ y: channelsFirst(y, shape) }) } : { run };
}

/** OIHW to HWIO; for depthwise ones (C × 1 × H × W) to H × W × C × 1. */
function weight(w: tf.Tensor, model: OperatorModel): tf.Tensor {
  const conv = model.nodes.find((n) => n.op === "Conv");
  if (!conv || w.rank !== 4) return w;
  return tf.transpose(w, (conv.attributes?.group ?? 1) === 1 ? [2, 3, 1, 0] : [2, 3, 0, 1]);
}

function channelsFirst(data: ArrayLike<number>, [n, h, w, c]: readonly number[]): Float32Array {
  return Float32Array.from({ length: n * c * h * w }, (_, i) => {
    const [x, y] = [i % w, Math.floor(i / w) % h];
    const [k, b] = [Math.floor(i / (w * h)) % c, Math.floor(i / (w * h * c))];
    return data[((b * h + y) * w + x) * c + k];
  });
}
