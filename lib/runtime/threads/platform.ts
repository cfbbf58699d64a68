/** What the pool needs of the platform: cores, and workers. */
import type { FromWorker, ToWorker } from "./messages.ts";

/** A started worker. */
export interface Member {
  post(message: ToWorker): void;
  /** Whether it can still come to an end of what it does; known at once, without waiting for events. */
  isAlive(): boolean;
  /** Whether the process waits for it. */
  hold(on: boolean): void;
  end(): void;
}

export interface MemberEvents {
  message(m: FromWorker): void;
  /** It ended, or never began: why. */
  gone(why: string): void;
}

export interface Host {
  /** How many threads can run at the same time. */
  readonly cores: number;
  /** Why this realm has no threads of its own, if it has not. */
  readonly refuses?: string;
  /** What the user asked for outside of the program: `TILEWRIGHT_THREADS`. */
  readonly asked?: string;
  /** Starts a worker, which is sent `begin` first. May throw. */
  start(events: MemberEvents): Member;
}
