/** Tensor expressions to functions. */
import {
  assertWellFormed,
  type Expr,
  freshenFunc,
  type Param,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  type Var,
  varsOf,
} from "../ir/index.ts";
import { allTensors } from "./inputs.ts";
import { lowerCompute } from "./lower.ts";
import { isReduction } from "./reduce.ts";
import { type Compute, Tensor } from "./tensor.ts";

/**
 * The function that computes tensors: a block for each, named after it, and parameters in the order given. The list
 * holds all inputs and the outputs; computed tensors that are not in it become intermediates. A variable in it is a
 * scalar parameter.
 */
export function createPrimFunc(params: readonly (Tensor | Var)[]): PrimFunc {
  check(params);
  const listed = params.filter((p): p is Tensor => p instanceof Tensor);
  const tensors = allTensors(listed);
  const missing = tensors
    .filter((t) => t.op.kind === "placeholder" && !listed.includes(t))
    .map((t) => t.name);
  if (missing.length > 0) {
    throw new TypeError(
      `createPrimFunc: the input(s) ${missing.join(", ")} must be in the list of parameters`,
    );
  }

  const names = uniqueNames();
  const sizes = new Set(params.flatMap((p) => (p instanceof Tensor ? p.shape.flatMap(variables) : [p.id])));
  const stmts: Stmt[] = [];
  const allocs = [];
  const done = new Set<Compute>();
  for (const t of tensors) {
    if (t.op.kind !== "compute" || done.has(t.op)) continue;
    done.add(t.op);
    checkVariables(t.op, t.name, sizes);
    stmts.push(lowerCompute(t.op, names(t.op.outputs[0].name)));
    for (const o of t.op.outputs) if (!listed.includes(o)) allocs.push(o.buffer);
  }
  if (stmts.length === 0)
    throw new TypeError("createPrimFunc: nothing is computed; list the outputs as well");
  const list: Param[] = params.map((p) => (p instanceof Tensor ? p.buffer : p));
  // New identities: the same tensors may be made into functions again.
  return assertWellFormed(freshenFunc(primFunc(list, seq(stmts), { allocs })));
}

function check(params: readonly unknown[]): void {
  if (!Array.isArray(params))
    throw new TypeError("createPrimFunc takes an array: te.createPrimFunc([A, B, C])");
  params.forEach((p: unknown, k) => {
    const isVar = typeof p === "object" && p !== null && "kind" in p && p.kind === "var";
    if (!(p instanceof Tensor) && !isVar) {
      throw new TypeError(`createPrimFunc: parameter ${k} is neither a tensor nor a te.var`);
    }
    if (params.indexOf(p) !== k) {
      throw new TypeError(`createPrimFunc: ${(p as Tensor | Var).name} is in the list twice`);
    }
  });
}

const variables = (e: Expr): number[] => [...varsOf(e).keys()];

/** Every variable is an index, an axis of the reduction, or a size. */
function checkVariables(op: Compute, name: string, sizes: ReadonlySet<number>): void {
  const reduce = isReduction(op.body) ? op.body.axes : [];
  const known = new Set([...op.indices, ...reduce].map((v) => v.id));
  const inShape = [...op.outputs[0].shape, ...reduce.flatMap((a) => [a.min, a.extent])];
  for (const e of [op.body, ...inShape]) {
    for (const v of varsOf(e).values()) {
      if (known.has(v.id) || sizes.has(v.id)) continue;
      const what =
        "extent" in v
          ? `the reduce axis ${v.name} is used outside a reduction over it: te.sum(…, ${v.name})`
          : `${v.name} is neither an index nor a size of a parameter; a scalar belongs into the list: createPrimFunc([…, ${v.name}])`;
      throw new TypeError(`${name}: ${what}`);
    }
  }
}

/** Blocks are found by name, so no two have the same. */
function uniqueNames(): (name: string) => string {
  const used = new Set<string>(["root"]);
  return (name) => {
    let unique = name;
    for (let n = 1; used.has(unique); n++) unique = `${name}_${n}`;
    used.add(unique);
    return unique;
  };
}
