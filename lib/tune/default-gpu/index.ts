/** Schedules for a GPU that a tensor program gets when nobody has tuned it. */
import type { Pass } from "../../graph/passes/pass.ts";
import type { IRModule } from "../../ir/index.ts";

export const scheduleForGpu: Pass = { name: "scheduleForGpu", run: (mod: IRModule) => mod };
