/**
 * One entry point of a bundle as JavaScript: every slot has a fixed address, with room for the most that it can hold, and
 * what is left of an instruction is a call of generated code. Sizes that only the data decides are variables.
 */
import type { WasmFunction } from "../codegen/index.ts";
import type { Slot, VmFunction, VmInstr, VmProgram } from "../graph/vm-code.ts";
import {
  BYTES,
  bufferParams,
  type Expr,
  getPrimFunc,
  type Interval,
  type IRModule,
  intervalOf,
  ops,
  substExpr,
  type Var,
} from "../ir/index.ts";
import { sizesOfCall } from "../runtime/vm/kernels.ts";
import { refuseDeploy } from "./error.ts";
import { sizeText } from "./sizes.ts";
import { arrayOf } from "./template.ts";

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

export interface EntryParts {
  readonly program: VmProgram;
  /** Its tensor programs. */
  readonly module: IRModule;
  /** The exported function that a tensor program became. */
  readonly kernel: (name: string) => { readonly name: string; readonly code: WasmFunction };
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
  return new EntryWriter(parts).write(main);
}

/** The sizes that instructions set, in branches too. */
function sizesSet(
  f: VmFunction,
  code: readonly VmInstr[] = f.code,
): { readonly v: Var; readonly most: number }[] {
  return code.flatMap((i) => {
    if (i.op === "size") return [i];
    if (i.op === "if") return [i.then, i.else].flatMap((branch) => sizesSet(f, branch));
    if (i.op !== "loop" || !i.count) return [];
    return [{ v: i.count, most: f.slots[i.dst[i.carried.length]].shape[0] }];
  });
}

class EntryWriter {
  private readonly parts: EntryParts;
  private next: number;
  private readonly helpers = new Set<string>();
  /** Addresses of arenas by function. */
  private readonly arenas = new Map<string, number>();
  private readonly fixed = new Map<string, number>();
  private readonly functions = new Set<string>();
  /** What symbolic sizes can be, and the variables that hold them. */
  private readonly ranges = new Map<number, Interval>();
  private readonly names = new Map<number, string>();
  private readonly scratch: number;

  constructor(parts: EntryParts) {
    this.parts = parts;
    this.next = lines(parts.start);
    for (const f of Object.values(parts.program.functions)) {
      this.arenas.set(f.name, this.room(f.arenaBytes));
      for (const { v, most } of f.sizes) this.ranges.set(v.id, { min: 0, max: most });
      for (const { v, most } of sizesSet(f)) this.ranges.set(v.id, { min: 0, max: most });
    }
    this.scratch = this.room(this.workspace());
  }

  write(main: string): EntryCode {
    const { functions } = this.parts.program;
    const entry = functions[main];
    const inputs: number[] = [];
    for (const s of entry.slots) if (s.source.kind === "param") inputs[s.source.index] ??= this.room(s.bytes);
    const open = entry.results.some((slot) => entry.slots[slot].sizes);
    const texts = [this.entry(entry, inputs, open)];
    for (const f of Object.values(functions)) if (f !== entry) texts.push(this.callee(f));
    const outputs = entry.results.map((slot) => {
      const at = this.address(entry, slot, inputs);
      if (typeof at === "number") return at;
      return this.fixed.get(`${entry.name} result ${slot}`) as number;
    });
    const { helpers, functions: called, next: end } = this;
    return { text: texts.join("\n"), open, inputs, outputs, end, helpers, functions: called };
  }

  /** The variable that holds a size. */
  private sizeVar(v: Var): string {
    const name = this.names.get(v.id) ?? `n${this.names.size}`;
    this.names.set(v.id, name);
    return name;
  }

  private size(e: Expr): string {
    return sizeText(e, (v) => this.sizeVar(v));
  }

  private shape(f: VmFunction, slot: Slot): string {
    const { shape, sizes } = f.slots[slot];
    return `[${sizes ? sizes.map((e) => this.size(e)).join(", ") : shape.join(", ")}]`;
  }

  private bytes(f: VmFunction, slot: Slot): number | string {
    const { bytes, sizes, dtype } = f.slots[slot];
    return sizes ? this.size(sizes.reduce<Expr>((a, b) => ops.mul(a, b), ops.toExpr(BYTES[dtype]))) : bytes;
  }

  private room(bytes: number): number {
    const at = this.next;
    this.next += lines(bytes);
    return at;
  }

  /** A function by the name it has in the bundle. */
  private called(name: string): string {
    const index = Object.keys(this.parts.program.functions).indexOf(name);
    return `${this.parts.prefix}${index}`;
  }

