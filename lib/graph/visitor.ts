/**
 * Walks over graph-level functions that a reader writes: tables of handlers by kind, and a mutator that emits the
 * function anew. What passes of the library use for plain rewriting is in lib/ir (`mapGraphExpr`, `mapBody`).
 */
import {
  type GraphBody,
  type GraphExpr,
  type GraphExprKind,
  type GraphFunc,
  graphOperands,
} from "../ir/index.ts";

type Of<K extends GraphExprKind> = Extract<GraphExpr, { kind: K }>;

/**
 * What to do at a value, by kind. A handler stands in for the walk below its value; `next` takes it up (with no argument:
 * below this value). `binding` is called for each binding before its value.
 */
export type ExprHandlers = {
  readonly [K in GraphExprKind]?: (e: Of<K>, next: (below?: GraphExpr) => void) => void;
};

/** Walks a function, a body or a value in program order. */
export function visitExpr(x: GraphFunc | GraphBody | GraphExpr, handlers: ExprHandlers): void {
  const body = (b: GraphBody): void => {
    for (const block of b.blocks) for (const binding of block.bindings) visit(binding.value);
    visit(b.result);
  };
  const below = (e: GraphExpr): void => {
    for (const o of graphOperands(e)) visit(o);
    if (e.kind !== "graphIf") return;
    body(e.then);
    body(e.else);
  };
  const visit = (e: GraphExpr): void => {
    const handler = handlers[e.kind] as ((e: GraphExpr, next: (o?: GraphExpr) => void) => void) | undefined;
    if (handler) handler(e, (o) => (o ? visit(o) : below(e)));
    else below(e);
  };
  if (!("kind" in x)) body(x);
  else if (x.kind === "graphFunc") body(x.body);
  else visit(x);
}

/** Calls `f` once on every value, operands before what uses them. */
export function postOrderVisit(x: GraphFunc | GraphBody | GraphExpr, f: (e: GraphExpr) => void): void {
  const seen = new Set<GraphExpr>();
  const go = (e: GraphExpr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    for (const o of graphOperands(e)) go(o);
    if (e.kind === "graphIf") for (const b of [e.then, e.else]) body(b);
    f(e);
  };
  const body = (b: GraphBody): void => {
    for (const block of b.blocks) for (const binding of block.bindings) go(binding.value);
    go(b.result);
  };
  if (!("kind" in x)) body(x);
  else if (x.kind === "graphFunc") body(x.body);
  else go(x);
}
