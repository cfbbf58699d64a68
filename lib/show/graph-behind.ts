/** What stands behind a node of the graph view: the tensor program that it calls, or that its operator becomes. */
import { GraphError, programOfCall } from "../graph/index.ts";
import { bindingsOf, type GraphExpr, type GraphFunc, type IRModule } from "../ir/index.ts";
import type { Program } from "./lines.ts";

export interface Behind {
  /** Its name in the module; that of the operator otherwise. */
  readonly name: string;
  readonly program: Program;
  /** Whether the operator has yet to become it. */
  readonly legalized: boolean;
}

/** Finds what is behind a node by the node's id, as `graphData` gives it. Nothing is made before it is asked for. */
export function behindNodes(f: GraphFunc, mod: IRModule | undefined): (id: string) => Behind | undefined {
  const values = new Map<string, GraphExpr>();
  for (const b of bindingsOf(f.body)) if (b.kind !== "tensorToShape") values.set(`v${b.v.id}`, b.value);
  return (id) => {
    const e = values.get(id);
    return e && behind(e, mod);
  };
}

function behind(e: GraphExpr, mod: IRModule | undefined): Behind | undefined {
  if (e.kind === "callTir" || e.kind === "callFunc" || e.kind === "graphLoop") {
    const program = mod?.funcs[e.func];
    return program && { name: e.func, program, legalized: false };
  }
  if (e.kind !== "opCall") return undefined;
  try {
    return { name: e.op, program: programOfCall(e).func, legalized: true };
  } catch (error) {
    // Operators that stand for other operators, and the runtime's own, have no program of their own.
    if (error instanceof GraphError) return undefined;
    throw error;
  }
}
