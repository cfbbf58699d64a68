import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { log } from "../protocol/sockets.ts";

/** A cell that was run, in some session. */
export interface PastCell {
  session: number;
  line: number;
  input: string;
  output: string | null;
}

/** Size beyond which the older half of the file is dropped, in bytes. */
const maxSize = 4 * 1024 * 1024;

/** Longer texts stay in the session that has them. */
const maxText = 32 * 1024;

/** Where histories are kept, or undefined where the user wants none (`TILEWRIGHT_HISTORY=off`). */
export function historyFile(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.TILEWRIGHT_HISTORY === "off") return undefined;
  if (env.TILEWRIGHT_HISTORY) return env.TILEWRIGHT_HISTORY;
  const home = os.homedir();
  const data =
    process.platform === "darwin"
      ? path.join(home, "Library/Application Support")
      : (env.XDG_DATA_HOME ?? env.LOCALAPPDATA ?? path.join(home, ".local/share"));
  return path.join(data, "tilewright", "history.jsonl");
}

/**
 * The history of all sessions, one JSON record a line. Several kernels may write at once, and any may die within a
 * line: each record begins with the end of the line before, so a torn one spoils no other. A session is numbered by
 * the place of its first record among those of the others, so two can never take the same number.
 */
export class HistoryFile {
  readonly #file: string;
  readonly #session = randomBytes(6).toString("hex");
  #writing: Promise<void> = Promise.resolve();
  #begun = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** Notes a cell of this session. */
  addInput(line: number, input: string): void {
    if (input.length > maxText) return;
    if (!this.#begun) this.#write({ s: this.#session });
    this.#begun = true;
    this.#write({ k: this.#session, l: line, i: input });
  }

  /** Notes the result of a cell of this session. */
  addOutput(line: number, output: string): void {
    if (this.#begun) this.#write({ k: this.#session, l: line, o: output.slice(0, maxText) });
  }

  /** All cells of all sessions, oldest first, and the number of this session. */
  async read(): Promise<{ cells: PastCell[]; session: number }> {
    await this.#writing;
    const text = await readFile(this.#file, "utf8").catch(() => "");
    return parse(text, this.#session);
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #write(record: JsonObject): void {
    const text = `\n${JSON.stringify(record)}`;
    const first = record.s !== undefined;
    this.#writing = this.#writing
      .then(async () => {
        if (first) await this.#prepare();
        await appendFile(this.#file, text, { mode: 0o600 });
      })
      .catch((error: unknown) => log(`history is not kept: ${error}`));
  }

  /** Drops the older half of a file that has grown too large. What others write meanwhile may be lost with it. */
  async #prepare(): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    const text = await readFile(this.#file, "utf8").catch(() => "");
    if (text.length <= maxSize) return;
    const lines = text.split("\n");
    const kept = lines.slice(Math.floor(lines.length / 2));
    const dropped = lines
      .slice(0, lines.length - kept.length)
      .filter((line) => record(line)?.s !== undefined);
    // Sessions keep their numbers: those whose beginning is gone are counted, and named for the records that are left.
    const scratch = `${this.#file}.${process.pid}`;
    await writeFile(scratch, [...dropped, ...kept].join("\n"), { mode: 0o600 });
    await rename(scratch, this.#file);
  }
}

/** Reads a history file's text; lines that are no records are left out. */
export function parse(text: string, own: string): { cells: PastCell[]; session: number } {
  const sessions = new Map<string, number>();
  const cells = new Map<string, PastCell>();
  for (const line of text.split("\n")) {
    const found = record(line);
    if (!found) continue;
    if (typeof found.s === "string") sessions.set(found.s, sessions.size + 1);
    const session = sessions.get(String(found.k));
    if (session === undefined || typeof found.l !== "number") continue;
    const key = `${session}:${found.l}`;
    if (typeof found.i === "string") cells.set(key, { session, line: found.l, input: found.i, output: null });
    const cell = cells.get(key);
    if (cell && typeof found.o === "string") cell.output = found.o;
  }
  const all = [...cells.values()].sort((a, b) => a.session - b.session || a.line - b.line);
  return { cells: all, session: sessions.get(own) ?? sessions.size + 1 };
}

function record(line: string): JsonObject | undefined {
  if (line === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
