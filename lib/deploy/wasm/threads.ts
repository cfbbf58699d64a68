/**
 * Threads of a bundle, as JavaScript: the same agreement as lib/runtime/threads/control.ts, which explains it, for one
 * program whose workers have begun when `load` is done. `model.js` has the side of the main thread, `worker.js` the other.
 *
 * Words of the control block: 0 the epoch (odd: a job is open), 16 sleepers, 32 the next iteration, 48 the job (loop, end,
 * environment, threads), 64 whether the main thread sleeps, 80 the thread that failed and the length of its message at 96,
 * 352 and so on a word for each worker. Words that different threads change lie in different cache lines.
 */
import { heading } from "../text.ts";
import { hostsText, type Linked } from "./hosts.ts";

/** What both sides do. */
const BOTH = `const spin = (holds) => {
  for (let until; ;) {
    for (let i = 0; i < 64; i++) if (holds()) return true;
    const now = performance.now();
    if (now >= (until ??= now + 0.06)) return false;
  }
};
const take = (c, run, thread) => {
  for (;;) {
    const from = Atomics.load(c, 32), left = c[49] - from;
    if (left <= 0) return;
    const to = from + Math.max(1, Math.floor(left / (2 * c[51])));
    if (Atomics.compareExchange(c, 32, from, to) === from) run(from, to, thread, c[50]);
  }
};`;

/** `worker.js`. */
export const workerText = (model: string, hosts: readonly string[]): string => `${heading(model, "")}
${BOTH}
const port = globalThis.process?.getBuiltinModule?.("node:worker_threads").parentPort;
const parallel = () => { throw new Error("a parallel loop inside of another"); };
const serve = ({ c, thread, memory, module, linked, bodies }) => {
  const env = ${hostsText(hosts)};
  const kernel = Object.fromEntries(linked.map(([n, m, f]) => [n, new WebAssembly.Instance(m, { env }).exports[f]]));
  const k = new WebAssembly.Instance(module, { env, kernel }).exports;
  (port ?? globalThis).postMessage("ready");
  const own = 336 + 16 * thread;
  for (let seen = 0; ;) {
    const epoch = Atomics.load(c, 0);
    if (epoch % 2 && epoch !== seen) {
      Atomics.store(c, own, epoch);
      try {
        if (Atomics.load(c, 0) === epoch) take(c, k[bodies[c[48]]], thread);
      } catch (e) {
        Atomics.store(c, 32, 2 ** 31 - 1);
        if (Atomics.compareExchange(c, 80, 0, thread) === 0) {
          const text = String(e?.message ?? e).slice(0, 255);
          for (let i = 0; i < text.length; i++) c[97 + i] = text.charCodeAt(i);
          c[96] = text.length;
        }
      }
      Atomics.store(c, own, 0);
      if (Atomics.load(c, 64)) Atomics.notify(c, own);
    }
    seen = epoch;
    if (spin(() => Atomics.load(c, 0) !== seen)) continue;
    Atomics.add(c, 16, 1);
    Atomics.wait(c, 0, seen);
    Atomics.sub(c, 16, 1);
  }
};
if (port) port.once("message", serve);
else globalThis.onmessage = ({ data }) => serve(data);
`;

/**
 * Of a worker of Node that has ended no idle time is told, even before its exit is an event; but only if it was looked at
 * while it ran, as otherwise it counts as not begun.
 *
 * `threadsFor(asked)`: how many threads and why not more; `start(…)`: workers, and what runs loops on them. A job that is
 * still in flight when the next one begins is of a call that was broken off at some point.
 */
