/** Constants in the memory of a GPU: each uploaded once, whatever number of programs and shapes mention its bytes. */
import { elementsOf, type NDArray } from "../../../ir/index.ts";
import type { GpuDevice } from "../../webgpu/device.ts";
import { toDevice } from "../../webgpu/elements.ts";
import { STORAGE } from "../../webgpu/pool.ts";

interface Entry {
  readonly buffer: GPUBuffer;
  users: number;
}

const pools = new WeakMap<GpuDevice, Map<Uint8Array, Entry>>();

function poolOf(device: GpuDevice): Map<Uint8Array, Entry> {
  let pool = pools.get(device);
  if (!pool) {
    pool = new Map();
    pools.set(device, pool);
  }
  return pool;
}

/** Why a constant cannot be on a GPU; undefined when it can. */
export function unfit(data: NDArray): string | undefined {
  if (data.dtype === "f64") return "WGSL has no f64";
  if (data.dtype !== "i64") return undefined;
  const wide = (elementsOf(data) as BigInt64Array).find((x) => BigInt.asIntN(32, x) !== x);
  return wide === undefined ? undefined : `${wide} is no 32-bit integer`;
}

/** The buffer with the constant's elements, until `releaseConstant`. */
export function acquireConstant(device: GpuDevice, data: NDArray): GPUBuffer {
  const pool = poolOf(device);
  let entry = pool.get(data.bytes);
  if (!entry) {
    const words = toDevice(elementsOf(data), data.dtype, "a constant");
    const buffer = device.acquire(Math.max(16, words.byteLength), STORAGE);
    device.upload(buffer, words);
    entry = { buffer, users: 0 };
    pool.set(data.bytes, entry);
  }
  entry.users++;
  return entry.buffer;
}

export function releaseConstant(device: GpuDevice, data: NDArray): void {
  const pool = poolOf(device);
  const entry = pool.get(data.bytes);
  if (!entry || --entry.users > 0) return;
  pool.delete(data.bytes);
  device.release(entry.buffer);
}
