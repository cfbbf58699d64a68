/** vmLower: functions whose memory is planned become instructions of the virtual machine. */

import { provablyEqual } from "../../arith/index.ts";
import {
  BYTES,
  bindingsOf,
  type CallFunc,
  constInt,
  type Expr,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphIf,
  type GraphLoop,
  type GraphType,
  type IRModule,
  type NDArray,
  ndarray,
  type OpCall,
  outputTypes,
  type Ranges,
  type TensorType,
  typeText,
  type Var,
  varsOf,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { constShape, sameSize } from "../shape.ts";
import type { Slot, VmFunction, VmInstr, VmLate, VmProgram, VmSlot, VmSource } from "../vm-code.ts";
import { isDeferred } from "./pass.ts";
import { aligned } from "./plan-offsets.ts";
import { mostOf, mostShape, sizeBounds } from "./size-bounds.ts";

const WHERE = "vmLower";

/** No size is larger: sizes are i32. */
const MOST = 2 ** 31 - 1;

/** A function's last call, whose sizes its arguments tell. Bindings from `at` on are part of it. */
interface Tail {
  readonly at: number;
  readonly call: CallFunc;
  readonly late?: { readonly value: GraphExpr; readonly name: string };
}

/** The slots of a value: one, or those of a tuple's fields. */
type Tree = Slot | readonly Tree[];

/**
 * The code of a function and of all that it calls. Every size must be a number by now or have a bound, every operator be a
 * tensor program, and every output be allocated. Throws a GraphError that names the value where that is not so, and for recursion.
 */
export function vmLower(mod: IRModule, entry: readonly string[]): VmProgram {
  const shared = new SharedConstants();
  const functions: Record<string, VmFunction> = {};
  const running = new Set<string>();
  const lower = (name: string): void => {
    if (Object.hasOwn(functions, name)) return;
    const f = mod.funcs[name];
    if (f?.kind !== "graphFunc") return refuseGraph(WHERE, `no graph-level function ${name}`);
    if (running.has(name)) refuseGraph(WHERE, `${name} calls itself`);
    running.add(name);
    functions[name] = new FunctionLowering(name, f, mod, shared, lower).run();
    running.delete(name);
  };
  for (const name of entry) lower(name);
  return { functions, constants: shared.list };
}

/** The same data has one number, in whatever functions it stands. */
class SharedConstants {
  readonly list: NDArray[] = [];
  private readonly numbers = new Map<NDArray, number>();
  private readonly views = new Map<string, number>();

  number(a: NDArray): number {
    const known = this.numbers.get(a);
    if (known !== undefined) return known;
    this.list.push(a);
    this.numbers.set(a, this.list.length - 1);
    return this.list.length - 1;
  }

  /** The same bytes under another shape. */
  view(of: number, shape: readonly number[]): number {
    const key = `${of}:${shape.join()}`;
    const a = this.list[of];
    const known = this.views.get(key) ?? this.number(ndarray(a.dtype, shape, a.bytes));
    this.views.set(key, known);
    return known;
  }
}

class FunctionLowering {
  private readonly name: string;
  private readonly f: GraphFunc;
  private readonly mod: IRModule;
  private readonly constants: SharedConstants;
  private readonly lower: (name: string) => void;
  private readonly slots: VmSlot[] = [];
  private readonly values = new Map<number, Tree>();
  /** Where storages begin in the arena. */
  private readonly storages = new Map<number, number>();
  private readonly constantSlots = new Map<number, Slot>();
  /** What symbolic sizes can be, and which are set at this place of the code. */
  private readonly ranges: Ranges;
  private readonly known = new Set<number>();
  private arenaBytes = 0;
  private code: VmInstr[] = [];

  constructor(
    name: string,
    f: GraphFunc,
    mod: IRModule,
    constants: SharedConstants,
    lower: (name: string) => void,
  ) {
    this.name = name;
    this.f = f;
    this.mod = mod;
    this.constants = constants;
    this.lower = lower;
    this.ranges = sizeBounds(f);
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
    const tail = this.deferredTail(bindings);
    for (const b of bindings.slice(0, tail?.at)) this.binding(b);
    if (tail) {
      const { func, args } = tail.call;
      const own = tail.late ? args.slice(0, -1) : args;
      const late = tail.late ? { late: this.late(tail.late.value, tail.late.name) } : {};
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

  /** The call of a deferred function that the function ends with, and before it what tells its sizes. */
  private deferredTail(bindings: readonly GraphBinding[]): Tail | undefined {
    const { result } = this.f.body;
    // What comes after the call gives memory back; the end of the function does.
    const at = bindings.findLastIndex((b) => this.isDeferredCall(b.value));
    const b = bindings[at];
    if (!b || b.kind === "tensorToShape" || b.value.kind !== "callFunc") return undefined;
    if (result.kind !== "graphVar" || result.id !== b.v.id) return undefined;
    const before = boundAt(bindings, b.value.args.at(-1));
    const late = bindings[before];
    if (!late || late.kind === "tensorToShape" || !this.isLate(late.value)) return { at, call: b.value };
    return { at: before, call: b.value, late: { value: late.value, name: late.v.name } };
  }

  private isDeferredCall(e: GraphExpr): e is CallFunc | GraphLoop {
    const callee = e.kind === "callFunc" || e.kind === "graphLoop" ? this.mod.funcs[e.func] : undefined;
    return callee !== undefined && isDeferred(callee);
  }

  private isLate(e: GraphExpr): boolean {
    if (e.kind !== "graphIf") return this.isDeferredCall(e);
    return bindingsOf(e.then).some((b) => this.isDeferredCall(b.value));
  }

  private late(e: GraphExpr, node: string): VmLate {
    switch (e.kind) {
      case "callFunc":
        return { kind: "call", func: e.func, args: e.args.flatMap((a) => this.read(a)) };
      case "graphIf": {
        const branch = (b: GraphBody): VmLate => {
          const call = bindingsOf(b).find((x) => this.isDeferredCall(x.value));
          return call ? this.late(call.value, node) : this.refuse(`a branch of ${node} is no call`);
        };
        const [cond] = this.read(e.cond);
        // biome-ignore lint/suspicious/noThenProperty: the data has two branches
        return { kind: "if", cond, then: branch(e.then), else: branch(e.else) };
      }
      case "graphLoop": {
        const scanned = outputTypes(e.type).slice(e.carried.flatMap((x) => outputTypes(x.type)).length);
        const rows = scanned.map(({ dtype, shape }) => ({
          dtype,
          shape: shape.slice(1).map((s) => constInt(s) ?? -1),
        }));
        return { kind: "loop", func: e.func, ...this.loopSlots(e), scanned: rows, node };
      }
      default:
        return this.refuse(`${node} is a ${e.kind}, which is not run for its sizes`);
    }
  }

  private refuse(reason: string): never {
    return refuseGraph(WHERE, `${this.name}: ${reason}`);
  }

  private slot(name: string, t: TensorType, source: VmSource): Slot {
    const shape = mostShape(t.shape, this.ranges);
    if (!shape)
      return this.refuse(
        `${name} is ${typeText(t)}: its sizes must be known (bindSymbolicVars), or have a bound that can be told from the program`,
      );
    const bytes = shape.reduce((a, b) => a * b, BYTES[t.dtype]);
    const sizes = t.shape.every((s) => constInt(s) !== undefined) ? {} : { sizes: t.shape };
    return this.slots.push({ name, dtype: t.dtype, shape, bytes, ...sizes, source }) - 1;
  }

  private most(s: Expr, what: string): number {
    return mostOf(s, this.ranges) ?? this.refuse(`${what} has no bound that can be told from the program`);
  }

  /** The size `v` begins to be known, or two sizes turn out to be the same. */
  private setSize(to: Expr, from: Expr, node: string): void {
    if (to.kind === "var" && !this.known.has(to.id)) {
      this.known.add(to.id);
      this.code.push({
        op: "size",
        v: to,
        from: { value: from },
        most: this.most(to, `the size ${to.name}`),
        node,
      });
    } else if (!sameSize(to, from) && !provablyEqual(to, from, this.ranges))
      this.code.push({ op: "sameSize", a: from, b: to, node });
  }

  private tree(t: GraphType, name: string, source: () => VmSource): Tree {
    if (t.kind === "tensor") return this.slot(name, t, source());
    if (t.kind === "tuple") return t.fields.map((f, i) => this.tree(f, `${name}.${i}`, source));
    return this.refuse(`${name} is a ${typeText(t)}, no tensor`);
  }

  /** Slots of that type that an instruction sets. */
  private target(t: GraphType, name: string): Tree {
    return this.tree(t, name, () => ({ kind: "set" }));
  }

  private valueOf(e: GraphExpr): Tree {
    switch (e.kind) {
      case "graphVar":
        return this.values.get(e.id) ?? this.refuse(`${e.name} is not bound`);
      case "constant": {
        const index = this.constants.number(e.data);
        return this.constantSlot(index, e.type);
      }
      case "tupleExpr":
        return e.fields.map((f) => this.valueOf(f));
      default:
        return this.refuse(`a ${e.kind} stands as an argument (normalize)`);
    }
  }

  private constantSlot(index: number, t: TensorType): Slot {
    const known =
      this.constantSlots.get(index) ?? this.slot(`constant${index}`, t, { kind: "constant", index });
    this.constantSlots.set(index, known);
    return known;
  }

  private read(e: GraphExpr): Slot[] {
    return flat(this.valueOf(e));
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

  private fresh(t: TensorType, name: string): Slot {
    const dst = this.slot(name, t, { kind: "set" });
    this.code.push({ op: "alloc", dst });
    return dst;
  }

  private number(e: Expr, what: string): number {
    return constInt(e) ?? this.refuse(`${what} must be known (bindSymbolicVars)`);
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

  private view(src: Slot, t: TensorType, name: string): Slot {
    const { source } = this.slots[src];
    if (source.kind === "arena") return this.slot(name, t, source);
    if (source.kind === "constant") {
      const shape = constShape(t.shape);
      if (!shape) return this.slot(name, t, source);
      return this.constantSlot(this.constants.view(source.index, shape), t);
    }
    if (source.kind === "param") return this.slot(name, t, source);
    const dst = this.slot(name, t, { kind: "set" });
    this.code.push({ op: "view", dst, src });
    return dst;
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

  private loopSlots(e: GraphLoop) {
    const [trip, cond] = [e.trip, e.cond].map((x) => (x ? this.read(x)[0] : undefined));
    return {
      ...(trip === undefined ? {} : { trip }),
      ...(cond === undefined ? {} : { cond }),
      carried: e.carried.flatMap((x) => this.read(x)),
      captured: e.captured.flatMap((x) => this.read(x)),
    };
  }
}

/** Where the value that a variable stands for is bound, behind casts and other names; -1 where it is none of these. */
function boundAt(bindings: readonly GraphBinding[], e: GraphExpr | undefined): number {
  const at =
    e?.kind === "graphVar" ? bindings.findIndex((b) => b.kind !== "tensorToShape" && b.v.id === e.id) : -1;
  const value = bindings[at]?.value;
  return value?.kind === "graphVar" ? boundAt(bindings, value) : at;
}

const flat = (t: Tree): Slot[] => (typeof t === "number" ? [t] : t.flatMap(flat));