  private entry(f: VmFunction, inputs: readonly number[], open: boolean): string {
    const body = this.block(f, f.code, inputs);
    // Results whose place is decided while it runs are brought to one that is known.
    const places = f.results.map((slot): number => {
      const at = this.address(f, slot, inputs);
      if (typeof at === "number") return at;
      const to = this.room(f.slots[slot].bytes);
      this.fixed.set(`${f.name} result ${slot}`, to);
      body.push(this.copy(at, to, this.bytes(f, slot)));
      return to;
    });
    if (open) {
      const outputs = f.results.map((slot, k) => {
        const { dtype } = f.slots[slot];
        return `[${JSON.stringify(this.parts.results[k])}]: [${places[k]}, ${arrayOf(dtype)}, ${this.shape(f, slot)}]`;
      });
      body.push(`return { ${outputs.join(", ")} };`);
    }
    const params = f.sizes.map(({ v }) => this.sizeVar(v)).join(", ");
    return `const ${this.called(f.name)} = (${params}) => {${this.variables(f)}\n${body.join("\n")}\n};`;
  }

  private callee(f: VmFunction): string {
    const count = Math.max(0, ...f.slots.map((s) => (s.source.kind === "param" ? s.source.index + 1 : 0)));
    const params = Array.from({ length: count }, (_, i) => `p${i}`);
    const body = this.block(f, f.code);
    const results = f.results.map((slot) => this.address(f, slot));
    return (
      `const ${this.called(f.name)} = (${params.join(", ")}) => {${this.variables(f)}\n` +
      `${body.join("\n")}\nreturn [${results.join(", ")}];\n};`
    );
  }

  /** Slots that hold one address or another, as the program runs. */
  private variables(f: VmFunction): string {
    const names = f.slots.flatMap((s, i) =>
      s.source.kind === "set" && !this.isFixed(f, i) ? [`s${i}`] : [],
    );
    names.push(...new Set(sizesSet(f).map(({ v }) => this.sizeVar(v))));
    return names.length > 0 ? `\nlet ${names.join(", ")};` : "";
  }

  /** The address of a slot, or the variable that holds it. */
  private address(f: VmFunction, slot: Slot, inputs?: readonly number[]): number | string {
    const { source, bytes } = f.slots[slot];
    switch (source.kind) {
      case "param":
        return inputs ? inputs[source.index] : `p${source.index}`;
      case "constant":
        return this.parts.constants[source.index];
      case "arena":
        return (this.arenas.get(f.name) as number) + source.offset;
      case "set": {
        if (!this.isFixed(f, slot)) return `s${slot}`;
        const key = `${f.name} ${slot}`;
        const at = this.fixed.get(key) ?? this.room(bytes);
        this.fixed.set(key, at);
        return at;
      }
    }
  }

  /** Whether only an `alloc`, a call or a loop gives the slot its memory: it then has a place of its own. */
  private isFixed(f: VmFunction, slot: Slot): boolean {
    let fixed = true;
    const visit = (code: readonly VmInstr[]): void => {
      for (const i of code) {
        if ((i.op === "view" || i.op === "move") && i.dst === slot) fixed = false;
        if (i.op === "if") for (const branch of [i.then, i.else]) visit(branch);
      }
    };
    visit(f.code);
    return fixed;
  }

  /** Gives a slot that holds one address or another memory of its own. */
  private place(f: VmFunction, slot: Slot): string[] {
    if (this.isFixed(f, slot)) return [];
    const key = `${f.name} own ${slot}`;
    const at = this.fixed.get(key) ?? this.room(f.slots[slot].bytes);
    this.fixed.set(key, at);
    return [`s${slot} = ${at};`];
  }

  private copy(from: number | string, to: number | string, bytes: number | string): string {
    this.helpers.add("copy");
    return `copy(${from}, ${to}, ${bytes});`;
  }

  private block(f: VmFunction, code: readonly VmInstr[], inputs?: readonly number[]): string[] {
    return code.flatMap((i) => this.instruction(f, i, inputs));
  }

  private instruction(f: VmFunction, i: VmInstr, inputs?: readonly number[]): string[] {
    const at = (slot: Slot): number | string => this.address(f, slot, inputs);
    switch (i.op) {
      case "callTir":
        return [this.kernelCall(f, i, at)];
      case "callPacked":
        return [this.libraryCall(f, i, at)];
      case "specialize":
        // A program that is compiled whole has none.
        return refuseDeploy(
          `${f.name}: ${i.func} is compiled when its sizes are known, which a bundle cannot do`,
        );
      case "size":
        return [this.setSize(f, i, at)];
      case "sameSize":
        this.helpers.add("same");
        return [`same(${this.size(i.a)}, ${this.size(i.b)}, ${JSON.stringify(i.node)});`];
      case "callFunc": {
        const args = i.args.map(at).join(", ");
        return [
          `{ const r = ${this.called(i.func)}(${args});`,
          ...i.dst.flatMap((slot, k) => [
            ...this.place(f, slot),
            this.copy(`r[${k}]`, at(slot), this.bytes(f, slot)),
          ]),
          "}",
        ];
      }
      case "if":
        return [
          `if (u8[${at(i.cond)}]) {`,
          ...this.block(f, i.then, inputs),
          "} else {",
          ...this.block(f, i.else, inputs),
          "}",
        ];
      case "loop":
        return [...i.dst.flatMap((slot) => this.place(f, slot)), this.loop(f, i, at)];
      case "alloc":
        return this.place(f, i.dst);
      case "view":
      case "move":
        return [`s${i.dst} = ${at(i.src)};`];
      case "kill":
        return [];
    }
  }

