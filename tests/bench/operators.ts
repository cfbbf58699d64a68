/**
 * Single operators and short chains, as ONNX files. Weights stand in the file, so that either side may lay them out as it
 * likes when it loads it.
 */
import { Tensor } from "../../lib/index.ts";
import {
  type Attribute,
  type OperatorModel,
  operatorModel,
  type PeerDType,
  type PeerTensor,
  type Port,
  portOf,
} from "./ort.ts";
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
/** Without an axis. */
const scalar0 = (x: number): PeerTensor => ({ data: Float32Array.of(x), dims: [] });

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

/** One node over x, and constants after it. */
function single(
  name: string,
  op: string,
  x: Port,
  y: OperatorModel["output"],
  attributes: Readonly<Record<string, Attribute>> = {},
  weights: Readonly<Record<string, PeerTensor>> = {},
): OperatorCase {
  const node = { op, inputs: ["x", ...Object.keys(weights)], output: "y", attributes };
  return { name, model: { nodes: [node], inputs: { x }, weights, output: y } };
}

const text = (dims: readonly number[]): string => dims.join(" × ");

function transpose(x: readonly number[], perm: readonly number[]): OperatorCase {
  const y = perm.map((a) => x[a]);
  return single(`transpose ${text(x)}, axes ${perm.join(" ")}`, "Transpose", x, y, { perm });
}

function transposeBytes(x: readonly number[], perm: readonly number[]): OperatorCase {
  const y = perm.map((a) => x[a]);
  const name = `transpose of bytes ${text(x)}, axes ${perm.join(" ")}`;
  return single(name, "Transpose", { dims: x, dtype: "u8" }, { dims: y, dtype: "u8" }, { perm });
}

/** A border of two pixels, reflected. */
function padReflect(channels: number, n: number): OperatorCase {
  const pads: PeerTensor = { data: BigInt64Array.of(0n, 0n, 2n, 2n, 0n, 0n, 2n, 2n), dims: [8] };
  const y = [1, channels, n + 4, n + 4];
  const name = `reflected border of 2, ${channels} channels, ${n} × ${n}`;
  return single(name, "Pad", [1, channels, n, n], y, { mode: "reflect" }, { pads });
}

function cumulativeSum(x: readonly number[], axis: number): OperatorCase {
  const along: PeerTensor = { data: BigInt64Array.of(BigInt(axis)), dims: [] };
  return single(`running sum ${text(x)}, axis ${axis}`, "CumSum", x, x, {}, { along });
}

function argmax(x: readonly number[], axis: number): OperatorCase {
  const dims = x.map((n, d) => (d === axis ? 1 : n));
  return single(`argmax ${text(x)}, axis ${axis}`, "ArgMax", x, { dims, dtype: "i64" }, { axis });
}

function concat(x: readonly number[], axis: number): OperatorCase {
  const y = x.map((n, d) => (d === axis ? 2 * n : n));
  return {
    name: `concat of two ${text(x)}, axis ${axis}`,
    model: {
      nodes: [{ op: "Concat", inputs: ["x", "z"], output: "y", attributes: { axis } }],
      inputs: { x, z: x },
      output: y,
    },
  };
}

/** The k greatest of each row, without their positions. */
function topK(x: readonly number[], k: number): OperatorCase {
  const count: PeerTensor = { data: BigInt64Array.of(BigInt(k)), dims: [1] };
  const y = [...x.slice(0, -1), k];
  return {
    name: `greatest ${k} of ${text(x)}`,
    model: {
      nodes: [{ op: "TopK", inputs: ["x", "count"], output: "y", unused: ["positions"] }],
      inputs: { x },
      weights: { count },
      output: y,
    },
  };
}

/** The maximum of windows around each pixel. */
function maxAround(channels: number, n: number, kernel: number): OperatorCase {
  const pad = (kernel - 1) / 2;
  const x = [1, channels, n, n];
  const attributes = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] };
  return single(
    `max pool ${kernel} × ${kernel}, ${channels} channels, ${n} × ${n}`,
    "MaxPool",
    x,
    x,
    attributes,
  );
}

function instanceNorm(channels: number, n: number): OperatorCase {
  const x = [1, channels, n, n];
  const weights = { scale: randomTensor([channels], 7), bias: randomTensor([channels], 8) };
  return single(
    `instance norm, ${channels} channels, ${n} × ${n}`,
    "InstanceNormalization",
    x,
    x,
    {},
    weights,
  );
}

/** The sum of all elements. */
function total(x: readonly number[]): OperatorCase {
  return single(`sum of all ${text(x)}`, "ReduceSum", x, [], { keepdims: 0 });
}

/** A mean or a maximum over one axis. */
function reduce(op: "ReduceMean" | "ReduceMax", x: readonly number[], axis: number): OperatorCase {
  const y = x.map((n, d) => (d === axis ? 1 : n));
  const axes: PeerTensor = { data: BigInt64Array.of(BigInt(axis)), dims: [1] };
  return single(
    `${op === "ReduceMean" ? "mean" : "maximum"} ${text(x)}, axis ${axis}`,
    op,
    x,
    y,
    {},
    { axes },
  );
}

function quantize(x: readonly number[]): OperatorCase {
  const weights = { scale: scalar0(1 / 64), zero: { data: Uint8Array.of(128), dims: [] } };
  return single(`quantize ${text(x)}`, "QuantizeLinear", x, { dims: x, dtype: "u8" }, {}, weights);
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
        ...{ xs: scalar0(1 / 64), ws: scalar0(1 / 128), ys: scalar0(2), xz: zero, yz: zero },
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
  transpose([1024, 1024], [1, 0]),
  transpose([8, 512, 512], [0, 2, 1]),
  transpose([1, 64, 112, 112], [0, 2, 3, 1]),
  transposeBytes([1024, 1024], [1, 0]),
  padReflect(64, 56),
  cumulativeSum([512, 1024], 0),
  cumulativeSum([512, 1024], 1),
  argmax([512, 1024], 1),
  argmax([1, 21, 128, 128], 1),
  reduce("ReduceMean", [512, 1024], 0),
  reduce("ReduceMax", [512, 1024], 1),
  total([512, 1024]),
  topK([512, 1024], 1),
  topK([1, 8400], 100),
  maxAround(64, 20, 5),
  instanceNorm(64, 64),
  concat([1, 64, 56, 56], 1),
  single("relu 1 × 64 × 56 × 56", "Relu", [1, 64, 56, 56], [1, 64, 56, 56]),
  single("third power 512 × 1024", "Pow", [512, 1024], [512, 1024], {}, { power: scalar0(3) }),
  quantize([512, 1024]),
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
