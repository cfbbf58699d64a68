/** Parameters of graph-level functions: from types with named sizes to variables. */
import {
  type Buffer,
  constInt,
  type GraphType,
  type GraphVar,
  graphVar,
  tensorType,
  tupleType,
  type Var,
} from "../../ir/index.ts";
import { makeParams } from "../../script/parse/params.ts";
import { bufferSpec, type ParamSpec } from "../../script/spec.ts";
import type { GraphParams, TypeSpec } from "./types.ts";

export interface Signature {
  /** By name, in order. */
  readonly params: ReadonlyMap<string, GraphVar>;
  /** Symbolic sizes by name, in the order of their first appearance. */
  readonly sizes: ReadonlyMap<string, Var>;
}

/** Throws plain TypeErrors, which the caller gives a place. */
export function signatureOf(specs: GraphParams): Signature {
  // Sizes have the rules of tensor programs: every tensor, at whatever depth, is declared as a buffer would be.
  const leaves: Record<string, ParamSpec> = {};
  const collect = (name: string, t: TypeSpec): void => {
    if (isList(t))
      t.forEach((f, i) => {
        collect(`${name}[${i}]`, f);
      });
    else if (t.kind === "tuple") collect(name, t.fields);
    else if (t.kind === "tensorSpec") leaves[name] = bufferSpec(t.shape, t.dtype);
    else if (t.kind === "tensor") leaves[name] = bufferSpec(numbers(name, t), t.dtype);
    else if (t.kind !== "shape")
      throw new TypeError(`parameter ${name}: its type is R.tensor(shape, dtype), or a list of types`);
  };
  for (const [name, t] of Object.entries(specs)) collect(name, t);
  const made = makeParams(leaves);
  const typed = (name: string, t: TypeSpec): GraphType => {
    if (isList(t)) return tupleType(t.map((f, i) => typed(`${name}[${i}]`, f)));
    if (t.kind === "tuple") return typed(name, t.fields);
    if (t.kind === "shape") return t;
    const b = made.params.get(name) as Buffer;
    return tensorType(b.shape, b.dtype);
  };
  const params = Object.entries(specs).map(([name, t]) => {
    if (made.sizes.has(name)) throw new TypeError(`${name} is both a parameter and a symbolic size`);
    return [name, graphVar(name, typed(name, t))] as const;
  });
  return { params: new Map(params), sizes: made.sizes };
}

const isList = (t: TypeSpec): t is readonly TypeSpec[] => Array.isArray(t);

function numbers(name: string, t: GraphType & { kind: "tensor" }): number[] {
  return t.shape.map((s) => {
    const n = constInt(s);
    if (n === undefined)
      throw new TypeError(`parameter ${name}: name its symbolic sizes, as in R.tensor(["n", 4])`);
    return n;
  });
}
