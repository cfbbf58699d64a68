/** eliminateCommonSubexpr: what is computed twice from the same values is computed once. */
import type { GraphVar } from "../../ir/index.ts";
import { graphPass, type Pass } from "./pass.ts";
import { type Rewriter, rewriteFunc } from "./rewrite.ts";
import { valueKey } from "./value-key.ts";

/** A value is replaced only where the first one of its kind is visible: not across dataflow blocks, nor out of branches. */
export const eliminateCommonSubexpr: Pass = graphPass("eliminateCommonSubexpr", (f) =>
  rewriteFunc(f, sharer()),
);

function sharer(): Rewriter {
  /** What is visible: one table for each body around the place, and one for the open block. */
  const bodies: Map<string, GraphVar>[] = [];
  const blocks: Map<string, GraphVar>[] = [];
  const find = (key: string): GraphVar | undefined => {
    for (const table of [...bodies, ...blocks]) {
      const v = table.get(key);
      if (v) return v;
    }
    return undefined;
  };
  return {
    enter: () => {
      bodies.push(new Map());
      blocks.push(new Map());
    },
    leave: () => {
      bodies.pop();
      blocks.pop();
    },
    endBlock: (seen) => {
      const block = blocks.at(-1);
      for (const [key, v] of block ?? []) if (!seen || seen.includes(v.id)) bodies.at(-1)?.set(key, v);
      block?.clear();
    },
    value: (e, at) => {
      if (e.kind === "graphVar" || e.kind === "constant" || at.binding.kind !== "bind") return e;
      const key = valueKey(e);
      if (key === undefined) return e;
      const known = find(key);
      if (known) return known;
      blocks
        .at(-1)
        ?.set(key, e.type === at.binding.v.type ? at.binding.v : { ...at.binding.v, type: e.type });
      return e;
    },
  };
}
