import { element } from "./dom.ts";
import { keys, type Mode } from "./keys.ts";

const headings: readonly (readonly [Mode, string])[] = [
  ["both", "In the notebook"],
  ["command", "In command mode (a cell is selected, not edited)"],
  ["edit", "While editing"],
  ["page", "Everywhere"],
];

/** All keys, for a dialog. */
export function keysNode(): HTMLElement {
  const sections = headings.map(([mode, heading]) => {
    const commands = new Map<string, Set<string>>();
    for (const [pressed, where, command] of keys)
      if (where === mode)
        commands.set(command, (commands.get(command) ?? new Set()).add(pressed.replace("Accel", "Ctrl")));
    const rows = [...commands].map(([command, pressed]) =>
      element(
        "tr",
        {},
        element(
          "td",
          {},
          ...[...pressed].flatMap((one, index) => [index === 0 ? "" : " or ", element("kbd", {}, one)]),
        ),
        element("td", {}, command.replaceAll("-", " ")),
      ),
    );
    return element("section", {}, element("h3", {}, heading), element("table", {}, ...rows));
  });
  return element("div", { class: "wb-keys", tabindex: 0 }, ...sections);
}
