/** What is run on the GPU: operators as ONNX models of one node, and whole models. */
import { Tensor } from "../../lib/index.ts";
import { type AttrValue, model } from "../support/onnx-model.ts";
import { modelMatches } from "./models.ts";

export interface GpuCase {
  readonly name: string;
  readonly model: Uint8Array;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly dtype: "f32" | "f16";
  /** Floating-point operations of one run, where counting them by hand means something. */
  readonly flops?: number;
  /** A network of many shaders rather than one operator. */
  readonly whole?: boolean;
}

/** A case that is made when its turn comes: the inputs of large ones take much memory. */
export interface PlannedCase {
  readonly name: string;
  readonly dtype: GpuCase["dtype"];
  readonly make: () => GpuCase;
}

function operator(
  name: string,
  op: string,
  shapes: readonly (readonly number[])[],
  {
    attrs = {},
    ...more
  }: {
    readonly attrs?: Readonly<Record<string, AttrValue>>;
    readonly flops?: number;
    readonly dtype?: GpuCase["dtype"];
  } = {},
): PlannedCase {
  const { dtype = "f32" } = more;
  const names = shapes.map((_, i) => `x${i}`);
  const make = (): GpuCase => ({
    ...{ name, dtype, ...more },
    model: model({
      inputs: Object.fromEntries(names.map((x, i) => [x, [dtype, shapes[i]] as const])),
      outputs: ["y"],
      nodes: [{ op, in: names, out: ["y"], attrs }],
    }),
    feeds: Object.fromEntries(
      names.map((x, i) => [x, Tensor.random([...shapes[i]], { dtype, seed: i, min: -1, max: 1 })]),
    ),
  });
  return { name, dtype, make };
}

const matmul = (n: number, dtype: GpuCase["dtype"]): PlannedCase =>
  operator(
    `matmul ${dtype} ${n}`,
    "MatMul",
    [
      [n, n],
      [n, n],
    ],
    { dtype, flops: 2 * n ** 3 },
  );

const conv = (c: number, size: number): PlannedCase =>
  operator(
    `conv 3x3, ${c} channels, ${size}x${size}`,
    "Conv",
    [
      [1, c, size, size],
      [c, c, 3, 3],
    ],
    { attrs: { pads: [1, 1, 1, 1], strides: [1, 1] }, flops: 2 * 9 * c * c * size * size },
  );

const softmax = (rows: number, n: number): PlannedCase =>
  operator(`softmax ${rows}x${n}`, "Softmax", [[rows, n]], { attrs: { axis: -1 } });

/** Operators; `quick`: sizes that a driver in software gets done in seconds. */
export function operatorCases(quick: boolean): readonly PlannedCase[] {
  const sizes = quick ? [128, 256] : [1024, 2048, 4096, 8192];
  return [
    ...sizes.map((n) => matmul(n, "f32")),
    ...sizes.map((n) => matmul(n, "f16")),
    ...(quick
      ? [conv(32, 28), softmax(256, 256)]
      : [conv(64, 56), conv(256, 28), softmax(4096, 1024), softmax(65536, 256)]),
  ];
}

/** The networks whose names have the word: ResNet-18 and the transformer encoder. */
export function modelCases(only = ""): readonly PlannedCase[] {
  const names = ["resnet18", "encoder"].filter((n) => n.includes(only));
  if (names.length === 0) return [];
  return modelMatches(names).map(({ name, model, feeds }) => ({
    name,
    dtype: "f32",
    make: () => ({
      ...{ name, model, dtype: "f32", whole: true },
      feeds: Object.fromEntries(
        Object.entries(feeds).map(([k, { data, dims }]) => [k, Tensor.from(data, [...dims])]),
      ),
    }),
  }));
}
