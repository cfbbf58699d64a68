/**
 * A lowered program in its place: every slot has a cell that holds an address, every instruction is a closure over
 * cells, and running is calling the closures in order.
 *
 * Cells of constants are filled once; those in the arena whenever the arena has moved; those of parameters by the
 * caller; the rest by instructions. What an instruction allocated is counted in `held` beside its cell, and dropped
 * when the slot is killed, or at the end of the function, whichever is first.
 */

import type { Slot, VmFunction, VmInstr, VmProgram } from "../../graph/vm-code.ts";
import { BYTES, type PrimFunc } from "../../ir/index.ts";
import { cpuMemory } from "../memory.ts";
import { type ArenaStack, cpuArenas } from "./arena.ts";
import { type ConstantPool, cpuConstants } from "./constants.ts";
import { Heap, type Held, type Output } from "./held.ts";
import type { Cells, Kernels } from "./kernels.ts";
import { compileStep } from "./steps.ts";
import type { Frame, Host, Recorder, Specialize, StepInfo, StepList } from "./types.ts";

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

export class LinkedProgram implements Host {
  readonly program: VmProgram;
  readonly kernels: Kernels;
  readonly unscheduled: ReadonlyMap<string, PrimFunc>;
  readonly heap: Heap;
  readonly cells: Cells = [];
  readonly held: (Held | undefined)[] = [];
  readonly specialize: Specialize;
  recorder: Recorder | undefined;
  running = false;

  private readonly frames = new Map<string, Frame>();
  private readonly arenas: ArenaStack;
  private readonly pool: ConstantPool;
  /** Cells whose address is so many bytes from the start of the arena. */
  private readonly relative: [cell: number, offset: number][] = [];
  private readonly scratch: number;
  private base = -1;
  private arenaBytes = 0;
  private workspaceBytes = 0;
  private disposed = false;

  constructor(
    program: VmProgram,
    kernels: Kernels,
    specialize: Specialize,
    unscheduled: ReadonlyMap<string, PrimFunc> = new Map(),
  ) {
    this.program = program;
    this.kernels = kernels;
    this.unscheduled = unscheduled;
    this.specialize = specialize;
    this.heap = new Heap(cpuMemory());
    this.arenas = cpuArenas();
    this.pool = cpuConstants();
    this.scratch = this.cell();
    const constants = program.constants.map((c) => this.pool.acquire(c));
    try {
      for (const name of Object.keys(program.functions)) this.link(name, constants);
    } catch (e) {
      for (const c of program.constants) this.pool.release(c);
      kernels.release();
      throw e;
    }
    this.relative.push([this.scratch, this.arenaBytes]);
    this.arenas.claim(this, this.bytes);
  }

  /** Bytes of memory that a run needs beside constants and results. */
  get bytes(): number {
    return this.arenaBytes + this.workspaceBytes;
  }

  /** A function by name, linked when it is first asked for: what calls it is linked before it, or after. */
  frame(name: string): Frame {
    const f = this.frames.get(name);
    if (!f) throw new Error(`the program has no function ${name}`);
    return f;
  }

  /** A new cell, with a value that stays or a place in the arena. */
  cell(value: number | bigint = 0): number {
    return this.cells.push(value) - 1;
  }

  /** A new cell for the address of a few bytes in the arena. */
  reserve(bytes: number): number {
    const cell = this.cell();
    this.relative.push([cell, this.arenaBytes]);
    this.arenaBytes += lines(bytes);
    return cell;
  }

  needWorkspace(bytes: number): void {
    this.workspaceBytes = Math.max(this.workspaceBytes, lines(bytes));
  }

  get scratchCell(): number {
    return this.scratch;
  }

  private link(name: string, constants: readonly number[]): void {
    const func = this.program.functions[name];
    const arena = this.arenaBytes;
    this.arenaBytes += lines(func.arenaBytes);
    const base = this.cells.length;
    const params: number[][] = [];
    const holders: number[] = [];
    func.slots.forEach(({ source }) => {
      const cell = this.cell(source.kind === "constant" ? constants[source.index] : 0);
      this.held[cell] = undefined;
      if (source.kind === "arena") this.relative.push([cell, arena + source.offset]);
      if (source.kind === "set") holders.push(cell);
      if (source.kind === "param") {
        params[source.index] ??= [];
        params[source.index].push(cell);
      }
    });
    const frame: Frame = {
      func,
      base,
      arena,
      params: Array.from(params, (p) => p ?? []),
      holders,
      list: this.list(func, base, func.code),
      outputs: undefined,
    };
    this.frames.set(name, frame);
  }

