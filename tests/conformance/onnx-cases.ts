/** The test cases of Debian's libonnx-testdata: models with inputs and the outputs they must give. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type GraphData, interpretGraph } from "../../lib/codegen/index.ts";
import {
  decodeTensorFile,
  type ModelInput,
  OnnxError,
  OnnxModel,
  type OnnxNode,
  type OnnxType,
  type ValueInfo,
} from "../../lib/frontend/onnx/index.ts";
import { fieldsOf } from "../../lib/frontend/onnx/wire.ts";
import { assertModuleWellFormed, type NDArray, numbersOf } from "../../lib/ir/index.ts";

export const DATA = "/usr/share/libonnx-testdata/data";
export const SETS = ["node", "pytorch-converted", "pytorch-operator", "simple"] as const;
export type SetName = (typeof SETS)[number];

export interface Case {
  readonly set: SetName;
  readonly name: string;
  readonly folder: string;
}

/** The names of all cases of a set; empty where the package is not installed. */
export function casesOf(set: SetName): Case[] {
  const folder = join(DATA, set);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .filter((name) => existsSync(join(folder, name, "model.onnx")))
    .map((name) => ({ set, name, folder: join(folder, name) }));
}

/** Elements differ by at most `atol + rtol * |expected|`. */
export const TOLERANCE = { rtol: 1e-3, atol: 1e-5 };

export type Status = "passed" | "wrong" | "refused";
export interface Outcome {
  readonly status: Status;
  /** Why it did not pass. */
  readonly reason?: string;
  /** Operators of the model, those of branches too. */
  readonly ops: readonly string[];
  /** Operators that the import names as the ones it cannot do. */
  readonly blamed?: readonly string[];
  /** Version of the standard's operator set. */
  readonly opset?: number;
  /** Whether it is plain inference on tensors of f32, i32, i64, bool, u8 and i8. */
  readonly counted: boolean;
}

type Value = NDArray | readonly Value[] | undefined;

/** What runs a specialised model: the interpreter, or the virtual machine. */
export type Runner = (
  model: OnnxModel,
  inputs: Readonly<Record<string, ModelInput>>,
) => GraphData | Promise<GraphData>;

/** Step limits keep a wrong program from running for hours. */
const LIMITS = { maxSteps: 2e9, maxBytes: 2 ** 31 };

export const interpreted: Runner = (model, inputs) => {
  const mod = assertModuleWellFormed(model.specialise(inputs));
  const empty = (v: ModelInput): GraphData =>
    v === null ? [] : Array.isArray(v) ? v.map(empty) : (v as NDArray);
  return interpretGraph(
    mod,
    "main",
    model.inputs.map((v) => empty(inputs[v.name])),
    LIMITS,
  );
};

/** Runs a case with all its data sets. */
export async function runCase(c: Case, run: Runner = interpreted): Promise<Outcome> {
  let ops: string[] = [];
  let counted = false;
  let opset: number | undefined;
  const end = (status: Status, reason?: string): Outcome => ({
    status,
    ...(reason === undefined ? {} : { reason }),
    ops,
    ...(opset === undefined ? {} : { opset }),
    counted,
  });
  try {
    const model = new OnnxModel(readFileSync(join(c.folder, "model.onnx")));
    ops = [...new Set(model.file.graph.nodes.flatMap(opsIn))];
    opset = model.file.opsets.get("");
    counted = isCounted(model);
    for (const set of readdirSync(c.folder).filter((f) => f.startsWith("test_data_set"))) {
      const reason = await runSet(model, join(c.folder, set), run);
      if (reason !== undefined) return end("wrong", reason);
    }
    return end("passed");
  } catch (e) {
    const error = e as Error;
    const blamed = e instanceof OnnxError ? e.problems.flatMap((p) => p.place.node?.opType ?? []) : [];
    return { ...end("refused", `${error.name}: ${error.message}`), ...(blamed.length > 0 ? { blamed } : {}) };
  }
}

async function runSet(model: OnnxModel, folder: string, run: Runner): Promise<string | undefined> {
  const inputs: Record<string, ModelInput> = {};
  model.inputs.forEach((v, i) => {
    inputs[v.name] = readValue(join(folder, `input_${i}.pb`), v.type) as ModelInput;
  });
  const result = (await run(model, inputs)) as readonly GraphData[];
  for (const [k, v] of model.outputs.entries()) {
    const expected = readValue(join(folder, `output_${k}.pb`), v.type);
    const wrong = difference(result[k] as Value, expected);
    if (wrong !== undefined) return `output ${v.name}: ${wrong}`;
  }
  return undefined;
}

