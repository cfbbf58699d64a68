/**
 * A model as a few files that need nothing else: code for exactly its operators and sizes, its weights, and a module
 * that loads and runs them.
 */
import { compileWasm, type WasmFunction } from "../codegen/wasm/index.ts";
import { GraphError, mostShape, sizeBounds } from "../graph/index.ts";
import type { Lowered } from "../graph/pipeline.ts";
import type { VmInstr, VmProgram } from "../graph/vm-code.ts";
import {
  constInt,
  type Expr,
  type GraphFunc,
  type GraphType,
  getGraphFunc,
  getPrimFunc,
  type IRModule,
  irModule,
  type PrimFunc,
  structuralEqual,
  typeText,
} from "../ir/index.ts";
import { tunedPipeline } from "../runtime/tuned.ts";
import { type LowerOptions, lowerFunction } from "../runtime/vm/lower.ts";
import type { Database } from "../tune/database/database.ts";
import { entryCode } from "./entry.ts";
import { DeployError, refuseDeploy } from "./error.ts";
import { sizeName } from "./sizes.ts";
import { declarations, type EntryText, moduleText, type Port } from "./template.ts";
import { layOutWeights } from "./weights.ts";

/** Address 0 stays unused, so that it can mean "none". */
const FIRST = 64;
const PAGE = 65536;
/** Addresses stay below 2 GiB: generated code computes with them as signed numbers. */
const MAX_BYTES = 2 ** 31;

/** A module for certain sizes: those of `func`'s parameters are numbers. Sizes that depend on data stay open. */
export interface BundleEntry {
  readonly module: IRModule;
  /** The graph-level function. Default: `main`. */
  readonly func?: string;
  /** Inputs by name that the module knows the value of: the bundle does not take them. */
  readonly fixed?: readonly string[];
}

export interface BundleOptions {
  /** What the model is called in the files. */
  readonly name?: string;
  /** Store f32 weights as f16. */
  readonly f16?: boolean;
  /** Use relaxed SIMD. Off unless asked for: not every browser has it. */
  readonly relaxedSimd?: boolean;
  /** Changes to the pipeline: passes of one's own, a recorder, other schedules. */
  readonly pipeline?: LowerOptions;
  /** Schedules that search has found. */
  readonly database?: Database;
}

export interface BundleFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Bytes after gzip. */
  readonly gzip: number;
}

export interface Manifest {
  readonly format: "tilewright-bundle";
  readonly version: 1;
  readonly model: string;
  readonly target: "wasm";
  readonly entries: readonly { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] }[];
  /** Memory of the running model, weights included. */
  readonly memoryBytes: number;
  /** Library functions that the model calls: `load({ functions })` takes them. */
  readonly functions: readonly string[];
  readonly weights: readonly { readonly dtype: string; readonly count: number; readonly bytes: number }[];
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly gzip: number }[];
}

export interface Bundle {
  readonly files: readonly BundleFile[];
  readonly manifest: Manifest;
}

/**
 * The files of a bundle with an entry point for each module; all take and give tensors of the same names. Throws a
 * `DeployError` where a size of an input is symbolic, where nothing bounds a size that depends on data, and where an operator
 * cannot be compiled for such sizes; it names the value and the operator.
 */
