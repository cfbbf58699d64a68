// "Try it": a model's file is dropped here, and what the compiler makes of it is shown.
import "./style.css";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { ServerConnection } from "@jupyterlab/services";
import { bytes } from "../../../lib/show/number.ts";
import type { Problem, TryEvent } from "../../server/try-it/events.ts";
import type { TryOptions } from "../../server/try-it/options.ts";
import { element } from "../dom.ts";
import { type ModelFiles, type Terms, TryClient } from "./client.ts";
import { type Open, OptionsForm } from "./form.ts";
import { StepList } from "./progress.ts";
import { Results } from "./results.ts";

/** Problems that are shown; the message above them says how many there are. */
const shownProblems = 200;

/** The page's part for models of the reader's own. */
export class TryIt {
  readonly node: HTMLElement;
  readonly #client: TryClient;
  readonly #openNotebook: (path: string) => void;
  readonly #drop: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #chosen = element("p", { class: "wb-try-chosen", role: "status" });
  readonly #form = element("div", {});
  readonly #steps = new StepList();
  readonly #problem = element("div", { class: "wb-try-problem", role: "alert", hidden: true });
  readonly #results: Results;
  readonly #run = element("button", { type: "submit", class: "wb-primary" }, "Compile and measure");
  readonly #cancel = action("Cancel", () => this.#cancelWork());
  readonly #download = action("Download bundle", () => this.#downloadBundle());
  readonly #notebook = action("Make notebook", () => void this.#makeNotebook());
  #terms: Terms | undefined;
  #options: OptionsForm | undefined;
  #open: Open = { sizes: {}, values: [] };
  #files: ModelFiles | undefined;
  /** Whether they may be a model: options change nothing for those that could not be read. */
  #isReadable = true;
  #working: AbortController | undefined;
  /** What the results that are shown were made with. */
  #shown: TryOptions | undefined;
  #hasBundle = false;

