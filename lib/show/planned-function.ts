/** The memory plan that the pass `planMemory` left in a function, in the form that is shown. */
import { memoryPlanOf } from "../graph/index.ts";
import { getGraphFunc, type IRModule, visitGraphBody } from "../ir/index.ts";

/** What `memoryPlan()` of an executable gives. */
export interface MemoryPlanLike {
  readonly name: string;
  readonly steps: readonly string[];
  readonly tensors: readonly {
    readonly name: string;
    readonly offset: number;
    readonly bytes: number;
    readonly first: number;
    readonly last: number;
    readonly reuses: readonly number[];
  }[];
  readonly arenaBytes: number;
  readonly constantBytes: number;
  readonly lowerBound: number;
}

interface Place {
  readonly offset: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** The plan of a function of a module that went through the pipeline. Throws where none was made. */
export function plannedFunction(mod: IRModule, name: string): MemoryPlanLike {
  const f = getGraphFunc(mod, name);
  const plan = memoryPlanOf(f);
  if (!plan)
    throw new TypeError(`${name} has no memory plan: run the pass planMemory, or the whole pipeline`);
  const places = plan.tensors.map(({ offset, bytes, start, end }) => ({
    offset,
    bytes,
    first: start,
    last: end,
  }));
  const constants = new Map<object, number>();
  visitGraphBody(f.body, (e) => {
    if (e.kind === "constant") constants.set(e.data, e.data.bytes.length);
  });
  return {
    name,
    steps: plan.steps,
    tensors: places.map((p, k) => ({ ...p, name: plan.tensors[k].name, reuses: replaced(places, p) })),
    arenaBytes: plan.arenaBytes,
    constantBytes: [...constants.values()].reduce((n, b) => n + b, 0),
    lowerBound: plan.largestLiveSet,
  };
}

/**
 * Whose bytes a value takes: of those that lay there before, the latest. One that is still read is among them only where
 * the program works in place.
 */
function replaced(all: readonly Place[], p: Place): number[] {
  const shares = (a: Place, b: Place): boolean =>
    a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
  const before = all.filter((q) => q.first < p.first && shares(p, q));
  const latest = before.filter((q) => !before.some((r) => r.first > q.first && shares(r, q)));
  return latest.map((q) => all.indexOf(q));
}
