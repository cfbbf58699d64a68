/** Making folders. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";

/**
 * Makes a folder and those above it, as far as they are missing. Throws the file system's error, or one of ours where
 * its reason would mislead: Node's own `recursive` tries for ever in places such as /proc, where a folder cannot be made
 * though the one above is there.
 */
export function makeFolder(folder: string): void {
  const missing: string[] = [];
  let at = path.resolve(folder);
  for (; !existsSync(at); at = path.dirname(at)) missing.push(at);
  if (!statSync(at).isDirectory()) throw new Error(`${at} is a file, not a folder`);
  for (const next of missing.reverse()) makeOne(next);
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Another process may have been quicker.
    if (code === "EEXIST" && statSync(folder).isDirectory()) return;
    if (code === "ENOENT")
      throw new Error(`${folder}: no folder can be made in ${path.dirname(folder)}`, { cause });
    throw cause;
  }
}
