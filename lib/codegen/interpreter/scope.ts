/** Where the interpreter is: cells of the variables, and the words that place an error in the program. */

import type { Scalar } from "../../ir/index.ts";
import { type Block, type Buffer, type Span, type Stmt, spanOf, type Var } from "../../ir/index.ts";

/** The current value of one variable. */
export class Cell {
  value: Scalar = 0;
}

/** Compiled expressions: functions of no arguments; a bigint comes out for i64, a number for every other dtype. */
export type Num = () => number;
export type Big = () => bigint;
export type Eval = () => Scalar;

/** A variable with its present value, as hooks and error messages see it. */
export interface NamedValue {
  readonly name: string;
  readonly value: Scalar;
}

/** Thrown when a program does what has no meaning: an access out of bounds, a division by zero, too many steps. */
export class InterpretError extends Error {
  override readonly name = "InterpretError";
  /** The buffer and the indices of an access out of bounds. */
  readonly buffer?: Buffer;
  readonly indices?: readonly number[];
  /** Where in the source of the function, for tools that show the line. */
  readonly fnSource?: string;
  readonly fnOffset?: number;

  constructor(message: string, at: { buffer?: Buffer; indices?: readonly number[]; span?: Span } = {}) {
    super(message);
    this.buffer = at.buffer;
    this.indices = at.indices;
    this.fnSource = at.span?.source;
    this.fnOffset = at.span?.offset;
  }
}

interface Entry {
  readonly kind: "loop" | "axis" | "let";
  readonly v: Var;
  readonly cell: Cell;
}

/** The loops, blocks and lets around a statement: known when it is compiled, read when something goes wrong. */
export class Scope {
  readonly func: string;
  readonly block: Block | undefined;
  readonly stmt: Stmt | undefined;
  private readonly entries: readonly Entry[];

  constructor(func: string, block?: Block, entries: readonly Entry[] = [], stmt?: Stmt) {
    this.func = func;
    this.block = block;
    this.entries = entries;
    this.stmt = stmt;
  }

  with(kind: Entry["kind"], v: Var, cell: Cell): Scope {
    return new Scope(this.func, this.block, [...this.entries, { kind, v, cell }], this.stmt);
  }

  /** Inside a block; axes of blocks around it are no longer of interest, loops are. */
  enter(block: Block): Scope {
    const loops = this.entries.filter((e) => e.kind !== "axis");
    return new Scope(this.func, block, loops, this.stmt);
  }

  at(stmt: Stmt): Scope {
    return new Scope(this.func, this.block, this.entries, stmt);
  }

  values(kind: Entry["kind"]): NamedValue[] {
    return this.entries.filter((e) => e.kind === kind).map((e) => ({ name: e.v.name, value: e.cell.value }));
  }

  /** ` in mm, block Y (vi = 0, vj = 1); loops i = 0, j = 1`. */
  private place(): string {
    const list = (kind: Entry["kind"]) =>
      this.values(kind)
        .map((x) => `${x.name} = ${x.value}`)
        .join(", ");
    const inBlock = this.block && this.block.name !== "root" ? `, block ${this.block.name}` : "";
    const axes = list("axis");
    const loops = list("loop");
    const lets = list("let");
    return (
      ` in ${this.func}${inBlock}${axes && ` (${axes})`}` +
      `${loops && `; loops ${loops}`}${lets && `; lets ${lets}`}`
    );
  }

  fail(what: string, at: { buffer?: Buffer; indices?: readonly number[] } = {}): never {
    const span = this.stmt && spanOf(this.stmt);
    const line = span ? ` (line ${span.line}, column ${span.column + 1})` : "";
    throw new InterpretError(`${what}${this.place()}${line}`, { ...at, span });
  }
}

/** One element read or written. */
export interface Access {
  readonly buffer: Buffer;
  readonly indices: readonly number[];
  readonly value: Scalar;
  /** The innermost block around the access, and the values of its axes and of the loops around, outermost first. */
  readonly block: Block | undefined;
  readonly axes: readonly NamedValue[];
  readonly loops: readonly NamedValue[];
}

export interface Hooks {
  readonly onLoad?: (access: Access) => void;
  readonly onStore?: (access: Access) => void;
}
