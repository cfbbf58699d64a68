/** The worker that lays graphs out in a page. */
import type { Placement } from "./layered.ts";
import { collect, type LayoutJob, type LayoutLimits } from "./layout-aside.ts";

/**
 * The layouts in their order, as far as they were made within the limits. Rejects where the worker cannot be started: its
 * file is not there, or the page's policy forbids workers.
 */
export function layOutInPage(job: LayoutJob, limits: LayoutLimits): Promise<readonly Placement[]> {
  // Written like this, bundlers find the file and put it beside theirs.
  const worker = new Worker(new URL("./layout-worker.js", import.meta.url), { type: "module" });
  const made = collect(
    {
      onAnswer: (handler) =>
        worker.addEventListener("message", ({ data }: MessageEvent<Placement>) => handler(data)),
      onError: (handler) =>
        worker.addEventListener("error", (e) =>
          handler(new Error((e as Partial<ErrorEvent>).message || "its module could not be loaded")),
        ),
      end: () => worker.terminate(),
    },
    job.layouts.length,
    limits,
  );
  worker.postMessage(job);
  return made;
}
