import { type Cell, hasTag, type Notebook, newId } from "./format.ts";

/** `name=value` as given on the command line: the value is JSON where it can be, else a string. */
export function parseParameter(text: string): [string, unknown] {
  const found = /^([\p{ID_Start}$_][\p{ID_Continue}$]*)=(.*)$/su.exec(text);
  if (!found) throw new Error(`"${text}" is not name=value with a TypeScript name`);
  try {
    return [found[1]!, JSON.parse(found[2]!)];
  } catch {
    return [found[1]!, found[2]!];
  }
}

/** Puts a cell that sets the parameters after the one tagged `parameters`, or first. Replaces an earlier such cell. */
export function injectParameters(notebook: Notebook, parameters: readonly [string, unknown][]): void {
  if (parameters.length === 0) return;
  const earlier = notebook.cells.find((cell) => hasTag(cell, "injected-parameters"));
  notebook.cells = notebook.cells.filter((cell) => !hasTag(cell, "injected-parameters"));
  const source = parameters.map(([name, value]) => `let ${name} = ${JSON.stringify(value)};`).join("\n");
  const at = notebook.cells.findIndex((cell) => hasTag(cell, "parameters")) + 1;
  notebook.cells.splice(at, 0, {
    id: earlier?.id ?? newId(),
    cell_type: "code",
    source: `// Parameters\n${source}`,
    metadata: { tags: ["injected-parameters"] },
    execution_count: null,
    outputs: [],
  });
}

/** Parameters that the cell tagged `parameters` does not declare, which is likely a slip of the pen. */
export function undeclaredParameters(notebook: Notebook, parameters: readonly [string, unknown][]): string[] {
  const cell = notebook.cells.find((one: Cell) => hasTag(one, "parameters"));
  if (!cell) return [];
  const declared = new Set(
    [...cell.source.matchAll(/\b(?:let|const|var)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu)].map(
      ([, name]) => name,
    ),
  );
  return parameters.map(([name]) => name).filter((name) => !declared.has(name));
}
