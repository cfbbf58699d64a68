import ts from "typescript";

/** TypeScript's own declarations that cells see, each with all that it refers to. */
const libraries = [
  "lib.es2023.d.ts",
  "lib.esnext.disposable.d.ts",
  "lib.esnext.collection.d.ts",
  "lib.es2025.iterator.d.ts",
];

/** The one library that the compiler is told of: its text holds the others'. */
export const standardLibrary = "lib.es2023.d.ts";

/** What bundling reads. */
interface Source {
  libFolder: string;
  platformTypes: string | undefined;
  readFile(file: string): string | undefined;
}

/** Kept for all programs, and in the snapshot: the text of each file that is part of a bundle. */
const bundles = new Map<string, Map<string, ts.IScriptSnapshot>>();

/**
 * The standard and the platform's declarations as two files instead of two hundred: the first of each is given the
 * text of all, the others are empty. A program is made for every cell, and each file costs it time, as does each
 * interface that is spread over several. Only scripts are joined; a file that is a module stays what it is.
 */
export function standardFiles(source: Source): ReadonlyMap<string, ts.IScriptSnapshot> {
  const key = `${source.libFolder} ${source.platformTypes}`;
  const known = bundles.get(key);
  if (known) return known;
  const made = new Map<string, ts.IScriptSnapshot>();
  const { libFolder, platformTypes } = source;
  const lib = (name: string) => `${libFolder}/${name}`;
  join(libraries.map(lib), source, made);
  if (platformTypes !== undefined) join([platformTypes], source, made);
  bundles.set(key, made);
  return made;
}

/** Adds the files and what they refer to: all text under the first name, none under the others. */
function join(files: string[], source: Source, made: Map<string, ts.IScriptSnapshot>): void {
  const left = new Set<string>();
  const parts: string[] = [];
  const visit = (file: string): void => {
    if (made.has(file)) return;
    const text = source.readFile(file);
    if (text === undefined) return;
    if (/^(import|export)\b/m.test(text)) {
      left.add(`/// <reference path="${file}" />`);
      return;
    }
    made.set(file, ts.ScriptSnapshot.fromString(""));
    const rest = text.replace(reference, (line, kind: string, to: string) => {
      if (kind === "types") left.add(line);
      else visit(kind === "lib" ? `${source.libFolder}/lib.${to}.d.ts` : pathFrom(file, to));
      return "";
    });
    parts.push(rest);
  };
  for (const file of files) visit(file);
  // References count only at the top of a file.
  const text = `${[...left, ""].join("\n")}${parts.join("\n")}`;
  if (files[0] !== undefined && made.has(files[0])) made.set(files[0], ts.ScriptSnapshot.fromString(text));
}

const reference = /^\/\/\/\s*<reference\s+(lib|path|types)="([^"]+)"[^\n]*$/gm;

function pathFrom(file: string, relative: string): string {
  const parts = file.split("/").slice(0, -1);
  for (const part of relative.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
