// Makes the snapshot from which the language side starts: TypeScript loaded, the standard, platform and library types
// parsed. Run at the end of a build, and in the background by a kernel that finds none.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { languageConfig, typescriptFile } from "./config.ts";
import { snapshotFolders, snapshotName } from "./snapshots.ts";

const here = path.dirname(fileURLToPath(import.meta.url));

/** Makes the snapshot, unless it is there. Gives its file. */
export function prepare(): string {
  const { name, prefix } = snapshotName();
  for (const folder of snapshotFolders()) {
    const file = path.join(folder, name);
    if (existsSync(file)) return file;
    try {
      mkdirSync(folder, { recursive: true });
      make(file);
    } catch {
      continue;
    }
    for (const other of readdirSync(folder)) {
      if (other.startsWith(prefix) && other !== name) rmSync(path.join(folder, other), { force: true });
    }
    return file;
  }
  throw new Error(`no snapshot could be made in ${snapshotFolders().join(" or ")}`);
}

function make(file: string): void {
  const scratch = mkdtempSync(path.join(os.tmpdir(), "tilewright-snapshot-"));
  try {
    const config = path.join(scratch, "config.json");
    // A folder that no notebook has: cells of the warm program are nobody's.
    writeFileSync(config, JSON.stringify(languageConfig("/tilewright-snapshot")));
    const script = path.join(scratch, "language.cjs");
    writeFileSync(script, bundle());
    const blob = path.join(path.dirname(file), `.${process.pid}-${path.basename(file)}`);
    const flags = ["--no-warnings", "--snapshot-blob", blob, "--build-snapshot", script];
    execFileSync(process.execPath, flags, {
      stdio: "pipe",
      env: { ...process.env, NODE_OPTIONS: "", TILEWRIGHT_SNAPSHOT: config },
    });
    renameSync(blob, file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** TypeScript and the modules of the language side as one CommonJS script. */
function bundle(): string {
  const modules = new Map<string, string>();
  const add = (file: string): void => {
    if (modules.has(file)) return;
    modules.set(file, "");
    const { outputText } = ts.transpileModule(readFileSync(file, "utf8"), {
      fileName: file.replace(/\.js$/, ".ts"),
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2023,
        esModuleInterop: true,
      },
    });
    const resolved = outputText.replace(/require\("(\.[^"]+)"\)/g, (_, relative: string) => {
      const target = path.resolve(path.dirname(file), relative);
      add(target);
      return `load(${JSON.stringify(target)})`;
    });
    modules.set(file, resolved.replaceAll('require("typescript")', 'load("typescript")'));
  };
  const entry = path.join(here, "snapshot.js");
  add(entry);
  const own = [...modules].map(
    ([file, js]) => `${JSON.stringify(file)}: function (module, exports) {\n${js}\n}`,
  );
  const compiler = readFileSync(typescriptFile, "utf8");
  const names = [typescriptFile, path.dirname(typescriptFile)].map((name) => JSON.stringify(name)).join(", ");
  return `"use strict";
const loaded = {}, modules = {
typescript: function (module, exports, __filename, __dirname) {
${compiler}
},
${own.join(",\n")}
};
function load(name) {
  if (!loaded[name]) {
    const module = loaded[name] = { exports: {} };
    modules[name](module, module.exports, ${names});
  }
  return loaded[name].exports;
}
load(${JSON.stringify(entry)});
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    prepare();
  } catch (error) {
    // Without it everything works, only later.
    console.error(`tilewright: ${error instanceof Error ? error.message : error}`);
  }
}
