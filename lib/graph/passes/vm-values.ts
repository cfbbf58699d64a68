/** Where the values of a function are while its code is made: slots, places in the arena, constants, and known sizes. */

import { provablyEqual } from "../../arith/index.ts";
import {
  BYTES,
  constInt,
  type Expr,
  type GraphExpr,
  type GraphFunc,
  type GraphLoop,
  type GraphType,
  type NDArray,
  ndarray,
  type Ranges,
  type TensorType,
  typeText,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { constShape, sameSize } from "../shape.ts";
import type { Slot, VmInstr, VmSlot, VmSource } from "../vm-code.ts";
import { mostOf, mostShape, sizeBounds } from "./size-bounds.ts";

export const WHERE = "vmLower";

/** The slots of a value: one, or those of a tuple's fields. */
export type Tree = Slot | readonly Tree[];

/** The slots of a value in their order. */
export const flat = (t: Tree): Slot[] => (typeof t === "number" ? [t] : t.flatMap(flat));

/** The same data has one number, in whatever functions it stands. */
export class SharedConstants {
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

/** The values of one function, and the instructions that make them so far. */
export class FunctionValues {
  protected readonly name: string;
  private readonly constants: SharedConstants;
  protected readonly slots: VmSlot[] = [];
  protected readonly values = new Map<number, Tree>();
  private readonly constantSlots = new Map<number, Slot>();
  /** What symbolic sizes can be, and which are set at this place of the code. */
  protected readonly ranges: Ranges;
  protected readonly known = new Set<number>();
  protected code: VmInstr[] = [];

  constructor(name: string, f: GraphFunc, constants: SharedConstants) {
    this.name = name;
    this.constants = constants;
    this.ranges = sizeBounds(f);
  }

  /** Says that the function cannot be lowered. */
  refuse(reason: string): never {
    return refuseGraph(WHERE, `${this.name}: ${reason}`);
  }

  protected slot(name: string, t: TensorType, source: VmSource): Slot {
    const shape = mostShape(t.shape, this.ranges);
    if (!shape)
      return this.refuse(
        `${name} is ${typeText(t)}: its sizes must be known (bindSymbolicVars), or have a bound that can be told from the program`,
      );
    const bytes = shape.reduce((a, b) => a * b, BYTES[t.dtype]);
    const sizes = t.shape.every((s) => constInt(s) !== undefined) ? {} : { sizes: t.shape };
    return this.slots.push({ name, dtype: t.dtype, shape, bytes, ...sizes, source }) - 1;
  }

  protected most(s: Expr, what: string): number {
    return mostOf(s, this.ranges) ?? this.refuse(`${what} has no bound that can be told from the program`);
  }

  /** The size `v` begins to be known, or two sizes turn out to be the same. */
  protected setSize(to: Expr, from: Expr, node: string): void {
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

  protected tree(t: GraphType, name: string, source: () => VmSource): Tree {
    if (t.kind === "tensor") return this.slot(name, t, source());
    if (t.kind === "tuple") return t.fields.map((f, i) => this.tree(f, `${name}.${i}`, source));
    return this.refuse(`${name} is a ${typeText(t)}, no tensor`);
  }

  /** Slots of that type that an instruction sets. */
  protected target(t: GraphType, name: string): Tree {
    return this.tree(t, name, () => ({ kind: "set" }));
  }

  protected valueOf(e: GraphExpr): Tree {
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

  /** The slots that hold a value. */
  read(e: GraphExpr): Slot[] {
    return flat(this.valueOf(e));
  }

  protected fresh(t: TensorType, name: string): Slot {
    const dst = this.slot(name, t, { kind: "set" });
    this.code.push({ op: "alloc", dst });
    return dst;
  }

  protected number(e: Expr, what: string): number {
    return constInt(e) ?? this.refuse(`${what} must be known (bindSymbolicVars)`);
  }

  protected view(src: Slot, t: TensorType, name: string): Slot {
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

  /** What a loop takes. */
  loopSlots(e: GraphLoop) {
    const [trip, cond] = [e.trip, e.cond].map((x) => (x ? this.read(x)[0] : undefined));
    return {
      ...(trip === undefined ? {} : { trip }),
      ...(cond === undefined ? {} : { cond }),
      carried: e.carried.flatMap((x) => this.read(x)),
      captured: e.captured.flatMap((x) => this.read(x)),
    };
  }
}
