/** What a model file holds, before anything is imported: for a look at it, and to ask for the sizes that it leaves open. */
import { BYTES } from "../../ir/index.ts";
import { isForeign, type OnnxFile, type OnnxType, type ValueInfo } from "./types.ts";

/** A model file in numbers. */
export interface ModelSummary {
  readonly producer: string;
  /** Version of the operator set by domain; "ai.onnx" is the standard's own. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Inputs that the file has no data for, and outputs: `f32[batch, 3, 224, 224]`, `?` where nothing is known. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  /** Sizes that the file leaves open: see `openSizes`. */
  readonly open: Readonly<Record<string, readonly string[]>>;
  readonly nodes: number;
  /** Nodes of the model's graph by operator, the most frequent first; those within branches and loops are not counted. */
  readonly operators: Readonly<Record<string, number>>;
  readonly weights: { readonly tensors: number; readonly elements: number; readonly bytes: number };
}

/** The file's summary. Weights of a dtype that is not supported have no bytes here. */
export function modelSummary(file: OnnxFile): ModelSummary {
  const { graph } = file;
  const counts = new Map<string, number>();
  for (const { domain, opType } of graph.nodes) {
    const name = domain === "" ? opType : `${domain}:${opType}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const weights = { tensors: graph.initializers.size, elements: 0, bytes: 0 };
  for (const t of graph.initializers.values()) {
    const elements = t.shape.reduce((n, s) => n * s, 1);
    weights.elements += elements;
    if (!isForeign(t)) weights.bytes += elements * BYTES[t.dtype];
  }
  const types = (list: readonly ValueInfo[]) =>
    Object.fromEntries(list.map((v) => [v.name, onnxTypeText(v.type)]));
  return {
    producer: file.producer,
    opsets: Object.fromEntries([...file.opsets].map(([domain, v]) => [domain || "ai.onnx", v])),
    inputs: types(givenInputs(file)),
    outputs: types(graph.outputs),
    open: Object.fromEntries(openSizes(file)),
    nodes: graph.nodes.length,
    operators: Object.fromEntries([...counts].sort((a, b) => b[1] - a[1])),
    weights,
  };
}

/** The inputs that callers give: those that the file has no data for. */
export function givenInputs({ graph }: OnnxFile): readonly ValueInfo[] {
  return graph.inputs.filter((v) => !graph.initializers.has(v.name));
}

/**
 * Sizes of inputs that the file leaves open, each with the inputs that have it. Those without a name are called by the
 * input and the dimension, `x_0`, as `fromOnnx` calls them.
 */
export function openSizes(file: OnnxFile): Map<string, string[]> {
  const open = new Map<string, string[]>();
  for (const { name, type } of givenInputs(file)) {
    const dims = type.kind === "tensor" ? (type.dims ?? []) : [];
    dims.forEach((d, i) => {
      if (typeof d === "number") return;
      const size = d ?? `${name}_${i}`;
      open.set(size, [...new Set([...(open.get(size) ?? []), name])]);
    });
  }
  return open;
}

/** A type as people write it: `f32[batch, 3]`. */
export function onnxTypeText(t: OnnxType): string {
  switch (t.kind) {
    case "tensor":
      return `${t.dtype ?? t.dtypeName}${t.dims ? `[${t.dims.map((d) => d ?? "?").join(", ")}]` : " of any shape"}`;
    case "sequence":
    case "optional":
      return `${t.kind} of ${onnxTypeText(t.elem)}`;
    case "other":
      return t.name;
  }
}
