import path from "node:path";
import { startKernel } from "../client/start.ts";
import { CellRunner } from "./cells.ts";
import { type Cell, hasTag, type Notebook, readNotebook, writeNotebook } from "./format.ts";
import { injectParameters } from "./parameters.ts";
import { environmentStamp } from "./stamp.ts";

/** How often a running cell's new outputs are written, in milliseconds. */
const saveInterval = 2000;

/** What hears of a run's progress. Cells are counted from 1; cells without code are not counted. */
export interface Progress {
  started(index: number, count: number, cell: Cell): void;
  ended(index: number, count: number, cell: Cell, seconds: number, failed: boolean): void;
}

/** What `run` does with a notebook. */
export interface RunOptions {
  /** Where the executed notebook goes; it is written after each cell, and while a long one runs. */
  output?: string;
  parameters?: readonly [string, unknown][];
  /** Longest time for one cell, in seconds; without it, any time. */
  timeout?: number;
  progress?: Progress;
  /** Stops the run: the running cell is interrupted and no further one starts. */
  signal?: AbortSignal;
}

/** The outcome: the executed notebook and, when a cell threw, which one and why. */
export interface RunResult {
  notebook: Notebook;
  failure?: { index: number; cell: Cell; error: string; traceback: string[] };
}

/**
 * Runs a notebook through the real kernel, in the notebook's own folder, and stops at the first cell that throws. A cell
 * tagged `raises-exception` may throw.
 */
export async function runNotebook(file: string, options: RunOptions = {}): Promise<RunResult> {
  const notebook = readNotebook(file);
  injectParameters(notebook, options.parameters ?? []);
  return runCells(notebook, path.dirname(path.resolve(file)), options);
}

/** Runs the cells of a notebook in memory, in the given folder. */
export async function runCells(
  notebook: Notebook,
  folder: string,
  { output, parameters = [], timeout, progress, signal }: RunOptions,
): Promise<RunResult> {
  describeKernel(notebook);
  clearOutputs(notebook);
  const cells = codeCells(notebook);
  const begun = performance.now();
  let changed = true;
  const save = () => {
    runner.widgets.store(notebook);
    if (output !== undefined && changed) writeNotebook(output, notebook);
    changed = false;
  };
  const kernel = await startKernel(folder);
  const runner = new CellRunner(kernel, () => (changed = true));
  const stop = () => runner.interrupt();
  const saver = setInterval(() => {
    try {
      save();
    } catch {
      // What cannot be written now may be later; the save after the cell, which is no timer, tells.
    }
  }, saveInterval);
  try {
    await kernel.client.ready();
    const stamp = await environmentStamp(kernel.client, parameters);
    notebook.metadata.tilewright = stamp;
    signal?.addEventListener("abort", stop);
    for (const [at, cell] of cells.entries()) {
      const index = at + 1;
      if (signal?.aborted) return { notebook, failure: { index, cell, error: "stopped", traceback: [] } };
      progress?.started(index, cells.length, cell);
      const started = performance.now();
      const failed = await runner.run(cell, timeout);
      stamp.seconds = Math.round(performance.now() - begun) / 1000;
      const allowed = failed && !failed.fatal && hasTag(cell, "raises-exception");
      const failure = failed && !allowed ? { index, cell, ...failed } : undefined;
      stamp.complete = index === cells.length && failure === undefined;
      changed = true;
      save();
      progress?.ended(index, cells.length, cell, (performance.now() - started) / 1000, failure !== undefined);
      if (failure) return { notebook, failure };
    }
    stamp.complete = true;
    changed = true;
    return { notebook };
  } finally {
    clearInterval(saver);
    signal?.removeEventListener("abort", stop);
    await kernel.stop();
    save();
  }
}

/** The cells that are run: those with code in them. */
export function codeCells(notebook: Notebook): Cell[] {
  return notebook.cells.filter((cell) => cell.cell_type === "code" && cell.source.trim() !== "");
}

/** The first line of a cell that says something, shortened. */
export function title(cell: Cell): string {
  const line = cell.source.split("\n").find((text) => /\p{L}/u.test(text)) ?? "";
  return line.trim().length > 60 ? `${line.trim().slice(0, 59)}…` : line.trim();
}

/** No output of an earlier run may look like one of this run. */
function clearOutputs(notebook: Notebook): void {
  delete notebook.metadata.widgets;
  for (const cell of notebook.cells) {
    if (cell.cell_type !== "code") continue;
    cell.outputs = [];
    cell.execution_count = null;
  }
}

function describeKernel(notebook: Notebook): void {
  notebook.metadata = {
    ...notebook.metadata,
    kernelspec: { display_name: "TypeScript (Tilewright)", language: "typescript", name: "tilewright" },
    language_info: { name: "typescript", file_extension: ".ts", mimetype: "text/x-typescript" },
  };
}
