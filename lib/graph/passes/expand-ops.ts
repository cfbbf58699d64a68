/** expandOps: operators that are made of others become these. */
import { bindingsOf, type IRModule } from "../../ir/index.ts";
import { BlockBuilder } from "../block-builder.ts";
import { OpArgs } from "../op.ts";
import { getOp } from "../registry.ts";
import { mapFuncs, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/** Calls of these operators become what their definitions make of them; the others stay. */
export function expandOps(names: readonly string[]): Pass {
  return {
    name: "expandOps",
    run: (mod: IRModule) =>
      mapFuncs(mod, (f) => {
        if (f.kind !== "graphFunc") return f;
        return rewriteFunc(f, {
          value: (e, at) => {
            const graph = e.kind === "opCall" && names.includes(e.op) ? getOp(e.op).graph : undefined;
            if (e.kind !== "opCall" || !graph) return e;
            const bb = new BlockBuilder();
            const made = bb.scratch(() => graph(new OpArgs(e.op, e.args, e.attrs), bb));
            at.splice(bindingsOf(made));
            return made.result;
          },
        });
      }),
  };
}
