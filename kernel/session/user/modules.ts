// The modules of the notebook's folder: compiled here, and loaded again when they, or a module that they import,
// were edited. All others keep their instance, and with it their state.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parse } from "acorn";

/** A file as it was at some time. */
interface Source {
  modified: number;
  /** JavaScript; for TypeScript with its source map. */
  js: string;
  map?: string | undefined;
  /** What it imports by relative path, as URLs of files. */
  imports: string[];
}

const sources = new Map<string, Source>();

/** The JavaScript of a module and, where it was compiled here, its source map. */
export async function compiled(url: string): Promise<{ js: string; map?: string | undefined }> {
  return source(url.replace(/\?.*$/, ""));
}

/** A short text that changes when the file changes or any that it imports, directly or not; undefined for no file. */
export async function version(url: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  const seen = new Set<string>();
  const visit = async (file: string): Promise<boolean> => {
    if (seen.has(file)) return true;
    seen.add(file);
    const modified = modifiedAt(file);
    if (modified === undefined) return false;
    hash.update(`${file} ${modified}\n`);
    for (const imported of (await source(file)).imports) await visit(imported);
    return true;
  };
  return (await visit(url)) ? hash.digest("hex").slice(0, 12) : undefined;
}

/** Finds the file that a path stands for, as TypeScript's bundler resolution does. */
export function guess(base: URL): string | undefined {
  const file = fileURLToPath(base);
  const stem = file.replace(/\.([mc]?)js$/, ".$1ts");
  const candidates = [
    stem,
    ...[".ts", ".mts", ".js", ".mjs", ".json", "/index.ts", "/index.js"].map((end) => file + end),
  ];
  const found = candidates.find((candidate) => candidate !== file && isFile(candidate));
  return found && pathToFileURL(found).href;
}

async function source(url: string): Promise<Source> {
  const modified = modifiedAt(url) ?? 0;
  const known = sources.get(url);
  if (known?.modified === modified) return known;
  const text = readFileSync(fileURLToPath(url), "utf8");
  const made = /\.[mc]?tsx?$/.test(url) ? await transpile(fileURLToPath(url), text) : { js: text };
  const isScript = /\.([mc]?[jt]sx?)$/.test(url);
  const fresh: Source = { modified, ...made, imports: isScript ? relativeImports(made.js, url) : [] };
  sources.set(url, fresh);
  return fresh;
}

async function transpile(file: string, text: string): Promise<{ js: string; map: string | undefined }> {
  const { default: ts } = await import("typescript");
  const { outputText, sourceMapText } = ts.transpileModule(text, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      jsx: ts.JsxEmit.React,
      sourceMap: true,
    },
  });
  return { js: outputText.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, ""), map: sourceMapText };
}

/** The files that a module's import and export declarations and constant `import()` calls name by relative paths. */
function relativeImports(js: string, url: string): string[] {
  let tree: unknown;
  try {
    tree = parse(js, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true });
  } catch {
    // CommonJS that is no module, or a mistake that the platform will report when it loads the file.
    return [];
  }
  const found = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) return node.forEach(visit);
    const { type, source: from } = node as { type?: string; source?: { value?: unknown } | null };
    if (/^(Import|Export)/.test(type ?? "") && typeof from?.value === "string") found.add(from.value);
    for (const child of Object.values(node)) visit(child);
  };
  visit(tree);
  return [...found]
    .filter((specifier) => /^\.{1,2}\//.test(specifier))
    .map((specifier) => new URL(specifier, url))
    .map((target) => (isFile(fileURLToPath(target)) ? target.href : guess(target)))
    .filter((target) => target !== undefined);
}

function modifiedAt(url: string): number | undefined {
  return statSync(fileURLToPath(url), { throwIfNoEntry: false })?.mtimeMs;
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}
