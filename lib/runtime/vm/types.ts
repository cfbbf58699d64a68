/** What instructions and the program they belong to know of each other. */
import type { Slot, VmFunction, VmInstr } from "../../graph/vm-code.ts";
import type { PrimFunc } from "../../ir/index.ts";
import type { Heap, Held, Output } from "./held.ts";
import type { Cells, Kernels, Step } from "./kernels.ts";

/** What a profile needs to know of an instruction that computes something. */
export interface StepInfo {
  /** The value it makes. */
  readonly node: string;
  /** The tensor program or library function. */
  readonly func: string;
  readonly program?: PrimFunc;
  readonly sizes?: ReadonlyMap<number, number>;
  /** Bytes of its arguments and results. */
  readonly bytes: number;
}

export interface StepList {
  readonly steps: readonly Step[];
  /** Undefined for instructions that only move things. */
  readonly infos: readonly (StepInfo | undefined)[];
}

/** Is told how long each computing step took, in milliseconds of `performance.now()`. */
export type Recorder = (info: StepInfo, start: number, end: number) => void;

/** Runs the rest of a function whose sizes are known now. */
export type Specialize = (from: Host, func: string, args: readonly Output[]) => Output[];

/** A function of a program, in its place. */
export interface Frame {
  readonly func: VmFunction;
  /** Byte offset of its arena in the program's. */
  readonly arena: number;
  /** Cells of the slots start here. */
  readonly base: number;
  /** Cells of each parameter. */
  readonly params: readonly (readonly number[])[];
  readonly list: StepList;
  /** Cells that may hold memory. */
  readonly holders: readonly number[];
  /** What the rest of the function gave, where the last instruction is `specialize`. */
  outputs: Output[] | undefined;
}

/** The program, as its instructions see it. */
export interface Host {
  readonly kernels: Kernels;
  /** Programs before they got schedules, which may add work that is none (padding), by name: their work is counted. */
  readonly unscheduled: ReadonlyMap<string, PrimFunc>;
  readonly heap: Heap;
  readonly specialize: Specialize;
  /** What slots hold: addresses. */
  readonly cells: Cells;
  /** Memory that was allocated for what a cell holds. */
  readonly held: readonly (Held | undefined)[];
  /** The cell of the address of scratch memory. */
  readonly scratchCell: number;
  /** A new cell, with a value that stays. */
  cell(value?: number | bigint): number;
  /** A new cell for the address of a few bytes in the arena. */
  reserve(bytes: number): number;
  needWorkspace(bytes: number): void;
  frame(name: string): Frame;
  list(func: VmFunction, base: number, code: readonly VmInstr[]): StepList;
  runList(list: StepList): void;
  /** Runs a function inside a run. */
  call(frame: Frame, args: readonly number[]): Output[];
  /** Makes a cell hold memory, with the count it comes with; what it held before is dropped. */
  put(cell: number, h: Held | undefined): void;
  /** The tensor in a slot, for somebody else to use too. */
  share(func: VmFunction, base: number, slot: Slot): Output;
}
