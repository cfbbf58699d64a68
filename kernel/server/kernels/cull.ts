import type { Settings } from "../settings.ts";
import type { Kernels } from "./manager.ts";

/** Shuts kernels down that have done nothing for long, when that is wished. Gives what ends the watch. */
export function cullIdleKernels(kernels: Kernels, { cullIdle, cullConnected }: Settings): () => void {
  if (cullIdle === 0) return () => undefined;
  const look = () => {
    const before = Date.now() - cullIdle * 1000;
    void kernels.endSpare(before);
    for (const kernel of kernels.all()) {
      const isIdle = kernel.state === "idle" || kernel.state === "dead";
      const isAlone = cullConnected || kernels.connections(kernel.id) === 0;
      if (isIdle && isAlone && kernel.lastActivity.getTime() < before)
        void kernels.shutdown(kernel.id).catch(() => undefined);
    }
  };
  const timer = setInterval(look, Math.min(60_000, cullIdle * 250)).unref();
  return () => clearInterval(timer);
}
