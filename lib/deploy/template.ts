/** The text of a bundle's `model.js`. What a model does not need is not in it. */

/** What generated code may import beside JavaScript's own `Math` functions; the same as lib/codegen/wasm/calls.ts. */
export const HOST_TEXT: Readonly<Record<string, string>> = {
  sigmoid: "(x) => 1 / (1 + Math.exp(-x))",
  pow: "(x, y) => x ** y",
  fmod: "(x, y) => x % y",
  erf: `(x) => {
  const a = Math.abs(x), c = 2 / Math.sqrt(Math.PI);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 2.5) {
    let term = a, sum = a;
    for (let n = 1; term > sum * 1e-17; n++) sum += term *= (2 * a * a) / (2 * n + 1);
    const y = c * Math.exp(-a * a) * sum;
    return x < 0 || Object.is(x, -0) ? -y : y;
  }
  let tail = a;
  for (let n = 60; n > 0; n--) tail = a + n / 2 / tail;
  return Math.sign(x) * (1 - (c / 2) * (Math.exp(-a * a) / tail));
}`,
};

const ARRAYS: Readonly<Record<string, string>> = {
  f32: "Float32Array",
  f64: "Float64Array",
  f16: "Uint16Array",
  i8: "Int8Array",
  u8: "Uint8Array",
  bool: "Uint8Array",
  i32: "Int32Array",
  i64: "BigInt64Array",
};

/** The typed array that carries a dtype: f16 as bits, bool as 0 and 1. */
export const arrayOf = (dtype: string): string => ARRAYS[dtype];

export interface Port {
  readonly name: string;
  readonly dtype: string;
  /** Sizes that are not known beforehand stand as text: by the names of what they are made of. */
  readonly shape: readonly (number | string)[];
  /** The most that the sizes can be, where they are not all numbers. */
  readonly most?: readonly number[];
}

export interface EntryText {
  readonly inputs: readonly (Port & { readonly address: number })[];
  readonly outputs: readonly (Port & { readonly address: number })[];
  /** Its functions; the first is `main`. */
  readonly text: string;
  readonly main: string;
  /** Whether `main` returns what it gives, with sizes that it found out. */
  readonly open: boolean;
}

export interface ModuleText {
  /** What the bundle was made from. */
  readonly model: string;
  readonly entries: readonly EntryText[];
  readonly helpers: ReadonlySet<string>;
  readonly hosts: readonly string[];
  /** Library functions that who loads the model has to give. */
  readonly functions: readonly string[];
  /** Modules that the kernels import: file, and which of its functions under which name. */
  readonly linked: readonly { readonly file: string; readonly name: string; readonly export: string }[];
  readonly weightsAt: number;
  readonly halves: number;
  readonly hasWeights: boolean;
  /** Of 64 KiB. */
  readonly pages: number;
}

const HELPERS: Readonly<Record<string, string>> = {
  copy: `const copy = (from, to, n) => {
  if (from !== to) u8.copyWithin(to, from, from + n);
};`,
  element: `const element = (at, wide) => {
  const view = new DataView(memory.buffer);
  return wide ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true);
};`,
  size: `const size = (n, most, name) => {
  if (n >= 0 && n <= most) return n;
  throw new RangeError("the size " + name + " is " + n + "; it can be from 0 to " + most);
};`,
  same: `const same = (a, b, name) => {
  if (a !== b) throw new RangeError(name + " needs two equal sizes; they are " + a + " and " + b);
};`,
  loop: `const loop = (f, c, trip, cond, carried, captured, stacks, open) => {
  const at = new DataView(memory.buffer);
  const refuse = (n) => {
    throw new Error("a loop makes " + n + " iteration(s); the model was compiled for " + stacks[0][2]);
  };
  for (const [from, to, n] of carried) u8.copyWithin(to, from, from + n);
  const most = trip ? Number(at.getBigInt64(trip, true)) : Infinity;
  let go = !cond || u8[cond];
  let n = 0;
  for (; go && n < most; n++) {
    if (stacks.some((s) => n >= s[2])) refuse(n + 1);
    at.setBigInt64(c, BigInt(n), true);
    u8[c + 8] = 1;
    const r = f(c, c + 8, ...carried.map((x) => x[1]), ...captured);
    go = u8[r[0]];
    const next = carried.map(([, , size], k) => u8.slice(r[k + 1], r[k + 1] + size));
    stacks.forEach(([to, row], k) => {
      const from = r[k + 1 + carried.length];
      u8.copyWithin(to + n * row, from, from + row);
    });
    next.forEach((b, k) => u8.set(b, carried[k][1]));
  }
  if (!open && stacks.some((s) => n !== s[2])) refuse(n);
  return n;
};`,
};

