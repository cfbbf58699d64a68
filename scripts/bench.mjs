// npm run bench: installs the peers into their own package when they are not there, then runs the comparison.
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

if (!(await installPeers("tests/bench"))) process.exit(1);
run(process.execPath, ["--import", "tsx", `${folder}bench.ts`, ...process.argv.slice(2)]);
