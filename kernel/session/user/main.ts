// The process that runs cells. It owns no socket of Jupyter's, so whatever a cell does to it, the kernel answers.
import { writeSync } from "node:fs";
import { createRequire, register } from "node:module";
import { Socket } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import vm from "node:vm";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { enableRelaxedSimd } from "../../../lib/runtime/features.node.ts";
import { cellModules, packageRoot } from "../../paths.ts";
import { CellEngine } from "../engine/engine.ts";
import type { EngineHost } from "../engine/host.ts";
import { provide } from "../notebook/session.ts";
import type { CellEvent } from "../types.ts";
import { FrameReader, frame } from "./frames.ts";
import type { HooksData } from "./hooks.ts";
import { descriptors, type FromUser, type ToUser } from "./link.ts";
import { Streams } from "./streams.ts";
import { taskTracker } from "./tasks.ts";
import type { WatchdogData } from "./watchdog.ts";

/** How long nothing has to be asked before the library is loaded ahead, in milliseconds. */
const preloadDelay = 1500;

Error.stackTraceLimit = 50;
// Before anything is compiled: later it would come too late for the library's programs.
enableRelaxedSimd();
const folder = `${pathToFileURL(process.cwd()).href.replace(/\/$/, "")}/`;
// Taken before any cell can put something of its own in their place.
const { setImmediate: later, Atomics: atomics } = globalThis;
const napping = new Int32Array(new SharedArrayBuffer(4));

/** Sends synchronously: the pipe's other end always reads, so this waits for nothing but a full pipe. */
function send(message: FromUser): void {
  let bytes: Uint8Array = frame(message);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptors.events, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      atomics.wait(napping, 0, 0, 1);
    }
  }
}

/** Wakes the main thread out of a question; the answer itself comes through the channel. */
const answered = new Int32Array(new SharedArrayBuffer(4));
const answers = new MessageChannel();
answers.port1.unref();
const tasks = taskTracker();

const streams = new Streams((event) => send({ type: "event", event }));

function emit(event: CellEvent): void {
  if (event.type === "stream") return streams.write(event);
  streams.flush();
  send({ type: "event", event });
}

const kernelScripts = new URL("../../", import.meta.url).href;
const moduleMaps = new Map<string, string>();
const meta = {
  url: `${folder}notebook.ts`,
  dirname: process.cwd(),
  filename: path.join(process.cwd(), "notebook.ts"),
  resolve: (specifier: string) => new URL(specifier, folder).href,
};

const host: EngineHost = {
  scope: globalThis as unknown as Record<string, unknown>,
  evaluate: (js, filename) => {
    const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
    return new vm.Script(js, { filename, importModuleDynamically }).runInThisContext();
  },
  scriptName: (cell) => `${folder}__tw_cell_${cell}`,
  meta,
  inspect: (value) => {
    return typeof value === "string"
      ? quoted(value)
      : inspect(value, { colors: false, depth: 4, maxArrayLength: 100, maxStringLength: 10000 });
  },
  emit,
  ask: (origin, question) => {
    streams.flush();
    while (receiveMessageOnPort(answers.port1));
    atomics.store(answered, 0, 0);
    send({ type: "question", origin, question });
    // Blocks as a page's `prompt` does. An interrupt terminates the wait as it terminates a loop.
    atomics.wait(answered, 0, 0);
    return String(receiveMessageOnPort(answers.port1)?.message ?? "");
  },
  within: (task, body) => tasks.within(task, body),
  task: () => tasks.task(),
  resume: (task) => tasks.resume(task),
  turn: () => new Promise((resolve) => later(resolve)),
  moduleMap: (url) => moduleMaps.get(url),
  userFile,
  isKernel: (script) => script.startsWith(kernelScripts),
};

/** A result that is a string is shown as source text would be, in quotes. */
function quoted(value: string): string {
  return inspect(value, { maxStringLength: 10000 });
}

