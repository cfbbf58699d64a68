/** Memory that a running program allocated, shared by the slots that hold it. */
import type { DType } from "../../ir/index.ts";
import type { DeviceMemory } from "../memory.ts";

export interface Held {
  readonly address: number;
  users: number;
}

/** A tensor that a function gave. Without `held` the memory is somebody else's: an argument's, or a constant's. */
export interface Output {
  readonly address: number;
  readonly held: Held | undefined;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The device memory as a running program uses it. */
export class Heap {
  readonly memory: DeviceMemory;
  #bytes: Uint8Array;
  #words: DataView;

  constructor(memory: DeviceMemory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.memory.buffer);
    this.#words = new DataView(memory.memory.buffer);
  }

  /** All bytes; good until the next allocation. */
  get bytes(): Uint8Array {
    this.#renew();
    return this.#bytes;
  }

  /** The same as numbers of other widths. */
  get words(): DataView {
    this.#renew();
    return this.#words;
  }

  #renew(): void {
    const { buffer } = this.memory.memory;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new DataView(buffer);
  }

  /** Memory of its own, with one user. */
  hold(bytes: number): Held {
    return { address: this.memory.alloc(bytes), users: 1 };
  }

  drop(h: Held | undefined): void {
    if (h && --h.users === 0) this.memory.free(h.address);
  }

  copy(from: number, to: number, bytes: number): void {
    if (from !== to) this.bytes.copyWithin(to, from, from + bytes);
  }

  /** An integer tensor's elements. */
  integers(address: number, dtype: DType, count: number): number[] {
    const { words } = this;
    const read = (i: number): number =>
      dtype === "i64"
        ? Number(words.getBigInt64(address + 8 * i, true))
        : words.getInt32(address + 4 * i, true);
    return Array.from({ length: count }, (_, i) => read(i));
  }
}

/** What a function gave, where it only passed an argument on with the memory that the argument has. */
export function kept(outputs: readonly Output[], args: readonly Output[]): Output[] {
  return outputs.map((o) => {
    const held = o.held ? undefined : args.find((a) => a.address === o.address)?.held;
    if (held) held.users++;
    return held ? { ...o, held } : o;
  });
}
