/**
 * The block of shared words over which the main thread and its workers agree on who computes what.
 *
 * A job is the iterations of one parallel loop. The main thread writes what it is into the block and opens it by making
 * `EPOCH` odd; threads take pieces of it off `NEXT` until none is left; the main thread takes part, closes the job by
 * making `EPOCH` even again, and waits for the workers that are in.
 *
 * - A worker is in while its own word holds the number of the job. It writes that word first and then looks whether the
 *   job is still open; the main thread closes first and then looks at the words. Atomics are sequentially consistent, so
 *   either the worker sees that it came too late, or the main thread sees that it has to wait. What describes a job is
 *   read by those who are in, and changed when nobody is.
 * - A worker that has not come yet is not waited for: the main thread alone would finish the job.
 * - Who waits looks at the word for a while (`SPIN_MS`) and then sleeps in `Atomics.wait`.
 */

/** One word in a cache line of its own, so that threads do not take each other's lines away. */
const LINE = 16;

/** Even: no job. Odd: the number of the job that is open. */
const EPOCH = 0;
/** How many workers sleep until `EPOCH` changes. */
const SLEEPERS = LINE;
/** The first iteration that nobody has taken. */
const NEXT = 2 * LINE;
/** The job: program, number of its function, end of the iterations, address of the environment, number of threads. */
const JOB = 3 * LINE;
/** Not 0 while the main thread sleeps until a worker is out. */
const WAITING = 4 * LINE;
/** The thread that failed, 0 for none; the length of its message, and the message in 16-bit units. */
const FAILED = 5 * LINE;
const MESSAGE_LENGTH = FAILED + 1;
const MESSAGE = 6 * LINE;
const MAX_MESSAGE = 512;
const WORKERS = MESSAGE + MAX_MESSAGE;

/** How long a thread looks before it sleeps: longer than what lies between two loops of a program. */
const SPIN_MS = 0.06;
/** Looks between two looks at the clock. */
const LOOKS = 64;

/** Runs the iterations from `begin` up to `end`. */
export type Body = (begin: number, end: number, thread: number, environment: number) => void;

export interface Job {
  /** Number of the program. */
  readonly program: number;
  /** Number of the loop in it. */
  readonly body: number;
  readonly begin: number;
  readonly end: number;
  readonly environment: number;
  /** How many threads take part at most: the main thread, which is number 0, and workers. */
  readonly threads: number;
}

export interface Failure {
  readonly thread: number;
  readonly message: string;
}

export function controlBlock(workers: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * (WORKERS + LINE * workers)));
}

/** The word of a worker; workers are threads 1, 2, … */
const own = (thread: number): number => WORKERS + LINE * (thread - 1);

/** Whether the condition came true within the time that is worth looking. */
function spin(holds: () => boolean, ms: number): boolean {
  for (let i = 0; i < LOOKS; i++) if (holds()) return true;
  const until = performance.now() + ms;
  do {
    for (let i = 0; i < LOOKS; i++) if (holds()) return true;
  } while (performance.now() < until);
  return false;
}

/** Takes pieces and runs them until none is left: large ones first, so that all threads end at the same time. */
function takePieces(c: Int32Array, run: Body, thread: number): void {
  const [end, environment, threads] = [c[JOB + 2], c[JOB + 3], c[JOB + 4]];
  for (;;) {
    const from = Atomics.load(c, NEXT);
    if (from >= end) return;
    const to = from + Math.max(1, Math.floor((end - from) / (2 * threads)));
    if (Atomics.compareExchange(c, NEXT, from, to) === from) run(from, to, thread, environment);
  }
}

/** Leaves nothing to take. */
function cancel(c: Int32Array): void {
  Atomics.store(c, NEXT, 2 ** 31 - 1);
}

// The side of the workers.

/**
 * Takes part in jobs, until there is one of a program that `bodyOf` does not know: then the caller has to receive its
 * messages. `bodyOf` gives `null` for what this thread cannot run; it leaves that to the others.
 */
