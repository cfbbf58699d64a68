// Files are written aside and then put in place, so that a reader, and a run that is cut short, never see half a file.
import {
  chmodSync,
  existsSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";

let count = 0;

/** A hidden name beside a file, which no other process and no other save uses. */
export function asideOf(file: string): string {
  count += 1;
  return path.join(path.dirname(file), `.~tilewright-${process.pid}-${count}.tmp`);
}

/** Whether a name is one of `asideOf`'s. */
export function isAside(name: string): boolean {
  return asideName.test(name);
}
const asideName = /^\.~tilewright-(\d+)-\d+\.tmp$/;

/** Writes a text in one go. A link stays a link, and the file keeps its permissions. */
export function saveText(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const aside = asideOf(target);
  try {
    writeFileSync(aside, text);
    if (existsSync(target)) chmodSync(aside, statSync(target).mode);
    renameSync(aside, target);
  } catch (error) {
    // Gone with its folder, it may not even be looked for.
    if (existsSync(aside)) rmSync(aside, { force: true });
    // Who asked for the file knows nothing of the one aside.
    if (error instanceof Error && "path" in error) error.path = file;
    throw error;
  }
}

/** As `saveText`, without blocking, and on the disk when it resolves. */
export async function saveBytes(file: string, bytes: string | Uint8Array): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const aside = asideOf(target);
  try {
    const handle = await open(aside, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await putInPlace(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** Puts a complete file in the place of another, whose permissions it takes over. */
export async function putInPlace(aside: string, target: string): Promise<void> {
  const old = await stat(target).catch(() => undefined);
  if (old) {
    const handle = await open(aside, "r");
    await handle.chmod(old.mode & 0o7777).finally(() => handle.close());
  }
  await rename(aside, target);
}

/** Removes from a folder what saves left there whose process was killed in the middle. */
export function sweepAsides(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = asideName.exec(name)?.[1];
    if (pid !== undefined && Number(pid) !== process.pid && !isAlive(Number(pid)))
      rmSync(path.join(folder, name), { force: true });
  }
}

/** Whether a process of this number runs on this machine. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
