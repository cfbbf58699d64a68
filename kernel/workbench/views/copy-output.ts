import type { Cell } from "@jupyterlab/cells";
import type { PartialJSONObject } from "@lumino/coreutils";
import { goTo, type OpenNotebook } from "../documents.ts";
import type { Shown } from "./entries.ts";

/**
 * Puts a view into a new cell below another: the code that makes it, and what it shows now as the cell's output, which
 * stays readable without a kernel. A value without a name has no code: then the cell says what it is.
 */
export async function copyAsOutput(
  { panel }: OpenNotebook,
  below: Cell | null,
  { title, of, shown }: { title: string; of: string; shown: Shown },
): Promise<void> {
  const notebook = panel.content;
  const at = below ? notebook.widgets.indexOf(below) : -1;
  const index = at < 0 ? notebook.widgets.length : at + 1;
  const data = structuredClone(shown.data) as PartialJSONObject;
  notebook.model?.sharedModel.insertCell(index, {
    cell_type: "code",
    source: shown.code === "" ? `// ${title} of ${of}` : shown.code,
    // The reader's own kernel drew it.
    metadata: { trusted: true },
    execution_count: null,
    outputs: [{ output_type: "display_data", metadata: {}, data }],
  });
  await goTo(panel, index);
}