/** Files of the notebook's folder are the user's; installed packages, this package and the platform are not. */
function userFile(script: string): string | undefined {
  if (!script.startsWith(folder) || script.includes("/node_modules/") || script.includes("/__tw_cell_"))
    return undefined;
  const root = pathToFileURL(packageRoot).href;
  if (script.startsWith(`${root}/dist/`) || script.startsWith(`${root}/kernel/`)) return undefined;
  return decodeURIComponent(script.slice(folder.length).replace(/\?.*$/, ""));
}

for (const name of ["stdout", "stderr"] as const) {
  process[name].write = ((data: string | Uint8Array, encoding?: unknown, done?: unknown) => {
    engine.write(name, typeof data === "string" ? data : Buffer.from(data).toString("utf8"));
    const callback = typeof encoding === "function" ? encoding : done;
    if (typeof callback === "function") process.nextTick(callback as () => void);
    return true;
  }) as typeof process.stdout.write;
}

// What a CommonJS file has: the types of Node promise it, and notebooks written for tslab use it.
const commonJs = {
  require: createRequire(meta.filename),
  __dirname: meta.dirname,
  __filename: meta.filename,
};
for (const [name, value] of Object.entries(commonJs)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

const engine = new CellEngine(host);
provide(engine);

process.on("exit", (code) => {
  streams.flush();
  send({ type: "exit", code });
  // At an ordinary end the platform would wait for the watchdog's debugger session, and say so on stderr.
  process.kill(process.pid, "SIGKILL");
});
process.on("uncaughtException", (error) => engine.uncaught(error, "exception"));
process.on("unhandledRejection", (reason) => engine.uncaught(reason, "rejection"));
// A terminal's Ctrl-C reaches every process of its group; only the kernel acts on it.
process.on("SIGINT", () => undefined);

const maps = new MessageChannel();
maps.port1.on("message", ([url, map]: [string, string]) => moduleMaps.set(url, map));
maps.port1.unref();
const hooks: HooksData = {
  modules: Object.fromEntries(Object.entries(cellModules).map(([name, { url }]) => [name, url])),
  build: `${pathToFileURL(packageRoot).href}/dist/`,
  folder,
  maps: maps.port2,
};
register(new URL("./hooks.js", import.meta.url), { data: hooks, transferList: [maps.port2] });

const heard = new SharedArrayBuffer(4);
const asked = new MessageChannel();
asked.port1.on("message", (origin: string) => {
  atomics.add(new Int32Array(heard), 0, 1);
  atomics.notify(new Int32Array(heard), 0);
  tasks.forget();
  engine.interrupt(origin);
});
const watchdog: WatchdogData = { heard, asked: asked.port2, answered, answers: answers.port2 };
new Worker(new URL("./watchdog.js", import.meta.url), {
  workerData: watchdog,
  transferList: [asked.port2, answers.port2],
}).unref();

/** Loads the library once nothing has been asked for a while: a cell that imports it then need not wait for it. */
let preloaded = false;
const preload = setTimeout(() => {
  preloaded = true;
  const wanted = [cellModules.tilewright, cellModules["tilewright/notebook"]];
  // A broken library is the business of the cell that imports it.
  for (const module of wanted) if (module) void import(module.url).catch(() => undefined);
}, preloadDelay);

const reader = new FrameReader<ToUser>();
const commands = new Socket({ fd: descriptors.commands, readable: true, writable: false });
commands.on("data", (chunk) => {
  tasks.forget();
  if (!preloaded) preload.refresh();
  for (const message of reader.push(chunk)) {
    if (message.type === "comm") {
      const { origin } = message;
      engine.receive(origin, message.message, () => {
        streams.flush();
        send({ type: "handled", origin });
      });
    } else if (message.type === "variable") process.env[message.name] = message.value;
    else {
      const { cell } = message;
      streams.allow(cell.origin);
      engine.run(cell, (outcome) => {
        streams.finish(cell.origin);
        send({ type: "done", origin: cell.origin, outcome });
      });
    }
  }
});
commands.on("close", () => process.exit());
send({ type: "ready" });
