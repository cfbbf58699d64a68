/** Lines of a printed program, and what each stands for. */
import type { GraphBinding, GraphFunc, PrimFunc, Stmt } from "../../ir/index.ts";

/** What a line may stand for. */
export type LineNode = Stmt | PrimFunc | GraphFunc | GraphBinding;

export interface ScriptLine {
  /** Without indentation. */
  readonly text: string;
  /** How many levels the line is indented. */
  readonly depth: number;
  /**
   * The statements (or the function) that the line stands for, outermost first: one `T.grid` line stands for all its
   * loops, the line of a function for the function and its root block. Lines that only say something about a node
   * or close it have none.
   */
  readonly nodes: readonly LineNode[];
  /** Index of the line that closes what this one opens. */
  readonly close?: number;
}

/** Indentation of one level. */
export const INDENT = "  ";
/** Lines longer than this are broken where the printer knows how. */
export const WIDTH = 100;

interface MutableLine {
  text: string;
  depth: number;
  nodes: readonly LineNode[];
  close?: number;
}

/** Collects lines. */
export class Lines {
  readonly all: MutableLine[] = [];
  private depth: number;

  constructor(depth = 0) {
    this.depth = depth;
  }

  line(text: string, nodes: readonly LineNode[] = []): void {
    this.all.push({ text, depth: this.depth, nodes });
  }

  /** `open`, what `inside` prints one level deeper, and `close`. */
  around(open: string, close: string, nodes: readonly LineNode[], inside: () => void): void {
    const opener = this.all.length;
    this.line(open, nodes);
    this.indented(inside);
    this.all[opener].close = this.all.length;
    this.line(close);
  }

  /** The line printed last opens something more, which `inside` prints and `close` closes: `}, () => {`. */
  continued(close: string, inside: () => void): void {
    const opener = this.all.length - 1;
    this.indented(inside);
    this.all[opener].close = this.all.length;
    this.line(close);
  }

  indented(inside: () => void): void {
    this.depth++;
    inside();
    this.depth--;
  }

  /** Whether the text fits into one line at this depth. */
  fits(text: string): boolean {
    return text.length + this.depth * INDENT.length <= WIDTH;
  }
}
