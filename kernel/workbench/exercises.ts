import type { CodeCell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";

/**
 * The exercises of a notebook, cells tagged `exercise`, and how many are solved: the output of a check, the code cell below
 * the exercise, then begins with a tick.
 */
export function exercisesOf({ content }: NotebookPanel): { solved: number; of: number } {
  const cells = content.widgets.filter(({ model }) => model.type === "code") as CodeCell[];
  const checks = cells.flatMap(({ model }, index) => {
    const tags: unknown = model.getMetadata("tags");
    return Array.isArray(tags) && tags.includes("exercise") ? [cells[index + 1]] : [];
  });
  return { solved: checks.filter((check) => check && isPassed(check)).length, of: checks.length };
}

function isPassed({ model }: CodeCell): boolean {
  return model.outputs.toJSON().some(({ data }) => {
    const text = (data as { [mimeType: string]: unknown } | undefined)?.["text/plain"];
    return [text].flat().join("").startsWith("✓");
  });
}
