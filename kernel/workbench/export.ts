import { controlsOf } from "./controls/controls.ts";
import type { OpenNotebook } from "./documents.ts";

/** What notebooks store the models of their controls under. */
const widgetStateType = "application/vnd.jupyter.widget-state+json";

/** Saves the notebook and downloads it as one page, which the server makes of the file. */
export async function exportPage({ path, panel, autosave }: OpenNotebook): Promise<void> {
  // The page shows controls as they are now.
  const states = await controlsOf(panel)?.states();
  if (states) panel.model?.setMetadata("widgets", { [widgetStateType]: states });
  // What is not in the file would be missing from the page; a save that failed was told.
  if ((states || autosave.hasChanges) && !(await autosave.save())) return;
  const link = document.createElement("a");
  link.href = `nbconvert/html/${path.split("/").map(encodeURIComponent).join("/")}?download=true`;
  link.download = "";
  link.click();
}
