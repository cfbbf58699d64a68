/** Bindings of a graph-level function as instructions of the virtual machine. */

import {
  bindingsOf,
  constInt,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphIf,
  type GraphLoop,
  type GraphType,
  type IRModule,
  type OpCall,
  outputTypes,
  type TensorType,
  typeText,
  type Var,
  varsOf,
} from "../../ir/index.ts";
import type { Slot, VmFunction, VmInstr } from "../vm-code.ts";
import { aligned } from "./plan-offsets.ts";
import { mostOf } from "./size-bounds.ts";
import { deferredTail, lateCall } from "./vm-late.ts";
import { FunctionValues, flat, type SharedConstants, type Tree } from "./vm-values.ts";

/** No size is larger: sizes are i32. */
const MOST = 2 ** 31 - 1;

/** Lowers one function. `lower` lowers another one that it calls. */
export class FunctionLowering extends FunctionValues {
  private readonly f: GraphFunc;
  private readonly mod: IRModule;
  private readonly lower: (name: string) => void;
  /** Where storages begin in the arena. */
  private readonly storages = new Map<number, number>();
  private arenaBytes = 0;

  constructor(
    name: string,
    f: GraphFunc,
    mod: IRModule,
    constants: SharedConstants,
    lower: (name: string) => void,
  ) {
    super(name, f, constants);
    this.f = f;
    this.mod = mod;
    this.lower = lower;
  }

  run(): VmFunction {
    let index = 0;
    const declared = new Map<number, Var>();
    for (const p of this.f.params)
      for (const t of outputTypes(p.type)) for (const s of t.shape) varsOf(s, declared);
    for (const id of declared.keys()) this.known.add(id);
    for (const p of this.f.params) {
      this.values.set(
        p.id,
        this.tree(p.type, p.name, () => ({ kind: "param", index: index++ })),
      );
    }
    const sizes = [...declared.values()].map((v) => ({ v, most: this.most(v, `the size ${v.name}`) }));
    const bindings = bindingsOf(this.f.body);
    const tail = deferredTail(this.f, this.mod, bindings);
    for (const b of bindings.slice(0, tail?.at)) this.binding(b);
    if (tail) {
      const { func, args } = tail.call;
      const own = tail.late ? args.slice(0, -1) : args;
      const late = tail.late ? { late: lateCall(this.mod, this, tail.late.value, tail.late.name) } : {};
      this.code.push({ op: "specialize", func, args: own.flatMap((a) => this.read(a)), ...late });
    }
    return {
      name: this.name,
      params: this.f.params.map((p) => ({ name: p.name, type: p.type })),
      slots: this.slots,
      sizes,
      code: this.code,
      results: tail ? [] : this.read(this.f.body.result),
      resultType: this.f.body.result.type,
      arenaBytes: this.arenaBytes,
    };
  }

  private binding(b: GraphBinding): void {
    if (b.kind === "tensorToShape") {
      const [slot] = this.read(b.value);
      b.sizes.forEach((v, element) => {
        this.known.add(v.id);
        // A size that nothing bounds is no reason to refuse: what is made of it may have a bound.
        const most = Math.min(mostOf(v, this.ranges) ?? MOST, MOST);
        this.code.push({ op: "size", v, from: { slot, element }, most, node: v.name });
      });
      return;
    }
    const { v } = b;
    if (b.kind === "matchCast") {
      this.values.set(v.id, this.cast(b.value, v.type, v.name, v.id));
      return;
    }
    const value = this.value(b.value, v.name, v.id);
    if (value !== undefined) this.values.set(v.id, value);
  }

  /** The value under a type that is asserted of it; sizes that are met first in the type are set. */
  private cast(e: GraphExpr, type: GraphType, name: string, id: number): Tree {
    const value = this.value(e, name, id);
    if (value === undefined) return this.refuse(`${name} is a shape, no tensor`);
    const [had, has] = [outputTypes(e.type), outputTypes(type)];
    const fits =
      had.length === has.length &&
      had.every((t, k) => t.dtype === has[k].dtype && t.shape.length === has[k].shape.length);
    const numbers = (t: TensorType): string => t.shape.map((s) => constInt(s) ?? "").join();
    const known = [had, has].every((ts) => ts.every((t) => t.shape.every((s) => constInt(s) !== undefined)));
    if (!fits || (known && had.some((t, k) => numbers(t) !== numbers(has[k]))))
      return this.refuse(`${name} is ${typeText(e.type)}, and is asserted to be ${typeText(type)}`);
    if (known) return value;
    has.forEach((t, k) => {
      t.shape.forEach((s, d) => {
        this.setSize(s, had[k].shape[d], name);
      });
    });
    let k = 0;
    const renamed = (t: Tree): Tree =>
      typeof t === "number" ? this.view(t, has[k++], name) : t.map(renamed);
    return renamed(value);
  }

