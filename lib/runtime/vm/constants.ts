/** Constants of programs in device memory: each uploaded once, whatever number of programs mention it. */
import type { NDArray } from "../../ir/index.ts";
import { cpuMemory, type DeviceMemory } from "../memory.ts";

interface Entry {
  readonly address: number;
  users: number;
}

export class ConstantPool {
  private readonly memory: DeviceMemory;
  /** By identity: the same object is the same constant. */
  private readonly entries = new Map<NDArray, Entry>();

  constructor(memory: DeviceMemory) {
    this.memory = memory;
  }

  /** The address of the constant's bytes, until `release`. */
  acquire(data: NDArray): number {
    let entry = this.entries.get(data);
    if (!entry) {
      const { byteLength } = data.bytes;
      const address = this.memory.alloc(byteLength);
      new Uint8Array(this.memory.memory.buffer, address, byteLength).set(data.bytes);
      entry = { address, users: 0 };
      this.entries.set(data, entry);
    }
    entry.users++;
    return entry.address;
  }

  release(data: NDArray): void {
    const entry = this.entries.get(data);
    if (!entry || --entry.users > 0) return;
    this.entries.delete(data);
    this.memory.free(entry.address);
  }
}

let cpu: ConstantPool | undefined;

/** The constants of the CPU device. */
export function cpuConstants(): ConstantPool {
  cpu ??= new ConstantPool(cpuMemory());
  return cpu;
}
