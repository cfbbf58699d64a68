// The bar above the notebook: what can be done with it, how it is, and how far a run is.
import type { ISessionContext } from "@jupyterlab/apputils";
import type { CommandRegistry } from "@lumino/commands";
import type { OpenNotebook } from "./documents.ts";
import { button, type Drawing, element } from "./dom.ts";
import { keyText } from "./keys.ts";

const buttons: readonly (readonly [Drawing, string, string, string?])[] = [
  ["run", "Run this cell", "run-advance"],
  ["runAll", "Run all cells", "run-all", "Run all"],
  ["stop", "Interrupt the kernel", "interrupt"],
  ["restart", "Restart the kernel", "restart"],
  ["verify", "Verify: restart, run all cells and compare with the stored outputs", "verify", "Verify"],
  ["add", "Insert a cell below", "insert-below"],
  ["save", "Save", "save"],
  ["download", "Export as HTML: one page with all views, to be read anywhere", "export-html"],
];

/** What each state of the kernel is called. */
const states: { [status: string]: string } = {
  idle: "idle",
  busy: "busy",
  starting: "starting",
  restarting: "restarting",
  autorestarting: "restarting",
  dead: "dead",
  terminating: "ending",
  unknown: "starting",
  connecting: "connecting",
  disconnected: "disconnected",
};

/** The toolbar. */
export class Toolbar {
  readonly node: HTMLElement;
  readonly #kernel = element("span", { class: "wb-kernel", role: "status", "data-state": "starting" });
  readonly #saved = element("span", { class: "wb-saved" });
  readonly #run = element("span", { class: "wb-run", role: "status" });
  readonly #bar = element("progress", {
    class: "wb-bar",
    max: 1,
    value: 0,
    "aria-label": "Cells that have run",
  });
  readonly #stale: HTMLButtonElement;
  readonly #watched = new WeakSet<OpenNotebook>();
  #open: OpenNotebook | undefined;

  constructor(commands: CommandRegistry, showStale: () => void) {
    this.#stale = element("button", { type: "button", class: "wb-stale-count", onclick: showStale });
    this.node = element(
      "div",
      { class: "wb-toolbar", role: "toolbar", "aria-label": "Notebook" },
      ...buttons.map(([drawing, label, command, text = ""]) =>
        button(drawing, label, () => void commands.execute(command), { keys: keyText(command), text }),
      ),
      this.#bar,
      this.#run,
      this.#stale,
      element("span", { class: "wb-space" }),
      this.#saved,
      this.#kernel,
    );
    this.draw();
  }

  /** Shows the state of a notebook, and follows it. */
  follow(open: OpenNotebook): void {
    this.#open = open;
    if (!this.#watched.has(open)) {
      this.#watched.add(open);
      const draw = () => this.draw();
      open.runs.changed.connect(draw);
      open.stale.changed.connect(draw);
      open.autosave.onChange = draw;
      open.panel.sessionContext.statusChanged.connect(draw);
      open.panel.sessionContext.connectionStatusChanged.connect(draw);
      open.panel.sessionContext.kernelChanged.connect(draw);
    }
    this.draw();
  }

  /** Draws everything as it is now. */
  draw(): void {
    const open = this.#open;
    this.node.hidden = open === undefined;
    if (!open) return;
    const { runs, stale, autosave, panel } = open;
    const isSeries = runs.isRunning && runs.asked > 1;
    this.#bar.hidden = !isSeries;
    this.#bar.max = Math.max(1, runs.asked);
    this.#bar.value = runs.done;
    this.#run.textContent = isSeries ? `${runs.done} of ${runs.asked}` : "";
    const count = stale.cells.length;
    this.#stale.hidden = count === 0;
    this.#stale.textContent = `${count} stale`;
    this.#stale.title = "Cells whose inputs have changed since they ran; press to go to the first";
    this.#saved.textContent = autosave.hasChanges ? "unsaved" : "saved";
    this.#saved.classList.toggle("wb-unsaved", autosave.hasChanges);
    const state = kernelState(open);
    this.#kernel.dataset.state = state;
    const wide = (text: string) => element("span", { class: "wb-wide" }, text);
    this.#kernel.replaceChildren(wide("kernel "), state, ...(state === "dead" ? [wide(": restart it")] : []));
    this.#kernel.title = panel.sessionContext.kernelDisplayName;
  }
}

/** How the kernel of a notebook is, in a word. */
export function kernelState({ panel, runs }: OpenNotebook): string {
  const told = toldState(panel.sessionContext);
  // Our kernel completes and explains while a cell runs, and says "idle" after each.
  return told === "idle" && runs.isRunning ? "busy" : told;
}

function toldState(context: ISessionContext): string {
  const { session } = context;
  if (!session?.kernel) return context.isReady ? "dead" : "starting";
  const { status, connectionStatus } = session.kernel;
  if (status !== "dead" && connectionStatus === "disconnected") return "disconnected";
  return states[status] ?? status;
}
