/** Tuning: functions of a module are searched for fast schedules, which end up in a database. */
import type { PipelineOptions } from "../graph/pipeline.ts";
import { type BaseFunc, graphFuncs, type IRModule, irModule, type PrimFunc, primFuncs } from "../ir/index.ts";
import type { Schedule } from "../schedule/index.ts";
import { spaceFor } from "./by-target.ts";
import { type Database, MemoryDatabase } from "./database/database.ts";
import { scheduleInModule, WORKLOAD_FUNC } from "./database/record.ts";
import { defaultMeasurer, type MeasureLimits, type Measurer, type MeasurerOptions } from "./measure.ts";
import { noFailures, type Progress, type Trial } from "./progress.ts";
import { TaskScheduler } from "./scheduler.ts";
import type { Effort } from "./search/candidates.ts";
import { STRATEGIES, type StrategyName } from "./search/strategies.ts";
import { type ScheduleFunction, type Space, scheduleFunction } from "./space/space.ts";
import type { TuningTarget } from "./target.ts";
import { type Tried, TuningTask } from "./task.ts";
import { type ExtractedTask, extractTasks, mergeTasks, whyNotTuned } from "./tasks.ts";
import { tellWatchers } from "./watch.ts";

export interface TuneOptions {
  /** Candidates in all; what the database holds already for a function and this machine counts. Default 64. */
  readonly numTrials?: number;
  /** Candidates that are chosen at a time, before the cost model learns from them. Default 16, for models 8. */
  readonly trialsPerRound?: number;
  /** Where random numbers start: the same seed makes the same choices, as far as they do not depend on timings. */
  readonly seed?: number;
  /** The search space, or a function that schedules and draws: `(sch) => { … }`. Default: the rules for the target. */
  readonly space?: Space | ScheduleFunction;
  /** How candidates are chosen. Default "evolutionary". */
  readonly strategy?: StrategyName;
  /** How often, at most, the best few candidates of each function are measured again at the end. Default 3, for models 1. */
  readonly confirm?: number;
  /** Candidates that a round of evolution looks at, and for how many generations. Default 64 and 3: a few seconds. */
  readonly effort?: Partial<Effort>;
  /** Where records go, and what is known already. Default: a new one in memory. */
  readonly database?: Database;
  /**
   * What to search for: "wasm" (default), the processor, with so many threads (default 1), with or without relaxed SIMD;
   * "webgpu", the GPU at hand.
   */
  readonly target?: TuningTarget["kind"] | MeasurerOptions;
  /** What builds and runs candidates. Default: in Node a process of its own, else this thread. */
  readonly measurer?: Measurer;
  readonly limits?: MeasureLimits;
  /** Called after every candidate. */
  readonly onProgress?: (p: Progress) => void;
  /** Ends the search; what was found until then is kept. */
  readonly signal?: AbortSignal;
}

/** Thrown when not one candidate could be measured: there is nothing to build with. */
export class TuneError extends Error {
  override readonly name = "TuneError";
}

/**
 * Searches schedules for the tensor programs of a module, or for one function. Returns the database with what was
 * measured. Throws a `TuneError` where nothing could be.
 */
export async function tuneTir(program: IRModule | PrimFunc, options: TuneOptions = {}): Promise<Database> {
  const mod = program.kind === "module" ? program : irModule({ [WORKLOAD_FUNC]: program });
  const graphs = Object.keys(graphFuncs(mod));
  if (graphs.length > 0)
    throw new TuneError(`tuneTir takes tensor programs; ${graphs.join(", ")} is graph-level: use tuneModel`);
  const tasks = extractTasks(mod);
  if (tasks.length === 0) {
    const why = Object.entries(primFuncs(mod)).map(([name, f]) => `${name}: ${whyNotTuned(f)}`);
    throw new TuneError(`there is nothing to tune: ${why.join("; ") || "the module has no tensor programs"}`);
  }
  return search(tasks, options, options.trialsPerRound ?? 16);
}

