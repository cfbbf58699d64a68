/** Workers in Node. The built-ins are asked for when they are there, so that pages can load this file too. */
import type * as OS from "node:os";
import type * as Threads from "node:worker_threads";
import type { FromWorker, Port, ToWorker } from "./messages.ts";
import type { Host, Member, MemberEvents } from "./platform.ts";

const inNode = (): boolean => typeof process === "object" && process.versions?.node !== undefined;
const builtin = <X>(name: string): X => process.getBuiltinModule(name) as X;

export function nodeHost(): Host | undefined {
  if (!inNode()) return undefined;
  const { availableParallelism } = builtin<typeof OS>("node:os");
  const threads = builtin<typeof Threads>("node:worker_threads");
  return {
    cores: availableParallelism(),
    ...(threads.isMainThread
      ? {}
      : { refuses: "this is a worker; the cores are for the main thread's pool" }),
    ...(process.env.TILEWRIGHT_THREADS ? { asked: process.env.TILEWRIGHT_THREADS } : {}),
    start: (events) => start(threads, events),
  };
}

/** The side of the worker. */
export function nodePort(): Port | undefined {
  if (!inNode()) return undefined;
  const { parentPort } = builtin<typeof Threads>("node:worker_threads");
  return {
    listen: (handler) => void parentPort?.on("message", handler),
    post: (m) => parentPort?.postMessage(m),
  };
}

function start({ Worker }: typeof Threads, events: MemberEvents): Member {
  const source = import.meta.url.endsWith(".ts");
  // Run from its TypeScript source, as the tests do, the worker first needs the loader that this thread got.
  const url = new URL(source ? "./worker.ts" : "./worker.js", import.meta.url);
  const loader = `import("tsx/esm/api").then((t) => { t.register(); return import(${JSON.stringify(url.href)}); });`;
  const worker = source
    ? new Worker(loader, { eval: true, execArgv: [] })
    : new Worker(url, { execArgv: [] });
  let gone = false;
  const ended = (why: string): void => {
    if (gone) return;
    gone = true;
    events.gone(why);
  };
  worker.on("message", (m: FromWorker) => {
    // Looked at while it runs, or else it counts as not begun when it has ended.
    worker.performance.eventLoopUtilization();
    events.message(m);
  });
  worker.on("error", (e) => ended(e instanceof Error ? e.message : String(e)));
  worker.on("exit", (code) => ended(`it exited with code ${code}`));
  return {
    post: (m: ToWorker) => worker.postMessage(m),
    // Of a thread that has ended no idle time is told, even before its exit is an event here.
    isAlive: () => !gone && worker.performance.eventLoopUtilization().idle >= 0,
    hold: (on) => (on ? worker.ref() : worker.unref()),
    end: () => void worker.terminate(),
  };
}
