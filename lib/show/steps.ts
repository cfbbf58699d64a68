/** What each step of a schedule did: the JSON twin of the strip of steps in `history.ts`. */
import { getPrimFunc, type IRModule, primFuncs } from "../ir/index.ts";
import type { Estimate } from "../runtime/estimate.ts";
import { estimate } from "../runtime/estimate.ts";
import { changeText } from "./change-text.ts";
import { type DiffRow, type DiffStats, diffStats, programDiff } from "./diff.ts";
import type { Change } from "./structural-change.ts";
import { structuralDiff } from "./structural-diff.ts";

/** One step as a schedule records it. */
export interface StepLike {
  /** 1 for the first. */
  readonly index: number;
  readonly primitive: string;
  /** As the reader would write it: `const [j_0, j_1] = sch.split(j, [null, 8]);`. */
  readonly call: string;
  readonly before: IRModule;
  readonly after: IRModule;
  /** How long the primitive took. */
  readonly ms: number;
}

export interface ScheduleLike {
  readonly mod: IRModule;
  readonly history: readonly StepLike[];
}

/** One step with what it changed. */
export interface StepDiff {
  readonly index: number;
  readonly primitive: string;
  readonly call: string;
  readonly ms: number;
  /** What was done, loops and blocks followed by id, each with its line of text. */
  readonly changes: readonly (Change & { readonly text: string })[];
  readonly stats: DiffStats;
  readonly rows: readonly DiffRow[];
  /** Of the function that was transformed, before and after. */
  readonly estimate?: { readonly before: Estimate; readonly after: Estimate };
}

type Found = Pick<StepDiff, "changes" | "stats" | "rows" | "estimate">;

/** Steps never change, and a schedule is shown again and again. */
const cache = new WeakMap<IRModule, WeakMap<IRModule, Found>>();

function found(before: IRModule, after: IRModule): Found {
  let of = cache.get(before);
  if (!of) cache.set(before, (of = new WeakMap()));
  let known = of.get(after);
  if (!known) {
    const rows = programDiff(before, after);
    const func = Object.keys(primFuncs(after)).find(
      (n) => before.funcs[n] && before.funcs[n] !== after.funcs[n],
    );
    const changes = structuralDiff(before, after).map((c) => ({ ...c, text: changeText(c) }));
    known = {
      changes,
      stats: diffStats(rows),
      rows,
      ...(func === undefined
        ? {}
        : {
            estimate: {
              before: estimate(getPrimFunc(before, func)),
              after: estimate(getPrimFunc(after, func)),
            },
          }),
    };
    of.set(after, known);
  }
  return known;
}

export function historyDiffs(steps: readonly StepLike[]): StepDiff[] {
  return steps.map(({ index, primitive, call, ms, before, after }) => ({
    index,
    primitive,
    call,
    ms,
    ...found(before, after),
  }));
}
