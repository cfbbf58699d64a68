/** Schedules that search has found: tensor programs get the one a database holds for them. */
import type { PrimFunc } from "../../ir/index.ts";
import { type Pass, primPass } from "./pass.ts";

/** What knows schedules: a database of lib/tune. */
export interface ScheduleSource {
  /** The scheduled program, marked with the attribute `scheduled`; undefined where none is known. */
  queryFunc(func: PrimFunc): PrimFunc | undefined;
}

/** Programs that the database does not know, and those that are scheduled already, stay as they are. */
export const applyDatabase = (database: ScheduleSource): Pass =>
  primPass("applyDatabase", (f) => (f.attrs.scheduled !== undefined ? f : (database.queryFunc(f) ?? f)));
