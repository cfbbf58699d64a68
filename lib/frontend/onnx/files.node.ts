/** The data files beside a model on disk. */
import { readFileSync, realpathSync } from "node:fs";
import { resolve, sep } from "node:path";
import { refuseOnnx } from "./error.ts";
import type { ExternalData } from "./types.ts";

/** Reads files in a folder and below it; what leads out of it, by its path or by a link, is refused. */
export function externalDataIn(folder: string): ExternalData {
  const root = realpathSync(folder);
  const read = new Map<string, Uint8Array>();
  return (location) => {
    const path = realPath(resolve(root, location));
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) {
      refuseOnnx(`"${location}" leads outside the model's folder`);
    }
    const known = read.get(path) ?? new Uint8Array(readFileSync(path));
    read.set(path, known);
    return known;
  };
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    // What is not there would otherwise be told in terms of system calls.
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new Error("there is no such file beside the model", { cause });
  }
}
