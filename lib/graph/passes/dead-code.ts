/** deadCodeElimination: bindings whose values nobody uses, and functions nobody calls. */
import {
  type BindingBlock,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type IRModule,
  mapGraphExpr,
  type PrimFunc,
  removeFuncs,
  visitStmt,
  withGraphBody,
} from "../../ir/index.ts";
import { mapFuncs, type Pass } from "./pass.ts";
import { functionsCalled, sizesOfType, sizesOfValue, varsUsed } from "./uses.ts";

export interface DeadCodeOptions {
  /**
   * The functions that are called from outside. Without: `main`, where there is one; otherwise every graph-level function
   * that is not marked as `private` or `Primitive`.
   */
  readonly entry?: readonly string[];
}

/**
 * Bindings that contribute nothing to the result go, and functions that cannot be reached from the entries. Assertions
 * (matchCast) and writes into given memory stay. A module without graph-level functions keeps all of its functions.
 */
export function deadCodeElimination(options: DeadCodeOptions = {}): Pass {
  return {
    name: "deadCodeElimination",
    run: (mod) =>
      withoutUnreached(
        mapFuncs(mod, (f) => (f.kind === "graphFunc" ? pruned(f) : f)),
        options,
      ),
  };
}

/** The names of the functions that are called from outside. */
export function entriesOf(mod: IRModule, entry?: readonly string[]): readonly string[] {
  if (entry) return entry;
  if (mod.funcs.main?.kind === "graphFunc") return ["main"];
  return Object.entries(mod.funcs).flatMap(([name, f]) =>
    f.kind === "graphFunc" && !f.attrs.private && !f.attrs.Primitive ? [name] : [],
  );
}

function withoutUnreached(mod: IRModule, options: DeadCodeOptions): IRModule {
  if (!Object.values(mod.funcs).some((f) => f.kind === "graphFunc")) return mod;
  const reached = new Set<string>();
  const go = (name: string): void => {
    const f = Object.hasOwn(mod.funcs, name) ? mod.funcs[name] : undefined;
    if (!f || reached.has(name)) return;
    reached.add(name);
    for (const called of f.kind === "graphFunc" ? functionsCalled(f) : externs(f)) go(called);
  };
  for (const name of entriesOf(mod, options.entry)) go(name);
  if (reached.size === 0) return mod;
  return removeFuncs(mod, new Set(Object.keys(mod.funcs).filter((n) => !reached.has(n))));
}

/** Tensor programs call others by `extern` statements. */
function externs(f: PrimFunc): string[] {
  const out: string[] = [];
  visitStmt(f.body, {
    stmt: (s) => {
      if (s.kind === "extern") out.push(s.func);
    },
  });
  return out;
}

/** The function without bindings that contribute nothing. */
export function pruned(f: GraphFunc): GraphFunc {
  const needed = { vars: new Set<number>(), sizes: new Set<number>() };
  return withGraphBody(f, prunedBody(f.body, needed));
}

interface Needed {
  readonly vars: Set<number>;
  readonly sizes: Set<number>;
}

function need(e: GraphExpr, n: Needed): void {
  varsUsed(e, n.vars);
  sizesOfValue(e, n.sizes);
}

const writes = (e: GraphExpr): boolean =>
  ("into" in e && e.into !== undefined) || (e.kind === "opCall" && e.op === "memory.kill");

/** Backwards, so that what a dropped binding used may go too. */
function prunedBody(b: GraphBody, n: Needed): GraphBody {
  need(b.result, n);
  const blocks: BindingBlock[] = [];
  for (const block of [...b.blocks].reverse()) {
    const bindings: GraphBinding[] = [];
    let changed = false;
    const outputs = block.outputs.filter((id) => n.vars.has(id));
    for (const x of [...block.bindings].reverse()) {
      const used =
        x.kind === "bind"
          ? n.vars.has(x.v.id) || writes(x.value)
          : x.kind === "matchCast" || x.sizes.some((v) => n.sizes.has(v.id));
      if (!used) {
        changed = true;
        continue;
      }
      const value = inBranches(x.value, n);
      bindings.push(value === x.value ? x : ({ ...x, value } as GraphBinding));
      changed ||= value !== x.value;
      need(value, n);
      if (x.kind !== "tensorToShape") sizesOfType(x.v.type, n.sizes);
    }
    if (bindings.length === 0) continue;
    const same = !changed && outputs.length === block.outputs.length;
    blocks.push(same ? block : { dataflow: block.dataflow, bindings: bindings.reverse(), outputs });
  }
  blocks.reverse();
  const same = blocks.length === b.blocks.length && blocks.every((x, i) => x === b.blocks[i]);
  return same ? b : { blocks, result: b.result };
}

function inBranches(e: GraphExpr, n: Needed): GraphExpr {
  if (e.kind !== "graphIf") return e;
  const body = (b: GraphBody): GraphBody => prunedBody(b, n);
  return mapGraphExpr(e, { expr: (x) => x, body });
}
