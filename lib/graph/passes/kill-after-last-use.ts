/** killAfterLastUse: memory that has no place in the arena goes back as soon as it is not needed. */
import {
  bindingsOf,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphVar,
  graphVar,
  type IRModule,
  mapGraphExpr,
  tupleGet,
  withGraphBody,
} from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { type Aliases, aliasesOf, givesOwnMemory, leafVars } from "./aliases.ts";
import { graphPass, type Pass } from "./pass.ts";
import { countUses, varsUsed } from "./uses.ts";

/**
 * After the last use of memory that an allocation without a storage, or a called function made, stands a `memory.kill`.
 * What the function gives, and what may be somebody else's memory, is left.
 */
export const killAfterLastUse: Pass = graphPass("killAfterLastUse", (f, mod) => {
  if (f.attrs.Primitive) return f;
  const aliases = aliasesOf(f, mod);
  const kept = new Set(
    [...f.params.map((p) => p.id), ...leafVars(f.body.result)].map((id) => aliases.find(id)),
  );
  return withGraphBody(f, new Killer(f, mod, aliases, kept).body(f.body));
});

class Killer {
  private readonly mod: IRModule;
  private readonly aliases: Aliases;
  private readonly kept: ReadonlySet<number>;
  /** How often each set of aliases is used in the whole function. */
  private readonly total = new Map<number, number>();

  constructor(f: GraphFunc, mod: IRModule, aliases: Aliases, kept: ReadonlySet<number>) {
    this.mod = mod;
    this.aliases = aliases;
    this.kept = kept;
    for (const [id, n] of countUses(f.body)) this.add(this.total, id, n);
  }

  private add(counts: Map<number, number>, id: number, n: number): void {
    const set = this.aliases.find(id);
    counts.set(set, (counts.get(set) ?? 0) + n);
  }

  body(b: GraphBody): GraphBody {
    const bindings = bindingsOf(b);
    const last = new Map<number, number>();
    const here = new Map<number, number>();
    bindings.forEach((x, i) => {
      for (const id of varsUsed(x.value)) last.set(this.aliases.find(id), i);
      for (const [id, n] of countUses({ blocks: [], result: x.value })) this.add(here, id, n);
      for (const v of x.kind === "tensorToShape" ? [] : [x.v]) {
        const set = this.aliases.find(v.id);
        if (!last.has(set)) last.set(set, i);
      }
    });
    const result = new Set(leafVars(b.result).map((id) => this.aliases.find(id)));
    const dying = new Map<number, GraphVar[]>();
    for (const x of bindings) {
      if (x.kind !== "bind" || !this.owns(x.value)) continue;
      const set = this.aliases.find(x.v.id);
      if (this.kept.has(set) || result.has(set) || (here.get(set) ?? 0) !== (this.total.get(set) ?? 0))
        continue;
      const at = last.get(set) as number;
      dying.set(at, [...(dying.get(at) ?? []), x.v]);
    }
    let changed = dying.size > 0;
    let index = 0;
    const blocks = b.blocks.map((block) => {
      const out = block.bindings.flatMap((x): GraphBinding[] => {
        const value = this.inBranches(x.value);
        changed ||= value !== x.value;
        const done = value === x.value ? x : ({ ...x, value } as GraphBinding);
        return [done, ...(dying.get(index++) ?? []).flatMap(killed)];
      });
      return { ...block, bindings: out };
    });
    return changed ? { blocks, result: b.result } : b;
  }

  private inBranches(e: GraphExpr): GraphExpr {
    return e.kind === "graphIf" ? mapGraphExpr(e, { expr: (x) => x, body: (x) => this.body(x) }) : e;
  }

  private owns(e: GraphExpr): boolean {
    if (e.kind === "opCall") return e.op === "memory.allocTensor" && e.args.length === 1;
    const f = e.kind === "callFunc" ? this.mod.funcs[e.func] : undefined;
    return f?.kind === "graphFunc" && givesOwnMemory(f, this.mod);
  }
}

function killed(v: GraphVar): GraphBinding[] {
  if (v.type.kind === "tensor") return [dead(v)];
  if (v.type.kind !== "tuple") return [];
  return v.type.fields.flatMap((_, i) => {
    const get = tupleGet(v, i);
    const field = graphVar("field", get.type);
    return [{ kind: "bind", v: field, value: get } as const, ...killed(field)];
  });
}

function dead(v: GraphVar): GraphBinding {
  const value = callOp("memory.kill", [v]);
  return { kind: "bind", v: graphVar("_", value.type), value };
}
