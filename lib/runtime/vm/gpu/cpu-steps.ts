/** The steps of a program that run on the CPU: tensor programs as WebAssembly, and library functions. */
import { type Attrs, type IRModule, irModule, primFuncs } from "../../../ir/index.ts";
import { defaultSchedules } from "../../../tune/default/index.ts";
import { cpuMemory } from "../../memory.ts";
import { Tensor } from "../../tensor.ts";
import { engineName } from "../../tuning-target.ts";
import { compileKernels, type Kernels } from "../kernels.ts";
import { getFunc } from "../packed.ts";
import type { GpuStep } from "./gpu-steps.ts";

type CpuStep = Extract<GpuStep, { kind: "cpu" }>;
/** Takes the tensors of the step's operands, in their order. */
export type CpuRun = (tensors: readonly Tensor[]) => void;

/** What makes each of the steps. `mod`: the module with the programs as they were before they got GPU schedules. */
export function cpuRuns(steps: readonly CpuStep[], mod: IRModule): ReadonlyMap<CpuStep, CpuRun> {
  const names = new Set(steps.flatMap((s) => ("program" in s.run ? [s.run.program] : [])));
  const programs = Object.entries(primFuncs(mod)).filter(([name]) => names.has(name));
  const kernels =
    programs.length > 0
      ? compileKernels(defaultSchedules(engineName()).run(irModule(Object.fromEntries(programs))), {
          threads: 1,
        })
      : undefined;
  return new Map(steps.map((s) => [s, "program" in s.run ? program(s, kernels as Kernels) : packed(s)]));
}

function program(s: CpuStep, kernels: Kernels): CpuRun {
  const { program: name, scalars } = s.run as { program: string; scalars: readonly number[] };
  const table: (number | bigint)[] = s.operands.map(() => 0);
  const cell = (value: number | bigint): number => table.push(value) - 1;
  const call = kernels.call(
    name,
    s.operands.map((o) => o.shape),
    scalars,
    cell,
  );
  const vars = call.func.params.filter((p) => p.kind === "var");
  const numbers = scalars.map((x, i) => cell(vars[i].dtype === "i64" ? BigInt(x) : x));
  const scratch = cell(0);
  const step = call.bind(table, [...s.operands.keys(), ...numbers], scratch);
  return (tensors) => {
    tensors.forEach((t, i) => {
      table[i] = t.address;
    });
    table[scratch] = call.workspace > 0 ? cpuMemory().workspace(call.workspace) : 0;
    step();
  };
}

function packed(s: CpuStep): CpuRun {
  const { packed: name, inputs, attrs } = s.run as { packed: string; inputs: number; attrs: Attrs };
  getFunc(name); // Throws now rather than in the middle of a run.
  return (tensors) => {
    const views = tensors.map((t, i) =>
      Tensor.over(cpuMemory(), t.address, s.operands[i].shape, t.dtype, false),
    );
    const given: unknown = getFunc(name)(views, { inputs, attrs });
    if (given instanceof Promise)
      throw new TypeError(
        `the library function "${name}" is asynchronous: it has to be done when it returns`,
      );
  };
}
