/**
 * Operators against onnxruntime-web, one thread, untuned: both get the same ONNX file and the same inputs as JavaScript
 * arrays, and give the output back as such, as `models.ts` does for whole models. Weights stand in the file, so that
 * either side may lay them out as it likes when it loads it.
 */
import * as ort from "onnxruntime-web";
import { loadOnnx, Tensor } from "../../lib/index.ts";
import type { Contender } from "./compare.ts";
import { type OperatorModel, operatorModel, ortSession, type PeerTensor } from "./ort.ts";

export interface OperatorCase {
  readonly name: string;
  readonly model: OperatorModel;
  /** Floating-point operations of one execution, where counting them means something. */
  readonly flops?: number;
}

function randomTensor(dims: readonly number[], seed: number): PeerTensor {
  const data = Tensor.random([...dims], { seed, low: -1, high: 1 }).data as Float32Array;
  return { data: Float32Array.from(data), dims };
}

function matmul(m: number, k: number, n: number): OperatorCase {
  return {
    name: `matmul ${m} × ${k} × ${n}`,
    model: {
      nodes: [{ op: "MatMul", inputs: ["a", "b"], output: "y" }],
      inputs: { a: [m, k], b: [k, n] },
      output: [m, n],
    },
    flops: 2 * m * k * n,
  };
}

interface ConvOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

/** A convolution over n × n pixels with the padding that keeps their number (divided by the stride). */
function conv(
  cin: number,
  cout: number,
  n: number,
  { kernel, stride = 1, groups = 1 }: ConvOptions,
): OperatorCase {
  const weight = randomTensor([cout, cin / groups, kernel, kernel], 3);
  const out = Math.ceil(n / stride);
  const pad = (kernel - 1) / 2;
  const kind = groups === 1 ? "conv" : "grouped conv";
  return {
    name: `${kind} ${kernel} × ${kernel}, ${cin} → ${cout}, ${n} × ${n}${stride === 1 ? "" : `, stride ${stride}`}`,
    model: {
      nodes: [
        {
          op: "Conv",
          inputs: ["x", "w"],
          output: "y",
          attributes: {
            kernel_shape: [kernel, kernel],
            pads: [pad, pad, pad, pad],
            strides: [stride, stride],
            group: groups,
          },
        },
      ],
      inputs: { x: [1, cin, n, n] },
      weights: { w: weight },
      output: [1, cout, out, out],
    },
    flops: (2 * cout * out * out * cin * kernel * kernel) / groups,
  };
}

/** The table. */
export const OPERATORS: readonly OperatorCase[] = [
  matmul(512, 512, 512),
  matmul(1024, 1024, 1024),
  conv(64, 64, 56, { kernel: 3 }),
  conv(128, 256, 28, { kernel: 3, stride: 2 }),
  conv(512, 512, 7, { kernel: 3 }),
  conv(96, 24, 56, { kernel: 1 }),
];

/** Both sides of a case, after their outputs were checked to agree. */
export async function operatorContenders({ name, model }: OperatorCase): Promise<Contender[]> {
  const bytes = operatorModel(model);
  const given = Object.entries(model.inputs).map(([k, dims], i) => [k, randomTensor(dims, 10 + i)] as const);
  const feeds = Object.fromEntries(given.map(([k, t]) => [k, new ort.Tensor("float32", t.data, t.dims)]));
  const inputs = Object.fromEntries(given.map(([k, t]) => [k, { data: t.data, shape: t.dims }]));
  const peer = await ortSession(bytes, 1);
  const ours = loadOnnx(bytes);
  const [theirs, mine] = [(await peer.run(feeds)).y.data as Float32Array, (await ours.run(inputs)).y];
  if (!(mine instanceof Tensor)) throw new Error(`${name}: the output is no tensor`);
  const scale = theirs.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  theirs.forEach((x, i) => {
    const y = Number(mine.data[i]);
    if (!(Math.abs(x - y) <= 1e-3 * scale)) throw new Error(`${name}: y[${i}] is ${y} against ${x}`);
  });
  return [
    { name: "onnxruntime-web", run: async () => void (await peer.run(feeds)) },
    {
      name: "tilewright",
      run: async () => {
        for (const y of Object.values(await ours.run(inputs))) if (y instanceof Tensor) y.dispose();
      },
    },
  ];
}
