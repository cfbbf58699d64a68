import { createRequire } from "node:module";
import path from "node:path";
import { cellModules } from "../../paths.ts";
import type { LanguageConfig } from "./files.ts";

const require = createRequire(import.meta.url);

/** The file that holds all of TypeScript. */
export const typescriptFile: string = require.resolve("typescript");

/** Where the language side of this installation finds what it needs. */
export function languageConfig(folder: string): LanguageConfig {
  const modules = Object.entries(cellModules).map(([name, { types }]) => [name, types]);
  return {
    folder,
    libFolder: path.dirname(typescriptFile),
    modules: Object.fromEntries(modules),
    platformTypes: platformTypes(),
  };
}

/** The entry of the complete platform types, where they are installed. */
export function platformTypes(): string | undefined {
  try {
    return require.resolve("@types/node/index.d.ts");
  } catch {
    return undefined;
  }
}