  /** `openNotebook` shows a notebook that was made. */
  constructor(
    settings: ServerConnection.ISettings,
    rendering: IRenderMimeRegistry,
    openNotebook: (path: string) => void,
  ) {
    this.#client = new TryClient(settings);
    this.#openNotebook = openNotebook;
    this.#results = new Results(rendering);
    this.#input = element("input", {
      type: "file",
      multiple: true,
      accept: ".onnx,.data,.bin,.onnx_data,application/octet-stream",
      class: "wb-try-file",
      onchange: () => {
        this.#take([...(this.#input.files ?? [])]);
        this.#input.value = "";
      },
    });
    this.#drop = element(
      "div",
      { class: "wb-try-drop" },
      element(
        "label",
        { class: "wb-try-choose" },
        this.#input,
        element("span", { class: "wb-primary" }, "Choose an ONNX file"),
      ),
      element("p", {}, "or drop it here, together with its data files if it has some."),
      this.#chosen,
    );
    this.node = element(
      "section",
      { class: "wb-try", "aria-label": "Try it" },
      element(
        "div",
        { class: "wb-try-inner" },
        element("h2", {}, "Try it"),
        element(
          "p",
          { class: "wb-try-about" },
          "A model of yours: its graph, the passes, kernels and times on this machine, and a bundle to take along.",
        ),
        this.#drop,
        this.#form,
        this.#problem,
        this.#steps.node,
        this.#results.node,
      ),
    );
    this.#takeDrops();
    this.#enable();
    void this.#learnTerms();
  }

  /** Puts the cursor where a file is chosen, unless there is one already. */
  focus(): void {
    if (!this.#files) this.#input.focus();
  }

  async #learnTerms(): Promise<void> {
    this.#chosen.textContent = "Looking at the machine …";
    try {
      this.#terms = await this.#client.terms();
    } catch (error) {
      this.#fail(error);
      this.#chosen.textContent = "";
      return;
    }
    const { maxBody, seconds } = this.#terms;
    this.#chosen.textContent =
      `At most ${bytes(maxBody)} a file and ${seconds} s of work. ` +
      "It stays on the server's machine, in a temporary folder, until you choose another file or leave the page.";
    this.#options = new OptionsForm(
      this.#terms,
      () => void this.#work(),
      () => this.#enable(),
      this.#run,
      this.#cancel,
      this.#download,
      this.#notebook,
      element("small", {}, "The notebook and the model go into the folder models, beside the chapters."),
    );
    this.#form.replaceChildren(this.#options.node);
    this.#options.node.hidden = this.#files === undefined;
    if (this.#files) this.#begin();
  }

  #takeDrops(): void {
    const over = (event: DragEvent, is: boolean) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.#drop.classList.toggle("wb-over", is);
    };
    this.node.addEventListener("dragenter", (event) => over(event, true));
    this.node.addEventListener("dragover", (event) => over(event, true));
    this.node.addEventListener("dragleave", (event) => {
      if (!this.node.contains(event.relatedTarget as Node | null)) over(event, false);
    });
    this.node.addEventListener("drop", (event) => {
      over(event, false);
      this.#take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** Takes files that were chosen or dropped: one model, and what belongs to it. */
  #take(files: readonly File[]): void {
    if (files.length === 0) return;
    const models = files.length === 1 ? files : files.filter(({ name }) => /\.onnx$/i.test(name));
    const [model] = models;
    if (!model || models.length > 1) {
      this.#tell(
        models.length > 1
          ? "One model at a time: these are several .onnx files."
          : "None of these files is called .onnx.",
      );
      return;
    }
    this.#working?.abort();
    this.#files = { model, data: files.filter((file) => file !== model) };
    this.#client.choose(this.#files);
    this.#isReadable = true;
    this.#shown = undefined;
    this.#hasBundle = false;
    this.#results.clear(false);
    this.#options?.ask({ sizes: {}, values: [] });
    const total = files.reduce((n, { size }) => n + size, 0);
    const more = files.length > 1 ? ` and ${files.length - 1} data file${files.length > 2 ? "s" : ""}` : "";
    this.#chosen.replaceChildren(element("b", {}, model.name), `${more}, ${bytes(total)}`);
    if (this.#options) this.#begin();
  }

  /** Looks at a new file. */
  #begin(): void {
    const { model, data } = this.#files!;
    const tooLarge = [model, ...data].find(({ size }) => size > this.#terms!.maxBody);
    this.#options!.node.hidden = false;
    if (tooLarge) {
      this.#steps.node.hidden = true;
      this.#isReadable = false;
      this.#tell(
        `${tooLarge.name} has ${bytes(tooLarge.size)}; the server takes ${bytes(this.#terms!.maxBody)} (--max-body). tilewright compile takes files of any size.`,
      );
      this.#enable();
      return;
    }
    void this.#work();
  }

  async #work(): Promise<void> {
    const files = this.#files;
    const options = this.#options?.options();
    if (!files || !options) return;
    this.#working?.abort();
    const working = new AbortController();
    this.#working = working;
    this.#shown = options;
    this.#hasBundle = false;
    this.#problem.hidden = true;
    this.#results.clear(true);
    this.#steps.start();
    this.#enable();
    // The form may fill the page.
    this.#steps.node.scrollIntoView({ block: "start" });
    const size = files.model.size + files.data.reduce((n, file) => n + file.size, 0);
    let outcome = "Done.";
    const hear = (event: TryEvent) => {
      // What an older piece of work still says.
      if (this.#working !== working) return;
      this.#steps.hear(event);
      this.#results.hear(event, size);
      if (event.event === "summary") this.#open = { sizes: event.summary.open, values: [] };
      if (event.event === "bundle") this.#hasBundle = true;
      if (event.event === "summary") this.#options!.ask(this.#open);
      if (event.event === "needs") {
        outcome = this.#askFor(event);
      } else if (event.event === "error") {
        outcome = "It ended with an error.";
        this.#isReadable = event.step !== "read";
        this.#steps.stop();
        this.#tell(event.message, event.problems);
      }
    };
    try {
      await this.#client.work(options, hear, working.signal);
    } catch (error) {
      if (this.#working !== working) return;
      this.#steps.stop();
      outcome = working.signal.aborted ? "Cancelled." : "";
      if (!working.signal.aborted) this.#fail(error);
    }
    if (this.#working !== working) return;
    this.#working = undefined;
    this.#steps.say(outcome);
    this.#enable();
  }

  /** Asks for what the model leaves open; gives what is said meanwhile. */
  #askFor({ sizes, values }: Extract<TryEvent, { event: "needs" }>): string {
    this.#shown = undefined;
    this.#options!.ask({ ...this.#open, values });
    this.#options!.focusOpen();
    const what = [
      ...(sizes.length > 0 ? [`sizes open: ${sizes.join(", ")}`] : []),
      ...(values.length > 0 ? [`sizes to the elements of ${values.join(", ")}`] : []),
    ];
    return `The file leaves ${what.join(", and ")}. Fill them in above, then go on.`;
  }

  #cancelWork(): void {
    this.#working?.abort();
  }

  #downloadBundle(): void {
    const link = element("a", { href: this.#client.bundleUrl, download: "" });
    document.body.append(link);
    link.click();
    link.remove();
  }

  async #makeNotebook(): Promise<void> {
    const options = this.#options?.options();
    if (!options) return;
    this.#notebook.disabled = true;
    try {
      const { notebook } = await this.#client.notebook(options);
      this.#openNotebook(notebook);
    } catch (error) {
      this.#fail(error);
    }
    this.#enable();
  }

  /** Lets be pressed what makes sense now. */
  #enable(): void {
    const working = this.#working !== undefined;
    const chosen = this.#files !== undefined && this.#isReadable;
    const same =
      this.#shown !== undefined && JSON.stringify(this.#shown) === JSON.stringify(this.#quietOptions());
    this.#run.disabled = !chosen || working;
    this.#cancel.hidden = !working;
    this.#download.disabled = working || !this.#hasBundle || !same;
    this.#notebook.disabled = working || !chosen;
    this.#download.title = this.#hasBundle && !same ? "The options have changed: compile again" : "";
    this.#results.node.classList.toggle("wb-outdated", this.#shown !== undefined && !same && !working);
  }

  #quietOptions(): TryOptions | undefined {
    return this.#options?.node.checkValidity() ? this.#options.options() : undefined;
  }

  #fail(error: unknown): void {
    this.#tell(error instanceof Error ? error.message : String(error));
  }

  #tell(message: string, problems: readonly Problem[] = []): void {
    const [first = "", ...rest] = message.split("\n");
    const rows = problems
      .slice(0, shownProblems)
      .map(({ where, reason }) => element("tr", {}, element("td", {}, where), element("td", {}, reason)));
    const table = element(
      "table",
      {},
      element(
        "thead",
        {},
        element("tr", {}, ...["where", "why"].map((text) => element("th", { scope: "col" }, text))),
      ),
      element("tbody", {}, ...rows),
    );
    const detail =
      problems.length > 1 ? [table] : rest.length > 0 ? [element("pre", {}, rest.join("\n"))] : [];
    this.#problem.replaceChildren(element("p", {}, first), ...detail);
    this.#problem.hidden = false;
  }
}

function action(label: string, pressed: () => void): HTMLButtonElement {
  return element("button", { type: "button", class: "wb-secondary", onclick: pressed }, label);
}
