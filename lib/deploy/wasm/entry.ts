/** One entry point of a bundle as JavaScript. */
import type { VmFunction, VmInstr, VmProgram } from "../../graph/vm-code.ts";
import { getPrimFunc, type IRModule } from "../../ir/index.ts";
import { arrayOf } from "../ports.ts";
import { type Kernel, sizesOf, workspaceOf } from "./calls.ts";
import { Instructions } from "./instructions.ts";
import { Places } from "./places.ts";

export interface EntryParts {
  readonly program: VmProgram;
  /** Its tensor programs. */
  readonly module: IRModule;
  /** The exported function that a tensor program became. */
  readonly kernel: (name: string) => Kernel;
  /** Addresses of the program's constants. */
  readonly constants: readonly number[];
  /** Memory from here on is the entry's. */
  readonly start: number;
  /** Put before names of functions, so that those of several entries differ. */
  readonly prefix: string;
  /** Names of the results. */
  readonly results: readonly string[];
}

export interface EntryCode {
  /**
   * Statements that define the functions; the first is the entry itself, which takes the open sizes of the inputs and returns
   * the outputs as the module describes them if any of them has open sizes, or nothing.
   */
  readonly text: string;
  readonly open: boolean;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** The first byte that it does not need. */
  readonly end: number;
  /** Which of the helpers (`copy`, `loop`, `size`, …) it calls. */
  readonly helpers: ReadonlySet<string>;
  /** The library functions that it calls. */
  readonly functions: ReadonlySet<string>;
}

/** Code for the function `main` of a program. Throws a `DeployError` for what a bundle cannot do. */
export function entryCode(parts: EntryParts, main: string): EntryCode {
  const { program, module, kernel, prefix } = parts;
  const { functions } = program;
  const entry = functions[main];
  const places = new Places(program, entry, parts.constants, parts.start);
  const scratch = places.room(workspace(parts, places));
  const inputs = places.placeInputs();
  const called = (name: string): string => `${prefix}${Object.keys(functions).indexOf(name)}`;
  const code = new Instructions({ places, module, kernel, called, scratch });
  const define = (f: VmFunction, params: readonly string[], body: readonly string[]): string =>
    `const ${called(f.name)} = (${params.join(", ")}) => {${places.variables(f)}\n${body.join("\n")}\n};`;

  const callee = (f: VmFunction): string => {
    const count = Math.max(0, ...f.slots.map((s) => (s.source.kind === "param" ? s.source.index + 1 : 0)));
    const params = Array.from({ length: count }, (_, i) => `p${i}`);
    const body = code.block(f, f.code);
    body.push(`return [${f.results.map((slot) => places.address(f, slot)).join(", ")}];`);
    return define(f, params, body);
  };

  const body = code.block(entry, entry.code);
  // Results whose place is decided while it runs are brought to one that is known.
  const outputs = entry.results.map((slot): number => {
    const at = places.address(entry, slot);
    if (typeof at === "number") return at;
    const to = places.room(entry.slots[slot].bytes);
    body.push(code.copy(at, to, places.bytes(entry, slot)));
    return to;
  });
  const open = entry.results.some((slot) => entry.slots[slot].sizes);
  if (open) {
    const said = entry.results.map((slot, k) => {
      const { dtype } = entry.slots[slot];
      return `[${JSON.stringify(parts.results[k])}]: [${outputs[k]}, ${arrayOf(dtype)}, ${places.shape(entry, slot)}]`;
    });
    body.push(`return { ${said.join(", ")} };`);
  }
  const sizes = entry.sizes.map(({ v }) => places.sizeVar(v));
  const others = Object.values(functions).filter((f) => f !== entry);
  const text = [define(entry, sizes, body), ...others.map(callee)].join("\n");
  const { helpers, functions: library } = code;
  return { text, open, inputs, outputs, end: places.next, helpers, functions: library };
}

/** The largest workspace that a call needs. */
function workspace({ program, module, kernel }: EntryParts, places: Places): number {
  let most = 0;
  const visit = (f: VmFunction, code: readonly VmInstr[]): void => {
    for (const i of code) {
      if (i.op === "if") for (const branch of [i.then, i.else]) visit(f, branch);
      if (i.op !== "callTir") continue;
      const sizes = sizesOf(getPrimFunc(module, i.func), f, i);
      most = Math.max(most, workspaceOf(kernel(i.func).code, sizes, places.ranges, i.node));
    }
  };
  for (const f of Object.values(program.functions)) visit(f, f.code);
  return most;
}
