import type { OpenNotebook } from "./documents.ts";

/** Saves the notebook and downloads it as one page, which the server makes of the file. */
export async function exportPage({ path, autosave }: OpenNotebook): Promise<void> {
  // What is not in the file would be missing from the page; a save that failed was told.
  if (autosave.hasChanges && !(await autosave.save())) return;
  const link = document.createElement("a");
  link.href = `nbconvert/html/${path.split("/").map(encodeURIComponent).join("/")}?download=true`;
  link.download = "";
  link.click();
}
