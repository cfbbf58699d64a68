import { readFileSync } from "node:fs";

/** A cell that covers something of tslab's documentation. */
export interface Example {
  title: string;
  code: string;
  /** The cell must fail, in both kernels. */
  fails: boolean;
}

/** Files beside the notebook, for the cells that read or import them. */
export const workspace: { [name: string]: string } = {
  "greetings.ts": "export const greet = (name: string): string => 'Hello, ' + name;\nexport default 42;\n",
  "table.json": '{ "rows": [1, 2, 3] }',
};

/**
 * The cells of cells.txt, in the order of a notebook: later ones use what earlier ones made. Each begins with a line
 * `// %% title`; a title that begins with `fails:` is of a cell that must fail.
 */
export const examples: Example[] = readFileSync(new URL("cells.txt", import.meta.url), "utf8")
  .split(/^\/\/ %% /m)
  .filter((part) => part.trim() !== "")
  .map((part) => {
    const [title = "", ...lines] = part.split("\n");
    return { title, code: lines.join("\n").trim(), fails: title.startsWith("fails:") };
  });
