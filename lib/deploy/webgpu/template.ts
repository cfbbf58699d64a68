/** `model.js` of a bundle for WebGPU: the tables of the model, and what runs them. */
import { CALL, CHOOSE, expandText, heading, missing, READ } from "../text.ts";
import { type Linked, linkText } from "../wasm/hosts.ts";
import type { Weights } from "../weights.ts";
import { runtimeText } from "./runtime.ts";
import { MARK } from "./shaders.ts";

export interface ModuleText {
  /** What the bundle was made from. */
  readonly model: string;
  /** As `EntryText` has them. */
  readonly entries: readonly string[];
  readonly launches: readonly (readonly number[])[];
  /** Bytes of the buffers. */
  readonly sizes: readonly number[];
  /** Constants on the device: buffer, where they begin in the expanded file, and bytes. */
  readonly weights: readonly (readonly number[])[];
  /** Buffers that are filled once: number and words. */
  readonly contents: readonly (readonly [number, readonly number[]])[];
  /** Undefined: there is no file of them. */
  readonly stored: Weights | undefined;
  readonly needs: { readonly features: readonly string[]; readonly limits: Readonly<Record<string, number>> };
  /** Runs at a time. */
  readonly lanes: number;
  readonly functions: readonly string[];
  /** Whether the CPU counts iterations of loops. */
  readonly loops: boolean;
  /** What runs on the CPU. */
  readonly cpu: CpuText | undefined;
}

export interface CpuText {
  /** Of 64 KiB. */
  readonly pages: number;
  /** Constants: address, where they begin in the expanded file, and bytes. */
  readonly constants: readonly (readonly number[])[];
  /** Whether there is WebAssembly, what it imports, and what is linked with it. */
  readonly code: boolean;
  readonly hosts: readonly string[];
  readonly linked: readonly Linked[];
}

/** `weightsOf()`: the file of weights, with all numbers as they are in memory. */
function weightsText(stored: Weights | undefined): string {
  if (!stored) return "const weightsOf = async () => new Uint8Array();";
  if (stored.rest.from === 0) return 'const weightsOf = () => read("weights.bin", base);';
  return `const weightsOf = async () => {
const file = await read("weights.bin", base);
const all = new Uint8Array(${stored.end});
${expandText(stored, 0, "file", "all")}
return all;
};`;
}

function cpuText({ pages, constants, code, hosts, linked }: CpuText): string {
  const fill =
    constants.length === 0
      ? ""
      : `const stored = await weightsOf();
for (const [at, from, n] of ${JSON.stringify(constants)}) u8.set(stored.subarray(from, from + n), at);`;
  return `const memory = new WebAssembly.Memory({ initial: ${pages}, maximum: ${pages} });
const u8 = new Uint8Array(memory.buffer);
${fill}
${code ? linkText(hosts, linked) : ""}`;
}

const rows = (table: readonly unknown[]): string =>
  `[\n${table.map((row) => JSON.stringify(row)).join(",\n")}\n]`;

/** `model.js`. */
export function moduleText(m: ModuleText): string {
  const { cpu } = m;
  const linked = cpu?.linked ?? [];
  const files = ["kernels.wgsl", ...(cpu?.code ? ["kernels.wasm"] : []), ...linked.map((l) => l.file)];
  const names = ["wgsl", ...(cpu?.code ? ["code"] : []), ...linked.map((_, i) => `linked${i}`)];
  const calls = m.functions.length > 0;
  const options = `base = import.meta.url, gpu, device, powerPreference = "high-performance"${calls ? ", functions = {}" : ""}`;
  return `${heading(m.model, " for WebGPU")}
${READ}
/** Kernel, workgroups, then buffer, offset and bytes of each binding. */
const launches = ${rows(m.launches)};
const sizes = ${JSON.stringify(m.sizes)};
const weights = ${JSON.stringify(m.weights)};
const contents = ${JSON.stringify(m.contents)};
const needs = ${JSON.stringify(m.needs)};
const lanes = ${m.lanes};

/** Loads the model from the files beside this one, or from another folder (a URL that ends in /). */
export async function load({ ${options} } = {}) {
${calls ? `${missing(m.functions)}\n` : ""}const [${names.join(", ")}] = await Promise.all(${JSON.stringify(files)}.map((f) => read(f, base)));
const parts = new TextDecoder().decode(wgsl).split(/^${MARK.replaceAll("/", "\\/")}(.*)\\n/m).slice(1);
const kernels = parts.flatMap((name, i) => (i % 2 === 0 ? [[name, parts[i + 1]]] : []));
${weightsText(m.stored)}
${cpu ? `${cpuText(cpu)}\n` : ""}${calls ? `${CALL}\n` : ""}const entries = [${m.entries.join(",\n")}];
${runtimeText(cpu !== undefined, m.loops, CHOOSE)}
}
`;
}
