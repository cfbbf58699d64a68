// What the kernel and the process that runs cells say to each other, and on which file descriptors.
import type { CellEvent, CellOutcome, CommMessage, Question, RunnableCell } from "../types.ts";

/** Descriptors of the child process beyond the standard three. */
export const descriptors = {
  /** Child to kernel: `FromUser`. Written synchronously, so output arrives while a cell spins, in order. */
  events: 3,
  /** Kernel to child: `ToUser`, read by the main thread. */
  commands: 4,
  /** Kernel to child: `ToWatchdog`, read by a thread of its own, which answers while a cell spins. */
  control: 5,
} as const;

export type ToUser =
  | { type: "run"; cell: RunnableCell }
  | { type: "variable"; name: string; value: string }
  /** A comm message from the front end; answered with `handled` once its handlers are through. */
  | { type: "comm"; origin: string; message: CommMessage };

export type ToWatchdog =
  /** Stops what runs on account of this request. */
  | { type: "interrupt"; origin: string }
  /** The answer to a question that the main thread is blocked on. */
  | { type: "answer"; text: string };

export type FromUser =
  | { type: "ready" }
  | { type: "exit"; code: number }
  | { type: "event"; event: CellEvent }
  | { type: "question"; origin: string; question: Question }
  | { type: "done"; origin: string; outcome: CellOutcome }
  | { type: "handled"; origin: string };
