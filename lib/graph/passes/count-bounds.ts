/** Bounds of sizes that are read out of tensors, told from the operators that count. */
import {
  bindingsOf,
  constInt,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  graphFunc,
  outputTypes,
  type Var,
  variable,
} from "../../ir/index.ts";
import { product } from "../shape.ts";
import { rewriteFunc } from "./rewrite.ts";
import { UPPER_BOUNDS } from "./size-bounds.ts";
import { boundSize } from "./unify.ts";

/** Which result of an operator is a count, and along which axis of its first result as many stand. */
const COUNTS: Readonly<
  Record<string, { readonly field: number; readonly of: number; readonly axis: number }>
> = {
  nonzero: { field: 1, of: 0, axis: 1 },
  unique: { field: 4, of: 1, axis: 0 },
  "vision.nonMaxSuppression": { field: 1, of: 0, axis: 0 },
};

/** Operators that leave the one number what it is. */
const SAME = ["astype", "reshape", "squeeze", "expandDims", "flatten"];

/** The function with `tirVarUpperBound` for the sizes that are counts; those have names of their own then. */
export function withCountBounds(f: GraphFunc): GraphFunc {
  const values = new Map<number, GraphExpr>();
  const read: { readonly sizes: readonly Var[]; readonly value: GraphExpr }[] = [];
  const collect = (b: GraphBody): void => {
    for (const x of bindingsOf(b)) {
      if (x.kind === "tensorToShape") read.push(x);
      else values.set(x.v.id, x.value);
      if (x.value.kind === "graphIf") for (const branch of [x.value.then, x.value.else]) collect(branch);
    }
  };
  collect(f.body);
  const names = new Set<string>();
  const limits: Record<string, number> = {};
  const renamed = new Map<number, Var>();
  for (const { sizes, value } of read) {
    const most = sizes.length === 1 ? mostCount(value, values) : undefined;
    for (const v of sizes) {
      let name = v.name;
      for (let k = 1; names.has(name) || (name !== v.name && Object.hasOwn(limits, name)); k++)
        name = `${v.name}_${k}`;
      names.add(name);
      if (name !== v.name) renamed.set(v.id, variable(name, v.dtype));
      if (most !== undefined) limits[name] = most;
    }
  }
  if (Object.keys(limits).length === 0) return f;
  const done =
    renamed.size === 0
      ? f
      : rewriteFunc(f, {
          size: (e) => boundSize(e, renamed),
          binding: (b) =>
            b.kind === "tensorToShape" ? { ...b, sizes: b.sizes.map((v) => renamed.get(v.id) ?? v) } : b,
        });
  const given = (f.attrs[UPPER_BOUNDS] ?? {}) as Readonly<Record<string, number>>;
  return graphFunc(done.params, done.body, { ...done.attrs, [UPPER_BOUNDS]: { ...limits, ...given } });
}

function mostCount(e: GraphExpr, values: ReadonlyMap<number, GraphExpr>): number | undefined {
  if (e.kind === "graphVar") {
    const value = values.get(e.id);
    return value && mostCount(value, values);
  }
  if (e.kind === "opCall" && SAME.includes(e.op)) return mostCount(e.args[0], values);
  if (e.kind !== "tupleGet") return undefined;
  let tuple: GraphExpr | undefined = e.tuple;
  while (tuple?.kind === "graphVar") tuple = values.get(tuple.id);
  const counts = tuple?.kind === "opCall" ? COUNTS[tuple.op] : undefined;
  if (!tuple || counts?.field !== e.index) return undefined;
  return constInt(product([outputTypes(tuple.type)[counts.of].shape[counts.axis]]));
}
