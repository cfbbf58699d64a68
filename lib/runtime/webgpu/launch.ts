/** The kernels of a function with the sizes of one call: how many workgroups, and what the scalars are. */
import { type Bound, evalSize } from "../../codegen/index.ts";
import type { WgslFunction, WgslKernel } from "../../codegen/wgsl/index.ts";
import type { GpuDevice } from "./device.ts";
import { GpuError } from "./error.ts";

export interface LaunchStep {
  readonly kernel: WgslKernel;
  readonly groups: readonly [number, number, number];
  /** The contents of its uniform buffer, where it has one. */
  readonly uniforms?: ArrayBuffer;
}

/** Throws a GpuError where the numbers are over a limit of the device, naming it. */
export function launchSteps(
  device: Pick<GpuDevice, "limits">,
  f: Pick<WgslFunction, "name" | "kernels">,
  bound: Bound,
): LaunchStep[] {
  return f.kernels.map((kernel) => {
    const uniforms = uniformData(kernel, bound);
    const groups = workgroups(device, f.name, kernel, bound);
    return { kernel, groups, ...(uniforms ? { uniforms } : {}) };
  });
}

function workgroups(
  device: Pick<GpuDevice, "limits">,
  name: string,
  kernel: WgslKernel,
  bound: Bound,
): [number, number, number] {
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  const out: [number, number, number] = [1, 1, 1];
  for (const g of kernel.grid) {
    const n = evalSize(g.extent, bound.sizes);
    if (n === undefined) throw new GpuError(`${name}: the number of workgroups on ${g.axis} has no value`);
    out["xyz".indexOf(g.axis.slice(-1))] = Math.max(0, n);
  }
  if (kernel.folded && out[0] > most) {
    out[1] = Math.ceil(out[0] / most);
    out[0] = most;
  }
  const over = out.findIndex((n) => n > most);
  if (over >= 0) {
    throw new GpuError(
      `${name}: ${out[over]} workgroups on blockIdx.${"xyz"[over]}; the adapter's ` +
        `maxComputeWorkgroupsPerDimension is ${most}`,
    );
  }
  return out;
}

/** The uniform buffer of a kernel: one word for each scalar. */
function uniformData(kernel: WgslKernel, bound: Bound): ArrayBuffer | undefined {
  if (kernel.uniforms.length === 0) return undefined;
  const data = new DataView(new ArrayBuffer(Math.ceil((kernel.uniforms.length * 4) / 16) * 16));
  kernel.uniforms.forEach((v, i) => {
    const x = bound.scalars.get(v.id) ?? bound.sizes.get(v.id) ?? 0;
    if (v.dtype === "f32" || v.dtype === "f16") data.setFloat32(4 * i, Number(x), true);
    else if (Number(x) !== (Number(x) | 0))
      throw new GpuError(`${v.name} is ${x}: WGSL has 32-bit integers only`);
    else data.setInt32(4 * i, Number(x), true);
  });
  return data.buffer as ArrayBuffer;
}
