/** Which value a variable names, and who uses it: what matching looks things up in. */
import {
  bindingsOf,
  definedBy,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphVar,
  graphOperands,
} from "../../ir/index.ts";

/** A binding that uses a variable, or a body whose result does (a function's, a branch's). */
export type Use = GraphBinding | GraphBody;

export interface Bindings {
  /** The value bound to a variable; undefined for parameters, and for what may not be looked through. */
  valueOf(v: GraphVar): GraphExpr | undefined;
  /** Everything that uses a variable, each use once; undefined when that is not known. */
  usersOf(v: GraphVar): readonly Use[] | undefined;
}

export interface BindingIndex extends Bindings {
  /**
   * The same, seen from a value of the dataflow block that binds `v`: what other dataflow blocks bind is no longer
   * looked through, as what it is made of cannot be mentioned here.
   */
  seenFrom(v: GraphVar): Bindings;
}

interface Entry {
  readonly value: GraphExpr;
  /** The dataflow block it is bound in; undefined outside of them. */
  readonly block: object | undefined;
}

/** The index of a function, made in one walk; into the branches of ifs too. */
export function indexBindings(f: GraphFunc): BindingIndex {
  const entries = new Map<number, Entry>();
  const users = new Map<number, Use[]>();
  const use = (e: GraphExpr, by: Use): void => {
    if (e.kind === "graphVar") {
      const known = users.get(e.id);
      if (!known) users.set(e.id, [by]);
      else if (known.at(-1) !== by) known.push(by);
    }
    for (const x of graphOperands(e)) use(x, by);
  };
  const body = (b: GraphBody): void => {
    for (const block of b.blocks) {
      for (const x of block.bindings) {
        use(x.value, x);
        if (x.value.kind === "graphIf") {
          body(x.value.then);
          body(x.value.else);
        }
        // A matchCast has a type of its own: it is not looked through.
        if (x.kind === "bind")
          entries.set(x.v.id, { value: x.value, block: block.dataflow ? block : undefined });
      }
    }
    use(b.result, b);
  };
  body(f.body);
  const usersOf = (v: GraphVar) => users.get(v.id) ?? [];
  return {
    valueOf: (v) => entries.get(v.id)?.value,
    usersOf,
    seenFrom(from) {
      const here = entries.get(from.id)?.block;
      const seen = (v: GraphVar): GraphExpr | undefined => {
        const e = entries.get(v.id);
        return e && (e.block === undefined || e.block === here) ? e.value : undefined;
      };
      return { valueOf: seen, usersOf };
    },
  };
}

/** All variables a body binds, in order; those of branches not. */
export const boundVars = (b: GraphBody): GraphVar[] => bindingsOf(b).flatMap(definedBy);
