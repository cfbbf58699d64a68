// Light and dark: as the system has it, until the reader chooses.
import dark from "@jupyterlab/theme-dark-extension/style/theme.css?inline";
import light from "@jupyterlab/theme-light-extension/style/theme.css?inline";
import { remember, remembered } from "./memory.ts";

/** What the reader can choose. */
export type Choice = "system" | "light" | "dark";
const choices: readonly Choice[] = ["system", "light", "dark"];

/** The page's theme. */
export class Theme {
  readonly #sheet = document.head.insertBefore(document.createElement("style"), document.head.firstChild);
  readonly #system = matchMedia("(prefers-color-scheme: dark)");
  #choice: Choice;

  constructor() {
    const stored = remembered<Choice>("theme");
    this.#choice = stored !== undefined && choices.includes(stored) ? stored : "system";
    this.#system.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  get choice(): Choice {
    return this.#choice;
  }

  /** Goes on to the next of the three choices. */
  next(): void {
    this.#choice = choices[(choices.indexOf(this.#choice) + 1) % choices.length]!;
    remember("theme", this.#choice);
    this.#apply();
  }

  #apply(): void {
    const isDark = this.#choice === "dark" || (this.#choice === "system" && this.#system.matches);
    this.#sheet.textContent = isDark ? dark : light;
    document.body.dataset.jpThemeLight = String(!isDark);
    document.body.dataset.jpThemeName = isDark ? "JupyterLab Dark" : "JupyterLab Light";
    document.documentElement.style.colorScheme = isDark ? "dark" : "light";
  }
}
