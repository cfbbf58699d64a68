/** Parts of a bundle's `model.js` and `model.d.ts` that do not depend on the target. */
import { arrayOf, type Port } from "./ports.ts";
import type { Weights } from "./weights.ts";

/** The first line of a module. */
export const heading = (model: string, how: string): string =>
  `// ${model.replace(/[\r\n\u2028\u2029]/g, " ")}, compiled by Tilewright${how}. manifest.json says what belongs to it.`;

/** `read(name, base)`: the bytes of a file of the bundle. */
export const READ = `const read = async (name, base) => {
  const url = new URL(name, base);
  const fs = globalThis.process?.getBuiltinModule?.("node:fs");
  if (url.protocol === "file:" && fs) return fs.readFileSync(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(\`\${url}: \${response.status} \${response.statusText}\`);
  return new Uint8Array(await response.arrayBuffer());
};`;

/** Calls of library functions, which see the memory of WebAssembly. */
export const CALL = `const call = (name, inputs, outputs, attrs) => {
  const view = ([at, A, shape]) => ({ data: new A(memory.buffer, at, shape.reduce((a, b) => a * b, 1)), shape });
  const given = functions[name](inputs.map(view), outputs.map(view), attrs);
  if (given instanceof Promise) throw new TypeError("the function " + name + " is asynchronous: it has to be done when it returns");
};`;

/** Refuses to load without the library functions. */
export const missing = (names: readonly string[]): string =>
  `const missing = ${JSON.stringify(names)}.filter((n) => typeof functions[n] !== "function");
if (missing.length > 0) throw new TypeError("the model calls functions that are not part of it: load({ functions }) takes " + missing.join(", "));`;

/** `half(bits)`: a number of half precision. */
const HALF = `const half = (h) => {
  const e = (h >> 10) & 31, m = h & 1023, s = h & 32768 ? -1 : 1;
  return s * (e === 0 ? m * 2 ** -24 : e === 31 ? (m ? NaN : Infinity) : (1024 + m) * 2 ** (e - 25));
};`;

/** `widen(words, at, numbers, from, count, base)`: small numbers of the file `file` as larger ones in the bytes `to`. */
const widen = (file: string, to: string): string => `const widen = (A, at, N, from, n, base) => {
  const words = new A(${to}.buffer, at, n), small = new N(new Uint8Array(${file}.subarray(from, from + n * N.BYTES_PER_ELEMENT)).buffer);
  for (let i = 0; i < n; i++) words[i] = small[i] + base;
};`;

/** Statements that bring the file of weights into memory: from the bytes `file` into the bytes `to`, of which `start` is the first. */
export function expandText(
  { halves, narrow, rest }: Weights,
  start: number,
  file: string,
  to: string,
): string {
  const lines: string[] = [];
  if (halves > 0)
    lines.push(
      HALF,
      `const stored = new DataView(${file}.buffer, ${file}.byteOffset);`,
      `new Float32Array(${to}.buffer, ${start}, ${halves}).forEach((_, i, to) => { to[i] = half(stored.getUint16(2 * i, true)); });`,
    );
  if (narrow.length > 0) lines.push(widen(file, to));
  for (const { word, bits, base, count, from, at } of narrow)
    lines.push(`widen(Int${word}Array, ${at}, Uint${bits}Array, ${from}, ${count}, ${base});`);
  lines.push(`${to}.set(${rest.from > 0 ? `${file}.subarray(${rest.from})` : file}, ${rest.at});`);
  return lines.join("\n");
}

/** `choose(inputs)`: the entry point that takes them; `fits(entry, inputs)` says which does. */
export const CHOOSE = `const said = (ports) => Object.entries(ports).map(([n, [, A, s]]) => \`\${n}: \${A.name} [\${s}]\`).join(", ");
const choose = (inputs) => {
  const found = entries.find((e) => fits(e, inputs));
  if (found) return found;
  const got = Object.entries(inputs).map(([n, x]) => \`\${n}: \${x?.data?.constructor?.name} of \${x?.data?.length}, [\${x?.shape}]\`);
  throw new TypeError(\`the inputs do not fit. The model takes \${entries.map((e) => said(e[1])).join("; or ")}. It got \${got.join(", ") || "nothing"}\`);
};
const holds = (x, A, shape) => (x?.data instanceof A || Array.isArray(x?.data)) && String(x.shape) === String(shape) &&
  x.data.length === shape.reduce((a, b) => a * b, 1);`;

/** `model.d.ts`: the type of a tensor. */
export const TENSOR = `/** A tensor by its elements, row-major (f16 as bits, bool as 0 and 1), and its sizes. */
export interface Tensor<Data, Shape extends readonly number[]> {
  readonly data: Data;
  readonly shape: Readonly<Shape>;
}`;

/** A port as a property whose type is `tensor(array, shape)`. */
export function portType(p: Port, tensor: (array: string, shape: string) => string): string {
  const shape = p.shape.map((s) => (typeof s === "number" ? s : "number")).join(", ");
  const say = p.most ? `  /** [${p.shape.join(", ")}], at most [${p.most.join(", ")}] */\n` : "";
  return `${say}  readonly ${JSON.stringify(p.name)}: ${tensor(arrayOf(p.dtype), `[${shape}]`)};`;
}

/** Objects with these ports, one or another. */
export function unionOf(
  all: readonly (readonly Port[])[],
  tensor: (array: string, shape: string) => string,
): string {
  const form = (ports: readonly Port[]): string =>
    `{\n${ports.map((p) => portType(p, tensor)).join("\n")}\n}`;
  return [...new Set(all.map(form))].join(" | ");
}

/** The members of `Options` that every target has, and the types that they need. */
export function optionsText(functions: readonly string[]): {
  readonly types: string;
  readonly members: string;
} {
  const base = `  /** Where the files are: a URL that ends in /. Default: beside this module. */
  readonly base?: string | URL;`;
  if (functions.length === 0) return { types: "", members: base };
  return {
    types: `/** A tensor in the model's memory: valid during the call only. */
export type Place = Tensor<Float32Array | Float64Array | Int8Array | Uint8Array | Uint16Array | Int32Array | BigInt64Array, readonly number[]>;
/** Computes outputs from inputs, in place and at once. */
export type LibraryFunction = (inputs: readonly Place[], outputs: readonly Place[], attrs: Readonly<Record<string, unknown>>) => void;
`,
    members: `${base}
  /** What the model calls and does not hold. */
  readonly functions: {
${functions.map((n) => `    readonly ${JSON.stringify(n)}: LibraryFunction;`).join("\n")}
  };`,
  };
}

/** `load` itself. */
export const loadType = (functions: readonly string[]): string =>
  functions.length > 0
    ? `/** Loads the model. Throws a TypeError where a function is missing. */
export declare function load(options: Options): Promise<Model>;
`
    : `/** Loads the model. */
export declare function load(options?: Options): Promise<Model>;
`;
