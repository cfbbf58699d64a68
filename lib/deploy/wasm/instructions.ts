/** Instructions of the virtual machine as JavaScript: what is left of most is a call of generated code. */
import type { Slot, VmFunction, VmInstr } from "../../graph/vm-code.ts";
import { getPrimFunc, type IRModule } from "../../ir/index.ts";
import { refuseDeploy } from "../error.ts";
import { arrayOf } from "../ports.ts";
import { callText, type Kernel, sizesOf } from "./calls.ts";
import type { Address, Places } from "./places.ts";

type Instr<Op extends VmInstr["op"]> = Extract<VmInstr, { op: Op }>;

export interface Surroundings {
  readonly places: Places;
  /** The tensor programs. */
  readonly module: IRModule;
  /** What a tensor program became. */
  readonly kernel: (name: string) => Kernel;
  /** A function by the name it has in the bundle. */
  readonly called: (name: string) => string;
  /** Memory that kernels work in. */
  readonly scratch: number;
}

export class Instructions {
  /** Which of the helpers (`copy`, `loop`, `size`, …) are called. */
  readonly helpers = new Set<string>();
  /** The library functions that are called. */
  readonly functions = new Set<string>();
  private readonly around: Surroundings;

  constructor(around: Surroundings) {
    this.around = around;
  }

  block(f: VmFunction, code: readonly VmInstr[]): string[] {
    return code.flatMap((i) => this.one(f, i));
  }

  copy(from: Address, to: Address, bytes: Address): string {
    this.helpers.add("copy");
    return `copy(${from}, ${to}, ${bytes});`;
  }

  private one(f: VmFunction, i: VmInstr): string[] {
    const { places } = this.around;
    const at = (slot: Slot): Address => places.address(f, slot);
    switch (i.op) {
      case "callTir":
        return [this.kernelCall(f, i)];
      case "callPacked":
        return [this.libraryCall(f, i)];
      case "specialize":
        // A program that is compiled whole has none.
        return refuseDeploy(
          `${f.name}: ${i.func} is compiled when its sizes are known, which a bundle cannot do`,
        );
      case "size":
        return [this.setSize(f, i)];
      case "sameSize":
        this.helpers.add("same");
        return [`same(${places.size(i.a)}, ${places.size(i.b)}, ${JSON.stringify(i.node)});`];
      case "callFunc":
        return this.functionCall(f, i);
      case "if":
        return [
          `if (u8[${at(i.cond)}]) {`,
          ...this.block(f, i.then),
          "} else {",
          ...this.block(f, i.else),
          "}",
        ];
      case "loop":
        return [...i.dst.flatMap((slot) => places.place(f, slot)), this.loop(f, i)];
      case "alloc":
        return places.place(f, i.dst);
      case "view":
      case "move":
        return [`s${i.dst} = ${at(i.src)};`];
      case "kill":
        return [];
    }
  }

  private kernelCall(f: VmFunction, i: Instr<"callTir">): string {
    const { places, module, kernel, scratch } = this.around;
    const func = getPrimFunc(module, i.func);
    const args = i.args.map((slot) => places.address(f, slot));
    return callText(kernel(i.func), func, args, i.scalars, sizesOf(func, f, i), places, scratch);
  }

  private libraryCall(f: VmFunction, i: Instr<"callPacked">): string {
    const { places } = this.around;
    this.functions.add(i.func);
    const one = (s: Slot): string =>
      `[${places.address(f, s)}, ${arrayOf(f.slots[s].dtype)}, ${places.shape(f, s)}]`;
    const list = (slots: readonly Slot[]): string => `[${slots.map(one).join(", ")}]`;
    return `call(${JSON.stringify(i.func)}, ${list(i.args)}, ${list(i.outputs)}, ${JSON.stringify(i.attrs)});`;
  }

  private functionCall(f: VmFunction, i: Instr<"callFunc">): string[] {
    const { places, called } = this.around;
    const args = i.args.map((slot) => places.address(f, slot)).join(", ");
    return [
      `{ const r = ${called(i.func)}(${args});`,
      ...i.dst.flatMap((slot, k) => [
        ...places.place(f, slot),
        this.copy(`r[${k}]`, places.address(f, slot), places.bytes(f, slot)),
      ]),
      "}",
    ];
  }

  private setSize(f: VmFunction, i: Instr<"size">): string {
    const { places } = this.around;
    this.helpers.add("size");
    const { from, v } = i;
    let value: string;
    if ("slot" in from) {
      const wide = f.slots[from.slot].dtype === "i64";
      this.helpers.add("element");
      const place = places.address(f, from.slot);
      const own = (wide ? 8 : 4) * from.element;
      value = `element(${own === 0 ? place : `${place} + ${own}`}, ${wide})`;
    } else value = places.size(from.value);
    return `${places.sizeVar(v)} = size(${value}, ${i.most}, ${JSON.stringify(i.node)});`;
  }

  private loop(f: VmFunction, i: Instr<"loop">): string {
    const { places, called } = this.around;
    this.helpers.add("loop");
    const at = (slot: Slot): Address => places.address(f, slot);
    const count = i.carried.length;
    const carried = i.carried.map((slot, k) => [at(slot), at(i.dst[k]), f.slots[i.dst[k]].bytes]);
    const stacks = i.dst.slice(count).map((slot) => {
      const { bytes, shape } = f.slots[slot];
      return [at(slot), shape[0] === 0 ? 0 : bytes / shape[0], shape[0]];
    });
    const list = (rows: readonly (readonly Address[])[]): string =>
      `[${rows.map((r) => `[${r.join(", ")}]`).join(", ")}]`;
    const counter = places.room(16);
    const trip = i.trip === undefined ? "0" : at(i.trip);
    const cond = i.cond === undefined ? "0" : at(i.cond);
    const captured = i.captured.map(at).join(", ");
    const call = `loop(${called(i.func)}, ${counter}, ${trip}, ${cond}, ${list(carried)}, [${captured}], ${list(stacks)}`;
    return i.count ? `${places.sizeVar(i.count)} = ${call}, true);` : `${call});`;
  }
}
