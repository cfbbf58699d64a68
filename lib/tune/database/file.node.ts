/** A database in a file: what it holds is read once, what is added is appended at once and survives a kill. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { MemoryDatabase } from "./database.ts";
import { readRecords, recordLine } from "./lines.ts";
import type { TuningRecord } from "./record.ts";

const NEWLINE = "\n".charCodeAt(0);

export class FileDatabase extends MemoryDatabase {
  readonly path: string;
  /** Lines of the file that hold no record, with the reason. */
  readonly skipped: readonly string[];

  /** A file that is not there is made when the first record is added. */
  constructor(path: string) {
    const { records, skipped } = readRecords(existsSync(path) ? readFileSync(path, "utf8") : "");
    super(records);
    this.path = path;
    this.skipped = skipped;
  }

  override add(record: TuningRecord): void {
    // `super(records)` comes here too, with what the file holds already.
    if (this.path !== undefined) appendLine(this.path, recordLine(record));
    super.add(record);
  }
}

/**
 * Appends a whole line by one write, so that lines of several writers do not mix. Where the file does not end in a
 * newline, somebody was killed while writing, or is just writing: the line begins with one, and at worst an empty line
 * stands between, which readers pass over.
 */
function appendLine(path: string, line: string): void {
  const file = openSync(path, "a+");
  try {
    const { size } = fstatSync(file);
    const last = new Uint8Array([NEWLINE]);
    if (size > 0) readSync(file, last, 0, 1, size - 1);
    const bytes = new TextEncoder().encode(last[0] === NEWLINE ? line : `\n${line}`);
    if (writeSync(file, bytes) < bytes.length) throw new Error(`${path}: the disk is full`);
  } finally {
    closeSync(file);
  }
}
