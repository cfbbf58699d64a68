/** The default space: the rules of the table, applied to the blocks of a program in post-order. */
import { layoutFreeBuffers } from "../../graph/passes/index.ts";
import type { PrimFunc } from "../../ir/index.ts";
import { type BlockRV, Schedule, ScheduleError } from "../../schedule/index.ts";
import { Random } from "../../schedule/random.ts";
import { WORKLOAD_FUNC } from "../database/record.ts";
import { attempt } from "../default/attempt.ts";
import { autoInline } from "../default/inline.ts";
import { isStatic } from "../default/shape.ts";
import { operandLoads } from "../default/tile.ts";
import type { TuningTarget } from "../target.ts";
import type { Draw } from "./draw.ts";
import { RULES, type Rule } from "./rules.ts";
import { type Space, workloadModule } from "./space.ts";

/** A space of rules. */
export function postOrderSpace(rules: readonly Rule[] = RULES, name = "rules for WebAssembly"): Space {
  return {
    name,
    sample: (func, seed, target) => samplePoint(func, seed, rules, target),
  };
}

function samplePoint(func: PrimFunc, seed: number, rules: readonly Rule[], target: TuningTarget): Schedule {
  const random = new Random(seed);
  let sch = autoInline(new Schedule(workloadModule(func), { seed: random.fork() }), WORKLOAD_FUNC);
  const loads = operandLoads("engine" in target ? target.engine : undefined);
  const threads = target.kind === "wasm" ? target.threads : 1;
  const d: Draw = { random, threads, constants: layoutFreeBuffers(func), loads };
  const done = new Set<number>();
  // Reductions first: they take their consumers along.
  for (const reductions of [true, false]) {
    for (const rv of childBlocks(sch)) {
      if (done.has(rv.id) || !stands(sch, rv)) continue;
      const b = sch.get(rv);
      if (b.axes.some((a) => a.type === "R") !== reductions || !isStatic(b) || isTouched(sch, rv)) continue;
      done.add(rv.id);
      const known = rules
        .map((rule) => [rule, rule.weight(b, sch.getChildBlocks(rv).length)] as const)
        .filter(([, w]) => w > 0);
      while (known.length > 0) {
        const [[rule]] = known.splice(random.weighted(known.map(([, w]) => w)), 1);
        const before = sch;
        sch = tried(sch, rule, rv, d);
        if (sch !== before) break;
        // A schedule that was given up has drawn numbers; the next must not draw the same again.
        sch.seed(random.fork());
      }
    }
  }
  return sch;
}

const childBlocks = (sch: Schedule): BlockRV[] => sch.getChildBlocks(sch.getBlock("root", WORKLOAD_FUNC));

/** The schedule after the rule, or the one given where it does not fit. */
function tried(sch: Schedule, rule: Rule, rv: BlockRV, d: Draw): Schedule {
  try {
    const out = rule.apply(sch.copy(), rv, d);
    return out === undefined || out.mod === sch.mod ? sch : out;
  } catch (e) {
    if (e instanceof ScheduleError) return sch;
    throw e;
  }
}

function stands(sch: Schedule, rv: BlockRV): boolean {
  let there = false;
  attempt(sch, (s) => {
    s.get(rv);
    there = true;
    return false;
  });
  return there;
}

/** Whether a rule has given the block its loops already. */
const isTouched = (sch: Schedule, rv: BlockRV): boolean =>
  sch.getLoops(rv).some((l) => sch.get(l).loopKind !== "serial");
