// Large files come in numbered parts; the file appears when the last one is there.
import { appendFile, open, rm } from "node:fs/promises";
import { asideOf, putInPlace } from "../../notebook/save.ts";
import { HttpError } from "../errors.ts";

/** How long the next part of an upload may take, in milliseconds; what was sent is then dropped. */
const patience = 10 * 60_000;

interface Upload {
  aside: string;
  next: number;
  timer: NodeJS.Timeout;
}

/** Uploads in parts that are under way. */
export class Uploads {
  readonly #running = new Map<string, Upload>();

  /**
   * Adds a part to the upload of a file: they are numbered 1, 2, …, and the last one is -1. Gives true when the file is
   * complete and in its place. Throws a 400 `HttpError` for a part out of turn.
   */
  async add(file: string, chunk: unknown, bytes: Uint8Array): Promise<boolean> {
    if (chunk === 1) {
      await this.#drop(file);
      this.#running.set(file, { aside: asideOf(file), next: 1, timer: this.#expiry(file) });
    }
    const upload = this.#running.get(file);
    if (!upload || (chunk !== -1 && chunk !== upload.next)) {
      await this.#drop(file);
      throw new HttpError(
        400,
        `Part ${JSON.stringify(chunk)} came out of turn: send the file again from part 1`,
      );
    }
    clearTimeout(upload.timer);
    upload.timer = this.#expiry(file);
    upload.next += 1;
    await appendFile(upload.aside, bytes);
    if (chunk !== -1) return false;
    const handle = await open(upload.aside, "r");
    await handle.sync().finally(() => handle.close());
    await putInPlace(upload.aside, file);
    await this.#drop(file);
    return true;
  }

  /** Drops all uploads that are not complete. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((file) => this.#drop(file)));
  }

  #expiry(file: string): NodeJS.Timeout {
    return setTimeout(() => void this.#drop(file), patience).unref();
  }

  async #drop(file: string): Promise<void> {
    const upload = this.#running.get(file);
    if (!upload) return;
    this.#running.delete(file);
    clearTimeout(upload.timer);
    await rm(upload.aside, { force: true });
  }
}
