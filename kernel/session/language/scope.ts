import type { BindingKind, CellBindings } from "./bindings.ts";

interface Live {
  cell: number;
  kind: BindingKind;
  /** True when the name is a value and a type in one, which only an import can carry on. */
  merged: boolean;
}

const identifier = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;

/** Which cell each visible name comes from, and the lines that bring earlier names into a new cell. */
export class CellScope {
  readonly #live = new Map<string, Live>();
  /** Cells that augment the global scope or a module. */
  readonly #ambient = new Set<number>();
  /** What the latest cells replaced, for a failed cell whose bindings were never assigned. */
  readonly #replaced = new Map<number, Map<string, Live | undefined>>();

  /**
   * Text to append to a cell so that the earlier names it mentions are declared. Appended, not prepended: the
   * cell's own positions stay, and imports and ambient declarations are hoisted anyway. Without `text`, all names.
   */
  declarations(own: CellBindings, text?: string): string {
    const mentioned = text === undefined ? this.#live.keys() : new Set(text.match(identifier));
    const imports = new Map<number, string[]>();
    let lines = "";
    for (const name of mentioned) {
      const live = this.#live.get(name);
      if (!live || own.names.has(name)) continue;
      if ((live.kind === "let" || live.kind === "const") && !live.merged) {
        // An imported `let` could not be assigned to; an ambient one can.
        lines += `declare ${live.kind} ${name}: typeof import("./__tw_cell_${live.cell}").${name};\n`;
      } else imports.set(live.cell, [...(imports.get(live.cell) ?? []), name]);
    }
    for (const [cell, names] of imports)
      lines += `import { ${names.join(", ")} } from "./__tw_cell_${cell}";\n`;
    for (const cell of this.#ambient) lines += `import "./__tw_cell_${cell}";\n`;
    const exported = [...own.names.keys()].filter((name) => !own.exported.has(name));
    // `export` first: no statement can go on with it, so a cell that stops in the middle of one is an error.
    return `export { ${exported.join(", ")} };\n${lines}`;
  }

  /** Enters a cell's names. */
  enter(cell: number, bindings: CellBindings): void {
    const replaced = new Map<string, Live | undefined>();
    for (const [name, kind] of bindings.names) {
      replaced.set(name, this.#live.get(name));
      this.#live.set(name, { cell, kind, merged: bindings.merged.has(name) });
    }
    if (bindings.ambient) this.#ambient.add(cell);
    this.#replaced.clear();
    this.#replaced.set(cell, replaced);
  }

  /** Takes back names that a failed cell never assigned; types stay, since they need no running. */
  leave(cell: number, names: readonly string[]): void {
    const replaced = this.#replaced.get(cell);
    for (const name of names) {
      if (!replaced?.has(name) || this.#live.get(name)?.cell !== cell) continue;
      const before = replaced.get(name);
      if (before) this.#live.set(name, before);
      else this.#live.delete(name);
    }
  }

  clear(): void {
    this.#live.clear();
    this.#ambient.clear();
    this.#replaced.clear();
  }
}
