/** Which variables of a function may stand for the same memory, and which memory a function gives away. */
import {
  bindingsOf,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  graphOperands,
  type IRModule,
} from "../../ir/index.ts";

/** Sets of variables that may share memory; a variable alone is a set. */
export class Aliases {
  private readonly parent = new Map<number, number>();

  find(id: number): number {
    let at = id;
    for (;;) {
      const up = this.parent.get(at);
      if (up === undefined) break;
      at = up;
    }
    if (at !== id) this.parent.set(id, at);
    return at;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    if (x !== y) this.parent.set(x, y);
  }
}

/** The variables among the leaves of a value: itself, or the fields of a tuple. */
export function leafVars(e: GraphExpr, into: number[] = []): number[] {
  if (e.kind === "graphVar") into.push(e.id);
  else if (e.kind === "tupleExpr") for (const f of e.fields) leafVars(f, into);
  return into;
}

/** The aliases within a function. What a called function gives may be what it was given. */
export function aliasesOf(f: GraphFunc, mod: IRModule, within: ReadonlySet<GraphFunc> = new Set()): Aliases {
  const aliases = new Aliases();
  const body = (b: GraphBody): void => {
    for (const x of bindingsOf(b)) {
      if (x.kind === "tensorToShape") continue;
      for (const id of sharedWith(x.value, mod, within)) aliases.join(x.v.id, id);
      if (x.value.kind === "graphIf") {
        body(x.value.then);
        body(x.value.else);
      }
    }
  };
  body(f.body);
  return aliases;
}

function sharedWith(e: GraphExpr, mod: IRModule, within: ReadonlySet<GraphFunc>): number[] {
  switch (e.kind) {
    case "graphVar":
    case "tupleExpr":
      return leafVars(e);
    case "tupleGet":
      return leafVars(e.tuple);
    case "opCall":
      return e.op === "memory.view" ? leafVars(e.args[0]) : [];
    case "callTir":
    case "callPacked":
      return (e.into ?? []).flatMap((x) => leafVars(x));
    case "graphIf":
      return [e.then, e.else].flatMap((b) => leafVars(b.result));
    case "graphLoop":
      return graphOperands(e).flatMap((x) => leafVars(x));
    case "callFunc": {
      const f = mod.funcs[e.func];
      return f?.kind === "graphFunc" && !givesOwnMemory(f, mod, within)
        ? e.args.flatMap((x) => leafVars(x))
        : [];
    }
    default:
      return [];
  }
}

/** Whether what a function gives is memory that neither its caller nor its constants have. `within`: who asks. */
export function givesOwnMemory(
  f: GraphFunc,
  mod: IRModule,
  within: ReadonlySet<GraphFunc> = new Set(),
): boolean {
  // Nothing is known of a function that calls itself; vmLower refuses it.
  if (within.has(f)) return false;
  const aliases = aliasesOf(f, mod, new Set([...within, f]));
  const params = new Set(f.params.map((p) => aliases.find(p.id)));
  let constant = false;
  const look = (e: GraphExpr): void => {
    if (e.kind === "constant") constant = true;
    if (e.kind === "tupleExpr") e.fields.forEach(look);
  };
  const results = (b: GraphBody): void => {
    look(b.result);
    for (const x of bindingsOf(b)) {
      if (x.value.kind === "graphIf") {
        results(x.value.then);
        results(x.value.else);
      }
      // A tuple or view of a constant.
      if (x.value.kind === "tupleExpr") look(x.value);
      if (x.value.kind === "opCall" && x.value.op === "memory.view") look(x.value.args[0]);
    }
  };
  results(f.body);
  return !constant && leafVars(f.body.result).every((id) => !params.has(aliases.find(id)));
}
