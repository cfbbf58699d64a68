/**
 * The code under construction: values in a graph, statements in nested scopes.
 *
 * A value is one instruction with its operands. Equal values are one object (value numbering), so a sub-expression
 * that occurs twice is computed once. Each value has a level: the depth of the outermost scope in which it can be
 * computed. A value used in a deeper scope than its own is computed in its own scope, before the statement that is
 * under construction there; this one rule hoists address arithmetic, broadcasts and invariant loads out of loops.
 *
 * What keeps this sound:
 * - values have no effects. What reads a mutable thing (memory, a mutable local) carries its version in its key, and
 *   is never placed outside a loop that changes the thing;
 * - what may trap, and what is costly, is never placed outside the innermost condition around it;
 * - statements evaluate their operands where they stand, so a value made for a statement is computed no later than it.
 */
import { instruction, type ValType } from "./opcodes.ts";

export type Imm = number | bigint | Uint8Array | MemArg | LaneArg | undefined;
export interface MemArg {
  readonly offset: number;
}
export interface LaneArg {
  readonly lane: number;
  readonly offset?: number;
}

/** A wasm local that code assigns more than once. Numbered when the function is emitted. */
export interface Local {
  readonly type: ValType;
  readonly name: string;
  /** Counts assignments seen so far while building; part of the key of reads. */
  version: number;
  readonly uid: number;
}

export interface Value {
  readonly op: string;
  readonly args: readonly Value[];
  readonly imm: Imm;
  readonly local?: Local;
  readonly type: ValType;
  readonly level: number;
  readonly id: number;
  /** Name for the local that will hold it, if it needs one. */
  hint?: string;
  /** Already has a `def` in its scope. */
  placed: boolean;
  /** Must be held in a local from its `def` on, because what it reads may change (a `let`). */
  pinned: boolean;
}

export type Node =
  | { readonly kind: "def"; readonly value: Value }
  | { readonly kind: "set"; readonly local: Local; readonly value: Value }
  | { readonly kind: "store"; readonly op: string; readonly imm: Imm; readonly args: readonly Value[] }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Value[] }
  | { readonly kind: "loop"; readonly name: string; readonly body: Node[]; again?: Value }
  | { readonly kind: "if"; readonly cond: Value; readonly yes: Node[]; readonly no: Node[] };

export interface Scope {
  readonly kind: "function" | "loop" | "cond";
  readonly nodes: Node[];
  readonly cache: Map<string, Value>;
  /** What a loop changes (buffers by id): nothing that reads it leaves the loop. */
  readonly changes: ReadonlySet<number>;
}

const NONE: ReadonlySet<number> = new Set();

export class Graph {
  readonly scopes: Scope[] = [];
  private nextId = 0;
  private nextLocal = 0;
  private readonly versions = new Map<number, number>();

  /** Relaxed SIMD instructions may be used. */
  readonly relaxed: boolean;

  constructor(relaxed = false) {
    this.relaxed = relaxed;
    this.push("function");
  }

  get depth(): number {
    return this.scopes.length - 1;
  }
  get top(): Scope {
    return this.scopes[this.scopes.length - 1];
  }

  push(kind: Scope["kind"], changes: ReadonlySet<number> = NONE): Scope {
    for (const id of changes) this.bump(id);
    const scope: Scope = { kind, nodes: [], cache: new Map(), changes };
    this.scopes.push(scope);
    return scope;
  }

  pop(): Scope {
    const scope = this.scopes.pop() as Scope;
    for (const id of scope.changes) this.bump(id);
    return scope;
  }

  /** A new version of a buffer's contents. */
  bump(buffer: number): void {
    this.versions.set(buffer, (this.versions.get(buffer) ?? 0) + 1);
  }

  /** The depth of the innermost conditional scope. */
  condLevel(): number {
    for (let i = this.depth; i > 0; i--) if (this.scopes[i].kind === "cond") return i;
    return 0;
  }

  /** The depth outside of which `buffer` may not be read: the innermost loop that changes it. */
  changeLevel(buffer: number): number {
    for (let i = this.depth; i > 0; i--) if (this.scopes[i].changes.has(buffer)) return i;
    return 0;
  }

