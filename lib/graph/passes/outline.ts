/** Bindings taken out into a function of their own. */
import {
  type Attrs,
  type Bind,
  type GraphBinding,
  type GraphExpr,
  type GraphFunc,
  type GraphVar,
  graphFunc,
  graphVar,
  mapGraphExpr,
  type NDArray,
} from "../../ir/index.ts";
import { sizesOfType, sizesOfValue } from "./uses.ts";

export interface Outlined {
  readonly func: GraphFunc;
  /** What it is called with. */
  readonly args: readonly GraphExpr[];
}

/**
 * A function that makes what the last of the bindings makes. What they use of others, constants too, becomes its
 * parameters, each once. Undefined when a size in them is not one of its parameters'.
 */
export function outlined(members: readonly Bind[], attrs: Attrs): Outlined | undefined {
  const inner = new Map<number, GraphVar>();
  const params = new Map<number | NDArray, GraphVar>();
  const args: GraphExpr[] = [];
  const leaf = (e: GraphExpr): GraphExpr => {
    if (e.kind === "tupleExpr") return mapGraphExpr(e, { expr: leaf });
    if (e.kind !== "graphVar" && e.kind !== "constant") return e;
    const own = e.kind === "graphVar" ? inner.get(e.id) : undefined;
    if (own) return own;
    const key = e.kind === "graphVar" ? e.id : e.data;
    const known = params.get(key) ?? graphVar(e.kind === "graphVar" ? e.name : "weight", e.type);
    if (!params.has(key)) args.push(e);
    params.set(key, known);
    return known;
  };
  const bindings = members.map((b): GraphBinding => {
    const value = mapGraphExpr(b.value, { expr: leaf });
    const v = graphVar(b.v.name, b.v.type);
    inner.set(b.v.id, v);
    return { kind: "bind", v, value };
  });
  const declared = new Set<number>();
  for (const p of params.values()) sizesOfType(p.type, declared);
  for (const b of bindings) for (const id of sizesOfValue(b.value)) if (!declared.has(id)) return undefined;
  const last = members[members.length - 1].v;
  const result = inner.get(last.id) as GraphVar;
  const block = { dataflow: true, bindings, outputs: [result.id] };
  return { func: graphFunc([...params.values()], { blocks: [block], result }, attrs), args };
}
