// The keyboard, as people know it from JupyterLab. The table is also what the page's help shows.

/** Where a key counts. */
export type Mode = "command" | "edit" | "both" | "page";

/** One key: what is pressed, where, and the command's name. */
export type Key = readonly [keys: string, mode: Mode, command: string];

/** All keys; of several for a command the first is the one that tooltips name. */
export const keys: readonly Key[] = [
  ["Shift Enter", "both", "run-advance"],
  ["Ctrl Enter", "both", "run"],
  ["Accel Enter", "both", "run"],
  ["Alt Enter", "both", "run-insert"],
  ["Enter", "command", "edit"],
  ["Escape", "edit", "leave"],
  ["Ctrl M", "edit", "leave"],
  ["ArrowUp", "command", "up"],
  ["K", "command", "up"],
  ["ArrowDown", "command", "down"],
  ["J", "command", "down"],
  ["Shift ArrowUp", "command", "extend-up"],
  ["Shift K", "command", "extend-up"],
  ["Shift ArrowDown", "command", "extend-down"],
  ["Shift J", "command", "extend-down"],
  ["Accel A", "command", "select-all"],
  ["A", "command", "insert-above"],
  ["B", "command", "insert-below"],
  ["D D", "command", "delete"],
  ["X", "command", "cut"],
  ["C", "command", "copy"],
  ["V", "command", "paste"],
  ["Shift V", "command", "paste-above"],
  ["Z", "command", "undo-cells"],
  ["Shift Z", "command", "redo-cells"],
  ["M", "command", "to-markdown"],
  ["Y", "command", "to-code"],
  ["R", "command", "to-raw"],
  ["Shift M", "command", "merge"],
  ["Ctrl Shift -", "edit", "split"],
  ["Accel Shift ArrowUp", "command", "move-up"],
  ["Accel Shift ArrowDown", "command", "move-down"],
  ["Shift L", "command", "line-numbers"],
  ["I I", "command", "interrupt"],
  ["0 0", "command", "restart"],
  [",", "command", "previous-step"],
  [".", "command", "next-step"],
  ["H", "command", "show-keys"],
  ["Accel S", "page", "save"],
  ["Accel Shift F", "page", "search"],
];

/** Where the keys of a mode count, as a selector. */
export const selectors: { [mode in Mode]: string } = {
  command: ".jp-Notebook.jp-mod-commandMode:not(.jp-mod-readWrite) :focus:not(:read-write)",
  edit: ".jp-Notebook.jp-mod-editMode",
  both: ".jp-Notebook",
  page: "body",
};

/** The first key of a command, as tooltips write it. */
export function keyText(command: string): string {
  const key = keys.find(([, , name]) => name === command)?.[0] ?? "";
  return key
    .replace("Accel", "Ctrl")
    .replaceAll(" ", key.length === 3 ? ", " : "+")
    .replace("Arrow", "");
}
