/** The text of a bundle's `model.js`. What a model does not need is not in it. */
import { arrayOf, type Port } from "../ports.ts";
import { CALL, CHOOSE, expandText, heading, missing, READ } from "../text.ts";
import type { Weights } from "../weights.ts";
import { HELPERS } from "./helpers.ts";
import { type Linked, linkText } from "./hosts.ts";
import { linkThreads, threadsText } from "./threads.ts";

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
  /** Undefined: there is no file of them. */
  readonly weights: Weights | undefined;
  /** Of 64 KiB. */
  readonly pages: number;
  /** Where threads share loops: how many at most, the exported loops, and the flag of each file of WebAssembly (`shared.ts`). */
  readonly threads:
    | { readonly most: number; readonly bodies: readonly string[]; readonly flags: readonly number[] }
    | undefined;
  /** Whether threads were asked for, and no loop has work for several. */
  readonly serial: boolean;
}

const port = (p: Port & { address: number }): string =>
  `[${JSON.stringify(p.name)}]: [${p.address}, ${arrayOf(p.dtype)}, [${p.shape.join(", ")}]]`;

/** `model.js`. */
export function moduleText(m: ModuleText): string {
  const files = ["kernels.wasm", ...(m.weights ? ["weights.bin"] : []), ...m.linked.map((l) => l.file)];
  const names = ["code", ...(m.weights ? ["weights"] : []), ...m.linked.map((_, i) => `linked${i}`)];
  const weights = m.weights ? expandText(m.weights, m.weightsAt, "weights", "u8") : "";
  const open = m.entries.some((e) => e.open);
  const calls = m.functions.length > 0;
  const entries = m.entries.map((e) => {
    const [inputs, outputs] = [e.inputs, e.outputs].map((ports) => `{ ${ports.map(port).join(", ")} }`);
    if (!open) return `[${e.main}, ${inputs}, ${outputs}]`;
    return `[${e.open ? e.main : `() => (${e.main}(), ${outputs})`}, ${inputs}]`;
  });
  const { threads } = m;
  const options = `base = import.meta.url${threads ? ", threads" : ""}${calls ? ", functions = {}" : ""}`;
  const modules = ["code", ...m.linked.map((_, i) => `linked${i}`)];
  const unshared = threads?.flags.map((at, i) => `${modules[i]}[${at}] = `).join("");
  return `${heading(m.model, "")}
${READ}
${threads ? `${threadsText(threads.most)}\n` : ""}
/** Loads the model from the files beside this one, or from another folder (a URL that ends in /). */
export async function load({ ${options} } = {}) {
${calls ? `${missing(m.functions)}\n` : ""}${threads ? "const asked = threadsFor(threads);\n" : ""}const [${names.join(", ")}] = await Promise.all(${JSON.stringify(files)}.map((f) => read(f, base)));
${threads ? `if (asked.count === 1) ${unshared}1;\n` : ""}const memory = new WebAssembly.Memory({ initial: ${m.pages}, maximum: ${m.pages}${threads ? ", shared: asked.count > 1" : ""} });
const u8 = new Uint8Array(memory.buffer);
${weights}
${threads ? linkThreads(m.hosts, m.linked, threads.bodies) : linkText(m.hosts, m.linked)}
${[...[...m.helpers].map((h) => HELPERS[h]), ...(calls ? [CALL] : [])].join("\n")}
${m.entries.map((e) => e.text).join("\n")}
const entries = [${entries.join(", ")}];
const fits = ([, ports], inputs) => Object.keys(inputs).every((n) => n in ports) &&
  Object.entries(ports).every(([n, [, A, shape]]) => holds(inputs[n], A, shape));
${CHOOSE}
${threads ? "let disposed = false;\n" : ""}return {
  async run(inputs) {
${threads ? DISPOSED : ""}    const [main, ins${open ? "" : ", outs"}] = choose(inputs ?? {});
    for (const [n, [at, A]] of Object.entries(ins)) new A(memory.buffer, at, inputs[n].data.length).set(inputs[n].data);
    ${open ? "const outs = main();" : "main();"}
    return Object.fromEntries(Object.entries(outs).map(([n, [at, A, shape]]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [n, { data: new A(memory.buffer, at, size).slice(), shape: [...shape] }];
    }));
  },
${threads ? THREADED : m.serial ? SERIAL : ""}};
}
`;
}

const DISPOSED = `    if (disposed) throw new Error("the model was disposed and may not run any more");
`;

/** The rest of a model that runs on threads. */
const THREADED = `  get threads() { return pool.threads; },
  dispose() {
    disposed = true;
    pool.end();
  },
`;

/** The same where there is nothing for them to do. */
const SERIAL = `  threads: { count: 1, reason: "no loop of the model has enough work for several threads" },
  dispose() {},
`;
