/**
 * The schedule a tensor program gets when nobody has tuned it, chosen by looking at its blocks: inline what costs
 * little, products by register tiles over packed panels, reductions in lanes, the rest vectorised along memory. Rules are
 * tried one after another; what a rule's primitives refuse leaves the program as it was.
 */

import { layoutFreeBuffers } from "../../graph/passes/layout-free.ts";
import type { Pass } from "../../graph/passes/pass.ts";
import { type Block, type IRModule, irModule, type PrimFunc, ProgramMap, primFuncs } from "../../ir/index.ts";
import { type BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { scheduleContraction } from "./contraction.ts";
import { scheduleElementwise } from "./elementwise.ts";
import { scheduleFormulas } from "./formulas.ts";
import { autoInline } from "./inline.ts";
import { schedulePhases } from "./phases.ts";
import { scheduleReduction } from "./reduction.ts";
import { scheduleRows } from "./rows.ts";
import { scheduleScan } from "./scan.ts";
import type { Setting } from "./setting.ts";
import { isStatic } from "./shape.ts";
import { operandLoads } from "./tile.ts";
import { scheduleTranspose } from "./transpose.ts";
import { scheduleWindow } from "./window.ts";

const NAME = "main";

/**
 * Programs and their schedules, by engine: the same program gets the same schedule. So many are known: those of a model or
 * two, for some sets of sizes.
 */
const MOST_KNOWN = 256;
const schedules = new Map<string, ProgramMap<PrimFunc>>();

/**
 * Whether someone has scheduled the program already: then it stays as it is. `true`: by hand, threads included; "tuned": a
 * database had a schedule, which says nothing about threads.
 */
const isScheduled = (f: PrimFunc): boolean => f.attrs.scheduled === true || f.attrs.scheduled === "tuned";

/**
 * A program with a good schedule. Programs with symbolic sizes, and parts that no rule knows, stay as they are. `engine`:
 * what is to run it, as `TuningTarget` has it; for any engine when not given.
 */
export function defaultSchedule(f: PrimFunc, engine?: string): PrimFunc {
  if (isScheduled(f)) return f;
  const known = schedules.get(engine ?? "") ?? new ProgramMap<PrimFunc>(MOST_KNOWN);
  schedules.set(engine ?? "", known);
  const done = known.get(f) ?? scheduleOf(f, engine).func(NAME);
  known.set(f, done);
  return done;
}

/** The same, as the schedule: to be looked at step by step. */
export function scheduleOf(f: PrimFunc, engine?: string): Schedule {
  const sch = autoInline(new Schedule(irModule({ [NAME]: f })), NAME);
  const root = sch.getBlock("root", NAME);
  const rows = scheduleRows(sch, root);
  return rows !== sch
    ? rows
    : scheduleWithin(sch, root, { constants: layoutFreeBuffers(f), loads: operandLoads(engine) });
}

/**
 * Schedules the blocks of a scope, and of the scopes in it: the steps of a recurrence are programs of their own.
 */
function scheduleWithin(given: Schedule, scope: BlockRV, setting: Setting): Schedule {
  let sch = given;
  const done = new Set<number>();
  // Heavy blocks first: they take their consumers along.
  for (const heavy of [true, false]) {
    for (const rv of sch.getChildBlocks(scope)) {
      if (done.has(rv.id) || !stands(sch, rv)) continue;
      const b = sch.get(rv);
      const reduces = b.axes.some((a) => a.type === "R");
      if (reduces !== heavy || !isStatic(b) || isTouched(sch, rv)) continue;
      done.add(rv.id);
      sch = scheduleBlock(sch, rv, setting);
    }
  }
  return sch;
}

/** The first rule that knows the block; the schedule itself where none does. */
export function scheduleBlock(sch: Schedule, rv: BlockRV, setting: Setting): Schedule {
  if (sch.get(rv).axes.some((a) => a.type === "R")) {
    for (const rule of [scheduleWindow, schedulePhases, scheduleContraction, scheduleReduction]) {
      const done = rule(sch, rv, setting);
      if (done !== sch) return done;
    }
    return sch;
  }
  if (sch.get(rv).axes.some((a) => a.type === "O")) {
    const done = scheduleScan(sch, rv);
    if (done !== sch) return done;
  }
  if (sch.getChildBlocks(rv).length > 0) return scheduleWithin(sch, rv, setting);
  for (const rule of [scheduleFormulas, scheduleTranspose, scheduleElementwise]) {
    const done = rule(sch, rv);
    if (done !== sch) return done;
  }
  return sch;
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
function isTouched(sch: Schedule, rv: BlockRV): boolean {
  const kinds = sch.getLoops(rv).map((l) => sch.get(l).loopKind);
  return kinds.some((k) => k !== "serial");
}

/** `defaultSchedule` for every tensor program of a module, for an engine: a pass of the pipeline. */
export const defaultSchedules = (engine?: string): Pass => ({
  name: "applyDefaultSchedule",
  run(mod: IRModule): IRModule {
    const programs = primFuncs(mod);
    const funcs = Object.entries(mod.funcs).map(([name, f]) => [
      name,
      Object.hasOwn(programs, name) ? defaultSchedule(programs[name], engine) : f,
    ]);
    return irModule(Object.fromEntries(funcs), mod.attrs);
  },
});

/** The same for any engine. */
export const applyDefaultSchedule: Pass = defaultSchedules();

export type { Block };