  private kernelCall(
    f: VmFunction,
    i: Extract<VmInstr, { op: "callTir" }>,
    at: (slot: Slot) => number | string,
  ): string {
    const { name, code } = this.parts.kernel(i.func);
    const func = getPrimFunc(this.parts.module, i.func);
    let [buffer, scalar] = [0, 0];
    const args = func.params.map((p) => {
      if (p.kind === "buffer") return at(i.args[buffer++]);
      const x = this.size(ops.toExpr(i.scalars[scalar++]));
      return p.dtype !== "i64" ? x : /^-?\d+$/.test(x) ? `${x}n` : `BigInt(${x})`;
    });
    const sizes = this.sizes(f, i);
    const tail = code.sizes.map((v) => this.size(sizes.get(v.id) as Expr));
    const member = /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    return `k${member}(${[...args, ...tail, this.scratch].join(", ")});`;
  }

  private libraryCall(
    f: VmFunction,
    i: Extract<VmInstr, { op: "callPacked" }>,
    at: (slot: Slot) => number | string,
  ): string {
    this.functions.add(i.func);
    const list = (slots: readonly Slot[]): string =>
      `[${slots.map((s) => `[${at(s)}, ${arrayOf(f.slots[s].dtype)}, ${this.shape(f, s)}]`).join(", ")}]`;
    return `call(${JSON.stringify(i.func)}, ${list(i.args)}, ${list(i.outputs)}, ${JSON.stringify(i.attrs)});`;
  }

  private setSize(
    f: VmFunction,
    i: Extract<VmInstr, { op: "size" }>,
    at: (slot: Slot) => number | string,
  ): string {
    this.helpers.add("size");
    const { from, v } = i;
    let value: string;
    if ("slot" in from) {
      const wide = f.slots[from.slot].dtype === "i64";
      this.helpers.add("element");
      const place = at(from.slot);
      const own = (wide ? 8 : 4) * from.element;
      value = `element(${own === 0 ? place : `${place} + ${own}`}, ${wide})`;
    } else value = this.size(from.value);
    return `${this.sizeVar(v)} = size(${value}, ${i.most}, ${JSON.stringify(i.node)});`;
  }

  private sizes(f: VmFunction, i: Extract<VmInstr, { op: "callTir" }>): Map<number, Expr> {
    const func = getPrimFunc(this.parts.module, i.func);
    const shapes = i.args
      .slice(0, bufferParams(func).length)
      .map((s) => f.slots[s].sizes ?? f.slots[s].shape.map((n) => ops.toExpr(n)));
    return sizesOfCall(
      func,
      shapes,
      i.scalars.map((x) => ops.toExpr(x)),
    );
  }

  /** The largest workspace that a call needs. */
  private workspace(): number {
    let most = 0;
    const visit = (f: VmFunction, code: readonly VmInstr[]): void => {
      for (const i of code) {
        if (i.op === "if") for (const branch of [i.then, i.else]) visit(f, branch);
        if (i.op !== "callTir") continue;
        const bytes = substExpr(this.parts.kernel(i.func).code.workspace, this.sizes(f, i));
        const { max } = intervalOf(bytes, this.ranges);
        if (!Number.isFinite(max))
          refuseDeploy(`${i.node}: nothing bounds the memory that ${i.func} works in`);
        most = Math.max(most, max);
      }
    };
    for (const f of Object.values(this.parts.program.functions)) visit(f, f.code);
    return most;
  }

  private loop(
    f: VmFunction,
    i: Extract<VmInstr, { op: "loop" }>,
    at: (slot: Slot) => number | string,
  ): string {
    this.helpers.add("loop");
    const count = i.carried.length;
    const carried = i.carried.map((slot, k) => [at(slot), at(i.dst[k]), f.slots[i.dst[k]].bytes]);
    const stacks = i.dst.slice(count).map((slot) => {
      const { bytes, shape } = f.slots[slot];
      return [at(slot), shape[0] === 0 ? 0 : bytes / shape[0], shape[0]];
    });
    const list = (rows: readonly (readonly (number | string)[])[]): string =>
      `[${rows.map((r) => `[${r.join(", ")}]`).join(", ")}]`;
    const counter = this.room(16);
    const trip = i.trip === undefined ? "0" : at(i.trip);
    const cond = i.cond === undefined ? "0" : at(i.cond);
    const captured = i.captured.map(at).join(", ");
    const call = `loop(${this.called(i.func)}, ${counter}, ${trip}, ${cond}, ${list(carried)}, [${captured}], ${list(stacks)}`;
    return i.count ? `${this.sizeVar(i.count)} = ${call}, true);` : `${call});`;
  }
}
