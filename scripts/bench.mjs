// npm run bench: installs the peers into their own packages when they are not there, then runs the comparison; with
// --kernels, the comparison of Jupyter kernels; with --gpu, operators and models on the GPU at hand (its peers are those of tests/bench, too; `--peers none` needs none).
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { installPeers } from "./peers.mjs";

const folder = fileURLToPath(new URL("../tests/bench/", import.meta.url));

function run(command, args, options) {
  const r = spawnSync(command, args, { stdio: "inherit", ...options });
  if (r.error) throw r.error;
  if (r.status !== 0) process.exit(r.status ?? 1);
}

const kernels = process.argv.includes("--kernels");
const gpu = process.argv.includes("--gpu");
const alone = gpu && /--peers[= ]none/.test(process.argv.join(" "));
for (const peers of alone ? [] : kernels ? ["tests/bench", "tests/compat"] : ["tests/bench"]) {
  if (!(await installPeers(peers))) process.exit(1);
}
if (kernels) {
  // The kernel is measured as it is installed.
  run("npm", ["run", "--silent", "build"]);
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
}
const script = gpu ? "gpu.ts" : kernels ? "kernels.ts" : "bench.ts";
const args = process.argv.slice(2).filter((arg) => arg !== "--kernels" && arg !== "--gpu");
run(process.execPath, ["--import", "tsx", `${folder}${script}`, ...args]);
