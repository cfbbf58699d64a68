// A file of tuning records, as the commands open it.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import type { PrimFunc } from "../lib/ir/index.ts";
import { FileDatabase } from "../lib/tune/database/file.node.ts";
import type { TuningTarget } from "../lib/tune/index.ts";
import { failureText } from "./failure.ts";

/** A file of records that counts what it is asked for. */
class AskedRecords extends FileDatabase {
  // Not set before the file is read: what a model is compiled with asks afterwards.
  readonly #asked = new Set<PrimFunc>();
  #found = 0;

  override queryFunc(func: PrimFunc, target?: TuningTarget): PrimFunc | undefined {
    const found = super.queryFunc(func, target);
    if (!this.#asked.has(func) && found) this.#found++;
    this.#asked.add(func);
    return found;
  }

  /** What the records were good for. */
  used(): string {
    const asked = this.#asked.size;
    const known = `${this.path}: schedules for ${this.#found} of ${asked} tensor programs`;
    return this.#found > 0 || asked === 0
      ? known
      : `${known}; were they found with the same --shape and --target?`;
  }
}

/** Opens records to use them. Throws where there is no such file; says on the error stream which lines are none. */
export function openRecords(file: string): AskedRecords {
  if (!existsSync(file)) throw new Error(`there is no file of records ${file}: make it with tilewright tune`);
  return told(() => new AskedRecords(file), file);
}

/** Opens records to add to them; the file need not be there, its folder must. */
export function recordsToAddTo(file: string): FileDatabase {
  const folder = path.dirname(path.resolve(file));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--records ${file}: there is no folder ${folder}`);
  return told(() => new FileDatabase(file), file);
}

function told<D extends FileDatabase>(open: () => D, file: string): D {
  try {
    const database = open();
    for (const line of database.skipped) console.error(`${file}: ${line}; it is passed over`);
    return database;
  } catch (error) {
    throw new Error(`--records ${failureText(error, file)}`, { cause: error });
  }
}
