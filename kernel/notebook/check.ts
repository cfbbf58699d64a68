import path from "node:path";
import { compareOutputs, type Difference, type Rule, ruleOf } from "./compare.ts";
import { type Cell, readNotebook } from "./format.ts";
import { codeCells, type Progress, runCells } from "./run.ts";

/** What became of one cell. A cell that was never run has nothing stored that could be compared. */
export interface CheckedCell {
  index: number;
  cell: Cell;
  rule: Rule["kind"] | "not stored";
  differences: Difference[];
}

/** The outcome of a check. */
export interface CheckResult {
  cells: CheckedCell[];
  /** A cell that throws now and did not then: no later cell was run. */
  failure?: { index: number; cell: Cell; error: string; traceback: string[] };
}

/** Runs a notebook again, leaving its file alone, and compares what each cell shows with what is stored. */
export async function checkNotebook(
  file: string,
  options: { timeout?: number; tolerance?: number; progress?: Progress; signal?: AbortSignal } = {},
): Promise<CheckResult> {
  const stored = codeCells(readNotebook(file));
  const rules = stored.map((cell) => ruleOf(cell, options.tolerance));
  if (!stored.some(hasStored))
    throw new Error(
      `${file} has no stored outputs to compare with; run it with -o, and check what that writes`,
    );
  const notebook = readNotebook(file);
  // An error that is stored may come again; the comparison tells whether it is the same one.
  for (const [index, cell] of codeCells(notebook).entries()) {
    if (!stored[index]!.outputs?.some(({ output_type }) => output_type === "error")) continue;
    const tags = Array.isArray(cell.metadata.tags) ? cell.metadata.tags : [];
    cell.metadata = { ...cell.metadata, tags: [...tags, "raises-exception"] };
  }
  const { failure } = await runCells(notebook, path.dirname(path.resolve(file)), options);
  const ran = codeCells(notebook).slice(0, failure ? failure.index : undefined);
  const cells = ran.map((cell, at): CheckedCell => {
    const before = stored[at]!;
    const rule = rules[at]!;
    if (!hasStored(before)) return { index: at + 1, cell, rule: "not stored", differences: [] };
    const differences = compareOutputs(before.outputs ?? [], cell.outputs ?? [], rule);
    return { index: at + 1, cell, rule: rule.kind, differences };
  });
  return failure ? { cells, failure } : { cells };
}

function hasStored(cell: Cell): boolean {
  return typeof cell.execution_count === "number" || (cell.outputs?.length ?? 0) > 0;
}
