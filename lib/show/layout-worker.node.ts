/** The worker that lays graphs out in Node, and how it is asked. */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { layered, type Placement } from "./layered.ts";
import { collect, type LayoutJob, type LayoutLimits } from "./layout-aside.ts";

if (!isMainThread && (workerData as Partial<LayoutJob> | null)?.layouts) {
  for (const input of (workerData as LayoutJob).layouts) parentPort?.postMessage(layered(input));
}

/** Run from its TypeScript source, as the tests do, the worker first needs the loader that this thread got. */
function begin(data: LayoutJob): Worker {
  const url = import.meta.url;
  if (!url.endsWith(".ts")) return new Worker(new URL(url), { workerData: data });
  const code = `import("tsx/esm/api").then((t) => { t.register(); return import(${JSON.stringify(url)}); });`;
  return new Worker(code, { eval: true, workerData: data });
}

/** The layouts in their order, as far as they were made within the limits. */
export function layOutAside(job: LayoutJob, limits: LayoutLimits): Promise<readonly Placement[]> {
  const worker = begin(job);
  worker.unref();
  return collect(
    {
      onAnswer: (handler) => worker.on("message", handler),
      onError: (handler) => worker.on("error", handler),
      end: () => void worker.terminate(),
    },
    job.layouts.length,
    limits,
  );
}
