// Errors of the file system, in words: Node's own ("ENOENT: no such file or directory, open 'x'") are for programmers.
import { readFileSync } from "node:fs";

/** What the codes mean to somebody who typed a path. */
const meanings: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder, not a file",
  ENOTDIR: "a part of the path is a file, not a folder",
  EACCES: "this user may not open it",
  EPERM: "this user may not change it",
  EROFS: "nothing can be written there",
  ENOSPC: "the disk is full",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its links lead in a circle",
};

/** An error's message; where the file system refused, the path (`file`, if Node does not know it) and why. */
export function failureText(error: unknown, file?: string): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path = file } = error as NodeJS.ErrnoException;
  const meaning = code === undefined ? undefined : meanings[code];
  return meaning === undefined || path === undefined ? error.message : `${path}: ${meaning}`;
}

/** A file's bytes. Throws an error that names the file, and says why it cannot be read. */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read ${failureText(error, file)}`, { cause: error });
  }
}