  private value(e: GraphExpr, name: string, id: number): Tree | undefined {
    switch (e.kind) {
      case "graphVar":
      case "constant":
      case "tupleExpr":
        return this.valueOf(e);
      case "tupleGet": {
        const fields = this.valueOf(e.tuple);
        return (fields as readonly Tree[])[e.index];
      }
      case "opCall":
        return this.operator(e, name, id);
      case "callTir":
      case "callPacked":
        return this.program(e, name);
      case "callFunc": {
        this.lower(e.func);
        const dst = this.target(e.type, name);
        const args = e.args.flatMap((a) => this.read(a));
        this.code.push({ op: "callFunc", func: e.func, args, dst: flat(dst), node: name });
        return dst;
      }
      case "graphIf":
        return this.choice(e, name);
      case "graphLoop":
        return this.loop(e, name);
      case "shapeLiteral":
        return undefined;
    }
  }

  private program(e: GraphExpr & { kind: "callTir" | "callPacked" }, node: string): Tree {
    const args = e.args.flatMap((a) => this.read(a));
    const outs = e.into
      ? e.into.map((x) => this.valueOf(x))
      : outputTypes(e.type).map((t) => this.fresh(t, node));
    const outputs = outs.flatMap(flat);
    if (e.kind === "callTir") {
      const scalars = e.tirVars.map((s) => constInt(s) ?? s);
      this.code.push({ op: "callTir", func: e.func, args: [...args, ...outputs], scalars, node });
    } else this.code.push({ op: "callPacked", func: e.func, args, outputs, attrs: e.attrs, node });
    return e.type.kind === "tuple" ? outs : outs[0];
  }

  private operator(e: OpCall, name: string, id: number): Tree | undefined {
    switch (e.op) {
      case "memory.allocStorage": {
        const [bytes] = outputTypes(e.type);
        this.storages.set(id, this.arenaBytes);
        this.arenaBytes = aligned(this.arenaBytes + this.number(bytes.shape[0], "the size of a storage"));
        return undefined;
      }
      case "memory.allocTensor": {
        const t = e.type as TensorType;
        const [, storage] = e.args;
        if (!storage) return this.fresh(t, name);
        const begin = storage.kind === "graphVar" ? this.storages.get(storage.id) : undefined;
        if (begin === undefined) return this.refuse(`${name} lies in no storage of the function`);
        return this.slot(name, t, { kind: "arena", offset: begin + Number(e.attrs.offset) });
      }
      case "memory.view":
        return this.view(this.valueOf(e.args[0]) as Slot, e.type as TensorType, name);
      case "memory.kill": {
        const slots = this.read(e.args[0]).filter((s) => this.slots[s].source.kind === "set");
        if (slots.length > 0) this.code.push({ op: "kill", slots });
        return undefined;
      }
      default:
        return this.refuse(`${e.op} is no tensor program yet (legalizeOps)`);
    }
  }

  private choice(e: GraphIf, node: string): Tree {
    const [cond] = this.read(e.cond);
    const dst = this.target(e.type, node);
    const before = new Set(this.known);
    const branch = (b: GraphBody): VmInstr[] => {
      const outer = this.code;
      this.code = [];
      // Each branch sets the sizes of what the if gives.
      for (const id of this.known) if (!before.has(id)) this.known.delete(id);
      for (const x of bindingsOf(b)) this.binding(x);
      const from = this.read(b.result);
      const types = outputTypes(b.result.type);
      outputTypes(e.type).forEach((t, k) => {
        t.shape.forEach((s, d) => {
          this.setSize(s, types[k].shape[d], node);
        });
      });
      flat(dst).forEach((d, i) => {
        this.sameForm(d, from[i], node);
        this.code.push({ op: "move", dst: d, src: from[i] });
      });
      const made = this.code;
      this.code = outer;
      return made;
    };
    // biome-ignore lint/suspicious/noThenProperty: the data has two branches
    this.code.push({ op: "if", cond, then: branch(e.then), else: branch(e.else), node });
    return dst;
  }

  private sameForm(dst: Slot, src: Slot, node: string): void {
    const [a, b] = [this.slots[dst], this.slots[src]];
    const fits = a.sizes || b.sizes ? a.shape.length === b.shape.length : a.shape.join() === b.shape.join();
    if (a.dtype !== b.dtype || !fits) {
      this.refuse(`the branches of ${node} give ${a.dtype}[${a.shape}] and ${b.dtype}[${b.shape}]`);
    }
  }

  private loop(e: GraphLoop, node: string): Tree {
    this.lower(e.func);
    const dst = this.target(e.type, node);
    const carried = e.carried.flatMap((x) => outputTypes(x.type)).length;
    const rows = outputTypes(e.type)[carried]?.shape[0];
    const count = rows?.kind === "var" && !this.known.has(rows.id) ? { count: rows } : {};
    if (count.count) this.known.add(count.count.id);
    for (const t of outputTypes(e.type))
      for (const v of t.shape.flatMap((s) => [...varsOf(s).values()]))
        if (!this.known.has(v.id))
          this.refuse(`${node}: the size ${v.name} changes from iteration to iteration`);
    this.code.push({ op: "loop", func: e.func, ...this.loopSlots(e), dst: flat(dst), ...count, node });
    return dst;
  }
}
