import { booleanField, type JsonObject, numberField, stringField } from "../protocol/messages.ts";
import type { HistoryFile, PastCell } from "./history-file.ts";

/** `[session, line, input]` or, when outputs are asked for, `[session, line, [input, output]]`. */
export type HistoryEntry = [number, number, string | [string, string | null]];

/** What was run, in this session and, where a file keeps them, in earlier ones. */
export class History {
  readonly #file: HistoryFile | undefined;
  readonly #own: Omit<PastCell, "session">[] = [];

  constructor(file?: HistoryFile) {
    this.#file = file;
  }

  add(line: number, input: string): void {
    this.#own.push({ line, input, output: null });
    this.#file?.addInput(line, input);
  }

  /** Records the text of a cell's result. */
  setOutput(line: number, output: string): void {
    const entry = this.#own.findLast((cell) => cell.line === line);
    if (!entry) return;
    entry.output = output;
    this.#file?.addOutput(line, output);
  }

  /** Answers the content of a history request. */
  async query(content: JsonObject): Promise<HistoryEntry[]> {
    const past = (await this.#file?.read()) ?? { cells: [], session: 1 };
    // This session's own cells are known here whole, even where the file could not be written.
    const own = this.#own.map((cell) => ({ ...cell, session: past.session }));
    const all = [...past.cells.filter(({ session }) => session !== past.session), ...own];
    const outputs = booleanField(content, "output", false);
    return select(all, past.session, content).map(({ session, line, input, output }) => [
      session,
      line,
      outputs ? [input, output] : input,
    ]);
  }

  /** Waits until everything is on disk. */
  async close(): Promise<void> {
    await this.#file?.close();
  }
}

function select(all: PastCell[], present: number, content: JsonObject): PastCell[] {
  const type = stringField(content, "hist_access_type", "tail");
  if (type === "range") {
    const asked = numberField(content, "session", 0);
    // Zero is this session, negative numbers count back from it.
    const session = asked > 0 ? asked : present + asked;
    const start = numberField(content, "start", 0);
    const stop = numberField(content, "stop", Number.POSITIVE_INFINITY);
    return all.filter((cell) => cell.session === session && cell.line >= start && cell.line < stop);
  }
  let found = all;
  if (type === "search") {
    const pattern = glob(stringField(content, "pattern", "*"));
    found = found.filter(({ input }) => pattern.test(input));
    if (booleanField(content, "unique", false)) {
      const last = new Map(found.map((cell) => [cell.input, cell]));
      found = found.filter((cell) => last.get(cell.input) === cell);
    }
  }
  const n = numberField(content, "n", found.length);
  return n > 0 ? found.slice(-n) : [];
}

/** `*`, `?` and `[…]` as in a shell, over the whole text. */
function glob(pattern: string): RegExp {
  const source = pattern.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) =>
    part === "*"
      ? "[\\s\\S]*"
      : part === "?"
        ? "[\\s\\S]"
        : part.length > 1 && part.startsWith("[")
          ? `[${part.slice(1, -1).replace(/^!/, "^").replace(/[\\[]/g, "\\$&")}]`
          : part.replace(/[.+^${}()|[\]\\*?/-]/g, "\\$&"),
  );
  try {
    return new RegExp(`^${source}$`);
  } catch {
    // A range such as `[z-a]` finds nothing, as in a shell.
    return /^(?!)/;
  }
}
