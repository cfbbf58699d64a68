/** The functions of a module that are worth tuning, each with the number of times it is called. */
import { type PipelineOptions, runPipeline } from "../graph/pipeline.ts";
import {
  constInt,
  graphFuncs,
  type IRModule,
  type PrimFunc,
  primFuncs,
  visitGraphBody,
} from "../ir/index.ts";
import { workloadOf } from "./database/record.ts";
import { applyDefaultSchedule } from "./default/index.ts";

export interface ExtractedTask {
  readonly name: string;
  readonly func: PrimFunc;
  /** Calls of it, or of programs equal to it. */
  readonly weight: number;
}

/** Why a program is not tuned, or undefined. */
export function whyNotTuned(f: PrimFunc): string | undefined {
  if (f.attrs.scheduled !== undefined) return "it has a schedule already";
  const sizes = f.params.flatMap((p) => (p.kind === "buffer" ? p.shape : [p]));
  if (sizes.some((e) => constInt(e) === undefined)) return "its sizes, or other parameters, are no numbers";
  return undefined;
}

/** Tasks of several modules as those of one. */
export function mergeTasks(lists: readonly (readonly ExtractedTask[])[]): ExtractedTask[] {
  const tasks = new Map<string, { name: string; func: PrimFunc; weight: number }>();
  for (const task of lists.flat()) {
    const { hash } = workloadOf(task.func);
    const known = tasks.get(hash);
    if (known) known.weight += task.weight;
    else tasks.set(hash, { ...task });
  }
  return [...tasks.values()];
}

/**
 * The tensor programs that a module calls, as the pipeline hands them to its `schedule` stage. Equal ones count as one. A
 * module without graph-level functions gives its tensor programs, called once each.
 */
export function extractTasks(mod: IRModule, options: PipelineOptions = {}): ExtractedTask[] {
  const hasGraphs = Object.keys(graphFuncs(mod)).length > 0;
  const at = hasGraphs
    ? runPipeline(mod, { schedule: applyDefaultSchedule, ...options, until: "schedule" })
    : mod;
  const calls = new Map<string, number>();
  for (const f of Object.values(graphFuncs(at))) {
    visitGraphBody(f.body, (e) => {
      if (e.kind === "callTir") calls.set(e.func, (calls.get(e.func) ?? 0) + 1);
    });
  }
  const found = Object.entries(primFuncs(at)).flatMap(([name, func]) => {
    const weight = hasGraphs ? (calls.get(name) ?? 0) : 1;
    return weight === 0 || whyNotTuned(func) !== undefined ? [] : [{ name, func, weight }];
  });
  return mergeTasks([found]);
}
