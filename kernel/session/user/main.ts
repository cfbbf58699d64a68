// The process that runs cells. It owns no socket of Jupyter's, so whatever a cell does to it, the kernel answers.
import { writeSync } from "node:fs";
import { register } from "node:module";
import { Socket } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import vm from "node:vm";
import { MessageChannel, Worker } from "node:worker_threads";
import { library, packageRoot } from "../../paths.ts";
import { CellEngine } from "../engine/engine.ts";
import type { EngineHost } from "../engine/host.ts";
import type { CellEvent } from "../types.ts";
import { FrameReader, frame } from "./frames.ts";
import type { HooksData } from "./hooks.ts";
import { descriptors, type FromUser, type ToUser } from "./link.ts";
import { Streams } from "./streams.ts";
import type { WatchdogData } from "./watchdog.ts";

Error.stackTraceLimit = 50;
const folder = `${pathToFileURL(process.cwd()).href.replace(/\/$/, "")}/`;
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

const streams = new Streams((event) => send({ type: "event", event }));

function emit(event: CellEvent): void {
  if (event.type === "stream") return streams.write(event.name, event.text);
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
    streams.write(name, typeof data === "string" ? data : Buffer.from(data).toString("utf8"));
    const callback = typeof encoding === "function" ? encoding : done;
    if (typeof callback === "function") process.nextTick(callback as () => void);
    return true;
  }) as typeof process.stdout.write;
}

const engine = new CellEngine(host);

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
const hooks: HooksData = { library: library.url, folder, maps: maps.port2 };
register(new URL("./hooks.js", import.meta.url), { data: hooks, transferList: [maps.port2] });

const answers = new SharedArrayBuffer(4);
const asked = new MessageChannel();
asked.port1.on("message", (cell: number) => {
  atomics.add(new Int32Array(answers), 0, 1);
  atomics.notify(new Int32Array(answers), 0);
  engine.interrupt(cell);
});
const watchdog: WatchdogData = { answers, port: asked.port2 };
new Worker(new URL("./watchdog.js", import.meta.url), {
  workerData: watchdog,
  transferList: [asked.port2],
}).unref();

const reader = new FrameReader<ToUser>();
const commands = new Socket({ fd: descriptors.commands, readable: true, writable: false });
commands.on("data", (chunk) => {
  for (const { cell } of reader.push(chunk)) {
    engine.run(cell, (outcome) => {
      streams.flush();
      send({ type: "done", cell: cell.number, outcome });
    });
  }
});
commands.on("close", () => process.exit());
send({ type: "ready" });
