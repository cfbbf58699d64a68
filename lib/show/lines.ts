/** The lines displays work on: printed text together with the parts of the program each line stands for. */
import {
  type Block,
  type For,
  type GraphFunc,
  type IRModule,
  type PrimFunc,
  primFuncs,
} from "../ir/index.ts";
import { INDENT, type LineNode, scriptLines } from "../script/index.ts";

/** One line of a printed program. */
export interface Line {
  /** With its indentation, without a line break. */
  readonly text: string;
  /** Loops, blocks, statements and functions that begin on this line. */
  readonly nodes: readonly LineNode[];
  /** Index of the line that closes what this one opens. */
  readonly close?: number;
}

/** A program: one function or a module of them. */
export type Program = PrimFunc | GraphFunc | IRModule;

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
 * A name for a loop, a block or a value that survives transformation and JSON: what cross-highlighting and diffs match by.
 * Undefined for other statements, which have no identity.
 */
export function nodeKey(n: LineNode): string | undefined {
  if (n.kind === "for") return `loop:${n.v.id}`;
  if (n.kind === "block") return `block:${n.id}`;
  if (n.kind === "bind" || n.kind === "matchCast") return `value:${n.v.id}`;
  if (n.kind === "tensorToShape") return n.sizes.length > 0 ? `size:${n.sizes[0].id}` : undefined;
  return undefined;
}

export const isLoop = (n: LineNode): n is For => n.kind === "for";
export const isBlock = (n: LineNode): n is Block => n.kind === "block";

/** The tensor programs of a program, by name. */
export function tensorPrograms(x: Program): readonly (readonly [string, PrimFunc])[] {
  if (x.kind === "primFunc") return [["primFunc", x]];
  return x.kind === "graphFunc" ? [] : Object.entries(primFuncs(x));
}
