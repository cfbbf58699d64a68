// The language side behind a message port: what the language thread runs once it has set itself up.
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import ts from "typescript";
import { cellModules } from "../../paths.ts";
import { TypeScriptLanguage } from "./language.ts";
import type { LanguageFiles } from "./program.ts";
import type { LanguageReply, LanguageRequest } from "./thread.ts";

const slashes = (name: string) => name.replaceAll("\\", "/");
const { sys } = ts;

const files: LanguageFiles = {
  folder: slashes((workerData as { folder: string }).folder),
  libFolder: slashes(path.dirname(sys.getExecutingFilePath())),
  modules: Object.fromEntries(Object.entries(cellModules).map(([name, { types }]) => [name, slashes(types)])),
  platformTypes: platformTypes(),
  version: (file) => String(statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? "none"),
  fileExists: sys.fileExists,
  readFile: sys.readFile,
  directoryExists: sys.directoryExists,
  getDirectories: sys.getDirectories,
  readDirectory: sys.readDirectory,
  realpath: (file) => sys.realpath?.(file) ?? file,
};

function platformTypes(): string | undefined {
  try {
    return slashes(createRequire(import.meta.url).resolve("@types/node/index.d.ts"));
  } catch {
    return undefined;
  }
}

const language = new TypeScriptLanguage(files);
language.warm();
// A notebook that is merely open has time to spare; one that is being run has none.
const idle = setTimeout(() => language.warmLibrary(), 500);

parentPort!.on("message", async ({ id, method, args }: LanguageRequest) => {
  clearTimeout(idle);
  let reply: LanguageReply;
  try {
    const call = language[method] as (...args: unknown[]) => Promise<unknown>;
    reply = { id, value: await call.apply(language, args) };
  } catch (error) {
    reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  parentPort!.postMessage(reply);
  if (method === "compile") language.finish();
});
