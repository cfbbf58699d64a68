/** Workers in a page. */

import type { FromWorker, Port, ToWorker } from "./messages.ts";
import type { Host, Member, MemberEvents } from "./platform.ts";

export function pageHost(): Host {
  const none = typeof Worker === "function" ? undefined : "there are no workers here";
  return {
    cores: globalThis.navigator?.hardwareConcurrency ?? 1,
    ...(none ? { refuses: none } : {}),
    start,
  };
}

/** The side of the worker. */
export function pagePort(): Port {
  const scope = globalThis as unknown as Pick<Worker, "addEventListener" | "postMessage">;
  return {
    listen: (handler) =>
      scope.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => handler(data)),
    post: (m) => scope.postMessage(m),
  };
}

function start(events: MemberEvents): Member {
  // Written like this, bundlers find the file and put it beside theirs.
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => events.message(data));
  worker.addEventListener("error", (e) => {
    events.gone((e as Partial<ErrorEvent>).message || "its module could not be loaded");
  });
  return {
    post: (m: ToWorker) => worker.postMessage(m),
    isAlive: () => true,
    hold: () => {},
    end: () => worker.terminate(),
  };
}
