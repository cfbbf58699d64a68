// Deleted files go where the desktop's other programs put theirs, so that a person can get them back.
import { mkdir, readdir, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { HttpError } from "../errors.ts";
import { checkpointFolder } from "./checkpoints.ts";

/**
 * Moves a file or folder to the user's trash (the freedesktop.org specification; on macOS its folder), or deletes it for
 * good where there is none on the same file system. A folder that still holds something is only ever moved: else throws
 * a 400 `HttpError`.
 */
export async function discard(file: string, apiPath: string): Promise<void> {
  if (await moveToTrash(file)) return;
  if (!(await stat(file)).isDirectory()) return unlink(file);
  const left = (await readdir(file)).filter((name) => name !== checkpointFolder);
  if (left.length > 0) throw new HttpError(400, `Directory ${apiPath} not empty`);
  await rm(path.join(file, checkpointFolder), { recursive: true, force: true });
  await rmdir(file);
}

/** Whether it could be moved. */
async function moveToTrash(file: string): Promise<boolean> {
  const home = process.env.HOME ?? os.homedir();
  if (process.platform === "win32") return false;
  const mac = process.platform === "darwin";
  const data = process.env.XDG_DATA_HOME || path.join(home, ".local", "share");
  const trash = mac ? path.join(home, ".Trash") : path.join(data, "Trash", "files");
  const notes = mac ? undefined : path.join(data, "Trash", "info");
  try {
    await mkdir(trash, { recursive: true, mode: 0o700 });
    if ((await stat(trash)).dev !== (await stat(file)).dev) return false;
    const name = await freeName(trash, path.basename(file));
    const note = notes && path.join(notes, `${name}.trashinfo`);
    if (notes && note) {
      await mkdir(notes, { recursive: true, mode: 0o700 });
      const date = new Date().toISOString().slice(0, 19);
      const from = file.split(path.sep).map(encodeURIComponent).join("/");
      await writeFile(note, `[Trash Info]\nPath=${from}\nDeletionDate=${date}\n`, { flag: "wx" });
    }
    try {
      await rename(file, path.join(trash, name));
    } catch (error) {
      if (note) await rm(note, { force: true });
      throw error;
    }
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Of the file's own folder; deleting will fail in the same way, and says so.
    if (code === "EACCES" || code === "EPERM" || code === "EXDEV" || code === "EROFS") return false;
    throw error;
  }
}

async function freeName(folder: string, name: string): Promise<string> {
  const taken = new Set(await readdir(folder));
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}.${i}`;
    if (!taken.has(candidate)) return candidate;
  }
}
