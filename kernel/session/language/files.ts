import { statSync } from "node:fs";
import ts from "typescript";
import type { LanguageFiles } from "./program.ts";

/** What the language side is told at its start, since it may run from a snapshot that knows no paths. */
export interface LanguageConfig {
  /** The notebook's folder. */
  folder: string;
  /** The folder of TypeScript's own declarations. */
  libFolder: string;
  modules: { [specifier: string]: string };
  platformTypes: string | undefined;
}

const slashes = (name: string) => name.replaceAll("\\", "/");

/** The disk, as the language service sees it. */
export function diskFiles(config: LanguageConfig): LanguageFiles {
  const { sys } = ts;
  return {
    folder: slashes(config.folder),
    libFolder: slashes(config.libFolder),
    modules: Object.fromEntries(
      Object.entries(config.modules).map(([name, types]) => [name, slashes(types)]),
    ),
    platformTypes: config.platformTypes && slashes(config.platformTypes),
    version: (file) => String(statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? "none"),
    fileExists: sys.fileExists,
    readFile: sys.readFile,
    directoryExists: sys.directoryExists,
    getDirectories: sys.getDirectories,
    readDirectory: sys.readDirectory,
    realpath: (file) => sys.realpath?.(file) ?? file,
  };
}
