/** Who uses what in a graph-level function. */
import {
  bindingsOf,
  type Expr,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  graphOperands,
  varsOf,
} from "../../ir/index.ts";

/** How often each variable is used, by id: in bindings, branches and results. */
export function countUses(body: GraphBody, into: Map<number, number> = new Map()): Map<number, number> {
  const go = (e: GraphExpr): void => {
    if (e.kind === "graphVar") into.set(e.id, (into.get(e.id) ?? 0) + 1);
    for (const x of graphOperands(e)) go(x);
    if (e.kind === "graphIf") {
      countUses(e.then, into);
      countUses(e.else, into);
    }
  };
  for (const b of bindingsOf(body)) go(b.value);
  go(body.result);
  return into;
}

/** The variables a value mentions, in branches too. */
export function varsUsed(e: GraphExpr, into: Set<number> = new Set()): Set<number> {
  if (e.kind === "graphVar") into.add(e.id);
  for (const x of graphOperands(e)) varsUsed(x, into);
  if (e.kind === "graphIf")
    for (const b of [e.then, e.else]) for (const id of countUses(b).keys()) into.add(id);
  return into;
}

/** Calls `f` on every size in a type. */
export function visitSizes(t: GraphType, f: (e: Expr) => void): void {
  if (t.kind === "tensor") t.shape.forEach(f);
  else if (t.kind === "tuple") for (const x of t.fields) visitSizes(x, f);
}

/** The ids of the symbolic sizes in a type. */
export function sizesOfType(t: GraphType, into: Set<number> = new Set()): Set<number> {
  visitSizes(t, (e) => {
    for (const id of varsOf(e).keys()) into.add(id);
  });
  return into;
}

/** The ids of the symbolic sizes that a value mentions by itself: in its type, its shapes, its scalars. */
export function sizesOfValue(e: GraphExpr, into: Set<number> = new Set()): Set<number> {
  sizesOfType(e.type, into);
  const sizes = e.kind === "shapeLiteral" ? e.values : e.kind === "callTir" ? e.tirVars : [];
  for (const s of sizes) for (const id of varsOf(s).keys()) into.add(id);
  for (const x of graphOperands(e)) sizesOfValue(x, into);
  if (e.kind === "graphIf") {
    for (const b of [e.then, e.else]) {
      for (const x of bindingsOf(b)) {
        sizesOfValue(x.value, into);
        if (x.kind !== "tensorToShape") sizesOfType(x.v.type, into);
      }
      sizesOfValue(b.result, into);
    }
  }
  return into;
}

/** The names of the functions that a graph-level function calls. */
export function functionsCalled(f: GraphFunc): Set<string> {
  const out = new Set<string>();
  const go = (e: GraphExpr): void => {
    if (e.kind === "callTir" || e.kind === "callFunc" || e.kind === "graphLoop") out.add(e.func);
    for (const x of graphOperands(e)) go(x);
    if (e.kind === "graphIf") {
      body(e.then);
      body(e.else);
    }
  };
  const body = (b: GraphBody): void => {
    for (const x of bindingsOf(b)) go(x.value);
    go(b.result);
  };
  body(f.body);
  return out;
}