  /**
   * A value. `floor` is the least depth it may be computed at, beside what its operands ask.
   * `state` distinguishes reads of different versions; `harmless`: cannot trap with these operands.
   */
  make(op: string, args: readonly Value[], imm?: Imm, floor = 0, state = "", harmless = false): Value {
    const folded = fold(this, op, args);
    if (folded) return folded;
    const info = instruction(op);
    let level = info.unsafe && !harmless ? Math.max(floor, this.condLevel()) : floor;
    for (const a of args) level = Math.max(level, a.level);
    return this.intern(op, args, imm, info.result ?? "i32", level, state);
  }

  private intern(
    op: string,
    args: readonly Value[],
    imm: Imm,
    type: ValType,
    level: number,
    state: string,
    local?: Local,
  ): Value {
    let key = `${op} ${immKey(imm)} ${state}`;
    for (const a of args) key += ` ${a.id}`;
    const cache = this.scopes[level].cache;
    const known = cache.get(key);
    if (known) return known;
    for (const a of args) if (a.level < level) this.place(a);
    const value: Value = {
      op,
      args,
      imm,
      type,
      level,
      id: this.nextId++,
      placed: false,
      pinned: false,
      ...(local ? { local } : {}),
    };
    cache.set(key, value);
    return value;
  }

  /** Has `value` computed in its own scope, before what is being built there. */
  place(value: Value): void {
    if (value.placed || isLeaf(value)) return;
    value.placed = true;
    this.scopes[value.level].nodes.push({ kind: "def", value });
  }

  /** Computes `value` here and holds it, whatever is assigned later. */
  pin(value: Value, hint?: string): Value {
    if (value.op.endsWith(".const") || (value.placed && value.pinned)) return value;
    if (value.local && value.local.version === 0) return value;
    if (hint) value.hint ??= hint;
    value.placed = true;
    value.pinned = true;
    this.scopes[value.level].nodes.push({ kind: "def", value });
    return value;
  }

  /** A value for a statement of the current scope. */
  private root(value: Value): Value {
    if (value.level < this.depth) this.place(value);
    return value;
  }

  const(type: ValType, value: number | bigint | Uint8Array): Value {
    return this.intern(`${type}.const`, [], value, type, 0, "");
  }
  i32(n: number): Value {
    return this.const("i32", n | 0);
  }

  local(type: ValType, name: string): Local {
    return { type, name, version: 0, uid: this.nextLocal++ };
  }

  /** The present contents of a local. `floor`: the innermost scope that assigns it. */
  get(local: Local, floor = this.depth): Value {
    return this.intern("local.get", [], undefined, local.type, floor, `${local.uid}.${local.version}`, local);
  }

  set(local: Local, value: Value): void {
    this.top.nodes.push({ kind: "set", local, value: this.root(value) });
    local.version++;
  }

  /** Sets a local just before the loop whose scope has this depth. `value` must not depend on that loop. */
  setBefore(depth: number, local: Local, value: Value): void {
    if (value.level < depth - 1) this.place(value);
    this.scopes[depth - 1].nodes.push({ kind: "set", local, value });
    local.version++;
  }

  /** A read of memory that belongs to a buffer. `safe`: it cannot trap wherever it is placed. */
  load(op: string, addr: Value, imm: Imm, buffer: number, more: readonly Value[] = [], safe = false): Value {
    const state = `m${buffer}.${this.versions.get(buffer) ?? 0}`;
    const args = [addr, ...more];
    const changed = this.changeLevel(buffer);
    let level = safe ? changed : Math.max(changed, this.condLevel());
    for (const a of args) level = Math.max(level, a.level);
    return this.intern(op, args, imm, instruction(op).result as ValType, level, state);
  }

  /** The state key and floor of something that belongs to `buffer` but lives in a local. */
  bufferFloor(buffer: number): number {
    return this.changeLevel(buffer);
  }

  store(op: string, args: readonly Value[], imm: Imm, buffer: number): void {
    for (const a of args) this.root(a);
    this.top.nodes.push({ kind: "store", op, imm, args });
    this.bump(buffer);
  }

