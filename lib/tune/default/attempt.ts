/** Trying a rule: what a primitive refuses undoes the rule, nothing else. */
import { type Schedule, ScheduleError } from "../../schedule/index.ts";

/** The schedule after the rule, or the one given when a primitive of the rule refuses. */
export function attempt(sch: Schedule, rule: (s: Schedule) => boolean | void): Schedule {
  const tried = sch.copy();
  try {
    return rule(tried) === false ? sch : tried;
  } catch (e) {
    if (e instanceof ScheduleError) return sch;
    throw e;
  }
}
