/**
 * Single operators and short chains, as ONNX files. Weights stand in the file, so that either side may lay them out as it
 * likes when it loads it.
 */
import { Tensor } from "../../lib/index.ts";
import { type OperatorModel, operatorModel, type PeerTensor } from "./ort.ts";
import type { Match } from "./versus.ts";

export interface OperatorCase {
  readonly name: string;
  readonly model: OperatorModel;
  /** Floating-point operations of one execution, where counting them means something. */
  readonly flops?: number;
}

function randomTensor(dims: readonly number[], seed: number): PeerTensor {
  const data = Tensor.random([...dims], { seed, min: -1, max: 1 }).data as Float32Array;
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

const scalar = (x: number): PeerTensor => ({ data: Float32Array.of(x), dims: [1] });

/** The exact form of Gelu, as PyTorch exports it. */
function gelu(rows: number, columns: number): OperatorCase {
  return {
    name: `gelu ${rows} × ${columns}`,
    model: {
      nodes: [
        { op: "Div", inputs: ["x", "root2"], output: "a" },
        { op: "Erf", inputs: ["a"], output: "b" },
        { op: "Add", inputs: ["b", "one"], output: "c" },
        { op: "Mul", inputs: ["x", "c"], output: "d" },
        { op: "Mul", inputs: ["d", "half"], output: "y" },
      ],
      inputs: { x: [rows, columns] },
      weights: { root2: scalar(Math.SQRT2), one: scalar(1), half: scalar(0.5) },
      output: [rows, columns],
    },
  };
}

/** A scaled sum through a gate: relu(x · s + b) · sigmoid(z). */
function chain(rows: number, columns: number): OperatorCase {
  return {
    name: `chain of five elementwise ${rows} × ${columns}`,
    model: {
      nodes: [
        { op: "Mul", inputs: ["x", "s"], output: "a" },
        { op: "Add", inputs: ["a", "b"], output: "c" },
        { op: "Relu", inputs: ["c"], output: "d" },
        { op: "Sigmoid", inputs: ["z"], output: "e" },
        { op: "Mul", inputs: ["d", "e"], output: "y" },
      ],
      inputs: { x: [rows, columns], z: [rows, columns] },
      weights: { s: randomTensor([columns], 5), b: randomTensor([columns], 6) },
      output: [rows, columns],
    },
  };
}

function softmax(rows: number, columns: number): OperatorCase {
  return {
    name: `softmax ${rows} × ${columns}`,
    model: {
      nodes: [{ op: "Softmax", inputs: ["x"], output: "y", attributes: { axis: -1 } }],
      inputs: { x: [rows, columns] },
      output: [rows, columns],
    },
  };
}

function layerNorm(rows: number, columns: number): OperatorCase {
  return {
    name: `layer norm ${rows} × ${columns}`,
    model: {
      nodes: [
        {
          op: "LayerNormalization",
          inputs: ["x", "scale", "bias"],
          output: "y",
          attributes: { axis: -1, epsilon: 1e-5 },
        },
      ],
      inputs: { x: [rows, columns] },
      weights: { scale: randomTensor([columns], 7), bias: randomTensor([columns], 8) },
      output: [rows, columns],
    },
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
  conv(128, 128, 56, { kernel: 3, groups: 128 }),
  conv(128, 128, 56, { kernel: 3, groups: 128, stride: 2 }),
  softmax(512, 1024),
  layerNorm(512, 1024),
  gelu(512, 1024),
  chain(512, 1024),
];

/** A case as `versus.ts` runs it: the file, random inputs, and the operators for a peer that reads no ONNX. */
export function operatorMatch({ name, model, flops }: OperatorCase): Match {
  const feeds = Object.fromEntries(
    Object.entries(model.inputs).map(([k, dims], i) => [k, randomTensor(dims, 10 + i)]),
  );
  return { name, model: operatorModel(model), feeds, flops, operators: model };
}
