// `npm run build:page`: builds the workbench's page into dist/workbench when a file it is made of is newer than it.
import { readdirSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { duration, execute } from "./stages.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const made = "dist/workbench/index.html";
const began = performance.now();
const time = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = readdirSync("kernel", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /^kernel[\\/](workbench|notebook)/.test(entry.parentPath))
  .map((entry) => path.join(entry.parentPath, entry.name));

if (Math.max(...[...sources, "package-lock.json"].map(time)) > time(made)) {
  console.log("Building the page (about 15 seconds, this once) …");
  const vite = ["node_modules/vite/bin/vite.js", "build", "--config", "kernel/workbench/vite.config.ts"];
  const { code, output } = await execute(process.execPath, [...vite, "--logLevel", "warn"]);
  if (code === 0) {
    const now = new Date();
    utimesSync(made, now, now);
    console.log(`The page is in dist/workbench (${duration((performance.now() - began) / 1000)}).`);
  } else {
    console.error(output);
    process.exitCode = 1;
  }
}
