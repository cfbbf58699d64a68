/** The text of a bundle's `model.js`. What a model does not need is not in it. */
import { arrayOf, type Port } from "../ports.ts";
import { CALL, CHOOSE, HALF, heading, missing, READ } from "../text.ts";
import { HELPERS } from "./helpers.ts";
import { type Linked, linkText } from "./hosts.ts";

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
  readonly linked: readonly Linked[];
  readonly weightsAt: number;
  readonly halves: number;
  readonly hasWeights: boolean;
  /** Of 64 KiB. */
  readonly pages: number;
}

/** Half-precision weights to single precision, as they are loaded. */
const HALVES = (count: number, at: number): string => `${HALF}
const stored = new DataView(weights.buffer, weights.byteOffset);
new Float32Array(memory.buffer, ${at}, ${count}).forEach((_, i, to) => { to[i] = half(stored.getUint16(2 * i, true)); });
u8.set(weights.subarray(${2 * count}), ${at + 4 * count});`;

const port = (p: Port & { address: number }): string =>
  `[${JSON.stringify(p.name)}]: [${p.address}, ${arrayOf(p.dtype)}, [${p.shape.join(", ")}]]`;

/** `model.js`. */
export function moduleText(m: ModuleText): string {
  const files = ["kernels.wasm", ...(m.hasWeights ? ["weights.bin"] : []), ...m.linked.map((l) => l.file)];
  const names = ["code", ...(m.hasWeights ? ["weights"] : []), ...m.linked.map((_, i) => `linked${i}`)];
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
  return `${heading(m.model, "")}
${READ}

/** Loads the model from the files beside this one, or from another folder (a URL that ends in /). */
export async function load({ base = import.meta.url${calls ? ", functions = {}" : ""} } = {}) {
${calls ? `${missing(m.functions)}\n` : ""}const [${names.join(", ")}] = await Promise.all(${JSON.stringify(files)}.map((f) => read(f, base)));
const memory = new WebAssembly.Memory({ initial: ${m.pages}, maximum: ${m.pages} });
const u8 = new Uint8Array(memory.buffer);
${weights}
${linkText(m.hosts, m.linked)}
${[...[...m.helpers].map((h) => HELPERS[h]), ...(calls ? [CALL] : [])].join("\n")}
${m.entries.map((e) => e.text).join("\n")}
const entries = [${entries.join(", ")}];
const fits = ([, ports], inputs) => Object.keys(inputs).every((n) => n in ports) &&
  Object.entries(ports).every(([n, [, A, shape]]) => holds(inputs[n], A, shape));
${CHOOSE}
return {
  async run(inputs) {
    const [main, ins${open ? "" : ", outs"}] = choose(inputs ?? {});
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