/**
 * Searches schedules for the tensor programs that a graph-level module runs (or several modules: one model for several
 * sizes), the more often the more they weigh. `numTrials` is for all of them together. `pipeline`: as the module will be
 * built; bundles, for one, take no Winograd unless they are told to. Returns the database: `build(mod, { database })` uses it.
 */
export async function tuneModel(
  mod: IRModule | readonly IRModule[],
  options: TuneOptions & { readonly pipeline?: PipelineOptions } = {},
): Promise<Database> {
  const mods = Array.isArray(mod) ? (mod as readonly IRModule[]) : [mod as IRModule];
  // As `build` lowers it, unless somebody says otherwise.
  const pipeline = { winograd: true, ...options.pipeline };
  const tasks = mergeTasks(mods.map((m) => extractTasks(m, pipeline)));
  if (tasks.length === 0)
    throw new TuneError("there is nothing to tune: the module calls no tensor programs of known sizes");
  return search(tasks, options, options.trialsPerRound ?? 8);
}

/** The fastest known schedule of a function of a module. Throws a `TuneError` when the database holds none. */
export function compileTir(
  database: Database,
  program: IRModule | BaseFunc,
  target?: TuningTarget,
  name?: string,
): Schedule {
  const mod = program.kind === "module" ? program : irModule({ [WORKLOAD_FUNC]: program });
  const funcs = primFuncs(mod);
  const names = Object.keys(funcs);
  const which = name ?? names.find((n) => database.queryRecord(funcs[n], target)) ?? names[0];
  if (which === undefined || !Object.hasOwn(funcs, which))
    throw new TuneError(`the module has no tensor program${which === undefined ? "" : ` "${which}"`}`);
  const record = database.queryRecord(funcs[which], target);
  if (!record) {
    throw new TuneError(
      `the database has no measured record for ${which}: tune it first with tuneTir, or use defaultSchedule`,
    );
  }
  return scheduleInModule(record, mod, which);
}

/**
 * Draws schedules of a space at random and gives the fastest, with what was measured on the way: the simplest search
 * there is.
 */
export async function randomSearch(
  program: IRModule | PrimFunc,
  space: Space | ScheduleFunction,
  options: Omit<TuneOptions, "space" | "strategy" | "database"> = {},
): Promise<{ readonly schedule: Schedule; readonly trials: readonly Trial[] }> {
  let trials: readonly Trial[] = [];
  const onProgress = (p: Progress): void => {
    trials = p.history;
    options.onProgress?.(p);
  };
  const database = await tuneTir(program, {
    numTrials: 5,
    ...options,
    space,
    strategy: "replayFunc",
    onProgress,
  });
  return { schedule: compileTir(database, program), trials };
}

