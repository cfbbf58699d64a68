/** Serves sources over loopback as a bundler would, without types and with packages by their place, and an empty page. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import ts from "typescript";
import { type FolderServer, serve } from "./folder-server.ts";

const require = createRequire(import.meta.url);

/** Packages that the library imports, as modules. */
const PACKAGES: Readonly<Record<string, string>> = {
  acorn: require.resolve("acorn").replace(/\.js$/, ".mjs"),
  "@dagrejs/dagre": require.resolve("@dagrejs/dagre").replace(/\.cjs$/, ".esm.js"),
};

const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };

/** What was made already, by its file. */
const made = new Map<string, string>();

function moduleOf(file: string): string {
  const known = made.get(file);
  if (known !== undefined) return known;
  let text = readFileSync(file, "utf8");
  if (file.endsWith(".ts")) text = ts.transpile(text, options);
  for (const name of Object.keys(PACKAGES)) text = text.replaceAll(`from "${name}"`, `from "/${name}"`);
  made.set(file, text);
  return text;
}

/** Serves what lies below `folder`, but for the files of `missing`; `headers` are sent with every answer. */
export function serveSources({
  folder = ".",
  missing = [] as readonly string[],
  headers = {} as Readonly<Record<string, string>>,
} = {}): Promise<FolderServer> {
  return serve((name) => {
    const source = name.replace(/\.js$/, ".ts");
    const file = PACKAGES[name] ?? path.join(folder, source);
    if (missing.includes(source) || !existsSync(file)) return undefined;
    return { type: "text/javascript", body: moduleOf(file) };
  }, headers);
}
