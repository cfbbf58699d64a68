// The work on one model: from its file to measured times and a bundle.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bundle } from "../../../lib/deploy/index.ts";
import { placeText } from "../../../lib/frontend/onnx/error.ts";
import { decodeModel, modelSummary, OnnxError, type OnnxFile } from "../../../lib/frontend/onnx/index.ts";
import { OPTIONAL_STAGES, PassRecorder, type StageName } from "../../../lib/graph/index.ts";
import type { IRModule } from "../../../lib/ir/index.ts";
import {
  exampleInputs,
  formatMs,
  loadOnnx,
  measure,
  type OnnxSession,
  type Profile,
  type SessionOutputs,
  type Tensor,
} from "../../../lib/runtime/index.ts";
import {
  DISPLAY,
  type Displayable,
  graphView,
  memoryPlanView,
  passesView,
  profileView,
  tuningCurve,
} from "../../../lib/show/index.ts";
import { FileDatabase } from "../../../lib/tune/database/file.node.ts";
import { type Progress, tuneModel } from "../../../lib/tune/index.ts";
import type { StepName, TryEvent, ViewName } from "./events.ts";
import { files } from "./files.ts";
import type { TryOptions } from "./options.ts";
import { zip } from "./zip.ts";

/** Measurements of the whole model, the longest time they may take, and runs of which the middle one is looked into. */
const measuring = { repeats: 20, maxMs: 3000 };
const profiled = 5;

/** Between two pictures of a search, in milliseconds. */
const redraw = 400;

/** Problems that are listed one by one. */
const listed = 200;

/**
 * Works on the model in a folder, which the reader calls `name`, and tells of it. Ends early when the model needs sizes or values that the options lack,
 * and where something cannot be done; says so, and does not throw.
 */
export async function workOn(
  folder: string,
  name: string,
  o: TryOptions,
  tell: (e: TryEvent) => void,
): Promise<void> {
  let step: StepName = "read";
  const during = async <T>(name: StepName, work: () => T | Promise<T>): Promise<T> => {
    step = name;
    tell({ event: "step", step, state: "began" });
    const began = performance.now();
    const result = await work();
    tell({ event: "step", step: name, state: "done", ms: performance.now() - began });
    return result;
  };
  let attempt: Attempt | undefined;
  try {
    const file = await during("read", () => readModel(folder));
    const summary = modelSummary(file);
    tell({ event: "summary", summary });
    const missing = Object.keys(summary.open).filter((size) => !Object.hasOwn(o.sizes, size));
    if (missing.length > 0) {
      tell({ event: "needs", sizes: missing, values: [] });
      return;
    }
    const trying = new Attempt(name, file, o, tell, path.join(folder, files.records));
    attempt = trying;
    const module = await during("import", () => trying.imported());
    await trying.showGraph(module);
    await during("compile", () => trying.compile());
    await trying.showPasses();
    await trying.showTimes(await during("measure", () => trying.measure(false)));
    if (o.trials > 0) {
      await during("tune", () => trying.tune(module));
      await trying.showTimes(await during("remeasure", () => trying.measure(true)));
    }
    await during("bundle", () => trying.bundle(module, folder));
  } catch (error) {
    const values = attempt?.missingValues() ?? [];
    if (values.length > 0) tell({ event: "needs", sizes: [], values });
    else tell(errorEvent(error, step));
  }
}

/** The model's file, with the data files that came with it. */
function readModel(folder: string): OnnxFile {
  const externalData = (location: string): Uint8Array => {
    const name = path.basename(location);
    const at = path.join(folder, files.data, name);
    if (!existsSync(at)) throw new Error(`choose or drop ${name} together with the model`);
    return new Uint8Array(readFileSync(at));
  };
  return decodeModel(new Uint8Array(readFileSync(path.join(folder, files.model))), { externalData });
}

/** One model under one choice of options. */
class Attempt {
  /** What the bundle calls the model. */
  readonly #name: string;
  readonly #file: OnnxFile;
  readonly #options: TryOptions;
  readonly #tell: (e: TryEvent) => void;
  readonly #records: string;
  readonly #recorder = new PassRecorder();
  #session: OnnxSession;
  #inputs: Record<string, Tensor | null> = {};

  constructor(
    name: string,
    file: OnnxFile,
    options: TryOptions,
    tell: (e: TryEvent) => void,
    records: string,
  ) {
    this.#name = name;
    this.#file = file;
    this.#options = options;
    this.#tell = tell;
    this.#records = records;
    this.#session = this.#load();
  }

  /** Inputs whose values decide sizes, and that nobody gave. */
  missingValues(): string[] {
    return this.#session.model.valueInputs.filter((name) => !Object.hasOwn(this.#options.values, name));
  }

  imported(): IRModule {
    const { sizes, values } = this.#options;
    this.#inputs = exampleInputs(this.#session.model, { sizes, values });
    const module = this.#session.moduleFor(this.#inputs);
    if (this.missingValues().length > 0) throw new Error("values of inputs are missing");
    return module;
  }

  showGraph(module: IRModule): Promise<void> {
    return this.#view("graph", () => graphView(module));
  }

  /** Compiles the model, and runs it once. */
  async compile(): Promise<void> {
    await this.#run();
  }

