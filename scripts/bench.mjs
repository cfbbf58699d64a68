// npm run bench: installs the peers into their own package when they are not there, then runs the comparison.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../tests/bench/", import.meta.url));

function run(command, args, options) {
  const r = spawnSync(command, args, { stdio: "inherit", ...options });
  if (r.error) throw r.error;
  if (r.status !== 0) process.exit(r.status ?? 1);
}

if (!existsSync(`${folder}node_modules/onnxruntime-web`)) {
  console.log("Installing the peers that are measured against (tests/bench) …");
  // onnxruntime-node would download a GPU build in its install step.
  run("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: folder,
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
  });
}
run(process.execPath, ["--import", "tsx", `${folder}bench.ts`, ...process.argv.slice(2)]);
