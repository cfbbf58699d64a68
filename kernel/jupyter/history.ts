import { booleanField, type JsonObject, numberField, stringField } from "../protocol/messages.ts";

/** `[session, line, input]` or, when outputs are asked for, `[session, line, [input, output]]`. */
export type HistoryEntry = [number, number, string | [string, string | null]];

/** The inputs of this session, as history requests see them. */
export class History {
  readonly #entries: { line: number; input: string; output: string | null }[] = [];
  readonly #session = 1;

  add(line: number, input: string): void {
    this.#entries.push({ line, input, output: null });
  }

  /** Records the text of the latest entry's result. */
  setOutput(line: number, output: string): void {
    const entry = this.#entries.at(-1);
    if (entry?.line === line) entry.output = output;
  }

  /** Answers the content of a history request. */
  query(content: JsonObject): HistoryEntry[] {
    let found = this.#entries;
    const type = stringField(content, "hist_access_type", "tail");
    if (type === "range") {
      const session = numberField(content, "session", 0);
      if (session !== 0 && session !== this.#session) return [];
      const start = numberField(content, "start", 0);
      const stop = numberField(content, "stop", Number.POSITIVE_INFINITY);
      found = found.filter(({ line }) => line >= start && line < stop);
    } else {
      if (type === "search") {
        const pattern = glob(stringField(content, "pattern", "*"));
        found = found.filter(({ input }) => pattern.test(input));
        if (booleanField(content, "unique", false)) {
          found = found.filter(
            ({ input }, index) => found.findLastIndex((other) => other.input === input) === index,
          );
        }
      }
      const n = numberField(content, "n", found.length);
      found = n > 0 ? found.slice(-n) : [];
    }
    const outputs = booleanField(content, "output", false);
    return found.map(({ line, input, output }) => [this.#session, line, outputs ? [input, output] : input]);
  }
}

/** `*` and `?` as in a shell, over the whole text. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[\\s\\S]*")
    .replaceAll("?", "[\\s\\S]");
  return new RegExp(`^${source}$`);
}
