/** New identities for graph-level functions, and their constants back from JSON. */
import { type Expr, type Var, variable } from "./expr.ts";
import {
  constantOf,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  type GraphVar,
  graphFunc,
  graphVar,
} from "./graph.ts";
import { mapGraphExpr, mapType } from "./graph-walk.ts";
import { type NDArray, reviveNDArray } from "./ndarray.ts";
import { rewriteExpr, varsOf } from "./walk.ts";

/** A copy with new ids throughout, symbolic sizes included. Constants that were shared stay shared. */
export function freshenGraphFunc(f: GraphFunc): GraphFunc {
  const sizes = new Map<number, Var>();
  const vars = new Map<number, GraphVar>();
  const data = new Map<unknown, NDArray>();
  const size = (e: Expr): Expr => rewriteExpr(e, (x) => (x.kind === "var" ? (sizes.get(x.id) ?? x) : x));
  const bindSize = (v: Var): Var => {
    const w = sizes.get(v.id) ?? variable(v.name, v.dtype);
    sizes.set(v.id, w);
    return w;
  };
  const declareSizes = (t: GraphType): void => {
    if (t.kind === "tuple") t.fields.forEach(declareSizes);
    if (t.kind === "tensor") for (const s of t.shape) for (const v of varsOf(s).values()) bindSize(v);
  };
  const bind = (v: GraphVar): GraphVar => {
    const w = graphVar(v.name, mapType(v.type, size));
    vars.set(v.id, w);
    return w;
  };
  const expr = (e: GraphExpr): GraphExpr => {
    if (e.kind === "graphVar") return vars.get(e.id) ?? e;
    if (e.kind === "constant") {
      const known = data.get(e.data) ?? reviveNDArray(e.data);
      data.set(e.data, known);
      return known === e.data ? e : constantOf(known);
    }
    return mapGraphExpr(e, { expr, body, size });
  };
  const binding = (b: GraphBinding): GraphBinding => {
    const value = expr(b.value);
    if (b.kind === "tensorToShape") return { ...b, value, sizes: b.sizes.map(bindSize) };
    if (b.kind === "matchCast") declareSizes(b.v.type);
    return { ...b, value, v: bind(b.v) };
  };
  const body = (b: GraphBody): GraphBody => {
    const blocks = b.blocks.map((x) => {
      const bindings = x.bindings.map(binding);
      return { ...x, bindings, outputs: x.outputs.map((id) => vars.get(id)?.id ?? id) };
    });
    return { blocks, result: expr(b.result) };
  };
  for (const p of f.params) declareSizes(p.type);
  const params = f.params.map(bind);
  return graphFunc(params, body(f.body), f.attrs);
}
