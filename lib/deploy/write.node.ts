/** Writing a bundle into a folder. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { refuseDeploy } from "./error.ts";
import { makeFolder } from "./folder.node.ts";
import type { Bundle, Manifest } from "./types.ts";

/**
 * Writes the files aside and puts them in place of the folder when all are there: a reader sees the old bundle or the
 * new one. Throws a `DeployError` when the folder holds something that is not a bundle.
 */
export function writeBundle(b: Bundle, folder: string): void {
  const target = path.resolve(folder);
  const old = existsSync(target);
  if (old) checkReplaceable(target);
  makeFolder(path.dirname(target));
  // Not mkdtemp, whose folder others may not read.
  const aside = path.join(
    path.dirname(target),
    `.${path.basename(target)}-${process.pid}-${Date.now().toString(36)}`,
  );
  mkdirSync(aside);
  try {
    for (const { name, bytes } of b.files) writeFileSync(path.join(aside, name), bytes);
    if (old) renameSync(target, `${aside}-old`);
    try {
      renameSync(aside, target);
    } catch (e) {
      if (old) renameSync(`${aside}-old`, target);
      throw e;
    }
    if (old) rmSync(`${aside}-old`, { recursive: true });
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Only an empty folder, or a bundle with nothing beside it that could be lost, is replaced. */
function checkReplaceable(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return refuseDeploy(`${folder} is there, and is no folder`);
  }
  if (names.length === 0) return;
  const refuse = (why: string): never =>
    refuseDeploy(`${folder} ${why}; it is left alone. Name another folder, or move that one away`);
  if (!names.includes("manifest.json")) refuse("is not empty and not a bundle (it has no manifest.json)");
  let manifest: Partial<Manifest> | undefined;
  try {
    manifest = JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8")) as Partial<Manifest>;
  } catch {
    refuse("holds a manifest.json that cannot be read");
  }
  if (manifest?.format !== "tilewright-bundle" || !Array.isArray(manifest.files)) refuse("is not a bundle");
  const own = new Set(["manifest.json", ...(manifest?.files ?? []).map((f) => f.name)]);
  const others = names.filter((n) => !own.has(n));
  if (others.length > 0) refuse(`holds files that are not of the bundle: ${others.slice(0, 5).join(", ")}`);
}
