/** The error of a program that cannot be read, with the place it is about. */

/**
 * A mistake in a tensor program. The message shows the line with a caret; the fields let a tool that knows where the
 * text came from (a notebook cell, an editor) point there itself.
 */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  /** What is wrong, without the excerpt. */
  readonly reason: string;
  /** 1-based line and column in `fnSource`. */
  readonly line: number;
  readonly column: number;
  readonly sourceLine: string;
  /** The text that was parsed: exactly `fn.toString()`, or the whole script given to `parseModule`. */
  readonly fnSource: string;
  /** Character offset of the mistake in `fnSource`. */
  readonly fnOffset: number;

  constructor(reason: string, source: string, offset: number, options?: ErrorOptions) {
    const before = source.slice(0, offset);
    const start = before.lastIndexOf("\n") + 1;
    const line = before.split("\n").length;
    const end = source.indexOf("\n", offset);
    const sourceLine = source.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
    super(`${reason}\n\n${excerpt(sourceLine, line, offset - start)}`, options);
    this.reason = reason;
    this.line = line;
    this.column = offset - start + 1;
    this.sourceLine = sourceLine;
    this.fnSource = source;
    this.fnOffset = offset;
  }
}

/** Characters shown on either side of the caret: transpilers put whole functions on one line. */
const AROUND = 60;

function excerpt(line: string, number: number, column: number): string {
  const from = column > 2 * AROUND ? column - AROUND : 0;
  const to = Math.min(line.length, Math.max(column + AROUND, 2 * AROUND));
  const shown = `${from > 0 ? "…" : ""}${line.slice(from, to)}${to < line.length ? "…" : ""}`;
  const label = `${number} | `;
  const caret = " ".repeat(column - from + (from > 0 ? 1 : 0));
  return `${label}${shown}\n${" ".repeat(label.length - 2)}| ${caret}^`;
}

/** The name nearest to a misspelt one, where one is near enough to be meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const k of known) {
    const d = editDistance(name.toLowerCase(), k.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [k, d];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
