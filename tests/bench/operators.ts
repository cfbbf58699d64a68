/**
 * Single operators and short chains, as ONNX files. Weights stand in the file, so that either side may lay them out as it
 * likes when it loads it.
 */
import { Tensor } from "../../lib/index.ts";
import { type OperatorModel, operatorModel, type PeerDType, type PeerTensor, portOf } from "./ort.ts";
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

/** Bytes of any value; `dtype` is u8 or i8. */
function randomBytes(dims: readonly number[], dtype: "u8" | "i8", seed: number): PeerTensor {
  const data = Tensor.random([...dims], {
    seed,
    dtype,
    ...(dtype === "u8" ? { min: 0, max: 256 } : { min: -128, max: 128 }),
  });
  return {
    data: dtype === "u8" ? Uint8Array.from(data.data as Uint8Array) : Int8Array.from(data.data as Int8Array),
    dims,
  };
}

function randomOf(dims: readonly number[], dtype: PeerDType, seed: number): PeerTensor {
  if (dtype === "u8" || dtype === "i8") return randomBytes(dims, dtype, seed);
  if (dtype !== "f32") throw new Error(`no random ${dtype} in tests/bench/operators.ts`);
  return randomTensor(dims, seed);
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

function pool(op: "MaxPool" | "AveragePool", channels: number, n: number): OperatorCase {
  return {
    name: `${op === "MaxPool" ? "max" : "average"} pool 3 × 3, ${channels} channels, ${n} × ${n}, stride 2`,
    model: {
      nodes: [
        {
          op,
          inputs: ["x"],
          output: "y",
          attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
        },
      ],
      inputs: { x: [1, channels, n, n] },
      output: [1, channels, n / 2, n / 2],
    },
  };
}

function resize(channels: number, n: number): OperatorCase {
  return {
    name: `bilinear resize, ${channels} channels, ${n} × ${n} to ${2 * n} × ${2 * n}`,
    model: {
      nodes: [{ op: "Resize", inputs: ["x", "", "scales"], output: "y", attributes: { mode: "linear" } }],
      inputs: { x: [1, channels, n, n] },
      weights: { scales: { data: Float32Array.of(1, 1, 2, 2), dims: [4] } },
      output: [1, channels, 2 * n, 2 * n],
    },
  };
}

/** A recurrence: gates of an LSTM in ONNX's order, or of a GRU. */
function recurrence(op: "LSTM" | "GRU", length: number, batch: number, size: number): OperatorCase {
  const gates = op === "LSTM" ? 4 : 3;
  const scaled = (dims: readonly number[], seed: number): PeerTensor => ({
    data: (randomTensor(dims, seed).data as Float32Array).map((x) => x / Math.sqrt(size)),
    dims,
  });
  return {
    name: `${op} ${length} steps, batch ${batch}, ${size} → ${size}`,
    model: {
      nodes: [
        {
          op,
          inputs: ["x", "w", "r", "b"],
          output: "y",
          attributes: { hidden_size: size, ...(op === "GRU" ? { linear_before_reset: 1 } : {}) },
        },
      ],
      inputs: { x: [length, batch, size] },
      weights: {
        w: scaled([1, gates * size, size], 20),
        r: scaled([1, gates * size, size], 21),
        b: scaled([1, 2 * gates * size], 22),
      },
      output: [length, 1, batch, size],
    },
    flops: 2 * length * batch * size * gates * size * 2,
  };
}

function integerMatmul(m: number, k: number, n: number): OperatorCase {
  return {
    name: `int8 matmul ${m} × ${k} × ${n}`,
    model: {
      nodes: [{ op: "MatMulInteger", inputs: ["x", "w", "zero"], output: "y" }],
      inputs: { x: { dims: [m, k], dtype: "u8" } },
      weights: { w: randomBytes([k, n], "i8", 23), zero: { data: Uint8Array.of(128), dims: [] } },
      output: { dims: [m, n], dtype: "i32" },
    },
    flops: 2 * m * k * n,
  };
}

function integerConv(channels: number, n: number): OperatorCase {
  const zero: PeerTensor = { data: Uint8Array.of(128), dims: [] };
  const one = (x: number): PeerTensor => ({ data: Float32Array.of(x), dims: [] });
  return {
    name: `int8 conv 3 × 3, ${channels} → ${channels}, ${n} × ${n}`,
    model: {
      nodes: [
        {
          op: "QLinearConv",
          inputs: ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"],
          output: "y",
          attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
        },
      ],
      inputs: { x: { dims: [1, channels, n, n], dtype: "u8" } },
      weights: {
        w: randomBytes([channels, channels, 3, 3], "i8", 24),
        ...{ xs: one(1 / 64), ws: one(1 / 128), ys: one(2), xz: zero, yz: zero },
        wz: { data: Int8Array.of(0), dims: [] },
      },
      output: { dims: [1, channels, n, n], dtype: "u8" },
    },
    flops: 2 * channels * channels * 9 * n * n,
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
  pool("MaxPool", 64, 112),
  pool("AveragePool", 64, 112),
  resize(64, 56),
  recurrence("LSTM", 64, 8, 128),
  recurrence("GRU", 64, 8, 128),
  integerMatmul(512, 512, 512),
  integerConv(64, 56),
];

/** A case as `versus.ts` runs it: the file, random inputs, and the operators for a peer that reads no ONNX. */
export function operatorMatch({ name, model, flops }: OperatorCase): Match {
  const feeds = Object.fromEntries(
    Object.entries(model.inputs).map(([k, port], i) => {
      const { dims, dtype } = portOf(port);
      return [k, randomOf(dims, dtype, 10 + i)];
    }),
  );
  return { name, model: operatorModel(model), feeds, flops, operators: model };
}