  async showPasses(): Promise<void> {
    await this.#view("passes", () => passesView(this.#recorder));
    const notes = [...(await this.#session.notes(this.#inputs))];
    if (notes.length > 0) this.#tell({ event: "notes", notes });
  }

  /** Measures the whole model, and looks into one run; after a search, with what that has found. */
  async measure(tuned: boolean): Promise<Profile> {
    if (tuned) {
      this.#session.dispose();
      this.#session = this.#load(new FileDatabase(this.#records));
      await this.#run();
    }
    const profile = await this.#session.profile(this.#inputs, { runs: profiled });
    const timing = await measure("main", this.#options.target, () => this.#run(), measuring);
    const { median, p25, p75, runs } = timing;
    const flops = profile.steps.reduce((n, s) => n + (s.flops ?? 0), 0);
    const allCounted = profile.steps.every((s) => s.flops !== undefined);
    this.#tell({ event: "measured", tuned, median, p25, p75, runs: runs.length, flops, allCounted });
    return profile;
  }

  async showTimes(profile: Profile): Promise<void> {
    const session = this.#session;
    await this.#view("profile", () => profileView(profile));
    await this.#view("kernels", () => graphView(session.loweredFor(this.#inputs), { func: "main", profile }));
    await this.#view("memory", () => memoryPlanView(session.memoryPlan(this.#inputs)));
  }

  /** Searches for faster schedules; what is found is kept beside the model, and a later search goes on from there. */
  async tune(module: IRModule): Promise<void> {
    const { target: kind, trials, threads, relaxedSimd } = this.#options;
    let shown = Number.NEGATIVE_INFINITY;
    await tuneModel(module, {
      numTrials: trials,
      database: new FileDatabase(this.#records),
      target: { kind, threads, relaxedSimd },
      pipeline: this.#pipeline(),
      onProgress: (p) => {
        if (!p.done && performance.now() - shown < redraw) return;
        shown = performance.now();
        const spec = tuningCurve(p.history, { title: "Search" }).toJSON();
        this.#tell({ event: "tuning", trials: p.trials, total: p.total, text: progressText(p), spec });
      },
    });
  }

  async bundle(module: IRModule, folder: string): Promise<void> {
    const { target, f16, relaxedSimd, trials } = this.#options;
    const fixed = this.#session.model.valueInputs;
    const made = await bundle([{ module, fixed }], {
      target,
      name: this.#name,
      f16,
      relaxedSimd,
      pipeline: this.#pipeline(),
      ...(trials > 0 ? { database: new FileDatabase(this.#records) } : {}),
    });
    const archive = zip(made.files);
    const at = path.join(folder, files.bundle);
    writeFileSync(`${at}.part`, archive);
    renameSync(`${at}.part`, at);
    this.#tell({
      event: "bundle",
      files: made.files.map(({ name, bytes, gzip }) => ({ name, bytes: bytes.length, gzip })),
      memoryBytes: made.manifest.memoryBytes + (made.manifest.gpu?.memoryBytes ?? 0),
      onTheCpu: made.manifest.gpu?.onTheCpu ?? [],
      zip: archive.length,
      fixed: [...fixed],
    });
  }

  /** What bundles are compiled with, so that what is measured is what the bundle does. */
  #pipeline(): { skip: StageName[]; winograd: boolean } {
    const known = new Set<string>(OPTIONAL_STAGES.map(({ name }) => name));
    const skip = this.#options.skip.filter((name): name is StageName => known.has(name));
    return { skip, winograd: !skip.includes("winogradConv2d") };
  }

  #load(database?: FileDatabase): OnnxSession {
    const { target, threads, relaxedSimd } = this.#options;
    const pipeline = { ...this.#pipeline(), ...(database ? {} : { recorder: this.#recorder }) };
    return loadOnnx(this.#file, {
      target,
      threads,
      relaxedSimd,
      pipeline,
      ...(database ? { database } : {}),
    });
  }

  async #run(): Promise<void> {
    const outputs = await this.#session.run(this.#inputs);
    for (const given of Object.values(outputs)) disposeAll(given);
  }

  async #view(view: ViewName, make: () => Displayable): Promise<void> {
    this.#tell({ event: "drawing", view });
    const { "text/html": html } = await make()[DISPLAY]();
    if (html !== undefined) this.#tell({ event: "view", view, html });
  }
}

function disposeAll(result: SessionOutputs[string]): void {
  if (Array.isArray(result)) for (const one of result) disposeAll(one);
  else if ("dispose" in result) result.dispose();
}

function progressText(p: Progress): string {
  const failed = Object.entries(p.failed).filter(([what, n]) => n > 0 && what !== "illegal");
  const parts = [`${p.trials} of ${p.total} candidates`, ...failed.map(([what, n]) => `${n} ${what}`)];
  const first = p.tasks.every((t) => t.first !== undefined)
    ? p.tasks.reduce((n, t) => n + t.weight * (t.first ?? 0), 0)
    : undefined;
  if (first !== undefined) parts.push(`without search ${formatMs(first)}`);
  if (p.best !== undefined) parts.push(`best ${formatMs(p.best)}`);
  return parts.join(", ");
}

function errorEvent(error: unknown, step: StepName): TryEvent {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const problems =
    error instanceof OnnxError
      ? error.problems.slice(0, listed).map(({ place, reason }) => ({ where: placeText(place), reason }))
      : undefined;
  return { event: "error", name, message, step, ...(problems ? { problems } : {}) };
}
