// A thread of the process that works on a model, whose main thread may be busy for long. It ends the process, and what
// that started, when the server is gone or memory runs out.
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";
import { excess, memoryLimit, totalMemory, volunteer } from "../../session/user/memory.ts";
import type { TryEvent } from "./events.ts";

/** Between two looks at the memory, in milliseconds. */
const memoryCheck = 100;

volunteer();
// The server writes nothing there; the other end closes with it, however it ends.
const server = new Socket({ fd: 0, readable: true, writable: false });
server.on("error", end).on("close", end).resume();

const total = totalMemory();
const limit = memoryLimit(process.env.TILEWRIGHT_MEMORY_LIMIT, total);
setInterval(() => {
  const reason = excess(limit, total);
  if (reason === undefined) return;
  const message = `The work on this model took too much memory: ${reason}.`;
  const told: TryEvent = { event: "error", name: "MemoryLimit", message };
  // The main thread may be in the middle of a line.
  writeSync(1, `\n${JSON.stringify(told)}\n`);
  end();
}, memoryCheck);

function end(): void {
  try {
    // The process leads a group of its own.
    process.kill(-process.pid, "SIGKILL");
  } catch {
    process.kill(process.pid, "SIGKILL");
  }
}
