/** Values as text, equal for values that compute the same from the same variables. */
import type { GraphExpr, GraphType, NDArray } from "../../ir/index.ts";
import { attrsText } from "../attrs-text.ts";

/** Constants up to so many bytes are compared by what they hold; larger ones by identity. */
const SMALL = 256;

const ids = new WeakMap<NDArray, number>();
let next = 0;

function identityOf(a: NDArray): number {
  const known = ids.get(a) ?? next++;
  ids.set(a, known);
  return known;
}

/** Equal for constants that are the same. */
function constantKey(a: NDArray): string {
  if (a.bytes.byteLength > SMALL) return `#${identityOf(a)}`;
  return `${a.dtype}[${a.shape.join()}]${a.bytes.join()}`;
}

/** Sizes are variables by id: two types have one key when they are the same type. */
const typeKey = (t: GraphType): string => JSON.stringify(t);

/** The key of a value, or undefined for one that must not be shared: branches, loops, memory, calls into memory. */
export function valueKey(e: GraphExpr): string | undefined {
  const all = (xs: readonly GraphExpr[]): string | undefined => {
    const keys = xs.map(valueKey);
    return keys.some((k) => k === undefined) ? undefined : `(${keys.join(" ")})`;
  };
  const call = (head: readonly unknown[], args: readonly GraphExpr[]): string | undefined => {
    const inner = all(args);
    return inner === undefined ? undefined : `${JSON.stringify(head)}${inner}:${typeKey(e.type)}`;
  };
  switch (e.kind) {
    case "graphVar":
      return `v${e.id}`;
    case "constant":
      return constantKey(e.data);
    case "shapeLiteral":
      return `s${JSON.stringify(e.values)}`;
    case "tupleExpr": {
      const inner = all(e.fields);
      return inner === undefined ? undefined : `t${inner}`;
    }
    case "tupleGet": {
      const inner = valueKey(e.tuple);
      return inner === undefined ? undefined : `g${e.index}:${inner}`;
    }
    case "opCall":
      return e.op.startsWith("memory.") ? undefined : call(["op", e.op, attrsText(e.attrs)], e.args);
    case "callTir":
      return e.into ? undefined : call(["tir", e.func, e.tirVars], e.args);
    case "callPacked":
      return e.into ? undefined : call(["packed", e.func, attrsText(e.attrs)], e.args);
    case "callFunc":
      return call(["func", e.func], e.args);
    case "graphIf":
    case "graphLoop":
      return undefined;
  }
}
