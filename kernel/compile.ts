// `tilewright compile`: an ONNX model to a deployment bundle.
import path from "node:path";
import { type BundleTarget, bundle, DeployError, sizeReport } from "../lib/deploy/index.ts";
import { writeBundle } from "../lib/deploy/write.node.ts";
import { externalDataIn } from "../lib/frontend/onnx/files.node.ts";
import { decodeModel, fromOnnx, givenInputs, NeedsValue, openSizes } from "../lib/frontend/onnx/index.ts";
import { constantData } from "../lib/graph/index.ts";
import type { IRModule, NDArray } from "../lib/ir/index.ts";
import { readBytes } from "./failure.ts";
import { openRecords } from "./records.ts";

export interface CompileFlags {
  readonly output: string;
  readonly target?: BundleTarget;
  readonly shape: readonly string[];
  readonly value: readonly string[];
  readonly f16?: boolean;
  readonly relaxedSimd?: boolean;
  readonly shaderF16?: boolean;
  readonly threads?: number;
  readonly records?: string;
}

type File = ReturnType<typeof decodeModel>;

/** More entry points than this are surely a mistake. */
const MOST_ENTRIES = 64;

/** Compiles a model file and writes the bundle; prints the sizes of its parts. */
export async function compileCommand(model: string, flags: CompileFlags): Promise<number> {
  const bytes = new Uint8Array(readBytes(model));
  const externalData = externalDataIn(path.dirname(model));
  const file = decodeModel(bytes, { externalData });
  const modules = importEntries(file, flags, externalData);
  const name = path.basename(model);
  const { target = "wasm", f16 = false, relaxedSimd = false, shaderF16 = false, threads = 1 } = flags;
  const fixed = flags.value.map((text) => text.slice(0, text.lastIndexOf("=")));
  const database = flags.records === undefined ? undefined : openRecords(flags.records);
  const made = await bundle(
    modules.map((module) => ({ module, fixed })),
    {
      target,
      name,
      f16,
      relaxedSimd,
      shaderF16,
      threads,
      ...(database && { database }),
    },
  );
  writeBundle(made, flags.output);
  if (database) console.log(database.used());
  console.log(sizeReport(made));
  console.log(`written to ${flags.output}`);
  return 0;
}

/** A module for each combination of the sizes that were asked for. */
export function importEntries(
  file: File,
  flags: Pick<CompileFlags, "shape" | "value">,
  externalData: (l: string) => Uint8Array,
): IRModule[] {
  const asked = flags.shape.map((text) => sizesOf(text));
  const names = new Set(givenInputs(file).map((v) => v.name));
  const open = openSizes(file);
  for (const { name } of asked) {
    if (open.has(name) || names.has(name)) continue;
    const known = [...open.keys()].join(", ") || "none: all are fixed";
    throw new DeployError(`--shape ${name}=…: the model has no such size; it leaves open: ${known}`);
  }
  const whole = new Set(asked.filter((a) => a.shapes).map((a) => a.name));
  const missing = [...open].filter(
    ([size, of]) => !asked.some((a) => a.name === size) && !of.every((input) => whole.has(input)),
  );
  if (missing.length > 0) {
    const list = missing.map(([size, of]) => `${size} (of ${of.join(", ")})`).join(", ");
    throw new DeployError(
      `a bundle has fixed sizes, and the model leaves open: ${list}. Give each: ` +
        missing.map(([size]) => `--shape ${shellWord(size)}=N`).join(" "),
    );
  }
  const values = Object.fromEntries(flags.value.map((text) => fixedInput(text, file)));
  return combinations(asked).map((choice) => {
    const dims: Record<string, number> = {};
    const shapes: Record<string, readonly number[]> = {};
    for (const { name, size } of choice) {
      if (Array.isArray(size)) shapes[name] = size;
      else dims[name] = size as number;
    }
    try {
      return fromOnnx(file, { dims, shapes, values, externalData });
    } catch (e) {
      if (!(e instanceof NeedsValue)) throw e;
      const hint = e.inputs.map((n) => `--value ${n}=…`).join(" ");
      throw new DeployError(`${e.message}; a bundle needs it fixed: ${hint}`, { cause: e });
    }
  });
}

/** A name as it is typed in a shell. */
const shellWord = (name: string): string =>
  /^[\w./:@%+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

interface Asked {
  readonly name: string;
  /** A size, or the whole shape of an input. */
  readonly sizes: readonly (number | readonly number[])[];
  readonly shapes: boolean;
}

/** `batch=1,8` and `image=1x3x224x224`. */
function sizesOf(text: string): Asked {
  const at = text.lastIndexOf("=");
  const name = text.slice(0, at);
  const parts = text.slice(at + 1).split(",");
  const sizes = parts.map((p) => (/^\d+(x\d+)+$/.test(p) ? p.split("x").map(Number) : Number(p)));
  const right = at > 0 && parts.every((p) => /^\d+(x\d+)*$/.test(p));
  if (!right)
    throw new DeployError(`--shape takes name=N, name=N,M or input=AxBxC; got ${JSON.stringify(text)}`);
  const shapes = sizes.filter((s) => Array.isArray(s)).length;
  if (shapes > 0 && shapes < sizes.length)
    throw new DeployError(`--shape ${text}: either sizes or whole shapes, not both`);
  return { name, sizes, shapes: shapes > 0 };
}

/** `axes=0,2`: the elements of an input whose value decides sizes. */
function fixedInput(text: string, file: File): [string, NDArray] {
  const at = text.lastIndexOf("=");
  const name = text.slice(0, at);
  if (at < 1) throw new DeployError(`--value takes input=ELEMENTS (axes=0,2); got ${JSON.stringify(text)}`);
  const input = file.graph.inputs.find((v) => v.name === name);
  if (!input) {
    const known = givenInputs(file).map((v) => v.name);
    throw new DeployError(
      `--value ${text}: the model has no input "${name}"; it has ${known.join(", ") || "none"}`,
    );
  }
  const { type } = input;
  if (type.kind !== "tensor" || !type.dtype) throw new DeployError(`--value ${name}: it is no tensor`);
  const list = text.slice(at + 1);
  const numbers = list === "" ? [] : list.split(",").map(Number);
  if (numbers.some((n) => !Number.isFinite(n))) throw new DeployError(`--value ${text}: numbers are wanted`);
  const shape = type.dims?.length === 0 ? [] : [numbers.length];
  return [name, constantData(shape.length === 0 ? numbers[0] : numbers, type.dtype, shape)];
}

/** Every choice of one size for each name. */
function combinations(asked: readonly Asked[]): { name: string; size: number | readonly number[] }[][] {
  const count = asked.reduce((n, a) => n * a.sizes.length, 1);
  if (count > MOST_ENTRIES)
    throw new DeployError(`${count} combinations of sizes; at most ${MOST_ENTRIES} are made`);
  let out: { name: string; size: number | readonly number[] }[][] = [[]];
  for (const { name, sizes } of asked) out = out.flatMap((c) => sizes.map((size) => [...c, { name, size }]));
  return out;
}
