// A thread of the process that runs cells. It hears interrupts while the main thread spins, asks the main thread
// first, and terminates its JavaScript when it does not answer. When the kernel is gone, or memory runs out, it ends
// the process.
import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { type MessagePort, workerData } from "node:worker_threads";
import { FrameReader } from "./frames.ts";
import { descriptors, type ToWatchdog } from "./link.ts";
import { excess, memoryLimit, totalMemory, volunteer } from "./memory.ts";

/** What the main thread hands over. */
export interface WatchdogData {
  /** A word that counts the interrupts it has heard of, and the port on which it is told. */
  heard: SharedArrayBuffer;
  asked: MessagePort;
  /** The word it waits on while a question is open, and the port that takes the answer. */
  answered: Int32Array;
  answers: MessagePort;
}

/** Time the main thread has to answer before its JavaScript is terminated, in milliseconds. */
const patience = 80;

/** Between two looks at the memory, in milliseconds: less than it takes to fill what the limit leaves free. */
const memoryCheck = 100;

const { heard, asked, answered, answers } = workerData as WatchdogData;
const counter = new Int32Array(heard);
const session = new Session();
session.connectToMainThread();

const reader = new FrameReader<ToWatchdog>();
const control = new Socket({ fd: descriptors.control, readable: true, writable: false });
control.on("data", (chunk) => {
  for (const message of reader.push(chunk)) {
    if (message.type === "interrupt") interrupt(message.origin);
    else answer(message.text);
  }
});
control.on("close", () => process.kill(process.pid, "SIGKILL"));
control.on("error", () => process.kill(process.pid, "SIGKILL"));

volunteer();
const total = totalMemory();
const limit = memoryLimit(process.env.TILEWRIGHT_MEMORY_LIMIT, total);
setInterval(() => {
  const reason = excess(limit, total);
  if (reason === undefined) return;
  // The kernel reads this as the process's last words.
  writeSync(2, `The session's process is out of memory: ${reason}.\n`);
  process.kill(process.pid, "SIGKILL");
}, memoryCheck);

function answer(text: string): void {
  answers.postMessage(text);
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
}

function interrupt(origin: string): void {
  const before = Atomics.load(counter, 0);
  asked.postMessage(origin);
  const result = Atomics.wait(counter, 0, before, patience);
  // Waiting blocks this thread only, and no longer than the patience. The question stays in the port: once the
  // main thread is free again it ends the cell.
  if (result === "timed-out") session.post("Runtime.terminateExecution");
}
