/** What the steps of one run took, by the clock that the device has, with the copies between CPU and GPU among them. */
import { type Profile, profileOf, type Seen } from "../profile.ts";
import type { StepInfo } from "../types.ts";
import { type GpuStep, rowBytes } from "./gpu-steps.ts";
import type { GpuInput, GpuProgram } from "./program.ts";

export async function observe(
  name: string,
  program: GpuProgram,
  args: readonly GpuInput[],
  keep: boolean,
): Promise<Profile> {
  const seen: Seen[] = [];
  let at = 0;
  const step = (s: GpuStep, ms: number): void => {
    seen.push({ info: infoOf(s), start: at, end: at + ms });
    at += ms;
  };
  const begin = performance.now();
  const outputs = await program.run(args, keep, { step });
  const ms = performance.now() - begin;
  for (const t of outputs) t.dispose();
  return profileOf(name, seen, 0, ms, program.device.clock);
}

function infoOf(s: GpuStep): StepInfo {
  switch (s.kind) {
    case "kernels":
      return s.info;
    case "cpu":
      return { ...s.info, func: `${s.info.func} (on the CPU: ${s.why})` };
    case "up":
      return { node: s.value.name, func: "copy to the GPU", bytes: s.value.bytes };
    case "down":
      return { node: s.value.name, func: "copy from the GPU", bytes: s.value.bytes };
    case "copy":
    case "row":
      return { node: s.to.name, func: `copy on the ${s.on.toUpperCase()}`, bytes: rowBytes(s.from, s.on) };
    case "if":
    case "loop":
      return { node: s.node, func: s.kind, bytes: 0 };
  }
}
