// What there is to choose from on this machine.
import { OPTIONAL_STAGES } from "../../../lib/graph/index.ts";
import { availableThreads, devices } from "../../../lib/runtime/index.ts";
import type { Machine } from "./events.ts";

/** Looks at the machine. */
export async function machine(): Promise<Machine> {
  const found = await devices();
  const [gpu] = found.rows();
  return {
    passes: OPTIONAL_STAGES.map(({ name, brings }) => ({ name, brings })),
    threads: availableThreads().count,
    relaxedSimd: found.cpu.relaxedSimd,
    gpu: gpu ? `${gpu.name}${gpu.software ? " (in software)" : ""}` : null,
  };
}
