/** The worker that lays graphs out in Node, and how it is asked. */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type LayoutInput, layered, type Placement } from "./layered.ts";

if (!isMainThread && (workerData as { layout?: LayoutInput } | null)?.layout) {
  parentPort?.postMessage(layered((workerData as { layout: LayoutInput }).layout));
}

/** Run from its TypeScript source, as the tests do, the worker first needs the loader that this thread got. */
function begin(data: { readonly layout: LayoutInput }): Worker {
  const url = import.meta.url;
  if (!url.endsWith(".ts")) return new Worker(new URL(url), { workerData: data });
  const code = `import("tsx/esm/api").then((t) => { t.register(); return import(${JSON.stringify(url)}); });`;
  return new Worker(code, { eval: true, workerData: data });
}

/** The layout, or undefined when it takes longer than `ms` milliseconds. */
export function layOutAside(input: LayoutInput, ms: number): Promise<Placement | undefined> {
  return new Promise((resolve, reject) => {
    const worker = begin({ layout: input });
    worker.unref();
    const end = (value: Placement | undefined): void => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(value);
    };
    const timer = setTimeout(() => end(undefined), ms);
    worker.once("message", end);
    worker.once("error", (e) => {
      clearTimeout(timer);
      reject(e);
    });
  });
}
