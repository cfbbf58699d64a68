// What the page can do, by name: buttons and keys lead here.
import { NotebookActions } from "@jupyterlab/notebook";
import { CommandRegistry } from "@lumino/commands";
import type { Assistance } from "./assistance.ts";
import type { OpenNotebook } from "./documents.ts";
import { exportPage } from "./export.ts";
import { keys, selectors } from "./keys.ts";

/** What the commands act on. */
export interface Stage {
  /** The notebook that is shown. */
  readonly current: OpenNotebook | undefined;
  readonly assistance: Assistance;
  /** Puts the cursor into the search. */
  search(): void;
  /** Runs all cells; from a new kernel with `restart`, and compared with what stood there with `verify`. */
  runAll(how: { restart?: boolean; verify?: boolean }): Promise<void>;
  /** Starts the kernel anew. */
  restart(): Promise<void>;
}

type Act = (open: OpenNotebook) => unknown;

/** The commands and their keys; the keys are heard from now on. */
export function createCommands(stage: Stage): CommandRegistry {
  const commands = new CommandRegistry();
  for (const [name, act] of Object.entries(actions(stage)))
    commands.addCommand(name, { execute: () => (stage.current ? act(stage.current) : undefined) });
  commands.addCommand("search", { execute: () => stage.search() });
  for (const [pressed, mode, command] of keys)
    commands.addKeyBinding({ keys: spelled(pressed), selector: selectors[mode], command });
  for (const [pressed, selector, command] of assistanceKeys)
    commands.addKeyBinding({ keys: spelled(pressed), selector, command });
  document.addEventListener("keydown", (event) => commands.processKeydownEvent(event), true);
  return commands;
}

/** "D D" is two keys one after the other, "Shift D" two at a time. */
function spelled(pressed: string): string[] {
  return /^(\w) \1$/.test(pressed) ? pressed.split(" ") : [pressed];
}

const editor = ".jp-CodeCell .jp-CodeMirrorEditor:not(.jp-mod-has-primary-selection)";
const assistanceKeys: readonly (readonly [string, string, string])[] = [
  ["Tab", ".jp-CodeCell .jp-mod-completer-enabled:not(.jp-mod-in-leading-whitespace)", "complete"],
  ["Ctrl Space", ".jp-CodeCell .jp-mod-completer-enabled", "complete"],
  ["Enter", ".jp-Notebook .jp-mod-completer-active", "take-completion"],
  ["Shift Tab", `${editor}:not(.jp-mod-in-leading-whitespace):not(.jp-mod-completer-active)`, "inspect"],
  ["Escape", "body.jp-mod-tooltip .jp-Notebook", "close-tooltip"],
];

function actions(stage: Stage): { [name: string]: Act } {
  const run = (method: "run" | "runAndAdvance" | "runAndInsert"): Act => {
    return ({ panel }) => NotebookActions[method](panel.content, panel.sessionContext);
  };
  const cells = (act: (notebook: OpenNotebook["panel"]["content"]) => unknown): Act => {
    return ({ panel }) => act(panel.content);
  };
  const { assistance } = stage;
  return {
    run: run("run"),
    "run-advance": run("runAndAdvance"),
    "run-insert": run("runAndInsert"),
    "run-all": () => stage.runAll({}),
    "restart-run-all": () => stage.runAll({ restart: true }),
    verify: () => stage.runAll({ restart: true, verify: true }),
    restart: () => stage.restart(),
    interrupt: ({ panel }) => panel.sessionContext.session?.kernel?.interrupt(),
    save: async (open) => {
      if (await open.autosave.save()) await open.context.createCheckpoint().catch(() => undefined);
    },
    "export-html": (open) => exportPage(open),
    edit: cells((notebook) => {
      notebook.mode = "edit";
    }),
    leave: cells((notebook) => {
      notebook.mode = "command";
      NotebookActions.focusActiveCell(notebook);
    }),
    up: cells((notebook) => NotebookActions.selectAbove(notebook)),
    down: cells((notebook) => NotebookActions.selectBelow(notebook)),
    "extend-up": cells((notebook) => NotebookActions.extendSelectionAbove(notebook)),
    "extend-down": cells((notebook) => NotebookActions.extendSelectionBelow(notebook)),
    "select-all": cells((notebook) => NotebookActions.selectAll(notebook)),
    "insert-above": cells((notebook) => NotebookActions.insertAbove(notebook)),
    "insert-below": cells((notebook) => NotebookActions.insertBelow(notebook)),
    delete: cells((notebook) => NotebookActions.deleteCells(notebook)),
    cut: cells((notebook) => NotebookActions.cut(notebook)),
    copy: cells((notebook) => NotebookActions.copy(notebook)),
    paste: cells((notebook) => NotebookActions.paste(notebook, "below")),
    "paste-above": cells((notebook) => NotebookActions.paste(notebook, "above")),
    "undo-cells": cells((notebook) => NotebookActions.undo(notebook)),
    "redo-cells": cells((notebook) => NotebookActions.redo(notebook)),
    "to-markdown": cells((notebook) => NotebookActions.changeCellType(notebook, "markdown")),
    "to-code": cells((notebook) => NotebookActions.changeCellType(notebook, "code")),
    "to-raw": cells((notebook) => NotebookActions.changeCellType(notebook, "raw")),
    merge: cells((notebook) => NotebookActions.mergeCells(notebook)),
    split: cells((notebook) => NotebookActions.splitCell(notebook)),
    "move-up": cells((notebook) => NotebookActions.moveUp(notebook)),
    "move-down": cells((notebook) => NotebookActions.moveDown(notebook)),
    "line-numbers": cells((notebook) => NotebookActions.toggleAllLineNumbers(notebook)),
    complete: () => assistance.complete(),
    "take-completion": () => assistance.take(),
    inspect: (open) => assistance.inspect(open),
    "close-tooltip": () => assistance.closeTooltip(),
  };
}
