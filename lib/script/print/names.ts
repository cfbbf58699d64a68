/** Names of a printed program: unique in their scope, and legal in TypeScript. */

/** What has a name: variables, buffers, values of graph-level functions. */
interface Named {
  readonly id: number;
  readonly name: string;
}

/** Words that cannot be variables in a module, and names that mean something in every program. */
const RESERVED = new Set(
  (
    "abstract arguments async await break case catch class const continue debugger default delete do else enum eval " +
    "export extends false finally for function if implements import in instanceof interface let new null package " +
    "private protected public return static super switch this throw true try typeof undefined var void while with " +
    "yield T Math Infinity NaN __name __proto__"
  ).split(" "),
);

/** Whether the text can stand as a name or as a key without quotes. */
export const isIdentifier = (s: string): boolean => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(s);

export class Names {
  private readonly byId = new Map<number, string>();
  /** Names of the scopes that are open, innermost last. */
  private readonly scopes: Set<string>[];

  /** `taken`: names that mean something in this program beside the reserved ones. */
  constructor(taken: Iterable<string> = []) {
    this.scopes = [new Set(taken)];
  }

  /** Runs `print` with a scope of its own. */
  within<X>(print: () => X): X {
    this.scopes.push(new Set());
    const out = print();
    this.scopes.pop();
    return out;
  }

  /** Gives a variable or buffer its name: its own, or one with a suffix where that is taken in an open scope. */
  declare(x: Named): string {
    return this.add(x, this.scopes[this.scopes.length - 1]);
  }

  /** Declares in an inner scope what has a name outside as well: it keeps it. */
  again(x: Named): string {
    const name = this.of(x);
    this.scopes[this.scopes.length - 1].add(name);
    return name;
  }

  /** The name of something declared, or of something that comes from outside what is printed. */
  of(x: Named): string {
    return this.byId.get(x.id) ?? this.add(x, this.scopes[0]);
  }

  private add(x: Named, scope: Set<string>): string {
    const base = legal(x.name);
    let name = base;
    for (let n = 1; this.taken(name); n++) name = `${base}_${n}`;
    scope.add(name);
    this.byId.set(x.id, name);
    return name;
  }

  private taken(name: string): boolean {
    return RESERVED.has(name) || this.scopes.some((s) => s.has(name));
  }
}

function legal(name: string): string {
  const s = name.replace(/[^\p{ID_Continue}$]/gu, "_");
  return isIdentifier(s) ? s : `_${s}`;
}
