/** Names in a program. */
import type { Buffer, Expr, Region, Var } from "../../ir/index.ts";

/**
 * What a name stands for. Loops and lets are visible up to the next block inwards; axes, buffers, scalar parameters,
 * sizes and constants everywhere below.
 */
export type Binding =
  | { readonly kind: "axis" | "let" | "scalar" | "size"; readonly v: Var }
  | { readonly kind: "loop"; readonly v: Var; readonly min: Expr; readonly extent: Expr }
  /** `part`: the name stands for that part of another buffer, seen as `buffer`. */
  | { readonly kind: "buffer"; readonly buffer: Buffer; readonly part?: Region }
  | { readonly kind: "const"; readonly value: ConstValue };

/** Constants of the surroundings that a program may mention. */
export type ConstValue = number | bigint | boolean;

export interface Found {
  readonly binding: Binding;
  /** The block between the use and a loop or let that is declared outside it. */
  readonly across?: string;
}

interface ScopeOptions {
  /** Set when the scope is the inside of a block of that name. */
  readonly block?: string;
  /** Gives a meaning to names that have none (sizes in the shapes of parameters). */
  readonly onUnknown?: (name: string) => Binding;
  /** Names from around the scope that may not be mentioned in it; `explain` says why. */
  readonly hides?: ReadonlySet<string>;
  /** What is wrong with a name that has no meaning here, where more can be said than that. */
  readonly explain?: (name: string) => string | undefined;
}

export class Scope {
  private readonly names = new Map<string, Binding>();
  private readonly parent?: Scope;
  private readonly options: ScopeOptions;

  constructor(parent?: Scope, options: ScopeOptions = {}) {
    this.parent = parent;
    this.options = options;
  }

  declare(name: string, binding: Binding): void {
    this.names.set(name, binding);
  }

  find(name: string): Found | undefined {
    const own = this.names.get(name);
    if (own) return { binding: own };
    const outer = this.options.hides?.has(name) ? undefined : this.parent?.find(name);
    if (outer) {
      const k = outer.binding.kind;
      const block = this.options.block;
      const stops = block !== undefined && (k === "loop" || k === "let");
      return stops && outer.across === undefined ? { ...outer, across: block } : outer;
    }
    const made = this.options.onUnknown?.(name);
    return made && { binding: made };
  }

  explain(name: string): string | undefined {
    return this.options.explain?.(name) ?? this.parent?.explain(name);
  }

  /** All visible names, for suggestions. */
  *all(): Generator<string> {
    yield* this.names.keys();
    if (this.parent) yield* this.parent.all();
  }
}
