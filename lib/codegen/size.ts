/** Sizes: integer expressions over symbolic sizes, evaluated with plain numbers. */
import { constNumber, type Expr, ops, type PrimFunc, unreachable, type Var, varsOf } from "../ir/index.ts";

/** Values of variables by id. */
export type SizeMap = ReadonlyMap<number, number>;

/**
 * The symbolic sizes of a function: variables in shapes and strides of its parameters, in order of first appearance.
 * A variable that is itself a (scalar) parameter is none: it has its own argument.
 */
export function symbolicSizes(f: PrimFunc): Var[] {
  const scalars = new Set(f.params.filter((p) => p.kind === "var").map((p) => p.id));
  const found = new Map<number, Var>();
  for (const p of f.params) {
    if (p.kind === "var") continue;
    for (const e of [...p.shape, ...(p.strides ?? [])]) varsOf(e, found);
  }
  return [...found.values()].filter((v) => !scalars.has(v.id));
}

/** The value of an integer or bool expression without loads and calls; undefined where a variable is unknown. */
export function evalSize(e: Expr, sizes: SizeMap): number | undefined {
  switch (e.kind) {
    case "const":
      return constNumber(e);
    case "var":
      return sizes.get(e.id);
    case "unary": {
      const a = evalSize(e.a, sizes);
      if (a === undefined) return undefined;
      return e.op === "not" ? 1 - a : 0 - a;
    }
    case "select": {
      const cond = evalSize(e.cond, sizes);
      return cond === undefined ? undefined : evalSize(cond ? e.a : e.b, sizes);
    }
    case "cast":
      return evalSize(e.value, sizes);
    case "binary": {
      const a = evalSize(e.a, sizes);
      const b = evalSize(e.b, sizes);
      // One side of a logical operator may decide alone.
      if (e.op === "and") return a === 0 || b === 0 ? 0 : a === undefined || b === undefined ? undefined : 1;
      if (e.op === "or") return a === 1 || b === 1 ? 1 : a === undefined || b === undefined ? undefined : 0;
      return a === undefined || b === undefined ? undefined : ops.foldInts(e.op, a, b);
    }
    case "call":
    case "load":
      return undefined;
    default:
      return unreachable(e);
  }
}
