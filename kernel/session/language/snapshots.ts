import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../paths.ts";
import { platformTypes, typescriptFile } from "./config.ts";

/** Where snapshots are kept: beside the installed packages, or else in the user's cache. */
export function snapshotFolders(): string[] {
  const modules = path.join(packageRoot, "node_modules");
  const user =
    process.env.XDG_CACHE_HOME ??
    (process.platform === "darwin"
      ? path.join(os.homedir(), "Library/Caches")
      : (process.env.LOCALAPPDATA ?? path.join(os.homedir(), ".cache")));
  return [
    ...(existsSync(modules) ? [path.join(modules, ".cache/tilewright")] : []),
    path.join(user, "tilewright"),
  ];
}

/** The name of the snapshot that fits this installation and this Node; `prefix` is what its older versions share. */
export function snapshotName(): { name: string; prefix: string } {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const hash = createHash("sha256");
  const scripts = readdirSync(here).filter((file) => file.endsWith(".js"));
  for (const file of scripts.sort()) hash.update(readFileSync(path.join(here, file)));
  hash.update(readFileSync(path.join(here, "../user/frames.js")));
  for (const installed of [typescriptFile, platformTypes()]) {
    hash.update(installed ? `${installed} ${version(installed)}` : "none");
  }
  // The library's declarations are in the snapshot and are not looked at again: another build needs another one.
  const built = statSync(path.join(here, "../../../.tsbuildinfo"), { throwIfNoEntry: false });
  hash.update(`${version(here)} ${built?.size} ${built?.mtimeMs}`);
  const root = createHash("sha256").update(packageRoot).digest("hex").slice(0, 8);
  const prefix = `language-${root}-${process.version}-${process.arch}-`;
  return { name: `${prefix}${hash.digest("hex").slice(0, 16)}.blob`, prefix };
}

/** The snapshot's file, or undefined where none has been made. */
export function findSnapshot(): string | undefined {
  if (process.env.TILEWRIGHT_SNAPSHOT === "off") return undefined;
  const { name } = snapshotName();
  return snapshotFolders()
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}

/** The version of the package that a file belongs to. */
function version(file: string): string {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const manifest = path.join(folder, "package.json");
    if (existsSync(manifest)) return String(JSON.parse(readFileSync(manifest, "utf8")).version);
  }
  return "";
}
