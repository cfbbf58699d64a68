// "Restart and verify": whether the notebook, run from the start, gives again what stands in it.
import type { Cell, CodeCell } from "@jupyterlab/cells";
import { NotebookActions } from "@jupyterlab/notebook";
import { compareOutputs, type Difference, ruleOf } from "../notebook/compare.ts";
import type { Output, Cell as StoredCell } from "../notebook/format.ts";
import { type OpenNotebook, restartKernel } from "./documents.ts";

/** What became of one cell. */
export interface Verified {
  index: number;
  id: string;
  differences: Difference[];
}

/** What became of a notebook. */
export interface Verdict {
  /** Cells whose stored outputs came again. */
  same: number;
  /** Cells that had no stored output to compare with. */
  unstored: number;
  different: Verified[];
  /** Whether all cells ran; one that failed keeps those after it from running. */
  complete: boolean;
}

/** Restarts the kernel, runs all cells and compares with the outputs that stood there, by the rules of `tilewright check`. */
export async function restartAndVerify(open: OpenNotebook): Promise<Verdict> {
  const { content, sessionContext } = open.panel;
  const codeCells = () =>
    content.widgets.map((cell, index) => ({ cell, index })).filter(({ cell }) => isCode(cell));
  const stored = new Map(codeCells().map(({ cell }) => [cell.model.id, snapshot(cell as CodeCell)]));
  await restartKernel(open);
  const complete = await NotebookActions.runAll(content, sessionContext);
  const verdict: Verdict = { same: 0, unstored: 0, different: [], complete };
  for (const { cell, index } of codeCells()) {
    const before = stored.get(cell.model.id);
    if (!before) continue;
    if (before.execution_count == null) {
      verdict.unstored += 1;
      continue;
    }
    const now = snapshot(cell as CodeCell);
    const differences = compareOutputs(before.outputs ?? [], now.outputs ?? [], ruleOf(before));
    if (differences.length === 0) verdict.same += 1;
    else verdict.different.push({ index, id: cell.model.id, differences });
  }
  return verdict;
}

function isCode(cell: Cell): boolean {
  return cell.model.type === "code" && cell.model.sharedModel.getSource().trim() !== "";
}

function snapshot({ model }: CodeCell): StoredCell {
  const { id, metadata, executionCount, outputs } = model;
  return {
    id,
    cell_type: "code",
    source: "",
    metadata: structuredClone(metadata) as StoredCell["metadata"],
    execution_count: executionCount,
    outputs: outputs.toJSON().map(joined),
  };
}

/** A stored output with its texts in one piece. */
function joined(output: object): Output {
  const text = (value: unknown) =>
    Array.isArray(value) && value.every((line) => typeof line === "string") ? value.join("") : value;
  const entries = Object.entries(output).map(([key, value]) => {
    if (key === "text") return [key, text(value)];
    if (key === "data")
      return [
        key,
        Object.fromEntries(Object.entries(value as object).map(([mime, part]) => [mime, text(part)])),
      ];
    return [key, value];
  });
  return Object.fromEntries(entries) as Output;
}
