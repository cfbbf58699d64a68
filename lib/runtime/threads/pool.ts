/**
 * The pool: one for each process or page, made when a parallel loop first runs. It keeps no process alive. Workers take
 * part in jobs (`control.ts`) when they are there; nothing ever waits for one that has not come yet, so the first loops
 * run while workers still start, and a worker that ended is only missed.
 *
 * A call may be broken off at any point (a notebook's interrupt ends the JavaScript of this thread without running
 * `finally`). The job is then still there: `settle` calls it off and waits for those who are in. It is called before memory
 * changes hands and before the next job.
 */
import { type Body, callOff, controlBlock, failure, join, open, type Patience, takePart } from "./control.ts";
import type { SharedProgram } from "./messages.ts";
import type { Host, Member } from "./platform.ts";
import { availableThreads, currentHost } from "./policy.ts";

/** More than any machine's cores that one process would be given. */
const MOST_WORKERS = 255;

interface Worker {
  readonly thread: number;
  readonly member: Member;
  /** Programs it was sent. */
  readonly knows: Set<number>;
  readonly ready: Promise<void>;
  isReady: boolean;
}

/** A program whose loops can be spread. */
export interface Spreadable {
  readonly program: SharedProgram;
  /** How many threads its code has room for. */
  readonly threads: number;
  /** Its loops on this thread. */
  readonly bodies: () => readonly Body[];
}

export class ThreadPool {
  readonly #host: Host;
  readonly #control = controlBlock(MOST_WORKERS);
  readonly #workers = new Map<number, Worker>();
  /** Threads there ever were: words that `join` has to look at. */
  #highest = 0;
  #next = 1;
  #inFlight = false;
  /** Why no worker could be started. */
  #broken: string | undefined;
  readonly #patience: Patience = {
    maySleep: maySleep(),
    isAlive: (thread) => this.#workers.get(thread)?.member.isAlive() ?? false,
  };
  readonly #forgotten = new FinalizationRegistry<number>((number) => {
    for (const w of this.#workers.values()) {
      if (w.knows.delete(number)) w.member.post({ kind: "forget", number });
    }
  });

  constructor(host: Host = currentHost()) {
    this.#host = host;
  }

  /** Why loops run serially although there are cores: workers could not be started. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Workers that have begun. */
  get size(): number {
    return [...this.#workers.values()].filter((w) => w.isReady).length;
  }

  /** What the import `parallel` of a program does. */
  spreader(p: Spreadable): (body: number, begin: number, end: number, environment: number) => void {
    const number = this.#next++;
    this.#forgotten.register(p, number);
    return (body, begin, end, environment) => {
      const run = p.bodies()[body];
      const threads = Math.min(p.threads, availableThreads().count);
      if (threads < 2 || end - begin < 2) {
        if (end > begin) run(begin, end, 0, environment);
        return;
      }
      this.#run(p, number, run, { program: number, body, begin, end, environment, threads });
    };
  }

  /** When all workers for so many threads have begun; undefined when they have. */
  ready(threads: number): Promise<void> | undefined {
    this.#start(threads);
    const starting = [...this.#workers.values()].filter((w) => !w.isReady);
    if (starting.length === 0) return undefined;
    return Promise.all(starting.map((w) => w.ready)).then(() => undefined);
  }

  /** Makes sure that no worker computes any more. Does nothing unless a call was broken off. */
  settle(): void {
    if (!this.#inFlight) return;
    callOff(this.#control);
    this.#wait();
  }

  /** Ends all workers; the next job starts others. */
  end(): void {
    this.settle();
    for (const w of this.#workers.values()) w.member.end();
    this.#workers.clear();
    this.#broken = undefined;
  }

  #run(p: Spreadable, number: number, run: Body, job: Parameters<typeof open>[1]): void {
    this.settle();
    this.#start(job.threads);
    for (const w of this.#workers.values()) {
      if (w.knows.has(number)) continue;
      w.member.post({ kind: "learn", number, ...p.program });
      w.knows.add(number);
    }
    this.#inFlight = true;
    open(this.#control, job);
    let thrown: unknown;
    try {
      takePart(this.#control, run);
    } catch (e) {
      thrown = e;
    }
    const dead = this.#wait();
    if (thrown !== undefined) throw thrown;
    if (dead.length > 0) {
      throw new Error(
        `a worker thread ended while it computed its part of ${p.program.bodies[job.body]}: the results of this call are incomplete; the next call starts another worker`,
      );
    }
    const failed = failure(this.#control);
    if (failed) throw new WebAssembly.RuntimeError(failed.message);
  }

  #wait(): number[] {
    const dead = join(this.#control, this.#highest, this.#patience);
    this.#inFlight = false;
    for (const thread of dead) this.#workers.delete(thread);
    return dead;
  }

  #start(threads: number): void {
    if (this.#broken !== undefined || this.#workers.size >= threads - 1) return;
    for (let thread = 1; thread < Math.min(threads, MOST_WORKERS); thread++) {
      if (this.#workers.has(thread)) continue;
      try {
        this.#workers.set(thread, this.#begin(thread));
        this.#highest = Math.max(this.#highest, thread);
      } catch (e) {
        this.#broken = reasonOf(e instanceof Error ? e.message : String(e));
        return;
      }
    }
  }

  #begin(thread: number): Worker {
    let begun = (): void => {};
    const ready = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const member: Member = this.#host.start({
      message: (m) => {
        if (m.kind !== "ready") return;
        worker.isReady = true;
        // Until now the process waited for it, as somebody may wait for `ready`.
        member.hold(false);
        begun();
      },
      gone: (why) => {
        if (this.#workers.get(thread) === worker) this.#workers.delete(thread);
        if (!worker.isReady) this.#broken = reasonOf(why);
        begun();
      },
    });
    const worker: Worker = { thread, member, knows: new Set(), ready, isReady: false };
    member.post({ kind: "begin", control: this.#control, thread });
    return worker;
  }
}

const reasonOf = (why: string): string => `workers could not be started: ${why}`;

/** Whether this thread may wait in `Atomics.wait`: the main thread of a page may not. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

let pool: ThreadPool | undefined;

/** The pool of this realm. */
export function threadPool(): ThreadPool {
  pool ??= new ThreadPool();
  return pool;
}

/** See `ThreadPool.settle`. */
export function settleThreads(): void {
  pool?.settle();
}

/** Ends the workers of this realm, if there are any; they come back when they are needed. */
export function releaseThreads(): void {
  pool?.end();
}