  /** A call of an imported function: no effects, but costly. */
  call(name: string, args: readonly Value[], type: ValType): Value {
    let level = this.condLevel();
    for (const a of args) level = Math.max(level, a.level);
    return this.intern(`call ${name}`, args, undefined, type, level, "");
  }

  /** A call for what it does to buffers, those in `changes`. */
  effect(name: string, args: readonly Value[], changes: ReadonlySet<number>): void {
    for (const a of args) this.root(a);
    this.top.nodes.push({ kind: "call", name, args });
    for (const id of changes) this.bump(id);
  }

  /** `if cond { then } else { otherwise }`. */
  branch(cond: Value, then: () => void, otherwise?: () => void): void {
    const known = i32Of(cond);
    if (known !== undefined) {
      if (known !== 0) then();
      else otherwise?.();
      return;
    }
    this.root(cond);
    this.push("cond");
    then();
    const yes = this.pop().nodes;
    let no: Node[] = [];
    if (otherwise) {
      this.push("cond");
      otherwise();
      no = this.pop().nodes;
    }
    this.top.nodes.push({ kind: "if", cond, yes, no });
  }

  /** A value chosen lazily: only the chosen side runs. */
  choose(cond: Value, type: ValType, a: () => Value, b: () => Value): Value {
    const known = i32Of(cond);
    if (known !== undefined) return known !== 0 ? a() : b();
    const out = this.local(type, "sel");
    this.branch(
      cond,
      () => this.set(out, a()),
      () => this.set(out, b()),
    );
    return this.get(out);
  }
}

const isLeaf = (v: Value): boolean => v.op === "local.get" || v.op.endsWith(".const");

function immKey(imm: Imm): string {
  if (imm === undefined) return "";
  if (imm instanceof Uint8Array) return imm.join(",");
  if (typeof imm === "object") return `${"lane" in imm ? `${imm.lane}/` : "+"}${imm.offset ?? 0}`;
  return Object.is(imm, -0) ? "-0" : String(imm);
}

const i32Of = (v: Value): number | undefined => (v.op === "i32.const" ? (v.imm as number) : undefined);

/** Folds i32 arithmetic with literals: unrolling leaves much of it behind. */
function fold(g: Graph, op: string, args: readonly Value[]): Value | undefined {
  if (!op.startsWith("i32.") || args.length !== 2) return undefined;
  const [x, y] = args;
  const a = i32Of(x);
  const b = i32Of(y);
  if (a !== undefined && b !== undefined) {
    const f = I32_FOLDS[op];
    return f ? g.i32(f(a, b)) : undefined;
  }
  if (op === "i32.add") return b === 0 ? x : a === 0 ? y : undefined;
  if ((op === "i32.sub" || op === "i32.shl" || op === "i32.shr_s") && b === 0) return x;
  if (op === "i32.mul") {
    if (b === 1) return x;
    if (a === 1) return y;
    if (a === 0 || b === 0) return g.i32(0);
    const [v, n] = b !== undefined ? [x, b] : [y, a];
    const bit = n !== undefined && n > 0 && (n & (n - 1)) === 0 ? Math.log2(n) : undefined;
    return bit === undefined ? undefined : g.make("i32.shl", [v, g.i32(bit)]);
  }
  return undefined;
}

const bit = (x: boolean): number => (x ? 1 : 0);
const I32_FOLDS: Record<string, (a: number, b: number) => number> = {
  "i32.add": (a, b) => (a + b) | 0,
  "i32.sub": (a, b) => (a - b) | 0,
  "i32.mul": Math.imul,
  "i32.and": (a, b) => a & b,
  "i32.or": (a, b) => a | b,
  "i32.xor": (a, b) => a ^ b,
  "i32.shl": (a, b) => a << b,
  "i32.shr_s": (a, b) => a >> b,
  "i32.eq": (a, b) => bit(a === b),
  "i32.ne": (a, b) => bit(a !== b),
  "i32.lt_s": (a, b) => bit(a < b),
  "i32.le_s": (a, b) => bit(a <= b),
  "i32.gt_s": (a, b) => bit(a > b),
  "i32.ge_s": (a, b) => bit(a >= b),
};
