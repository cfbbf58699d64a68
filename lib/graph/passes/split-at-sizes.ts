/** splitAtSizes: what comes after sizes that depend on data becomes a function of its own. */
import {
  type BindingBlock,
  bindingsOf,
  callFunc,
  type GraphExpr,
  type GraphVar,
  graphFunc,
  graphVar,
  type IRModule,
  irModule,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { bodyOf } from "./dataflow.ts";
import { DEFERRED, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { countUses } from "./uses.ts";

/**
 * A function that reads sizes out of a tensor (`tensorToShape`) ends there: the rest becomes a function that begins with
 * that binding, takes what it needs, and is marked as `deferred` until it is specialised to the sizes. Throws where such
 * a binding stands in a branch.
 */
export function splitAtSizes(name: string): Pass {
  return { name: "splitAtSizes", run: (mod) => split(mod, name) };
}

function split(mod: IRModule, name: string): IRModule {
  const f = mod.funcs[name];
  if (f?.kind !== "graphFunc") return refuseGraph("splitAtSizes", `no graph-level function ${name}`);
  const flat = bodyOf(f.body);
  const bindings = bindingsOf(flat);
  const at = bindings.findIndex((b) => b.kind === "tensorToShape");
  if (at < 0) return mod;
  const rest: BindingBlock = { dataflow: false, bindings: bindings.slice(at), outputs: [] };
  const head: BindingBlock = { dataflow: false, bindings: bindings.slice(0, at), outputs: [] };
  const used = countUses({ blocks: [rest], result: f.body.result });
  const before = [...f.params, ...head.bindings.flatMap((b) => (b.kind === "tensorToShape" ? [] : [b.v]))];
  const live = before.filter((v) => used.has(v.id));
  const env = new Map<number, GraphExpr>();
  const params = live.map((v): GraphVar => {
    const p = graphVar(v.name, v.type);
    env.set(v.id, p);
    return p;
  });
  const made = rewriteFunc(
    graphFunc(params, { blocks: [rest], result: f.body.result }, { private: true, [DEFERRED]: true }),
    {},
    env,
  );
  let restName = `${name}_rest`;
  for (let n = 1; Object.hasOwn(mod.funcs, restName); n++) restName = `${name}_rest${n}`;
  const call = callFunc(restName, live, f.body.result.type);
  const result = graphVar("result", call.type);
  const last: BindingBlock = {
    dataflow: false,
    bindings: [...head.bindings, { kind: "bind", v: result, value: call }],
    outputs: [],
  };
  const shorter = graphFunc(f.params, { blocks: [last], result }, f.attrs);
  return irModule({ ...mod.funcs, [name]: shorter, [restName]: made }, mod.attrs);
}