export const threadsText = (most: number): string => `${BOTH}
const threadsFor = (asked) => {
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= 1))
    throw new RangeError("threads is a whole number of at least 1, got " + asked);
  const cores = globalThis.process?.getBuiltinModule?.("node:os").availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  const count = Math.min(asked ?? cores, ${most});
  const reason = asked > ${most} ? "the model was compiled for ${most} threads" : asked < ${most} ? "load({ threads: " + asked + " })"
    : count < ${most} ? "there " + (cores === 1 ? "is one core" : "are " + cores + " cores") : undefined;
  const why = count === 1 ? reason
    : globalThis.crossOriginIsolated === false ? "the page is not cross-origin isolated: serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"
    : typeof SharedArrayBuffer === "undefined" ? "there is no SharedArrayBuffer here" : undefined;
  return why ? { count: 1, reason: why } : { count, ...(reason ? { reason } : {}) };
};
const maySleep = () => {
  try {
    return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0) !== undefined;
  } catch {
    return false;
  }
};
const start = async ({ count, reason }, k, program) => {
  const { bodies } = program, c = new Int32Array(new SharedArrayBuffer(4 * (336 + 16 * count)));
  const node = globalThis.process?.getBuiltinModule?.("node:worker_threads"), sleeps = maySleep();
  const Worker = node?.Worker ?? globalThis.Worker;
  const workers = await Promise.all(Array.from({ length: count - 1 }, (_, i) => new Promise((done) => {
    const w = {
      isAlive: () => !w.gone && (!node || w.worker.performance.eventLoopUtilization().idle >= 0),
      end: () => w.worker?.terminate(),
    };
    const gone = (why) => { w.gone ??= "a worker is not there: " + why; done(w); };
    try {
      w.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", execArgv: [] });
      const on = (event, f) => node ? w.worker.on(event, f) : w.worker.addEventListener(event, f);
      on("message", () => { if (node) w.worker.unref(), w.worker.performance.eventLoopUtilization(); done(w); });
      on("error", (e) => gone(e?.message || "worker.js could not be loaded"));
      on("exit", (code) => gone("it exited with code " + code));
      w.worker.postMessage({ c, thread: i + 1, ...program });
    } catch (e) {
      gone(e?.message ?? e);
    }
  })));
  let inFlight = false;
  const join = () => {
    const epoch = Atomics.load(c, 0);
    Atomics.store(c, 32, 2 ** 31 - 1);
    if (epoch % 2) Atomics.store(c, 0, epoch + 1);
    let dead = false;
    workers.forEach((w, i) => {
      const own = 352 + 16 * i, out = () => Atomics.load(c, own) === 0;
      while (!spin(out)) {
        if (sleeps) {
          Atomics.store(c, 64, 1);
          const inside = Atomics.load(c, own);
          if (inside) Atomics.wait(c, own, inside, 100);
          Atomics.store(c, 64, 0);
        }
        if (out() || w.isAlive()) continue;
        Atomics.store(c, own, 0);
        w.gone ??= "a worker is not there: it ended";
        dead = true;
      }
    });
    return dead;
  };
  return {
    get threads() {
      const gone = workers.filter((w) => w.gone), why = gone[0]?.gone ?? reason;
      return { count: count - gone.length, ...(why ? { reason: why } : {}) };
    },
    run(body, begin, end, environment) {
      const f = k[bodies[body]];
      if (end - begin < 2) return end > begin ? f(begin, end, 0, environment) : undefined;
      if (inFlight) join();
      inFlight = true;
      c.set([body, end, environment, count], 48);
      c[80] = 0;
      Atomics.store(c, 32, begin);
      Atomics.add(c, 0, 1);
      if (Atomics.load(c, 16)) Atomics.notify(c, 0);
      let dead;
      try {
        take(c, f, 0);
      } finally {
        dead = join();
        inFlight = false;
      }
      if (dead) throw new Error("a worker ended while it computed: the results of this call are incomplete; the next call goes on without it");
      if (c[80]) throw new WebAssembly.RuntimeError(String.fromCharCode(...c.subarray(97, 97 + c[96])));
    },
    end: () => workers.forEach((w) => w.end()),
  };
};`;

/** As `linkText`, with `pool`: the threads that the kernels' loops run on, or one. */
export function linkThreads(
  hosts: readonly string[],
  linked: readonly Linked[],
  bodies: readonly string[],
): string {
  const modules = linked.map(
    (l, i) =>
      `[${JSON.stringify(l.name)}, await WebAssembly.compile(linked${i}), ${JSON.stringify(l.export)}]`,
  );
  return `const bodies = ${JSON.stringify(bodies)}, module = await WebAssembly.compile(code);
const linked = [${modules.join(", ")}];
let pool;
const parallel = (...job) => pool.run(...job);
const env = ${hostsText(hosts)};
const kernel = {};
for (const [n, m, f] of linked) kernel[n] = (await WebAssembly.instantiate(m, { env })).exports[f];
const k = (await WebAssembly.instantiate(module, { env, kernel })).exports;
pool = asked.count > 1 ? await start(asked, k, { memory, module, linked, bodies }) : {
  threads: asked,
  run: (body, begin, end, environment) => { if (end > begin) k[bodies[body]](begin, end, 0, environment); },
  end() {},
};`;
}
