import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The package's folder: the nearest one above this file that has a package.json (works from source and from dist/). */
export const packageRoot: string = findRoot(path.dirname(fileURLToPath(import.meta.url)));

/** What `import … from "tilewright"` loads, and where its types stand; always this package's own build. */
export const library: { url: string; types: string } = {
  url: pathToFileURL(path.join(packageRoot, "dist/lib/index.js")).href,
  types: path.join(packageRoot, "dist/lib/index.d.ts"),
};

/** The modules of the kernel's own that cells may import: their scripts and their types. */
export const cellModules: { [specifier: string]: { url: string; types: string } } = {
  tilewright: library,
  "tilewright/notebook": cellModule("index"),
  tslab: cellModule("tslab"),
};

function cellModule(name: string): { url: string; types: string } {
  const file = path.join(packageRoot, "dist/kernel/session/notebook", name);
  return { url: pathToFileURL(`${file}.js`).href, types: `${file}.d.ts` };
}

/** The version in package.json. */
export function packageVersion(): string {
  const parsed: { version?: string } = JSON.parse(
    readFileSync(path.join(packageRoot, "package.json"), "utf8"),
  );
  return parsed.version ?? "0.0.0";
}

function findRoot(from: string): string {
  // dist/ holds no package.json, so the first one met on the way up is the package's.
  for (let folder = from; ; folder = path.dirname(folder)) {
    try {
      readFileSync(path.join(folder, "package.json"));
      return folder;
    } catch {
      if (path.dirname(folder) === folder) throw new Error(`no package.json above ${from}`);
    }
  }
}
