// The process that works on a model: `worker FOLDER NAME OPTIONS` tells what it does on its standard output, a line of JSON
// for each event; `worker --machine` tells what there is to choose from.
import { Console } from "node:console";
import { writeSync } from "node:fs";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { enableRelaxedSimd } from "../../../lib/runtime/features.node.ts";
import type { TryEvent } from "./events.ts";
import type { TryOptions } from "./options.ts";

const source = import.meta.url.endsWith(".ts");
const guard = new Worker(new URL(source ? "./guard.ts" : "./guard.js", import.meta.url));
guard.unref();
// The standard output is for events alone.
globalThis.console = new Console(process.stderr);
enableRelaxedSimd();

const [folder = "", name = "", options = ""] = process.argv.slice(2);
if (folder === "--machine") {
  const { machine } = await import("./machine.ts");
  say({ event: "machine", machine: await machine() });
} else {
  const { workOn } = await import("./steps.ts");
  await workOn(folder, name, JSON.parse(options) as TryOptions, say);
}
// Threads and devices of the library may still be there.
process.exit(0);

/** Writes a line; waits while the server is slow to read. */
function say(value: TryEvent): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
