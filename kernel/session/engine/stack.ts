// Stack traces: from V8's text to places in cells and files, with library frames folded.
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { RunnableCell } from "../types.ts";
import type { EngineHost } from "./host.ts";

/** One line of a stack trace. */
export interface Frame {
  name: string;
  /** Where it is, in the author's own text; absent for library and platform code. */
  place?: { cell?: number; file?: string; line: number; column: number };
}

/** The part of V8's call sites that is used here. */
export interface CallSite {
  getFileName(): string | null | undefined;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

/** Maps scripts back to cells. Keeps the cells that have run, since later errors may come from their functions. */
export class CellSources {
  readonly #host: EngineHost;
  readonly #cells = new Map<string, { cell: RunnableCell; map?: TraceMap }>();
  /** What `prepare` has called places, to know them again in its text. */
  readonly #named = new Map<string, { cell?: number; file?: string }>();
  readonly #modules = new Map<string, TraceMap>();

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /**
   * V8's hook for the text of `stack`: names cells and the user's files as the reader knows them, and ends where the
   * kernel begins. So an error that is caught and printed reads as well as one that ends its cell.
   */
  readonly prepare = (error: unknown, sites: readonly CallSite[]): string => {
    const lines = [title(error)];
    for (const site of sites) {
      const script = site.getFileName() ?? "";
      if (this.#host.isKernel(script)) break;
      const [line, column] = [site.getLineNumber() ?? 0, site.getColumnNumber() ?? 0];
      const { place } = this.#place(script, line, column);
      const text = String(site);
      if (!place) {
        lines.push(`    at ${text}`);
        continue;
      }
      const name = place.cell === undefined ? place.file! : `cell ${place.cell}`;
      this.#named.set(name, place);
      lines.push(
        `    at ${text.replace(`${script}:${line}:${column}`, `${name}:${place.line}:${place.column}`)}`,
      );
    }
    return lines.join("\n");
  };

  add(cell: RunnableCell): void {
    this.#cells.set(this.#host.scriptName(cell.number), { cell });
  }

  /** The text of a cell that has run. */
  code(cell: number): string | undefined {
    return this.#cells.get(this.#host.scriptName(cell))?.cell.code;
  }

  /** The frames of an error's stack, from its outermost to the cell's own. */
  frames(stack: string): Frame[] {
    const frames: Frame[] = [];
    for (const line of stack.split("\n")) {
      const parsed = /^\s+at (?:(.*) \()?(.*?):(\d+):(\d+)\)?$/.exec(line);
      if (!parsed) {
        if (/^\s+at /.test(line)) frames.push({ name: line.trim().slice(3) });
        continue;
      }
      const [, name = "", place = "", row, column] = parsed;
      const script = place.replace(/^async /, "");
      const known = this.#named.get(script);
      const at = { line: Number(row), column: Number(column) };
      const found = known ? { place: { ...known, ...at } } : this.#place(script, at.line, at.column);
      frames.push({ name: name.replace(/^async /, ""), ...found });
    }
    return frames;
  }

  /** The place in a cell of an offset in the source text of one of its functions. */
  placeInFunction(
    source: string,
    offset: number,
  ): { cell: number; line: number; column: number } | undefined {
    // The newest cell first: when the same text was run twice, the error is about the latest.
    for (const [script, { cell }] of [...this.#cells].reverse()) {
      const at = cell.compiled.js.indexOf(source);
      if (at < 0) continue;
      const before = cell.compiled.js.slice(0, at + offset);
      const row = before.split("\n").length;
      const place = this.#place(script, row, before.length - before.lastIndexOf("\n")).place;
      if (place?.cell !== undefined) return { cell: place.cell, line: place.line, column: place.column };
    }
    return undefined;
  }

  #place(script: string, line: number, column: number): Pick<Frame, "place"> {
    const known = this.#cells.get(script);
    if (known) {
      known.map ??= new TraceMap(known.cell.compiled.map);
      const row = line - known.cell.compiled.lineOffset;
      const original = row >= 1 ? original1(known.map, row, column) : undefined;
      return original ? { place: { cell: known.cell.number, ...original } } : {};
    }
    const file = this.#host.userFile(script);
    if (file === undefined) return {};
    const map = this.#moduleMap(script);
    return { place: { file, ...((map && original1(map, line, column)) ?? { line, column }) } };
  }

  #moduleMap(script: string): TraceMap | undefined {
    const known = this.#modules.get(script);
    if (known) return known;
    const json = this.#host.moduleMap(script);
    if (json === undefined) return undefined;
    const map = new TraceMap(json);
    this.#modules.set(script, map);
    return map;
  }
}

/** Original position with one-based columns, as V8 and editors count. */
function original1(
  map: TraceMap,
  line: number,
  column: number,
): { line: number; column: number } | undefined {
  const found = originalPositionFor(map, { line, column: column - 1 });
  return found.line === null ? undefined : { line: found.line, column: found.column + 1 };
}

/** The first line of a stack, which V8 would write itself. */
function title(error: unknown): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}
