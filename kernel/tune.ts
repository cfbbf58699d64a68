// `tilewright tune`: search for an ONNX model's schedules, into a file of records.
import path from "node:path";
import process from "node:process";
import { externalDataIn } from "../lib/frontend/onnx/files.node.ts";
import { decodeModel } from "../lib/frontend/onnx/index.ts";
import { formatMs } from "../lib/runtime/index.ts";
import { type Progress, TuneError, tuneModel } from "../lib/tune/index.ts";
import { type CompileFlags, importEntries } from "./compile.ts";
import { readBytes } from "./failure.ts";
import { recordsToAddTo } from "./records.ts";

export interface TuneFlags extends Pick<CompileFlags, "shape" | "value"> {
  readonly records: string;
  readonly trials: number;
  /** "wasm" (default) or "webgpu". */
  readonly target?: string;
  readonly threads?: number;
  readonly relaxedSimd?: boolean;
  readonly seed?: number;
}

/** What a shell gives for a program that Ctrl-C has ended. */
const INTERRUPTED = 130;
/** Without a terminal a line is printed after so many candidates. */
const EVERY = 16;

/** Searches until there are as many records as asked; prints how far it is, and at the end what it has brought. */
export async function tuneCommand(model: string, flags: TuneFlags): Promise<number> {
  const { target: kind = "wasm" } = flags;
  if (kind !== "wasm" && kind !== "webgpu")
    throw new TuneError(`there is no target "${kind}" to tune for; there are wasm and webgpu`);
  const bytes = new Uint8Array(readBytes(model));
  const externalData = externalDataIn(path.dirname(model));
  const file = decodeModel(bytes, { externalData });
  const modules = importEntries(file, flags, externalData);
  const database = recordsToAddTo(flags.records);
  const stop = new AbortController();
  // The first Ctrl-C ends the search in order, the next one at once.
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    stop.abort();
  };
  process.on("SIGINT", interrupt);
  const shown = new ProgressLine();
  let last: Progress | undefined;
  try {
    await tuneModel(modules, {
      numTrials: flags.trials,
      database,
      signal: stop.signal,
      seed: flags.seed ?? 0,
      // As bundles are compiled.
      pipeline: { winograd: false },
      target: {
        kind,
        threads: flags.threads ?? 1,
        // Where the machine has it, unless it is not wanted.
        ...(flags.relaxedSimd === false ? { relaxedSimd: false } : {}),
      },
      onProgress: (p) => {
        last = p;
        shown.show(p);
      },
    });
  } finally {
    shown.end();
    process.off("SIGINT", interrupt);
  }
  if (last) console.log(summary(last));
  console.log(`${last?.trials ?? 0} candidates of this model in ${flags.records}`);
  if (!stop.signal.aborted) return 0;
  console.log("stopped; the same command goes on from here");
  return INTERRUPTED;
}

/** The line that shows how far the search is: redrawn on a terminal, else printed now and then. */
class ProgressLine {
  private readonly terminal = process.stderr.isTTY === true;
  private printed = -1;
  private drawn = false;

  show(p: Progress): void {
    if (this.terminal) {
      process.stderr.write(`\r\x1b[K${bar(p.trials / p.total)} ${progressText(p)}`);
      this.drawn = true;
    } else if (p.done || p.trials >= this.printed + EVERY) {
      if (p.trials === this.printed) return;
      this.printed = p.trials;
      console.error(progressText(p));
    }
  }

  end(): void {
    if (this.drawn) process.stderr.write("\n");
  }
}

function bar(part: number): string {
  const width = 24;
  const full = Math.round(width * Math.min(1, part));
  return `[${"#".repeat(full)}${".".repeat(width - full)}]`;
}

function progressText(p: Progress): string {
  const failed = Object.entries(p.failed)
    .filter(([what, n]) => n > 0 && what !== "illegal")
    .map(([what, n]) => `${n} ${what}`);
  const parts = [`${p.trials}/${p.total} candidates`];
  if (p.best !== undefined) parts.push(`best ${formatMs(p.best)}`);
  const first = firstOf(p);
  if (first !== undefined) parts.push(`without search ${formatMs(first)}`);
  return [...parts, ...failed].join(", ");
}

/** Milliseconds of all functions without search, as often as they are called; undefined while not all were measured. */
function firstOf(p: Progress): number | undefined {
  if (!p.tasks.every((t) => t.first !== undefined)) return undefined;
  return p.tasks.reduce((n, t) => n + t.weight * (t.first ?? 0), 0);
}

/** One line for each function, the one that takes longest first. */
function summary(p: Progress): string {
  const time = (t: Progress["tasks"][number]): number => t.weight * (t.best ?? 0);
  const rows = [...p.tasks].sort((a, b) => time(b) - time(a));
  const lines = rows.map((t) => {
    const from = t.first === undefined ? "" : `${formatMs(t.first)} → `;
    const best = t.best === undefined ? "not measured" : `${from}${formatMs(t.best)}`;
    return `  ${t.name}: ${best}${t.weight > 1 ? `, ${t.weight} calls` : ""} (${t.trials} candidates)`;
  });
  const [first, { best }] = [firstOf(p), p];
  const whole = best === undefined || first === undefined ? "" : `: ${formatMs(first)} → ${formatMs(best)}`;
  return [`${p.tasks.length} functions${whole}`, ...lines].join("\n");
}
