/** Operators by name. */
import {
  type Attr,
  type Attrs,
  constInt,
  type Expr,
  type GraphExpr,
  type OpCall,
  opCall,
  shapeLiteral,
  tupleExpr,
} from "../ir/index.ts";
import { refuseGraph } from "./error.ts";
import { type ArgSpec, OpArgs, type OpDef } from "./op.ts";
import { OPS } from "./ops/index.ts";

/** What stands for an argument: a value, several (a tuple), or sizes. */
export type OpArg = GraphExpr | readonly GraphExpr[] | readonly (Expr | number)[];

const registry = new Map<string, OpDef>(Object.entries(OPS));

/** Adds an operator. Throws when the name is taken or the definition says nothing about its meaning. */
export function registerOp(name: string, def: OpDef): void {
  if (registry.has(name)) refuseGraph("registerOp", `there is an operator ${name} already`);
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
export function callOp(name: string, args: readonly OpArg[], attrs: Attrs = {}): OpCall {
  const def = getOp(name);
  const given = args.map((a, i) => argument(name, def.args[i], a, i));
  const needed = def.args.filter((a) => !a.optional).length;
  if (given.length < needed || given.length > def.args.length) {
    const names = def.args.map((a) => (a.optional ? `${a.name}?` : a.name)).join(", ");
    refuseGraph(name, `it takes (${names}), got ${given.length} argument(s)`);
  }
  const full = complete(name, def, attrs);
  return opCall(name, given, full, def.infer(new OpArgs(name, given, full)));
}

/** The call with its type inferred anew, after its arguments changed. */
export function inferAgain(c: OpCall): OpCall {
  return opCall(c.op, c.args, c.attrs, getOp(c.op).infer(new OpArgs(c.op, c.args, c.attrs)));
}

function argument(op: string, spec: ArgSpec | undefined, a: OpArg, i: number): GraphExpr {
  if (!Array.isArray(a)) {
    const e = a as GraphExpr;
    if (typeof e?.kind !== "string")
      refuseGraph(op, `argument ${i} is ${String(a)}, not a value of the program`);
    return e;
  }
  const list = a as readonly (GraphExpr | Expr | number)[];
  if (spec?.kind === "shape") return shapeLiteral(list as readonly (Expr | number)[]);
  return tupleExpr(list as readonly GraphExpr[]);
}

/** Attributes with defaults filled in, in the order of the definition, so that equal calls are equal data. */
function complete(op: string, def: OpDef, attrs: Attrs): Attrs {
  const specs = def.attrs ?? {};
  for (const name of Object.keys(attrs)) {
    if (!Object.hasOwn(specs, name)) {
      refuseGraph(op, `it has no attribute ${name}; it has ${Object.keys(specs).join(", ") || "none"}`);
    }
  }
  const out: Record<string, Attr> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const v = attrs[name] ?? spec.default;
    if (v === undefined) refuseGraph(op, `the attribute ${name} must be given: ${spec.doc}`);
    out[name] = v;
  }
  return out;
}

/** A size as a number. Throws for a symbolic one, naming what needs it. */
export function knownSize(where: string, e: Expr, what: string): number {
  return constInt(e) ?? refuseGraph(where, `${what} must be known, it is symbolic`);
}
