// Renaming and deleting notebooks, with the questions asked before.
import { Dialog, InputDialog, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import type { Contents } from "@jupyterlab/services";

/** Asks for a new name and renames a notebook; gives its new path, or undefined when nothing was renamed. */
export async function renameNotebook(contents: Contents.IManager, path: string): Promise<string | undefined> {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const { button, value } = await InputDialog.getText({
    title: "Rename the notebook",
    text: path.slice(folder.length),
    okLabel: "Rename",
    selectionRange: path.length - folder.length - ".ipynb".length,
  });
  const name = value?.trim() ?? "";
  if (!button.accept || name === "") return undefined;
  const wanted = folder + (name.endsWith(".ipynb") ? name : `${name}.ipynb`);
  if (wanted === path) return undefined;
  try {
    return (await contents.rename(path, wanted)).path;
  } catch (error) {
    await showErrorMessage(`${path} cannot be renamed`, error instanceof Error ? error : String(error));
    return undefined;
  }
}

/** Asks whether a notebook is to be deleted. */
export async function mayDelete(path: string): Promise<boolean> {
  const { button } = await showDialog({
    title: "Delete the notebook?",
    body: `${path} is deleted, and its kernel ends.`,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: "Delete" })],
  });
  return button.accept;
}