/** Calls of library functions, which see the model's own memory. */
const CALL = `const call = (name, inputs, outputs, attrs) => {
  const view = ([at, A, shape]) => ({ data: new A(memory.buffer, at, shape.reduce((a, b) => a * b, 1)), shape });
  const given = functions[name](inputs.map(view), outputs.map(view), attrs);
  if (given instanceof Promise) throw new TypeError("the function " + name + " is asynchronous: it has to be done when it returns");
};`;
const MISSING = (names: readonly string[]): string =>
  `const missing = ${JSON.stringify(names)}.filter((n) => typeof functions[n] !== "function");
if (missing.length > 0) throw new TypeError("the model calls functions that are not part of it: load({ functions }) takes " + missing.join(", "));`;

/** Half-precision weights to single precision, as they are loaded. */
const HALVES = (count: number, at: number): string => `const half = (h) => {
  const e = (h >> 10) & 31, m = h & 1023, s = h & 32768 ? -1 : 1;
  return s * (e === 0 ? m * 2 ** -24 : e === 31 ? (m ? NaN : Infinity) : (1024 + m) * 2 ** (e - 25));
};
const stored = new DataView(weights.buffer, weights.byteOffset);
new Float32Array(memory.buffer, ${at}, ${count}).forEach((_, i, to) => { to[i] = half(stored.getUint16(2 * i, true)); });
u8.set(weights.subarray(${2 * count}), ${at + 4 * count});`;

const port = (p: Port & { address: number }): string =>
  `[${JSON.stringify(p.name)}]: [${p.address}, ${arrayOf(p.dtype)}, [${p.shape.join(", ")}]]`;

/** \`model.js\`. */
export function moduleText(m: ModuleText): string {
  const hosts = m.hosts.map((h) =>
    Object.hasOwn(HOST_TEXT, h) ? `${h}: ${HOST_TEXT[h]}` : `${h}: Math.${h}`,
  );
  const files = ["kernels.wasm", ...(m.hasWeights ? ["weights.bin"] : []), ...m.linked.map((l) => l.file)];
  const names = ["code", ...(m.hasWeights ? ["weights"] : []), ...m.linked.map((_, i) => `linked${i}`)];
  const kernel = m.linked.map(
    (l, i) =>
      `${JSON.stringify(l.name)}: (await WebAssembly.instantiate(linked${i}, { env })).instance.exports[${JSON.stringify(l.export)}]`,
  );
  const weights = !m.hasWeights
    ? ""
    : m.halves > 0
      ? HALVES(m.halves, m.weightsAt)
      : `u8.set(weights, ${m.weightsAt});`;
  const open = m.entries.some((e) => e.open);
  const calls = m.functions.length > 0;
  const entries = m.entries.map((e) => {
    const [inputs, outputs] = [e.inputs, e.outputs].map((ports) => `{ ${ports.map(port).join(", ")} }`);
    if (!open) return `[${e.main}, ${inputs}, ${outputs}]`;
    return `[${e.open ? e.main : `() => (${e.main}(), ${outputs})`}, ${inputs}]`;
  });
  return `// ${m.model.replace(/[\r\n\u2028\u2029]/g, " ")}, compiled by Tilewright. manifest.json says what belongs to it.
const read = async (name, base) => {
  const url = new URL(name, base);
  const fs = globalThis.process?.getBuiltinModule?.("node:fs");
  if (url.protocol === "file:" && fs) return fs.readFileSync(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(\`\${url}: \${response.status} \${response.statusText}\`);
  return new Uint8Array(await response.arrayBuffer());
};

/** Loads the model from the files beside this one, or from another folder (a URL that ends in /). */
export async function load({ base = import.meta.url${calls ? ", functions = {}" : ""} } = {}) {
${calls ? `${MISSING(m.functions)}\n` : ""}const [${names.join(", ")}] = await Promise.all(${JSON.stringify(files)}.map((f) => read(f, base)));
const memory = new WebAssembly.Memory({ initial: ${m.pages}, maximum: ${m.pages} });
const u8 = new Uint8Array(memory.buffer);
${weights}
const env = { memory${hosts.map((h) => `, ${h}`).join("")} };
const kernel = { ${kernel.join(", ")} };
const k = (await WebAssembly.instantiate(code, { env, kernel })).instance.exports;
${[...[...m.helpers].map((h) => HELPERS[h]), ...(calls ? [CALL] : [])].join("\n")}
${m.entries.map((e) => e.text).join("\n")}
const entries = [${entries.join(", ")}];
const said = (ports) => Object.entries(ports).map(([n, [, A, s]]) => \`\${n}: \${A.name} [\${s}]\`).join(", ");
const fits = ([, ports], inputs) => Object.keys(inputs).every((n) => n in ports) && Object.entries(ports).every(([n, [, A, shape]]) => {
  const x = inputs[n];
  return x && (x.data instanceof A || Array.isArray(x.data)) && String(x.shape) === String(shape) &&
    x.data.length === shape.reduce((a, b) => a * b, 1);
});
return {
  async run(inputs) {
    const found = entries.find((e) => fits(e, inputs ?? {}));
    if (!found) {
      const got = Object.entries(inputs ?? {}).map(([n, x]) => \`\${n}: \${x?.data?.constructor?.name} of \${x?.data?.length}, [\${x?.shape}]\`);
      throw new TypeError(\`the inputs do not fit. The model takes \${entries.map((e) => said(e[1])).join("; or ")}. It got \${got.join(", ") || "nothing"}\`);
    }
    const [main, ins${open ? "" : ", outs"}] = found;
    for (const [n, [at, A]] of Object.entries(ins)) new A(memory.buffer, at, inputs[n].data.length).set(inputs[n].data);
    ${open ? "const outs = main();" : "main();"}
    return Object.fromEntries(Object.entries(outs).map(([n, [at, A, shape]]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [n, { data: new A(memory.buffer, at, size).slice(), shape: [...shape] }];
    }));
  },
};
}
`;
}

