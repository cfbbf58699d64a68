/**
 * Names of cells that the platform has too, such as `class Map`. They must not replace the platform's own on the
 * global object, where libraries look them up; so they live on an object of their own, and the cells that mention
 * them see it through a `with` statement around their (strict) function. Reading globals is slow in such a cell,
 * which is why no other cell is wrapped.
 */
export class Shadows {
  readonly #scope: Record<string, unknown>;
  /** Names the platform had before the first cell. */
  readonly #builtIn: ReadonlySet<string>;
  readonly #values: Record<string, unknown> = Object.create(null);

  constructor(scope: Record<string, unknown>) {
    this.#scope = scope;
    this.#builtIn = new Set(Object.getOwnPropertyNames(scope));
  }

  /** The object on which a top-level name of a cell lives. */
  home(name: string): Record<string, unknown> {
    return this.#builtIn.has(name) ? this.#values : this.#scope;
  }

  /** The cell's script, made to see the shadowing names among those that it mentions or declares. */
  wrap(js: string, names: readonly string[]): { js: string; values?: object } {
    const own = names.some((name) => this.#builtIn.has(name));
    const mentioned = Object.keys(this.#values).some((name) => js.includes(name));
    // On one line: the source map counts lines from the script's first.
    return own || mentioned
      ? { js: `(function (values) { with (values) { return ${js} } })`, values: this.#values }
      : { js };
  }

  /** Forgets shadows that are the platform's own value again, as after `import { performance } from …`. */
  tidy(names: readonly string[]): void {
    for (const name of names) {
      if (name in this.#values && Object.is(this.#values[name], this.#scope[name])) delete this.#values[name];
    }
  }
}
