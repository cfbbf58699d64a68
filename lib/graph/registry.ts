/** Operators by name. */
import { type Attrs, type OpCall, opCall } from "../ir/index.ts";
import { refuseGraph } from "./error.ts";
import { OpArgs, type OpDef } from "./op.ts";
import { callDef, inferType, type OpArg } from "./op-call.ts";
import { OPS } from "./ops/index.ts";

const registry = new Map<string, OpDef>(Object.entries(OPS));

/**
 * Adds an operator. Throws when the definition says nothing about its meaning, or when the name is taken, unless
 * `override` says that the new one takes its place (a notebook's cell that is run again); the library's own stay.
 */
export function registerOp(name: string, def: OpDef, options: { readonly override?: boolean } = {}): void {
  if (Object.hasOwn(OPS, name)) refuseGraph("registerOp", `the library has an operator ${name} already`);
  if (registry.has(name) && !options.override) {
    refuseGraph("registerOp", `there is an operator ${name} already; replace it with { override: true }`);
  }
  if ([def.te, def.graph, def.prim, def.builtin].filter(Boolean).length !== 1) {
    refuseGraph("registerOp", `${name} needs one meaning: te, graph, prim or builtin`);
  }
  registry.set(name, def);
}

/** The operator of that name. Throws, with names that are near, when there is none. */
export function getOp(name: string): OpDef {
  const def = registry.get(name);
  if (def) return def;
  const tail = name.split(".").at(-1)?.toLowerCase() ?? "";
  const near = [...registry.keys()].filter(
    (k) => k.toLowerCase().includes(tail) || tail.includes(k.toLowerCase()),
  );
  return refuseGraph(
    name,
    `there is no such operator${near.length > 0 ? `; did you mean ${near.join(", ")}?` : ""}`,
  );
}

export const listOps = (): readonly string[] => [...registry.keys()];

/** The value of an operator's call; its type is inferred. Throws a GraphError when the arguments do not fit. */
export const callOp = (name: string, args: readonly OpArg[], attrs: Attrs = {}): OpCall =>
  callDef(name, getOp(name), args, attrs);

/** The call with its type inferred anew, after its arguments changed. */
export function inferAgain(c: OpCall): OpCall {
  return opCall(c.op, c.args, c.attrs, inferType(getOp(c.op), new OpArgs(c.op, c.args, c.attrs)));
}
