/** The lines displays work on: printed text together with the parts of the program each line stands for. */
import type { Block, For, IRModule, PrimFunc, Stmt } from "../ir/index.ts";
import { INDENT, scriptLines } from "../script/index.ts";

/** One line of a printed program. */
export interface Line {
  /** With its indentation, without a line break. */
  readonly text: string;
  /** Loops, blocks, statements and functions that begin on this line. */
  readonly nodes: readonly (Stmt | PrimFunc)[];
  /** Index of the line that closes what this one opens. */
  readonly close?: number;
}

/** A program at tensor level: one function or a module of them. */
export type Program = PrimFunc | IRModule;

/** Programs never change, and each state of a schedule is printed for two diffs. */
const printed = new WeakMap<Program, readonly Line[]>();

/** The printed lines of a program, indented. */
export function linesOf(x: Program): readonly Line[] {
  let lines = printed.get(x);
  if (!lines) {
    lines = scriptLines(x).map((l) => ({ ...l, text: INDENT.repeat(l.depth) + l.text }));
    printed.set(x, lines);
  }
  return lines;
}

/**
 * A name for a loop or block that survives transformation and JSON: what cross-highlighting and diffs match by.
 * Undefined for other statements, which have no identity.
 */
export function nodeKey(n: Stmt | PrimFunc): string | undefined {
  if (n.kind === "for") return `loop:${n.v.id}`;
  if (n.kind === "block") return `block:${n.id}`;
  return undefined;
}

export const isLoop = (n: Stmt | PrimFunc): n is For => n.kind === "for";
export const isBlock = (n: Stmt | PrimFunc): n is Block => n.kind === "block";
