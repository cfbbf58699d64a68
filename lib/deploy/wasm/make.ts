/** Bundles of WebAssembly: a module of straight-line calls, kernels, weights. */
import { compileWasm, type WasmFunction, type WasmModule } from "../../codegen/wasm/index.ts";
import type { Lowered } from "../../graph/pipeline.ts";
import type { VmInstr, VmProgram } from "../../graph/vm-code.ts";
import { getGraphFunc, getPrimFunc, type IRModule, irModule } from "../../ir/index.ts";
import { tunedPipeline } from "../../runtime/tuned.ts";
import { applyDefaultSchedule } from "../../tune/default/index.ts";
import { spreadLoops } from "../../tune/default/parallel.ts";
import { refuseDeploy } from "../error.ts";
import { lowerWhole } from "../lower.ts";
import { inputsOf, outputsOf, portBytes } from "../ports.ts";
import { Programs } from "../programs.ts";
import type { BundleEntry, BundleOptions, Made } from "../types.ts";
import { layOutWeights } from "../weights.ts";
import { declarations } from "./declarations.ts";
import { entryCode } from "./entry.ts";
import { hostsOf, type Linked } from "./hosts.ts";
import { sharedFlag } from "./shared.ts";
import { type EntryText, moduleText } from "./template.ts";
import { workerText } from "./threads.ts";

/** Address 0 stays unused, so that it can mean "none". */
const FIRST = 64;
const PAGE = 65536;
/** Addresses stay below 2 GiB: generated code computes with them as signed numbers. */
const MAX_BYTES = 2 ** 31;

export function makeWasm(entries: readonly BundleEntry[], options: BundleOptions): Made {
  const { name = "", f16 = false, relaxedSimd = false, threads = 1 } = options;
  // Weights that are laid out for one shape are of no use for another.
  const skip = entries.length > 1 ? (["annotateLayoutFree"] as const) : [];
  // Nobody knows what engine will run it, and where it was made must not show.
  const anywhere = { schedule: applyDefaultSchedule, ...options.pipeline };
  const tuned = tunedPipeline(anywhere, options.database, { relaxedSimd, threads });
  const pipeline = { ...tuned, skip: [...(tuned.skip ?? []), ...skip] };
  const lowered = entries.map(({ module, func = "main", fixed = [] }) => {
    const inputs = inputsOf(module, func, new Set(fixed));
    const made = lowerWhole(module, func, pipeline);
    const outputs = outputsOf(getGraphFunc(module, func), getGraphFunc(made.module, func));
    return { ...made, module: spreadLoops(made.module, threads), func, ports: { inputs, outputs } };
  });
  const programs = new Programs();
  const names = lowered.map((l) => namesOf(programs, l));
  const code = compiled(irModule(programs.funcs), relaxedSimd, threads);
  const spread = code.parallel.length > 0;
  const weights = layOutWeights(
    lowered.flatMap((l) => l.program.constants),
    FIRST,
    f16,
  );
  let [end, first] = [weights.end, 0];
  const [helpers, functions] = [new Set<string>(), new Set<string>()];
  const texts = lowered.map((l, i): EntryText => {
    const constants = weights.addresses.slice(first, first + l.program.constants.length);
    first += constants.length;
    const kernel = (f: string): { name: string; code: WasmFunction } => {
      const named = names[i].get(f) as string;
      return { name: named, code: code.functions[named] };
    };
    const prefix = `e${i}_`;
    const { program, module } = l;
    const results = l.ports.outputs.map((p) => p.name);
    const parts = { program, module, kernel, constants, start: weights.end, prefix, results };
    const made = entryCode(parts, l.func);
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
  const unread = Math.max(0, ...lowered.flatMap((l) => l.ports.inputs.map(portBytes)));
  const pages = pagesFor(end + unread);
  const linked = code.kernels.map(
    (k): Linked => ({ file: `kernel-${k.name}.wasm`, name: k.name, export: k.export }),
  );
  const m = {
    ...{
      model: name,
      entries: texts,
      helpers,
      hosts: hostsOf(code.bytes),
      linked,
      functions: [...functions],
    },
    ...{ weightsAt: FIRST, weights: weights.bytes.length > 0 ? weights : undefined, pages },
    threads: !spread
      ? undefined
      : {
          most: threads,
          bodies: code.parallel,
          flags: [
            sharedFlag(code.bytes, "kernels.wasm"),
            ...code.kernels.map((k) => sharedFlag(k.bytes, `the kernel ${k.name}`)),
          ],
        },
    serial: threads > 1 && !spread,
  };
  const text = new TextEncoder();
  return {
    entries: texts,
    memoryBytes: pages * PAGE,
    functions: m.functions,
    weights: weights.stored,
    parts: [
      ["model.js", text.encode(moduleText(m))],
      ...(spread ? [["worker.js", text.encode(workerText(name, m.hosts))] as const] : []),
      ["model.d.ts", text.encode(declarations(m))],
      ["kernels.wasm", code.bytes],
      ...code.kernels.map((k, i) => [linked[i].file, k.bytes] as const),
      ...(m.weights ? [["weights.bin", weights.bytes] as const] : []),
    ],
  };
}

/** Over memory that threads share if any loop is spread over them, and as for one thread otherwise. */
function compiled(programs: IRModule, relaxedSimd: boolean, threads: number): WasmModule {
  if (threads > 1) {
    const shared = compileWasm(programs, { relaxedSimd, threads, sharedMemory: true });
    if (shared.parallel.length > 0) return shared;
  }
  return compileWasm(programs, { relaxedSimd });
}

/** Pages of 64 KiB of a memory of so many bytes. Throws a `DeployError` when it is more than code can address. */
export function pagesFor(bytes: number): number {
  // A vector load may reach 16 bytes beyond the last element.
  const pages = Math.ceil((bytes + 16) / PAGE);
  if (pages * PAGE > MAX_BYTES)
    refuseDeploy(`the model needs ${Math.ceil((pages * PAGE) / 2 ** 20)} MiB of memory; 2048 are there`);
  return pages;
}

/** The names that the programs of one entry point have among all. */
function namesOf(
  programs: Programs,
  { module, program }: Pick<Lowered, "module" | "program">,
): Map<string, string> {
  const names = new Map<string, string>();
  const visit = (code: readonly VmInstr[], mod: IRModule): void => {
    for (const i of code) {
      if (i.op === "if") for (const branch of [i.then, i.else]) visit(branch, mod);
      if (i.op === "callTir" && !names.has(i.func))
        names.set(i.func, programs.put(i.func, getPrimFunc(mod, i.func)));
    }
  };
  for (const f of Object.values((program as VmProgram).functions)) visit(f.code, module);
  return names;
}
