import { readConnectionFile } from "../protocol/connection.ts";
import { log } from "../protocol/sockets.ts";
import { Kernel } from "./kernel.ts";

/** How often a kernel that Jupyter started looks whether its parent still lives, in milliseconds. */
const parentCheck = 1000;

/**
 * `tilewright kernel`: serves the connection until it is shut down, then ends the process: with 1 when it cannot be served.
 * Throws when the connection file cannot be read.
 */
export async function runKernel(connectionFile: string): Promise<void> {
  const kernel = new Kernel(readConnectionFile(connectionFile), process.cwd());
  process.on("SIGINT", () => kernel.interrupt());
  process.on("SIGTERM", () => void kernel.stop());
  // A message that upsets the kernel must not take the reader's variables with it.
  process.on("uncaughtException", (error) => log(`internal error: ${error.stack}`));
  process.on("unhandledRejection", (reason) =>
    log(`internal error: ${reason instanceof Error ? reason.stack : reason}`),
  );
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) void kernel.stop();
  }, parentCheck);
  watch.unref();
  try {
    await kernel.serve();
    process.exit(0);
  } catch (error) {
    // A port was taken in the meantime, say. Whoever started the kernel sees it end, and can try another connection.
    log(`the kernel cannot serve ${connectionFile}: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}
