// Kernels of any make, started as Jupyter would and driven by our own client: ours, and the peers it is compared with.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { KernelClient } from "../../kernel/client/client.ts";
import { newConnection } from "../../kernel/protocol/connection.ts";
import { systemPython } from "./system.ts";

/** Deno's program itself: what npm links to would start it through Node. */
function denoProgram(): string {
  const folder = path.resolve("tests/bench/node_modules/@deno");
  const [platform = ""] = existsSync(folder) ? readdirSync(folder) : [];
  return path.join(folder, platform, process.platform === "win32" ? "deno.exe" : "deno");
}

/** How each kernel is started; `{}` stands for the connection file. */
const commands = {
  tilewright: [process.execPath, path.resolve("dist/kernel/cli.js"), "kernel", "--connection-file", "{}"],
  tslab: [
    process.execPath,
    path.resolve("tests/compat/node_modules/tslab/bin/tslab"),
    "kernel",
    "--config-path",
    "{}",
  ],
  deno: [denoProgram(), "jupyter", "--kernel", "--conn", "{}"],
  ipykernel: [systemPython, "-m", "ipykernel_launcher", "-f", "{}"],
} as const;

/** The kernels that can be started. */
export type KernelName = keyof typeof commands;

/** Whether a kernel is installed here. */
export function isInstalled(name: KernelName): boolean {
  if (name === "ipykernel") return spawnSync(systemPython, ["-c", "import ipykernel"]).status === 0;
  return existsSync(commands[name][name === "deno" ? 0 : 1]!);
}

/** A running kernel, its client, and what to call at its end. */
export interface Running {
  name: KernelName;
  client: KernelClient;
  process: ChildProcess;
  stop(): Promise<void>;
}

/** Starts a kernel in a folder. Does not wait until it is ready. What it writes to its own output is dropped. */
export async function startPeer(name: KernelName, folder: string): Promise<Running> {
  const connection = await newConnection();
  const scratch = mkdtempSync(path.join(os.tmpdir(), "tilewright-peer-"));
  const file = path.join(scratch, "connection.json");
  writeFileSync(file, JSON.stringify({ ...connection, kernel_name: name }));
  const [program, ...args] = commands[name].map((arg) => (arg === "{}" ? file : arg));
  const env = {
    ...process.env,
    DENO_NO_UPDATE_CHECK: "1",
    IPYTHONDIR: scratch,
    NO_COLOR: "1",
    TILEWRIGHT_HISTORY: "off",
  };
  const child = spawn(program!, args, { cwd: folder, stdio: "ignore", env });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const client = new KernelClient(connection);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      client.request("shutdown_request", { restart: false }, { channel: "control" });
      const killer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(killer);
    }
    client.close();
    rmSync(scratch, { recursive: true, force: true });
  };
  return { name, client, process: child, stop };
}
