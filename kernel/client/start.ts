import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { cliPath } from "../install.ts";
import { newConnection } from "../protocol/connection.ts";
import type { ConnectionInfo } from "../protocol/messages.ts";
import { KernelClient } from "./client.ts";

/** A kernel process of our own and a client connected to it. */
export interface StartedKernel {
  client: KernelClient;
  process: ChildProcess;
  connection: ConnectionInfo;
  /** Asks the kernel to shut down, waits for its end, and removes what was made for it. */
  stop(): Promise<void>;
}

/** Time a kernel has to end after a shutdown request before it is killed, in milliseconds. */
const shutdownTime = 3000;

/** Starts the real kernel in `folder`, as Jupyter would, and connects to it. Does not wait until it is ready. */
export async function startKernel(
  folder: string,
  {
    stderr = "inherit",
    env = process.env,
  }: { stderr?: "inherit" | "ignore" | "pipe"; env?: NodeJS.ProcessEnv } = {},
): Promise<StartedKernel> {
  const connection = await newConnection();
  const scratch = mkdtempSync(path.join(os.tmpdir(), "tilewright-"));
  const file = path.join(scratch, "connection.json");
  writeFileSync(file, JSON.stringify({ ...connection, kernel_name: "tilewright" }), { mode: 0o600 });
  const child = spawn(process.execPath, [cliPath(), "kernel", "--connection-file", file], {
    cwd: folder,
    stdio: ["ignore", "inherit", stderr],
    // What a program runs is no part of what its user has typed.
    env: { TILEWRIGHT_HISTORY: "off", ...env },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const client = new KernelClient(connection);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      client.request("shutdown_request", { restart: false }, { channel: "control" });
      const killer = setTimeout(() => child.kill("SIGKILL"), shutdownTime);
      await ended;
      clearTimeout(killer);
    }
    client.close();
    rmSync(scratch, { recursive: true, force: true });
  };
  return { client, process: child, connection, stop };
}
