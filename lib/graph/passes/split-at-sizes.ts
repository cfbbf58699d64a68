/** splitAtSizes: what comes after sizes that depend on data becomes a function of its own. */
import {
  type BindingBlock,
  bindingsOf,
  type GraphBinding,
  type GraphVar,
  graphFunc,
  type IRModule,
  irModule,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { bodyOf } from "./dataflow.ts";
import { Deferral, LateValues, laterCall, laterValue } from "./later.ts";
import type { Pass } from "./pass.ts";

/**
 * A function that reads sizes out of a tensor (`tensorToShape`) ends there: the rest becomes a function that begins with
 * that binding, takes what it needs, and is marked as `deferred` until it is specialised to the sizes. The same happens
 * after an if, loop or call whose results have sizes that only running it tells (LateValues): its branches or body
 * become deferred functions too, and its value is the last argument of the rest.
 */
export function splitAtSizes(name: string): Pass {
  return { name: "splitAtSizes", run: (mod) => split(mod, name) };
}

const block = (bindings: readonly GraphBinding[]): BindingBlock => ({
  dataflow: false,
  bindings,
  outputs: [],
});

function split(mod: IRModule, name: string): IRModule {
  const f = mod.funcs[name];
  if (f?.kind !== "graphFunc") return refuseGraph("splitAtSizes", `no graph-level function ${name}`);
  const late = new LateValues(mod);
  const bindings = bindingsOf(bodyOf(f.body));
  const at = bindings.findIndex((b) => b.kind === "tensorToShape" || late.has(b.value));
  if (at < 0) return mod;
  const deferral = new Deferral(mod);
  const head = bindings.slice(0, at);
  const visible: GraphVar[] = [
    ...f.params,
    ...head.flatMap((b) => (b.kind === "tensorToShape" ? [] : [b.v])),
  ];
  const cut = bindings[at];
  let first: GraphVar | undefined;
  if (cut.kind !== "tensorToShape" && late.has(cut.value)) {
    first = cut.v;
    head.push(laterValue(first, deferral.control(cut.value, visible)));
    visible.push(first);
  }
  const rest = block(bindings.slice(first ? at + 1 : at));
  const made = deferral.func(`${name}_rest`, { blocks: [rest], result: f.body.result }, visible);
  const call = laterCall("result", made.name, made.args, f.body.result.type);
  const result = call.v;
  const last = block([...head, call]);
  const { funcs, attrs } = deferral.module();
  return irModule({ ...funcs, [name]: graphFunc(f.params, { blocks: [last], result }, f.attrs) }, attrs);
}