/** A value of the test data. SequenceProto and OptionalProto of onnx-data.proto. */
function readValue(path: string, type: OnnxType): Value | null {
  return decodeValue(readFileSync(path), type);
}

const FIELD = { tensorValues: 3, sequenceValues: 5, optionalTensor: 3, optionalSequence: 5 };

function decodeValue(bytes: Uint8Array, type: OnnxType): Value | null {
  if (type.kind === "sequence") {
    return fieldsOf(bytes)
      .filter((f) => f.number === FIELD.tensorValues || f.number === FIELD.sequenceValues)
      .map((f) => decodeValue(f.bytes, type.elem) as Value);
  }
  if (type.kind === "optional") {
    const inner = fieldsOf(bytes).find(
      (f) => f.number === FIELD.optionalTensor || f.number === FIELD.optionalSequence,
    );
    // The data files of optionals that hold something hold the bare value.
    if (inner) return decodeValue(inner.bytes, type.elem);
    return null;
  }
  const t = decodeTensorFile(bytes);
  if (t.kind === "foreignTensor") throw new Error(`data of type ${t.dtype}`);
  return t;
}

/** What differs, or undefined when the value is as it must be. */
function difference(got: Value, want: Value | null): string | undefined {
  if (want === null || want === undefined)
    return Array.isArray(got) && got.length === 0 ? undefined : "is not empty";
  if (Array.isArray(want)) {
    if (!Array.isArray(got) || got.length !== want.length) return `is not a sequence of ${want.length}`;
    for (const [i, w] of want.entries()) {
      const wrong = difference(got[i], w);
      if (wrong !== undefined) return `element ${i} ${wrong}`;
    }
    return undefined;
  }
  const [g, w] = [got as NDArray, want as NDArray];
  if (Array.isArray(g) || g === undefined) return "is not a tensor";
  if (g.dtype !== w.dtype) return `is ${g.dtype}, must be ${w.dtype}`;
  if (g.shape.join() !== w.shape.join()) return `has shape [${g.shape}], must be [${w.shape}]`;
  const [a, b] = [numbersOf(g), numbersOf(w)];
  const bad = a.findIndex((x, i) => !close(x, b[i]));
  return bad < 0 ? undefined : `differs at ${bad}: ${a[bad]}, must be ${b[bad]}`;
}

function close(x: number, want: number): boolean {
  if (x === want || (Number.isNaN(x) && Number.isNaN(want))) return true;
  return Math.abs(x - want) <= TOLERANCE.atol + TOLERANCE.rtol * Math.abs(want);
}

function opsIn(n: OnnxNode): string[] {
  const inner = [...n.attrs.values()].flatMap((a) =>
    a.kind === "graph" ? a.value.nodes.flatMap(opsIn) : [],
  );
  return [n.domain === "" ? n.opType : `${n.domain}:${n.opType}`, ...inner];
}

const COUNTED = ["f32", "i32", "i64", "bool", "u8", "i8"];

/** Operators whose result is drawn at random: there is nothing to compare. */
const RANDOM = /^(Bernoulli|Multinomial|RandomNormal|RandomUniform)/;

/** Operators that train, or drop elements at random as in training. */
function trains(n: OnnxNode): boolean {
  const mode = n.attrs.get("training_mode");
  const dropout = n.opType === "Dropout" && (n.inputs[2] ?? "") !== "";
  return n.domain.includes("training") || (mode?.kind === "int" && mode.value === 1) || dropout;
}

/** Whether every value that goes in and out is a tensor of the counted dtypes, nothing is trained or random. */
function isCounted(model: OnnxModel): boolean {
  const plain = (v: ValueInfo): boolean =>
    v.type.kind === "tensor" && v.type.dtype !== undefined && COUNTED.includes(v.type.dtype);
  const { nodes } = model.file.graph;
  return (
    [...model.inputs, ...model.outputs].every(plain) && !nodes.some((n) => trains(n) || RANDOM.test(n.opType))
  );
}
