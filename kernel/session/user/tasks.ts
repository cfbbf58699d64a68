// On whose account code runs: which cell a line printed late belongs to.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Task } from "../engine/host.ts";

/** Follows tasks through asynchronous code. */
export interface TaskTracker {
  within<T>(task: Task, body: () => T): T;
  task(): Task | undefined;
  /** Called by cells' code after each `await` with the task it had before. */
  resume(task: Task | undefined): void;
  /** Called where the platform enters anew, so that what a termination left behind is forgotten. */
  forget(): void;
}

/** The tracker that fits the platform. */
export function taskTracker(): TaskTracker {
  return Number.parseInt(process.versions.node, 10) >= 24 ? new PlatformTracker() : new OwnTracker();
}

/** Timer functions whose callbacks belong to the task that called them. */
const timers = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"] as const;

/**
 * Makes the callbacks of the timer functions run through `call` with the task that started them, and end with it: a
 * task that was stopped leaves no timer behind.
 */
function followTimers(current: () => Task | undefined, call: <T>(task: Task, body: () => T) => T): void {
  const { clearInterval } = globalThis;
  for (const name of timers) {
    const original = globalThis[name] as (callback: unknown, ...rest: unknown[]) => unknown;
    const followed = (callback: unknown, ...rest: unknown[]) => {
      const task = current();
      if (task === undefined || typeof callback !== "function") return original(callback, ...rest);
      return original(
        function (this: unknown, ...args: unknown[]) {
          // The platform calls a timer's callback on the timer.
          if (task.stopped) return name === "setInterval" ? clearInterval(this as NodeJS.Timeout) : undefined;
          return call(task, () => Reflect.apply(callback, this, args));
        },
        ...rest,
      );
    };
    Object.defineProperty(followed, "name", { value: name });
    // `util.promisify` finds its own version of a timer function on the function.
    for (const symbol of Object.getOwnPropertySymbols(original)) {
      Object.defineProperty(followed, symbol, Object.getOwnPropertyDescriptor(original, symbol)!);
    }
    (globalThis as Record<string, unknown>)[name] = followed;
  }
}

/** From Node 24 on the platform keeps contexts by itself, at no cost worth naming. */
class PlatformTracker implements TaskTracker {
  readonly #storage = new AsyncLocalStorage<Task>();

  constructor() {
    followTimers(
      () => this.task(),
      (_, body) => body(),
    );
  }

  within<T>(task: Task, body: () => T): T {
    return this.#storage.run(task, body);
  }

  task(): Task | undefined {
    return this.#storage.getStore();
  }

  resume(): void {}

  forget(): void {}
}

/**
 * Before Node 24, `AsyncLocalStorage` rests on hooks that abort the process when a callback is terminated, as an
 * interrupt does. So the task is a variable, carried over cells' own awaits and over timers; other callbacks count as
 * the running cell's.
 */
class OwnTracker implements TaskTracker {
  #task: Task | undefined;

  constructor() {
    followTimers(
      () => this.#task,
      (task, body) => this.within(task, body),
    );
  }

  within<T>(task: Task, body: () => T): T {
    const before = this.#task;
    this.#task = task;
    try {
      return body();
    } finally {
      this.#task = before;
    }
  }

  task(): Task | undefined {
    return this.#task;
  }

  resume(task: Task | undefined): void {
    this.#task = task;
  }

  forget(): void {
    this.#task = undefined;
  }
}
