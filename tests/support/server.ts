// What the tests that start a server need.
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";

/** Waits until a server answers at `url`; throws after two minutes, or when `server`, its process, has ended. */
export async function answers(url: string, server?: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 1200 && !hasEnded(server); tries++) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await setTimeout(100);
  }
  throw new Error(`nothing answers at ${new URL(url).origin}`);
}

/** Whether a process has ended. */
export const hasEnded = (child: ChildProcess | undefined): boolean =>
  child !== undefined && (child.exitCode !== null || child.signalCode !== null);

/** A port of the loopback interface that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