/** `model.d.ts`. */
export function declarations(m: Pick<ModuleText, "entries" | "functions">): string {
  const tensor = (p: Port): string => {
    const shape = p.shape.map((s) => (typeof s === "number" ? s : "number"));
    const say = p.most ? `  /** [${p.shape.join(", ")}], at most [${p.most.join(", ")}] */\n` : "";
    return `${say}  readonly ${JSON.stringify(p.name)}: Tensor<${arrayOf(p.dtype)}, [${shape.join(", ")}]>;`;
  };
  const form = (ports: readonly Port[]): string => `{\n${ports.map(tensor).join("\n")}\n}`;
  const union = (all: readonly (readonly Port[])[]): string => [...new Set(all.map(form))].join(" | ");
  return `/** A tensor by its elements, row-major (f16 as bits, bool as 0 and 1), and its sizes. */
export interface Tensor<Data, Shape extends readonly number[]> {
  readonly data: Data;
  readonly shape: Readonly<Shape>;
}
export type Inputs = ${union(m.entries.map((e) => e.inputs))};
export type Outputs = ${union(m.entries.map((e) => e.outputs))};
export interface Model {
  /** Runs the model. Throws a TypeError where the inputs do not fit. */
  run(inputs: Inputs): Promise<Outputs>;
}
${m.functions.length > 0 ? FUNCTIONS(m.functions) : LOAD}`;
}

const LOAD = `export interface Options {
  /** Where the files are: a URL that ends in /. Default: beside this module. */
  readonly base?: string | URL;
}
/** Loads the model. */
export declare function load(options?: Options): Promise<Model>;
`;

const FUNCTIONS = (
  names: readonly string[],
): string => `/** A tensor in the model's memory: valid during the call only. */
export type Place = Tensor<Float32Array | Float64Array | Int8Array | Uint8Array | Uint16Array | Int32Array | BigInt64Array, readonly number[]>;
/** Computes outputs from inputs, in place and at once. */
export type LibraryFunction = (inputs: readonly Place[], outputs: readonly Place[], attrs: Readonly<Record<string, unknown>>) => void;
export interface Options {
  /** Where the files are: a URL that ends in /. Default: beside this module. */
  readonly base?: string | URL;
  /** What the model calls and does not hold. */
  readonly functions: {
${names.map((n) => `    readonly ${JSON.stringify(n)}: LibraryFunction;`).join("\n")}
  };
}
/** Loads the model. Throws a TypeError where a function is missing. */
export declare function load(options: Options): Promise<Model>;
`;
