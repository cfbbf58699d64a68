// A thread of the process that runs cells. It hears interrupts while the main thread spins, asks the main thread
// first, and terminates its JavaScript when it does not answer. When the kernel is gone it ends the process.
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { workerData } from "node:worker_threads";
import { FrameReader } from "./frames.ts";
import { descriptors, type ToWatchdog } from "./link.ts";

/** What the main thread hands over: a word that counts its answers, and the port on which it is asked. */
export interface WatchdogData {
  answers: SharedArrayBuffer;
  port: import("node:worker_threads").MessagePort;
}

/** Time the main thread has to answer before its JavaScript is terminated, in milliseconds. */
const patience = 80;

const { answers, port } = workerData as WatchdogData;
const counter = new Int32Array(answers);
const session = new Session();
session.connectToMainThread();

const reader = new FrameReader<ToWatchdog>();
const control = new Socket({ fd: descriptors.control, readable: true, writable: false });
control.on("data", (chunk) => {
  for (const message of reader.push(chunk)) interrupt(message.cell);
});
control.on("close", () => process.kill(process.pid, "SIGKILL"));
control.on("error", () => process.kill(process.pid, "SIGKILL"));

function interrupt(cell: number): void {
  const before = Atomics.load(counter, 0);
  port.postMessage(cell);
  const result = Atomics.wait(counter, 0, before, patience);
  // Waiting blocks this thread only, and no longer than the patience. The question stays in the port: once the
  // main thread is free again it ends the cell.
  if (result === "timed-out") session.post("Runtime.terminateExecution");
}
