/** A pass must not change what a program computes: for random programs, with the verifier in between. */

import fc from "fast-check";
import type { Pass } from "../../lib/graph/passes/index.ts";
import { assertModuleWellFormed, type IRModule } from "../../lib/ir/index.ts";
import { assertSame, evalGraph } from "./graph-eval.ts";
import { choices, type RandomGraphOptions, randomGraph } from "./random-graph.ts";

const RUNS = Math.min(60, Number(process.env.TILEWRIGHT_RUNS ?? 40));

/** Runs the passes on random programs and compares the results of `main` before and after the last one. */
export function keepsResults(
  passes: readonly Pass[],
  o: RandomGraphOptions & { readonly check?: (before: IRModule, after: IRModule) => void } = {},
): void {
  fc.assert(
    fc.property(choices(), (numbers) => {
      const { mod, args } = randomGraph(numbers, o);
      assertModuleWellFormed(mod);
      const want = evalGraph(mod, "main", args);
      let now = mod;
      for (const p of passes) {
        const before = now;
        now = assertModuleWellFormed(p.run(now));
        if (p === passes.at(-1)) o.check?.(before, now);
      }
      assertSame(evalGraph(now, "main", args), want, passes.map((p) => p.name).join(", "));
    }),
    { numRuns: RUNS },
  );
}
