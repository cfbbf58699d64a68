/**
 * Search spaces. A space gives points: schedules of a program, each made by drawing at random whatever the rules leave
 * open. The draws are in the trace as decisions, which search changes one at a time.
 */
import { type IRModule, irModule, type PrimFunc } from "../../ir/index.ts";
import { Schedule } from "../../schedule/index.ts";
import { Random } from "../../schedule/random.ts";
import { WORKLOAD_FUNC } from "../database/record.ts";
import type { TuningTarget } from "../target.ts";

export interface Space {
  readonly name: string;
  /** A random point; the same seed gives the same one. Throws a `ScheduleError` where a primitive refuses. */
  sample(func: PrimFunc, seed: number, target: TuningTarget): Schedule;
}

/** A schedule function: draws and transforms as it likes. What it returns, if anything, is the schedule. */
export type ScheduleFunction = (sch: Schedule) => Schedule | void;

/** The module that schedules of a workload start with. */
export const workloadModule = (func: PrimFunc): IRModule => irModule({ [WORKLOAD_FUNC]: func });

/** A space that is written as a function. */
export function scheduleFunction(run: ScheduleFunction, name = "schedule function"): Space {
  return {
    name,
    sample(func, seed) {
      const sch = new Schedule(workloadModule(func), { seed });
      return run(sch) ?? sch;
    },
  };
}

/** The points of several spaces, each equally often. */
export function unionSpace(...spaces: readonly [Space, ...Space[]]): Space {
  return {
    name: spaces.map((s) => s.name).join(" or "),
    sample(func, seed, target) {
      const random = new Random(seed);
      const chosen = spaces[random.int(spaces.length)];
      return chosen.sample(func, random.fork(), target);
    },
  };
}