export function serve(
  c: Int32Array,
  thread: number,
  bodyOf: (program: number, body: number) => Body | null | undefined,
): void {
  let seen = 0;
  const changed = (): boolean => Atomics.load(c, EPOCH) !== seen;
  for (;;) {
    const epoch = Atomics.load(c, EPOCH);
    if (epoch % 2 !== 0 && epoch !== seen) {
      Atomics.store(c, own(thread), epoch);
      const known = Atomics.load(c, EPOCH) !== epoch || work(c, thread, bodyOf);
      Atomics.store(c, own(thread), 0);
      if (Atomics.load(c, WAITING) !== 0) Atomics.notify(c, own(thread));
      if (!known) return;
    }
    seen = epoch;
    if (spin(changed, SPIN_MS)) continue;
    Atomics.add(c, SLEEPERS, 1);
    Atomics.wait(c, EPOCH, seen);
    Atomics.sub(c, SLEEPERS, 1);
  }
}

/** Whether the program is known. */
function work(
  c: Int32Array,
  thread: number,
  bodyOf: (program: number, body: number) => Body | null | undefined,
): boolean {
  if (thread >= c[JOB + 4]) return true;
  const run = bodyOf(c[JOB], c[JOB + 1]);
  if (!run) return run === null;
  try {
    takePieces(c, run, thread);
  } catch (e) {
    cancel(c);
    if (Atomics.compareExchange(c, FAILED, 0, thread) === 0) {
      const text = (e instanceof Error ? e.message : String(e)).slice(0, MAX_MESSAGE);
      for (let i = 0; i < text.length; i++) c[MESSAGE + i] = text.charCodeAt(i);
      c[MESSAGE_LENGTH] = text.length;
    }
  }
  return true;
}

// The side of the main thread.

/** Opens a job; its number. The one before must be over (`join`). */
export function open(c: Int32Array, job: Job): number {
  c[JOB] = job.program;
  c[JOB + 1] = job.body;
  c[JOB + 2] = job.end;
  c[JOB + 3] = job.environment;
  c[JOB + 4] = job.threads;
  c[FAILED] = 0;
  Atomics.store(c, NEXT, job.begin);
  const epoch = Atomics.add(c, EPOCH, 1) + 1;
  if (Atomics.load(c, SLEEPERS) > 0) Atomics.notify(c, EPOCH);
  return epoch;
}

/** The main thread's part of the open job. What it throws has called the rest of the job off. */
export function takePart(c: Int32Array, run: Body): void {
  try {
    takePieces(c, run, 0);
  } catch (e) {
    cancel(c);
    throw e;
  }
}

/** How a thread that may not be in `Atomics.wait`, as the main thread of a page, waits: not at all. */
export interface Patience {
  readonly maySleep: boolean;
  /** Whether a worker can still come to an end. Asked now and then while it is waited for. */
  isAlive(thread: number): boolean;
}

/** How long to sleep before asking whether a worker is alive. */
const CHECK_MS = 100;

/**
 * Closes the job, if it is still open, and waits until all workers are out of it. Workers that died in it are given, by
 * thread. Also right after a call that was broken off at any point.
 */
export function join(c: Int32Array, workers: number, patience: Patience): number[] {
  const epoch = Atomics.load(c, EPOCH);
  if (epoch % 2 !== 0) Atomics.store(c, EPOCH, epoch + 1);
  const dead: number[] = [];
  for (let t = 1; t <= workers; t++) {
    const word = own(t);
    const out = (): boolean => Atomics.load(c, word) === 0;
    while (!spin(out, SPIN_MS)) {
      if (patience.maySleep) {
        Atomics.store(c, WAITING, 1);
        const inside = Atomics.load(c, word);
        if (inside !== 0) Atomics.wait(c, word, inside, CHECK_MS);
        Atomics.store(c, WAITING, 0);
      }
      if (out() || patience.isAlive(t)) continue;
      Atomics.store(c, word, 0);
      dead.push(t);
    }
  }
  return dead;
}

/** Calls the job off: no thread takes another piece of it. */
export const callOff = cancel;

/** What went wrong in a worker in the last job. */
export function failure(c: Int32Array): Failure | undefined {
  const thread = c[FAILED];
  if (thread === 0) return undefined;
  const units = Array.from(c.subarray(MESSAGE, MESSAGE + c[MESSAGE_LENGTH]));
  return { thread, message: String.fromCharCode(...units) };
}
