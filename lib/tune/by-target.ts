/** What a search begins with, by what is searched for: the schedule without search, and the space of rules. */
import type { PrimFunc } from "../ir/index.ts";
import type { Schedule } from "../schedule/index.ts";
import { scheduleOf } from "./default/index.ts";
import { gpuMachine, gpuScheduleOf } from "./default-gpu/index.ts";
import { gpuRules } from "./space/gpu/rules.ts";
import { postOrderSpace } from "./space/post-order.ts";
import type { Space } from "./space/space.ts";
import type { TuningTarget } from "./target.ts";

/** The schedule that a program gets without search. */
export const withoutSearch = (f: PrimFunc, target: TuningTarget): Schedule =>
  target.kind === "wasm" ? scheduleOf(f, target.engine) : gpuScheduleOf(f, gpuMachine(target));

/** The space that is searched where none is given. */
export const spaceFor = (target: TuningTarget): Space =>
  target.kind === "wasm" ? postOrderSpace() : postOrderSpace(gpuRules(gpuMachine(target)), "rules for GPUs");
