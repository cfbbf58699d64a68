/** Calls of operators: what is given is checked against the signature and completed by defaults. */
import { simplify } from "../arith/index.ts";
import {
  type Attr,
  type Attrs,
  constInt,
  type Expr,
  type GraphExpr,
  type GraphType,
  type OpCall,
  opCall,
  outputTypes,
  shapeLiteral,
  sizeText,
  tupleExpr,
  varsOf,
} from "../ir/index.ts";
import { refuseGraph } from "./error.ts";
import { type ArgSpec, OpArgs, type OpDef } from "./op.ts";

/** What stands for an argument: a value, several (a tuple), or sizes. */
export type OpArg = GraphExpr | readonly GraphExpr[] | readonly (Expr | number)[];

/** The value of an operator's call; its type is inferred. Throws a GraphError when the arguments do not fit. */
export function callDef(name: string, def: OpDef, args: readonly OpArg[], attrs: Attrs = {}): OpCall {
  const given = args.map((a, i) => argument(name, def.args[i], a, i));
  const needed = def.args.filter((a) => !a.optional).length;
  if (given.length < needed || given.length > def.args.length) {
    const names = def.args.map((a) => (a.optional ? `${a.name}?` : a.name)).join(", ");
    refuseGraph(name, `it takes (${names}), got ${given.length} argument(s)`);
  }
  const full = complete(name, def, attrs);
  return opCall(name, given, full, inferType(def, new OpArgs(name, given, full)));
}

const SIZE_MAX = 2 ** 31 - 1;

/** The type that a definition infers, with sizes that there can be: 0 … 2^31 - 1, as far as they are known. */
export function inferType(def: OpDef, c: OpArgs): GraphType {
  const type = def.infer(c);
  for (const t of outputTypes(type)) {
    for (const s of t.shape) {
      if (varsOf(s).size > 0) continue;
      // Arithmetic on numbers that leaves i32 has no value.
      const n = constInt(s) ?? constInt(simplify(s));
      const possible = n !== undefined && n >= 0 && n <= SIZE_MAX;
      if (!possible) c.refuse(`its result would have the shape [${t.shape.map(sizeText).join(", ")}]`);
    }
  }
  return type;
}

/**
 * Calls of the operators of a table: for the `graph` forms in ops/, which cannot ask the registry (it is made of their
 * tables).
 */
export const callsOf =
  <T extends Readonly<Record<string, OpDef>>>(table: T) =>
  (name: keyof T & string, args: readonly OpArg[], attrs: Attrs = {}): OpCall =>
    callDef(name, table[name], args, attrs);

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
