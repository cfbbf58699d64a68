/** What a kernel takes of the adapter's limits, and the errors that name them. */
import { type Buffer, constInt } from "../../ir/index.ts";
import { WgslError } from "./error.ts";
import { MAX_FUNCTION_BYTES, type WgslLimits } from "./limits.ts";
import type { KernelPlan } from "./plan.ts";
import { elementBytes } from "./types.ts";

const DIMS = ["x", "y", "z"] as const;

/** Threads along each axis. Throws a WgslError where they are over a limit. */
export function workgroupSize(plan: KernelPlan, limits: WgslLimits, where: string): [number, number, number] {
  const size: [number, number, number] = [1, 1, 1];
  plan.axes.forEach((a) => {
    size[DIMS.indexOf(a.axis.slice(-1) as "x")] = a.extent;
  });
  DIMS.forEach((d, i) => {
    const name = `maxComputeWorkgroupSize${d.toUpperCase()}` as "maxComputeWorkgroupSizeX";
    if (size[i] > limits[name]) {
      throw new WgslError(
        `${where}: ${size[i]} threads on threadIdx.${d}; the adapter's ${name} is ${limits[name]}`,
      );
    }
  });
  const all = size[0] * size[1] * size[2];
  const most = limits.maxComputeInvocationsPerWorkgroup;
  if (all > most) {
    throw new WgslError(
      `${where}: a workgroup of ${size.join(" x ")} = ${all} threads; the adapter's ` +
        `maxComputeInvocationsPerWorkgroup is ${most}`,
    );
  }
  return size;
}

/** Elements of a buffer in the memory of workgroups or threads. */
export function lengthOf(b: Buffer, where: string): number {
  const strides = b.strides?.map(constInt);
  const shape = b.shape.map(constInt);
  if ([...shape, ...(strides ?? [])].includes(undefined)) {
    throw new WgslError(
      `${where}: ${b.name} lives in ${b.scope} memory, but its size is not constant; fix the sizes, or leave it global`,
    );
  }
  const sizes = shape as number[];
  if (!strides)
    return Math.max(
      1,
      sizes.reduce((n, x) => n * x, 1),
    );
  return 1 + sizes.reduce((at, n, d) => at + (n - 1) * (strides as number[])[d], 0);
}

/** Throws a WgslError where the memory of a workgroup or a thread is over its limit. */
export function checkBytes(
  plan: KernelPlan,
  declared: readonly { b: Buffer; n: number }[],
  limits: WgslLimits,
  where: string,
): void {
  const bytes = (of: readonly Buffer[]): number =>
    declared.filter((d) => of.includes(d.b)).reduce((sum, d) => sum + d.n * elementBytes(d.b.dtype), 0);
  const names = (of: readonly Buffer[]): string => of.map((b) => b.name).join(", ");
  const shared = bytes(plan.shared);
  if (shared > limits.maxComputeWorkgroupStorageSize) {
    throw new WgslError(
      `${where}: ${names(plan.shared)} take ${shared} bytes of workgroup memory; the adapter's ` +
        `maxComputeWorkgroupStorageSize is ${limits.maxComputeWorkgroupStorageSize}: take smaller tiles`,
    );
  }
  const own = bytes(plan.own);
  if (own > MAX_FUNCTION_BYTES) {
    throw new WgslError(
      `${where}: ${names(plan.own)} take ${own} bytes in each thread; WGSL allows ${MAX_FUNCTION_BYTES}: ` +
        "compute them outside of the thread loops, or take smaller tiles",
    );
  }
}