export async function bundle(entries: readonly BundleEntry[], options: BundleOptions = {}): Promise<Bundle> {
  const { name = "a model", f16 = false, relaxedSimd = false } = options;
  if (entries.length === 0) refuseDeploy("a bundle needs at least one entry point");
  // Weights that are laid out for one shape are of no use for another.
  const skip = entries.length > 1 ? (["annotateLayoutFree"] as const) : [];
  const tuned = tunedPipeline(options.pipeline, options.database, { relaxedSimd, threads: 1 });
  const pipeline = { ...tuned, skip: [...(tuned.skip ?? []), ...skip] };
  const programsOf = entries.map(({ module, func = "main", fixed = [] }) => {
    const inputs = inputsOf(module, func, new Set(fixed));
    const made = lowered(module, func, pipeline);
    return { ...made, func, ports: { inputs, outputs: outputsOf(getGraphFunc(module, func), made, func) } };
  });
  const programs = new Programs();
  const names = programsOf.map(({ module, program }) => programs.add(module, program));
  const code = compileWasm(irModule(programs.funcs), { relaxedSimd });
  const weights = layOutWeights(
    programsOf.flatMap((l) => l.program.constants),
    FIRST,
    f16,
  );
  let [end, first] = [weights.end, 0];
  const [helpers, functions] = [new Set<string>(), new Set<string>()];
  const texts = programsOf.map((l, i): EntryText => {
    const constants = weights.addresses.slice(first, first + l.program.constants.length);
    first += constants.length;
    const kernel = (f: string): { name: string; code: WasmFunction } => {
      const named = names[i].get(f) as string;
      return { name: named, code: code.functions[named] };
    };
    const prefix = `e${i}_`;
    const { program, module } = l;
    const results = l.ports.outputs.map((p) => p.name);
    const made = entryCode(
      { program, module, kernel, constants, start: weights.end, prefix, results },
      l.func,
    );
    end = Math.max(end, made.end);
    for (const h of made.helpers) helpers.add(h);
    for (const f of made.functions) functions.add(f);
    const unread = end;
    const main = `${prefix}${Object.keys(program.functions).indexOf(l.func)}`;
    return {
      inputs: l.ports.inputs.map(({ index, ...p }) => ({ ...p, address: made.inputs[index] ?? unread })),
      outputs: l.ports.outputs.map((p, k) => ({ ...p, address: made.outputs[k] })),
      text: made.text,
      main,
      open: made.open,
    };
  });
  // An input that nothing reads is given room all the same: it is copied there.
  const unread = Math.max(0, ...programsOf.flatMap((l) => l.ports.inputs.map(portBytes)));
  // A vector load may reach 16 bytes beyond the last element.
  const pages = Math.ceil((end + unread + 16) / PAGE);
  if (pages * PAGE > MAX_BYTES)
    refuseDeploy(`the model needs ${Math.ceil((pages * PAGE) / 2 ** 20)} MiB of memory; 2048 are there`);
  const linked = code.kernels.map((k) => ({ file: `kernel-${k.name}.wasm`, name: k.name, export: k.export }));
  const hosts = WebAssembly.Module.imports(new WebAssembly.Module(code.bytes))
    .filter((x) => x.module === "env" && x.kind === "function")
    .map((x) => x.name);
  const m = {
    ...{ model: name, entries: texts, helpers, hosts, linked, functions: [...functions] },
    ...{ weightsAt: FIRST, halves: weights.halves, hasWeights: weights.bytes.length > 0, pages },
  };
  const text = new TextEncoder();
  const parts: [string, Uint8Array][] = [
    ["model.js", text.encode(moduleText(m))],
    ["model.d.ts", text.encode(declarations(m))],
    ["kernels.wasm", code.bytes],
    ...code.kernels.map((k, i): [string, Uint8Array] => [linked[i].file, k.bytes]),
    ...(m.hasWeights ? [["weights.bin", weights.bytes] as [string, Uint8Array]] : []),
  ];
  const files: BundleFile[] = [];
  for (const [file, bytes] of parts) files.push({ name: file, bytes, gzip: await gzipSize(bytes) });
  const manifest: Manifest = {
    ...({ format: "tilewright-bundle", version: 1, model: name, target: "wasm" } as const),
    entries: texts.map((t) => ({ inputs: t.inputs.map(plain), outputs: t.outputs.map(plain) })),
    memoryBytes: pages * PAGE,
    functions: m.functions,
    weights: weights.stored,
    files: files.map((f) => ({ name: f.name, bytes: f.bytes.length, gzip: f.gzip })),
  };
  const json = text.encode(`${JSON.stringify(manifest, null, 2)}\n`);
  return { files: [...files, { name: "manifest.json", bytes: json, gzip: await gzipSize(json) }], manifest };
}

const SIZES: Readonly<Record<string, number>> = { f64: 8, i64: 8, f32: 4, i32: 4, f16: 2 };
const portBytes = (p: Port): number =>
  (p.most ?? (p.shape as readonly number[])).reduce((n, s) => n * s, 1) * (SIZES[p.dtype] ?? 1);

