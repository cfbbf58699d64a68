/** combineParallelMatmul: products of one value with several matrices become one product. */
import {
  type Bind,
  type BindingBlock,
  constInt,
  type GraphBinding,
  type GraphExpr,
  type GraphFunc,
  graphVar,
  type OpCall,
  shapeLiteral,
  tupleGet,
  withGraphBody,
} from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { graphPass, type Pass } from "./pass.ts";

/** A product with a matrix: `matmul(x, w)` with w[k, n], whose number of columns is known. */
interface Product {
  readonly bind: Bind;
  readonly at: number;
  readonly call: OpCall;
  readonly columns: number;
}

/**
 * Of each value that is multiplied with `least` or more matrices from the right (query, key and value of attention) the
 * matrices are put side by side, once for all where they are constants; the results are parts of one product. Only
 * within a block, and where the matrices are there before the first of the products.
 */
export function combineParallelMatmul(least = 2): Pass {
  return graphPass("combineParallelMatmul", (f) => combined(f, least));
}

function combined(f: GraphFunc, least: number): GraphFunc {
  let changed = false;
  const blocks = f.body.blocks.map((b) => {
    const made = inBlock(b, least);
    changed ||= made !== b;
    return made;
  });
  return changed ? withGraphBody(f, { blocks, result: f.body.result }) : f;
}

function inBlock(block: BindingBlock, least: number): BindingBlock {
  const bound = new Map<number, number>();
  block.bindings.forEach((b, i) => {
    if (b.kind !== "tensorToShape") bound.set(b.v.id, i);
  });
  const groups = new Map<string, Product[]>();
  block.bindings.forEach((b, at) => {
    const p = productOf(b, at);
    if (!p) return;
    const [x, w] = p.call.args;
    const key = `${x.kind === "graphVar" ? x.id : ""}:${JSON.stringify(w.type.kind === "tensor" && w.type.shape[0])}:${w.type.kind === "tensor" && w.type.dtype}:${JSON.stringify(p.call.attrs)}:${w.kind}`;
    const list = groups.get(key) ?? [];
    const first = list[0]?.at ?? at;
    const ready = w.kind === "constant" || (w.kind === "graphVar" && (bound.get(w.id) ?? -1) < first);
    if (ready) list.push(p);
    groups.set(key, list);
  });
  const before = new Map<number, GraphBinding[]>();
  const instead = new Map<number, GraphExpr>();
  for (const list of groups.values()) {
    if (list.length < Math.max(2, least)) continue;
    const [first] = list;
    const [x] = first.call.args;
    const bind = (name: string, value: GraphExpr) => {
      const v = graphVar(name, value.type);
      before.set(first.at, [...(before.get(first.at) ?? []), { kind: "bind", v, value }]);
      return v;
    };
    const weights = bind("weights", callOp("concat", [list.map((p) => p.call.args[1])], { axis: 1 }));
    const all = bind("products", callOp("matmul", [x, weights], first.call.attrs));
    const sizes = shapeLiteral(list.map((p) => p.columns));
    const parts = bind("parts", callOp("split", [all, sizes], { axis: -1 }));
    for (const [i, p] of list.entries()) instead.set(p.at, tupleGet(parts, i));
  }
  if (instead.size === 0) return block;
  const bindings = block.bindings.flatMap((b, i) => {
    const value = instead.get(i);
    return [...(before.get(i) ?? []), value && b.kind === "bind" ? { ...b, value } : b];
  });
  return { ...block, bindings };
}

function productOf(b: GraphBinding, at: number): Product | undefined {
  const e = b.value;
  if (b.kind !== "bind" || e.kind !== "opCall" || e.op !== "matmul" || e.args[0].kind !== "graphVar")
    return undefined;
  const [x, w] = e.args.map((a) => (a.type.kind === "tensor" ? a.type.shape : []));
  const columns = w.length === 2 && x.length >= 2 ? constInt(w[1]) : undefined;
  return columns === undefined ? undefined : { bind: b, at, call: e, columns };
}
