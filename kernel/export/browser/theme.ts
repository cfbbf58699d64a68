// Light and dark: as the system has it, until the reader chooses. Paper is always light.

const choices = ["system", "light", "dark"] as const;
type Choice = (typeof choices)[number];
const key = "tilewright-page-theme";

/** Takes up the reader's choice, and listens to the button. */
export function prepareTheme(): void {
  let choice = stored();
  const apply = (theme: Choice) => {
    const { dataset } = document.documentElement;
    if (theme === "system") {
      delete dataset.theme;
      delete dataset.jpThemeLight;
    } else {
      dataset.theme = theme;
      // What the displays of the compiler follow.
      dataset.jpThemeLight = String(theme === "light");
    }
  };
  apply(choice);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector<HTMLButtonElement>(".theme-button");
    if (!button) return;
    const name = () => {
      button.title = `Theme: ${choice}`;
      button.setAttribute("aria-label", button.title);
    };
    name();
    button.hidden = false;
    button.addEventListener("click", () => {
      choice = choices[(choices.indexOf(choice) + 1) % choices.length]!;
      keep(choice);
      apply(choice);
      name();
    });
  });
  addEventListener("beforeprint", () => apply("light"));
  addEventListener("afterprint", () => apply(choice));
}

/** Where nothing can be kept, such as in some pages opened from a disk, the choice lasts as long as the page. */
function stored(): Choice {
  try {
    const value = localStorage.getItem(key);
    return choices.find((one) => one === value) ?? "system";
  } catch {
    return "system";
  }
}

function keep(choice: Choice): void {
  try {
    localStorage.setItem(key, choice);
  } catch {
    // The page goes on without.
  }
}
