/** What code generation of one function knows at a point of the program. */
import type { Expr, Interval, Var } from "../../ir/index.ts";
import type { Storage } from "../lower/storage.ts";
import type { FunctionCode } from "./emit.ts";
import type { Graph, Local, Value } from "./graph.ts";

export interface CodeOptions {
  /** Fused multiply-add and other relaxed instructions may be used. */
  readonly relaxedSimd: boolean;
  /** So may the relaxed product of bytes. */
  readonly relaxedDot: boolean;
  /** How many threads share the iterations of parallel loops. */
  readonly threads: number;
  /** Functions of the parallel loops of the module, in the order of their numbers. */
  readonly bodies: FunctionCode[];
  /** Whether a function of the program has this name. */
  isTaken(name: string): boolean;
}

/** Where a buffer lies in memory: an address and a constant number of bytes more. */
export interface Place {
  readonly base: Value;
  readonly offset: number;
}

/**
 * A small buffer kept in locals: element n in local `n` (lanes 1), or in lane `n % lanes` of local `n / lanes`.
 */
export interface RegisterFile {
  readonly lanes: 1 | 2 | 4;
  readonly locals: readonly Local[];
  /** Which elements the program uses: what lies between them is nobody's. */
  readonly used: ReadonlySet<number>;
  /** Held with the other sign: see `held.ts`. */
  readonly turned: boolean;
}

/** A pointer that a loop advances. */
export interface Pointer {
  readonly local: Local;
  /** Bytes added after each iteration. */
  readonly step: Value;
}

/** A loop under construction. */
export interface LoopFrame {
  readonly v: Var;
  /** Depth of its scope. */
  readonly depth: number;
  /** First value of the variable. */
  readonly first: Value;
  /** The variable advances by this. */
  readonly step: number;
  /** No loop inside: addresses become pointers that advance. */
  readonly innermost: boolean;
  readonly pointers: Map<string, Pointer>;
}

/** The lane variable of vector code: it stands for 0 … lanes-1 in the lanes of every vector. */
export interface LaneFrame {
  readonly v: Var;
  readonly lanes: 2 | 4;
  /** Lanes from this one on compute something, but nothing of it may be seen: the end of a loop that does not divide. */
  readonly active: number;
}

/** What parallel loops of a function need to know of it. */
export interface Spread {
  readonly storage: Storage;
  readonly workspace: Value;
  /** Address of the environment. */
  readonly environment: Value;
  /** Functions of parallel loops, of the whole module. */
  readonly bodies: FunctionCode[];
  /** Their names. */
  name(index: number): string;
  /** Bytes of the environment that some loop needs. */
  environmentBytes: number;
}

export interface Context {
  readonly g: Graph;
  readonly options: CodeOptions;
  readonly vars: Map<number, Value>;
  /** Variables that stand for a number, because their loop is unrolled. */
  readonly known: Map<number, number>;
  readonly ranges: Map<number, Interval>;
  readonly places: Map<number, Place>;
  readonly registers: Map<number, RegisterFile>;
  readonly loops: LoopFrame[];
  /** Variables bound to a vector by a `let` inside vector code. */
  readonly vectorVars: Map<number, Value>;
  lane?: LaneFrame;
  /** Where the function has parallel loops: what they need to know of it. */
  spread?: Spread;
  /** Code of a scalar expression (in the normal form of its dtype). */
  scalar(e: Expr): Value;
}
