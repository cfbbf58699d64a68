/** liftTransformParams: what is made of weights alone is made once, by a function of its own. */
import {
  type Bind,
  bindingsOf,
  type GraphBinding,
  type GraphExpr,
  type GraphVar,
  graphFunc,
  graphVar,
  type IRModule,
  irModule,
  tupleExpr,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { pruned } from "./dead-code.ts";
import type { Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { countUses, sizesOfValue, varsUsed } from "./uses.ts";

/**
 * `func`'s parameters from number `numInput` on are weights (the attribute `numInput` of the function, where it is not
 * given). Bindings that depend on weights and constants alone move into the function `<func>_transform_params`, which takes
 * the weights and gives a tuple of what `func` takes instead of them. Throws when the function is not there.
 */
export function liftTransformParams(func = "main", numInput?: number): Pass {
  return { name: "liftTransformParams", run: (mod) => lifted(mod, func, numInput) };
}

function lifted(mod: IRModule, func: string, given?: number): IRModule {
  const f = mod.funcs[func];
  if (f?.kind !== "graphFunc") return refuseGraph("liftTransformParams", `no graph-level function ${func}`);
  const inputs = given ?? Number(f.attrs.numInput ?? f.params.length);
  const weights = f.params.slice(inputs);
  const known = new Set(weights.map((p) => p.id));
  const moved: Bind[] = [];
  for (const b of bindingsOf(f.body)) {
    if (b.kind !== "bind" || !canMove(b.value)) continue;
    const ids = varsUsed(b.value);
    const constant = ids.size === 0;
    if (constant || ![...ids].every((id) => known.has(id)) || sizesOfValue(b.value).size > 0) continue;
    known.add(b.v.id);
    moved.push(b);
  }
  if (moved.length === 0) return mod;
  const gone = new Set(moved.map((b) => b.v.id));
  const rest = rewriteFunc(f, { binding: (b) => (b.kind === "bind" && gone.has(b.v.id) ? undefined : b) });
  const used = countUses(rest.body);
  // What is still needed: weights as they are, and what was made of them.
  const needed = [...weights, ...moved.map((b) => b.v)].filter((v) => used.has(v.id));
  const env = new Map<number, GraphExpr>();
  const renamed = (v: GraphVar): GraphVar => {
    const w = graphVar(v.name, v.type);
    env.set(v.id, w);
    return w;
  };
  const params = weights.map(renamed);
  const bindings = moved.map((b): GraphBinding => ({ kind: "bind", v: b.v, value: b.value }));
  const body = { blocks: [{ dataflow: false, bindings, outputs: [] }], result: tupleExpr(needed) };
  const transform = pruned(rewriteFunc(graphFunc(params, body), {}, env));
  const main = graphFunc([...f.params.slice(0, inputs), ...needed], rest.body, {
    ...f.attrs,
    numInput: inputs,
  });
  return irModule({ ...mod.funcs, [func]: main, [`${func}_transform_params`]: transform }, mod.attrs);
}

const canMove = (e: GraphExpr): boolean =>
  (e.kind === "opCall" && !e.op.startsWith("memory.")) ||
  e.kind === "tupleGet" ||
  ((e.kind === "callTir" || e.kind === "callPacked") && !e.into);
