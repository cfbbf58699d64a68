/**
 * From the graph of one function to a flat list of instructions, which the encoder and the WAT printer both read.
 *
 * A value used once is emitted where it is used; one used more often is kept in a local by the first use. Locals are
 * taken from a pool when a scope needs them and given back when the scope ends: nothing outside a scope can refer to
 * a value computed in it.
 */
import type { Imm, Local, Node, Value } from "./graph.ts";
import type { ValType } from "./opcodes.ts";

export interface Instr {
  readonly op: string;
  /** What stands beside the instruction; for global.get, the sixteen bytes that the global holds. */
  readonly imm?: Imm;
  /** Index of a local for local.*; number of enclosing labels for br and br_if. */
  readonly index?: number;
  /** What a block, loop or if leaves on the stack. */
  readonly type?: ValType;
  /** Name of a called function, or of a loop. */
  readonly name?: string;
}

export interface LocalDecl {
  readonly type: ValType;
  readonly name: string;
}

export interface FunctionCode {
  readonly name: string;
  readonly params: readonly LocalDecl[];
  readonly locals: readonly LocalDecl[];
  readonly body: readonly Instr[];
  readonly result?: ValType;
  /** Names under which it is exported; its own where nothing is said. */
  readonly exports?: readonly string[];
}

/** Linearises a function. `params` are the locals of the parameters in order. */
export function emitFunction(name: string, params: readonly Local[], nodes: readonly Node[]): FunctionCode {
  const e = new Emitter(params);
  e.count(nodes);
  e.constants();
  e.nodes(nodes);
  const names = uniqueNames(e.decls.map((d) => d.name));
  const decls = e.decls.map((d, i) => ({ type: d.type, name: names[i] }));
  return { name, params: decls.slice(0, params.length), locals: decls.slice(params.length), body: e.out };
}

class Emitter {
  readonly out: Instr[] = [];
  readonly decls: LocalDecl[] = [];
  private readonly uses = new Map<Value, number>();
  /** Where a value that was computed is kept. */
  private readonly kept = new Map<Value, number>();
  private readonly mutable = new Map<number, number>();
  private readonly free = new Map<ValType, number[]>();
  /** Locals taken in each open scope. */
  private readonly taken: number[][] = [[]];
  /** Vector literals that loops use. */
  private readonly inLoops = new Set<Value>();

  constructor(params: readonly Local[]) {
    for (const p of params) {
      this.mutable.set(p.uid, this.decls.length);
      this.decls.push({ type: p.type, name: p.name });
    }
  }

  /** Counts the uses of every value that a statement needs, directly or not. */
  count(nodes: readonly Node[], inLoop = false): void {
    for (const n of nodes) {
      switch (n.kind) {
        case "def":
          break;
        case "set":
          this.use(n.value, inLoop);
          break;
        case "store":
        case "call":
          for (const a of n.args) this.use(a, inLoop);
          break;
        case "loop":
          this.count(n.body, true);
          if (n.again) this.use(n.again, true);
          break;
        case "if":
          this.use(n.cond, inLoop);
          this.count(n.yes, inLoop);
          this.count(n.no, inLoop);
          break;
      }
    }
  }

  private use(v: Value, inLoop: boolean): void {
    const seen = this.uses.get(v) ?? 0;
    this.uses.set(v, seen + 1);
    if (inLoop && v.op === "v128.const" && !isFree(v.imm as Uint8Array)) this.inLoops.add(v);
    if (seen === 0) for (const a of v.args) this.use(a, inLoop);
  }

  /**
   * Vector literals that loops use are read once, from a global that might change for all the engine knows. A literal it
   * would make anew at every use, which takes V8 three instructions.
   */
  constants(): void {
    for (const v of this.inLoops) {
      const index = this.decls.length;
      this.decls.push({ type: "v128", name: "c" });
      this.out.push({ op: "global.get", imm: v.imm }, { op: "local.set", index });
      this.kept.set(v, index);
    }
  }

  nodes(nodes: readonly Node[]): void {
    for (const n of nodes) this.node(n);
  }

  private scope(nodes: readonly Node[], after?: () => void): void {
    this.taken.push([]);
    this.nodes(nodes);
    after?.();
    for (const index of this.taken.pop() ?? []) this.pool(this.decls[index].type).push(index);
  }

  private node(n: Node): void {
    switch (n.kind) {
      case "def":
        if ((this.uses.get(n.value) ?? 0) === 0 || this.kept.has(n.value)) return;
        this.instruction(n.value);
        this.out.push({ op: "local.set", index: this.keep(n.value) });
        return;
      case "set":
        this.value(n.value);
        this.out.push({ op: "local.set", index: this.indexOf(n.local) });
        return;
      case "store":
        for (const a of n.args) this.value(a);
        this.out.push({ op: n.op, imm: n.imm });
        return;
      case "call":
        for (const a of n.args) this.value(a);
        this.out.push({ op: "call", name: n.name });
        return;
      case "loop":
        this.out.push({ op: "loop", name: n.name });
        this.scope(n.body, () => {
          if (n.again) this.value(n.again);
        });
        this.out.push({ op: "br_if", index: 0, name: n.name }, { op: "end" });
        return;
      case "if":
        this.value(n.cond);
        this.out.push({ op: "if" });
        this.scope(n.yes);
        if (n.no.length > 0) {
          this.out.push({ op: "else" });
          this.scope(n.no);
        }
        this.out.push({ op: "end" });
        return;
    }
  }

  private value(v: Value): void {
    const index = this.kept.get(v);
    if (index !== undefined) {
      this.out.push({ op: "local.get", index });
      return;
    }
    this.instruction(v);
    const leaf = v.op === "local.get" || v.op.endsWith(".const");
    if (!leaf && (this.uses.get(v) ?? 0) > 1) this.out.push({ op: "local.tee", index: this.keep(v) });
  }

  private instruction(v: Value): void {
    if (v.local) {
      this.out.push({ op: "local.get", index: this.indexOf(v.local) });
      return;
    }
    for (const a of v.args) this.value(a);
    if (v.op.startsWith("call ")) this.out.push({ op: "call", name: v.op.slice(5) });
    else this.out.push(v.imm === undefined ? { op: v.op } : { op: v.op, imm: v.imm });
  }

  private pool(type: ValType): number[] {
    let p = this.free.get(type);
    if (!p) {
      p = [];
      this.free.set(type, p);
    }
    return p;
  }

  private keep(v: Value): number {
    let index = v.hint ? undefined : this.pool(v.type).pop();
    if (index === undefined) {
      index = this.decls.length;
      this.decls.push({ type: v.type, name: v.hint ?? "t" });
    }
    if (!v.hint) this.taken[this.taken.length - 1].push(index);
    this.kept.set(v, index);
    return index;
  }

  private indexOf(local: Local): number {
    let index = this.mutable.get(local.uid);
    if (index === undefined) {
      index = this.decls.length;
      this.decls.push({ type: local.type, name: local.name });
      this.mutable.set(local.uid, index);
    }
    return index;
  }
}

/** All bits alike: one instruction that needs no operand. */
const isFree = (bytes: Uint8Array): boolean => bytes.every((b) => b === bytes[0] && (b === 0 || b === 255));

function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((n) => {
    const k = seen.get(n) ?? 0;
    seen.set(n, k + 1);
    return k === 0 && n !== "t" ? n : `${n}${n === "t" ? k : `.${k}`}`;
  });
}
