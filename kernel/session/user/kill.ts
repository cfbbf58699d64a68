import type { ChildProcess } from "node:child_process";

/** Longest wait for a killed process, in milliseconds. */
const patience = 1000;

/** Kills a child and waits until it is gone, so that none is left for another process to bury. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, patience).unref())]);
}
