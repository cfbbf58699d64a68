/**
 * Where the tensors of an entry point are: every slot has a fixed address, with room for the most that it can hold, or a
 * variable that holds one address or another. Sizes that only the data decides are variables too.
 */
import type { Slot, VmFunction, VmInstr, VmProgram } from "../../graph/vm-code.ts";
import { BYTES, type Expr, type Interval, ops, type Var } from "../../ir/index.ts";
import { sizeText } from "../sizes.ts";

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/** An address, or the text that gives it. */
export type Address = number | string;

/** The sizes that instructions set, in branches too. */
export function sizesSet(
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

export class Places {
  /** The first byte that is not taken yet. */
  next: number;
  /** What symbolic sizes can be. */
  readonly ranges = new Map<number, Interval>();
  private readonly constants: readonly number[];
  /** Addresses of the entry's parameters, which are fixed. */
  private readonly inputs: number[] = [];
  private readonly entry: VmFunction;
  private readonly arenas = new Map<string, number>();
  private readonly fixed = new Map<string, number>();
  private readonly names = new Map<number, string>();

  /** `constants`: addresses of the program's constants; `start`: memory from here on is the entry's. */
  constructor(program: VmProgram, entry: VmFunction, constants: readonly number[], start: number) {
    this.entry = entry;
    this.constants = constants;
    this.next = lines(start);
    for (const f of Object.values(program.functions)) {
      this.arenas.set(f.name, this.room(f.arenaBytes));
      for (const { v, most } of [...f.sizes, ...sizesSet(f)]) this.ranges.set(v.id, { min: 0, max: most });
    }
  }

  room(bytes: number): number {
    const at = this.next;
    this.next += lines(bytes);
    return at;
  }

  /** Gives the parameters of the entry their addresses, and returns these. */
  placeInputs(): readonly number[] {
    for (const s of this.entry.slots)
      if (s.source.kind === "param") this.inputs[s.source.index] ??= this.room(s.bytes);
    return this.inputs;
  }

  /** Memory with a name: the same whenever it is asked for. */
  kept(key: string, bytes: number): number {
    const at = this.fixed.get(key) ?? this.room(bytes);
    this.fixed.set(key, at);
    return at;
  }

  /** The variable that holds a size. */
  sizeVar(v: Var): string {
    const name = this.names.get(v.id) ?? `n${this.names.size}`;
    this.names.set(v.id, name);
    return name;
  }

  size(e: Expr): string {
    return sizeText(e, (v) => this.sizeVar(v));
  }

  shape(f: VmFunction, slot: Slot): string {
    const { shape, sizes } = f.slots[slot];
    return `[${sizes ? sizes.map((e) => this.size(e)).join(", ") : shape.join(", ")}]`;
  }

  bytes(f: VmFunction, slot: Slot): number | string {
    const { bytes, sizes, dtype } = f.slots[slot];
    return sizes ? this.size(sizes.reduce<Expr>((a, b) => ops.mul(a, b), ops.toExpr(BYTES[dtype]))) : bytes;
  }

  /** The address of a slot, or the variable that holds it. */
  address(f: VmFunction, slot: Slot): Address {
    const { source, bytes } = f.slots[slot];
    switch (source.kind) {
      case "param":
        return f === this.entry ? this.inputs[source.index] : `p${source.index}`;
      case "constant":
        return this.constants[source.index];
      case "arena":
        return (this.arenas.get(f.name) as number) + source.offset;
      case "set":
        return this.isFixed(f, slot) ? this.kept(`${f.name} ${slot}`, bytes) : `s${slot}`;
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

  /** What gives a slot that holds one address or another memory of its own. */
  place(f: VmFunction, slot: Slot): string[] {
    if (this.isFixed(f, slot)) return [];
    return [`s${slot} = ${this.kept(`${f.name} own ${slot}`, f.slots[slot].bytes)};`];
  }

  /** The variables of a function: slots that hold one address or another, and sizes. */
  variables(f: VmFunction): string {
    const names = f.slots.flatMap((s, i) =>
      s.source.kind === "set" && !this.isFixed(f, i) ? [`s${i}`] : [],
    );
    names.push(...new Set(sizesSet(f).map(({ v }) => this.sizeVar(v))));
    return names.length > 0 ? `\nlet ${names.join(", ")};` : "";
  }
}
