import { chmodSync, existsSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

/**
 * Writes a text aside and puts it in place, so that a reader, and a run that is cut short, never see half a file. A link
 * stays a link, and the file keeps its permissions.
 */
export function saveText(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const aside = `${target}.${process.pid}.tmp`;
  try {
    writeFileSync(aside, text);
    if (existsSync(target)) chmodSync(aside, statSync(target).mode);
    renameSync(aside, target);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}
