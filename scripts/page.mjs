// `npm run build:page`: builds what runs in browsers, each when a file it is made of is newer than it: the workbench's page
// into dist/workbench, the scripts of exported pages into dist/export.
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { duration, execute } from "./stages.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const time = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Whether a file of these folders of kernel/, or a package, is newer than what was made of it. */
function isOld(made, folders) {
  const sources = readdirSync("kernel", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && folders.test(path.relative("kernel", entry.parentPath)))
    .map((entry) => path.join(entry.parentPath, entry.name));
  return Math.max(...[...sources, "package-lock.json"].map(time)) > time(made);
}

/** Builds with Vite, and says what became of it. */
async function build(what, made, config) {
  const began = performance.now();
  const vite = ["node_modules/vite/bin/vite.js", "build", "--config", config, "--logLevel", "warn"];
  const { code, output } = await execute(process.execPath, vite);
  if (code === 0) {
    const now = new Date();
    utimesSync(made, now, now);
    console.log(`${what} (${duration((performance.now() - began) / 1000)}).`);
  } else {
    console.error(output);
    process.exitCode = 1;
  }
}

/** Puts a compressed twin beside each file of a folder that gets smaller by it: the server gives that out. */
function compress(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /\.(png|woff2?|gz)$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
  }
}

const page = "dist/workbench/index.html";
if (isOld(page, /^(workbench|notebook)/)) {
  console.log("Building the page (about 15 seconds, this once) …");
  await build("The page is in dist/workbench", page, "kernel/workbench/vite.config.ts");
  compress("dist/workbench");
}
for (const name of ["page", "plots"]) {
  const script = `dist/export/${name}.js`;
  if (isOld(script, /^export[\\/]browser/))
    await build(`${script} for exported pages is there`, script, `kernel/export/browser/${name}.vite.ts`);
}