async function search(
  extracted: readonly ExtractedTask[],
  o: TuneOptions,
  perRound: number,
): Promise<Database> {
  const total = o.numTrials ?? 64;
  if (!Number.isInteger(total) || total < 1)
    throw new RangeError(`numTrials ${total}: a whole number above 0 is wanted`);
  if (!Number.isInteger(perRound) || perRound < 1) throw new RangeError(`trialsPerRound ${perRound}`);
  const measurer =
    o.measurer ??
    (await defaultMeasurer(typeof o.target === "string" ? { kind: o.target } : (o.target ?? {})));
  try {
    return await new Search(extracted, o, measurer, total, perRound).run();
  } finally {
    if (!o.measurer) await measurer.dispose();
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

class Search {
  private readonly tasks: readonly TuningTask[];
  private readonly history: Trial[] = [];
  private readonly failed = noFailures();
  private measured = 0;
  private predicted: number | undefined;
  private readonly began = performance.now();
  private readonly database: Database;
  private readonly options: TuneOptions;
  private readonly total: number;
  private readonly perRound: number;

  constructor(
    extracted: readonly ExtractedTask[],
    options: TuneOptions,
    measurer: Measurer,
    total: number,
    perRound: number,
  ) {
    const { space, strategy = "evolutionary", seed = 0, limits } = options;
    this.options = options;
    this.total = total;
    this.perRound = perRound;
    this.database = options.database ?? new MemoryDatabase();
    const points =
      typeof space === "function" ? scheduleFunction(space) : (space ?? spaceFor(measurer.target));
    this.tasks = extracted.map(
      (t, i) =>
        new TuningTask({
          ...t,
          space: points,
          strategy: STRATEGIES[strategy],
          // Whoever gives a space wants a schedule of that space.
          withDefault: space === undefined,
          seed: seed + i * 7919,
          effort: { population: 64, generations: 3, ...options.effort },
          database: this.database,
          measurer,
          ...(limits ? { limits } : {}),
        }),
    );
  }

  private get trials(): number {
    return this.tasks.reduce((n, t) => n + t.trials, 0);
  }

  async run(): Promise<Database> {
    const { signal } = this.options;
    const scheduler = new TaskScheduler(this.tasks);
    this.tell(false);
    while (this.trials < this.total && !signal?.aborted) {
      const task = scheduler.next();
      if (!task) break;
      // The first round of each function of a model tells how much it matters.
      const first = this.tasks.length > 1 && task.trials === 0;
      const n = Math.min(first ? 1 : this.perRound, this.total - this.trials);
      const before = { ...task.state.dropped };
      await task.round(n, (t) => this.noted(task, t), pause, signal);
      for (const what of ["illegal", "overLimits"] as const)
        this.failed[what] += task.state.dropped[what] - before[what];
      scheduler.noted(task);
      await pause();
    }
    const { confirm = this.tasks.length === 1 ? 3 : 1 } = this.options;
    for (const task of this.history.length > 0 ? this.tasks : []) {
      if (!signal?.aborted) await task.confirm(confirm, signal);
    }
    this.tell(true);
    if (this.tasks.every((t) => t.best === undefined)) this.refuse();
    return this.database;
  }

  private noted(task: TuningTask, { candidate, outcome, cost, predicted }: Tried): void {
    const { status, runs, message } = outcome;
    if (status === "measured") this.measured++;
    else this.failed[status]++;
    this.predicted = predicted;
    const { best } = task;
    this.history.push({
      index: this.history.length,
      task: task.name,
      origin: candidate.origin,
      decisions: candidate.trace.decisions,
      ...(predicted === undefined ? {} : { predicted }),
      status,
      runs,
      ...(cost < Number.POSITIVE_INFINITY ? { measured: cost } : {}),
      ...(message === undefined ? {} : { message }),
      ...(best === undefined ? {} : { best }),
      at: performance.now() - this.began,
    });
    this.tell(false);
  }

  private tell(done: boolean): void {
    const tasks = this.tasks.map(({ name, weight, trials, first, best }) => ({
      ...{ name, weight, trials },
      ...(first === undefined ? {} : { first }),
      ...(best === undefined ? {} : { best }),
    }));
    const all = tasks.every((t) => t.best !== undefined);
    const best = tasks.reduce((n, t) => n + t.weight * (t.best ?? 0), 0);
    const progress: Progress = {
      trials: Math.min(this.trials, this.total),
      total: this.total,
      ...(all ? { best } : {}),
      measured: this.measured,
      failed: { ...this.failed },
      ...(this.predicted === undefined ? {} : { predicted: this.predicted }),
      history: this.history,
      tasks,
      done,
    };
    this.options.onProgress?.(progress);
    tellWatchers(progress);
  }

  private refuse(): never {
    const names = this.tasks.map((t) => t.name).join(", ");
    if (this.options.signal?.aborted)
      throw new TuneError(`the search was ended before anything of ${names} was measured`);
    const counts = Object.entries(this.failed)
      .filter(([, n]) => n > 0)
      .map(([what, n]) => `${n} ${what}`);
    const refusal = this.tasks.find((t) => t.state.refusal !== "")?.state.refusal;
    const first = this.history.find((t) => t.message !== undefined)?.message ?? refusal;
    throw new TuneError(
      `nothing of ${names} could be measured (${counts.join(", ") || "the space gave no candidate"})${first ? `; the first: ${first}` : ""}`,
    );
  }
}