  /** The closures of some instructions. */
  list(func: VmFunction, base: number, code: readonly VmInstr[]): StepList {
    const made = code.map((i) => compileStep(this, func, base, i));
    return { steps: made.map((m) => m.step), infos: made.map((m) => m.info) };
  }

  /**
   * Runs a function on tensors at these addresses. Outputs with `held` have one user more, the caller, who adopts or
   * drops them; those without are arguments that were passed on.
   */
  run(name: string, args: readonly number[]): Output[] {
    if (this.disposed) throw new Error(`${name}: the program was disposed and may not run any more`);
    if (this.running) throw new Error(`${name}: a library function that it calls may not call it in turn`);
    const at = this.arenas.enter(this.bytes);
    this.running = true;
    try {
      if (at !== this.base) this.rebase(at);
      return this.call(this.frame(name), args).map((o) =>
        o.held || args.includes(o.address) ? o : this.copied(o),
      );
    } catch (e) {
      for (const cell of this.held.keys()) this.put(cell, undefined);
      for (const f of this.frames.values()) f.outputs = undefined;
      throw e;
    } finally {
      this.running = false;
      this.arenas.leave();
    }
  }

  /** Runs a function inside a run. */
  call(frame: Frame, args: readonly number[]): Output[] {
    const { cells } = this;
    const { params } = frame;
    for (let i = 0; i < params.length; i++) {
      const own = params[i];
      for (let k = 0; k < own.length; k++) cells[own[k]] = args[i];
    }
    this.runList(frame.list);
    const outputs = frame.outputs ?? this.outputsOf(frame);
    frame.outputs = undefined;
    const { holders } = frame;
    for (let i = 0; i < holders.length; i++) this.put(holders[i], undefined);
    return outputs;
  }

  runList({ steps, infos }: StepList): void {
    let i = 0;
    try {
      if (!this.recorder) {
        for (; i < steps.length; i++) steps[i]();
        return;
      }
      for (; i < steps.length; i++) {
        const start = performance.now();
        steps[i]();
        const info = infos[i];
        if (info) this.recorder(info, start, performance.now());
      }
    } catch (e) {
      throw told(e, infos[i]);
    }
  }

  /** Makes a slot hold memory, with the count it comes with; what it held before is dropped. */
  put(cell: number, h: Held | undefined): void {
    const before = this.held[cell];
    this.held[cell] = h;
    if (before) this.heap.drop(before);
  }

  /** The tensor in a slot, for somebody else to use too. */
  share(func: VmFunction, base: number, slot: Slot): Output {
    const { dtype, shape } = func.slots[slot];
    const held = this.held[base + slot];
    if (held) held.users++;
    return { address: this.cells[base + slot] as number, held, dtype, shape };
  }

  private outputsOf(frame: Frame): Output[] {
    const { func, base, arena } = frame;
    return func.results.map((slot) => {
      const out = this.share(func, base, slot);
      const from = this.base + arena;
      const inside = !out.held && out.address >= from && out.address < from + func.arenaBytes;
      if (!inside) return out;
      // The next run writes there.
      return this.copied(out);
    });
  }

  private copied(out: Output): Output {
    const bytes = bytesOf(out);
    const held = this.heap.hold(bytes);
    this.heap.copy(out.address, held.address, bytes);
    return { ...out, address: held.address, held };
  }

  private rebase(base: number): void {
    this.base = base;
    for (const [cell, offset] of this.relative) this.cells[cell] = base + offset;
  }

  /** Gives constants, kernels and the claim on the arena back. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const c of this.program.constants) this.pool.release(c);
    this.kernels.release();
    this.arenas.release(this);
  }
}

/** What an instruction ran into, in the words of the program. */
function told(e: unknown, info: StepInfo | undefined): unknown {
  if (!info || !(e instanceof WebAssembly.RuntimeError)) return e;
  const division = /divide by zero|remainder by zero|division by zero/.test(e.message);
  const why = division ? "integer division by zero" : e.message;
  return new Error(`${info.func}, which computes ${info.node}: ${why}`, { cause: e });
}

/** Bytes of a tensor. */
export const bytesOf = (t: Pick<Output, "dtype" | "shape">): number =>
  t.shape.reduce((n, s) => n * s, 1) * BYTES[t.dtype];
