/** Names of handles: those of the loops and blocks, made distinct and fit for TypeScript. */

/** Names a trace printed into a cell must not take: the schedule, the dialect, words of the language. */
const TAKEN = new Set(
  `sch mod T break case catch class const continue debugger default delete do else enum export extends false finally
  for function if import in instanceof new null return super switch this throw true try typeof var void while with
  let static yield await async of undefined NaN Infinity arguments eval`.split(/\s+/),
);

export class Names {
  private readonly byKey: Map<string, string>;
  private readonly used: Set<string>;

  constructor(other?: Names) {
    this.byKey = new Map(other?.byKey);
    this.used = new Set(other?.used);
  }

  get(key: string): string | undefined {
    return this.byKey.get(key);
  }

  /** Takes the key's name away; no other gets it. */
  remove(key: string): void {
    this.byKey.delete(key);
  }

  /** The keys that have a name. */
  keys(): Iterable<string> {
    return this.byKey.keys();
  }

  /** Gives the key a name like `like`. */
  add(key: string, like: string): string {
    const base = like.replace(/[^\w$]/g, "_").replace(/^(?=\d)|^$/, "_");
    let name = base;
    for (let n = 1; TAKEN.has(name) || this.used.has(name); n++) name = `${base}_${n}`;
    this.byKey.set(key, name);
    this.used.add(name);
    return name;
  }
}