const plain = ({ name, dtype, shape, most }: Port): Port => ({
  name,
  dtype,
  shape,
  ...(most ? { most } : {}),
});

/** Without Winograd's filtering unless it is asked for: its weights are 16/9 of the bytes. */
function lowered(module: IRModule, func: string, options: LowerOptions): Lowered {
  try {
    return lowerFunction(module, func, new Map(), { winograd: false, ...options, whole: true });
  } catch (e) {
    if (!(e instanceof GraphError)) throw e;
    throw new DeployError(`${e.message}. A bundle is compiled as a whole, before there is any data`, {
      cause: e,
    });
  }
}

/** The tensor programs of all entry points under names that differ; equal ones once. */
class Programs {
  readonly funcs: Record<string, PrimFunc> = {};

  /** The names that the programs of one entry point have here. */
  add(mod: IRModule, program: VmProgram): Map<string, string> {
    const names = new Map<string, string>();
    const visit = (code: readonly VmInstr[]): void => {
      for (const i of code) {
        if (i.op === "if") for (const branch of [i.then, i.else]) visit(branch);
        if (i.op === "callTir" && !names.has(i.func))
          names.set(i.func, this.put(i.func, getPrimFunc(mod, i.func)));
      }
    };
    for (const f of Object.values(program.functions)) visit(f.code);
    return names;
  }

  private put(name: string, f: PrimFunc): string {
    for (let n = 0; ; n++) {
      const free = n === 0 ? name : `${name}_${n}`;
      if (!Object.hasOwn(this.funcs, free)) this.funcs[free] = f;
      else if (!structuralEqual(this.funcs[free], f)) continue;
      return free;
    }
  }
}

/** Names that the model file has for what a function takes or gives. */
const listed = (f: GraphFunc, key: string): readonly string[] | undefined =>
  Array.isArray(f.attrs[key]) ? (f.attrs[key] as readonly string[]) : undefined;

function portOf(name: string, t: GraphType, most: (shape: readonly Expr[]) => number[] | undefined): Port {
  if (t.kind !== "tensor") return refuseDeploy(`${name} is ${typeText(t)}; a bundle takes and gives tensors`);
  const shape = t.shape.map((s) => constInt(s) ?? sizeName(s));
  if (shape.every((s) => typeof s === "number")) return { name, dtype: t.dtype, shape };
  const bounds = most(t.shape) ?? refuseDeploy(`nothing bounds the sizes of ${name}, ${typeText(t)}`);
  return { name, dtype: t.dtype, shape, most: bounds };
}

/** What a function takes, but for what is fixed. */
function inputsOf(
  mod: IRModule,
  func: string,
  fixed: ReadonlySet<string>,
): (Port & { readonly index: number })[] {
  const f = getGraphFunc(mod, func);
  const open = new Set<string>();
  const named = f.params.map((p, index) => ({
    name: listed(f, "inputs")?.[index] ?? p.name,
    type: p.type,
    index,
  }));
  const inputs = named
    .filter((p) => !fixed.has(p.name))
    .map(({ name, type, index }) => {
      const port = portOf(name, type, (shape) => shape.map(() => 0));
      if (port.most) open.add(`${name}: ${typeText(type)}`);
      return { ...port, index };
    });
  if (open.size > 0) refuseDeploy(`a bundle has fixed sizes; these are open: ${[...open].join("; ")}`);
  return inputs;
}

/** What a function gives, after it was lowered: sizes that the data decides have their names and bounds then. */
function outputsOf(before: GraphFunc, { module }: Lowered, func: string): Port[] {
  const f = getGraphFunc(module, func);
  const ranges = sizeBounds(f);
  const { type } = f.body.result;
  const fields = type.kind === "tuple" ? type.fields : [type];
  return fields.map((t, i) =>
    portOf(listed(before, "outputs")?.[i] ?? (fields.length > 1 ? `y${i}` : "y"), t, (shape) =>
      mostShape(shape, ranges),
    ),
  );
}

async function gzipSize(bytes: Uint8Array): Promise<number> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const packed = source.pipeThrough(new CompressionStream("gzip"));
  return (await new Response(packed).arrayBuffer()).byteLength;
}
