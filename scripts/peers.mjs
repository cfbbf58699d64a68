// Installs the packages of their own that hold what we compare with: tests/compat for the tests, tests/bench for the
// benchmarks. They are no dependencies of ours, because they bring other versions of what we use.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execute } from "./stages.mjs";

/**
 * Makes sure that a folder's packages are installed as its lock file says. Gives whether they are; without a network they
 * may not be, and what needs them skips itself.
 */
export async function installPeers(folder) {
  const path = fileURLToPath(new URL(`../${folder}/`, import.meta.url));
  if (upToDate(path)) return true;
  console.log(`Installing what ${folder} compares with …`);
  // No install scripts: nothing here needs them, and some would download.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", path];
  const cli = process.env.npm_execpath;
  const { code, output } = cli?.endsWith("js")
    ? await execute(process.execPath, [cli, ...args])
    : await execute("npm", args);
  if (code !== 0) console.log(`npm ci in ${folder} failed:\n${output.trimEnd()}`);
  return code === 0;
}

/** Whether the versions installed are those of the lock file. */
function upToDate(path) {
  const installed = `${path}node_modules/.package-lock.json`;
  if (!existsSync(installed)) return false;
  const packages = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
  const there = packages(installed);
  return Object.entries(packages(`${path}package-lock.json`)).every(
    ([name, { version, optional }]) => name === "" || optional || there[name]?.version === version,
  );
}
