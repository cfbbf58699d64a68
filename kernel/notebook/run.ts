import path from "node:path";
import { startKernel } from "../client/start.ts";
import type { JsonObject } from "../protocol/messages.ts";
import { type Cell, type Notebook, readNotebook, writeNotebook } from "./format.ts";
import { OutputCollector } from "./outputs.ts";
import { injectParameters } from "./parameters.ts";

/** What `run` does with a notebook. */
export interface RunOptions {
  /** Where the executed notebook goes; it is written after each cell. */
  output?: string;
  parameters?: readonly [string, unknown][];
  /** Longest time for one cell, in seconds; without it, any time. */
  timeout?: number;
  /** Hears of progress, one line at a time. */
  progress?: (line: string) => void;
}

/** The outcome: the executed notebook and, when a cell threw, which one and why. */
export interface RunResult {
  notebook: Notebook;
  failure?: { index: number; cell: Cell; error: string; traceback: string[] };
}

/** Runs a notebook through the real kernel, in the notebook's own folder, and stops at the first cell that throws. */
export async function runNotebook(file: string, options: RunOptions = {}): Promise<RunResult> {
  const notebook = readNotebook(file);
  injectParameters(notebook, options.parameters ?? []);
  describeKernel(notebook);
  for (const cell of notebook.cells) if (cell.cell_type === "code") cell.outputs = [];
  const save = () => options.output !== undefined && writeNotebook(options.output, notebook);
  const kernel = await startKernel(path.dirname(path.resolve(file)));
  try {
    await kernel.client.ready();
    const collector = new OutputCollector();
    const codeCells = notebook.cells.filter((cell) => cell.cell_type === "code" && cell.source.trim() !== "");
    // Outputs that come between cells belong to the latest one.
    let running: Cell | undefined;
    kernel.client.onOutput = (message) => running && collector.add(running, message);
    const died = new Promise<never>((_resolve, reject) => {
      kernel.process.once("exit", (code) => reject(new Error(`the kernel ended with exit code ${code}`)));
    });
    died.catch(() => undefined);
    for (const [index, cell] of codeCells.entries()) {
      running = cell;
      const started = performance.now();
      const timer = options.timeout ? interruptAfter(kernel, options.timeout) : undefined;
      const { reply } = await Promise.race([kernel.client.execute(cell.source), died]);
      clearTimeout(timer);
      cell.execution_count = typeof reply.execution_count === "number" ? reply.execution_count : null;
      save();
      const seconds = ((performance.now() - started) / 1000).toFixed(2);
      const failed = reply.status !== "ok";
      const mark = failed ? "✗" : "✓";
      options.progress?.(
        `${mark} cell ${index + 1} of ${codeCells.length}  ${seconds} s  ${title(cell.source)}`,
      );
      if (failed) return { notebook, failure: { index: index + 1, cell, ...failureOf(reply) } };
    }
    return { notebook };
  } finally {
    save();
    await kernel.stop();
  }
}

function interruptAfter(kernel: Awaited<ReturnType<typeof startKernel>>, seconds: number): NodeJS.Timeout {
  const interrupt = () => void kernel.client.request("interrupt_request", {}, { channel: "control" });
  return setTimeout(interrupt, seconds * 1000);
}

function failureOf(reply: JsonObject): { error: string; traceback: string[] } {
  const traceback = Array.isArray(reply.traceback) ? reply.traceback.map(String) : [];
  return { error: `${reply.ename}: ${reply.evalue}`, traceback };
}

function describeKernel(notebook: Notebook): void {
  notebook.metadata = {
    ...notebook.metadata,
    kernelspec: { display_name: "TypeScript (Tilewright)", language: "typescript", name: "tilewright" },
    language_info: { name: "typescript", file_extension: ".ts", mimetype: "text/x-typescript" },
  };
}

/** The first line of a cell that says something, shortened. */
function title(source: string): string {
  const line =
    source
      .split("\n")
      .find((text) => /\p{L}/u.test(text))
      ?.trim() ?? "";
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
