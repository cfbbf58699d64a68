/** Files, in Node. */
import { readFile } from "node:fs/promises";

/** The bytes of a file, or undefined when there is none. */
export async function readIfPresent(url: URL): Promise<Uint8Array | undefined> {
  try {
    return await readFile(url);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw e;
  }
}
