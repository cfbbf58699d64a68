/**
 * The schedule for a GPU that a tensor program gets when nobody has tuned it, chosen by looking at its blocks, and at
 * what kind of machine it is for (`machine.ts`): products by tiles, in the memory of a workgroup or where they lie, and in
 * registers; sums over few long rows by all threads of a workgroup; the rest a thread for every element or four. Rules are tried one after another; what a rule's primitives refuse leaves the
 * program as it was, and what no rule takes is bound when code is generated.
 */
import type { Pass } from "../../graph/passes/pass.ts";
import { type IRModule, irModule, type PrimFunc, primFuncs } from "../../ir/index.ts";
import { type BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { autoInline } from "../default/inline.ts";
import { isStatic } from "../default/shape.ts";
import { scheduleElementwiseGpu } from "./elementwise.ts";
import type { GpuMachine } from "./machine.ts";
import { scheduleMatrixUnits } from "./matrix/choose.ts";
import { scheduleProduct } from "./product.ts";
import { scheduleRows } from "./rows.ts";
import { scheduleSum } from "./sum.ts";

export { GPU_MACHINES, type GpuMachine, gpuMachine } from "./machine.ts";

const NAME = "main";

/** A program with a schedule for a GPU. Programs that have one, and parts with symbolic sizes, stay as they are. */
export function gpuSchedule(f: PrimFunc, machine: GpuMachine): PrimFunc {
  const isScheduled = f.attrs.scheduled === true || f.attrs.scheduled === "tuned";
  return isScheduled ? f : gpuScheduleOf(f, machine).func(NAME);
}

/** The same, as the schedule: to be looked at step by step. */
export function gpuScheduleOf(f: PrimFunc, machine: GpuMachine): Schedule {
  let sch = autoInline(new Schedule(irModule({ [NAME]: f })), NAME);
  const rows = scheduleRows(sch, NAME, machine);
  if (rows !== sch) return rows;
  // Heavy blocks first: they take their consumers along.
  for (const heavy of [true, false]) {
    for (const rv of sch.getChildBlocks(sch.getBlock("root", NAME))) {
      if (!isOpen(sch, rv)) continue;
      const b = sch.get(rv);
      const reduces = b.axes.some((a) => a.type === "R");
      if (reduces !== heavy || !isStatic(b)) continue;
      if (reduces) {
        const before = sch;
        sch = scheduleMatrixUnits(sch, rv, machine.matrix);
        if (sch === before) sch = scheduleProduct(sch, rv, machine);
        if (sch === before) sch = scheduleSum(sch, rv, machine);
      } else sch = scheduleElementwiseGpu(sch, rv);
    }
  }
  return sch;
}

/** Whether the block is still there, and no rule has given its loops to threads. */
function isOpen(sch: Schedule, rv: BlockRV): boolean {
  let open = false;
  attempt(sch, (s) => {
    open = s.getLoops(rv).every((l) => s.get(l).loopKind === "serial");
    return false;
  });
  return open;
}

/** `gpuSchedule` for every tensor program of a module: a pass of the pipeline. The machine is asked for when it runs. */
export const scheduleForGpu = (machine: () => GpuMachine): Pass => ({
  name: "scheduleForGpu",
  run(mod: IRModule): IRModule {
    const programs = primFuncs(mod);
    const kind = machine();
    const funcs = Object.entries(mod.funcs).map(([name, f]) => [
      name,
      Object.hasOwn(programs, name) ? gpuSchedule(programs[name], kind) : f,
    ]);
    return irModule(Object.fromEntries(funcs), mod.attrs);
  },
});
