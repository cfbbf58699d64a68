/** Times that the GPU itself takes: WebGPU's timestamp queries, where the device has them. */
import { USAGE } from "./pool.ts";

const QUERY_RESOLVE = 0x200;
const MAP_READ = 1;

/** Pairs of timestamps around compute passes. Made for one submit. */
export class Timestamps {
  readonly #device: GPUDevice;
  readonly #set: GPUQuerySet;
  readonly #most: number;
  #used = 0;

  /** For at most so many passes (a query set holds 4096 timestamps). */
  constructor(device: GPUDevice, passes: number) {
    this.#device = device;
    this.#most = Math.min(passes, MOST_PASSES);
    this.#set = device.createQuerySet({ type: "timestamp", count: 2 * this.#most });
  }

  /** What the next pass is begun with; undefined when there is no room for more. */
  next(): GPUComputePassDescriptor | undefined {
    if (this.#used === this.#most) return undefined;
    const at = 2 * this.#used++;
    return {
      timestampWrites: {
        querySet: this.#set,
        beginningOfPassWriteIndex: at,
        endOfPassWriteIndex: at + 1,
      },
    };
  }

  /** Encodes what brings the times back; call `read` after the submit. */
  resolve(encoder: GPUCommandEncoder): { read(): Promise<{ start: number; end: number }[]> } {
    const count = 2 * this.#used;
    const size = Math.max(16, 8 * count);
    const device = this.#device;
    const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | USAGE.copySrc });
    const staging = device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyDst });
    if (count > 0) {
      encoder.resolveQuerySet(this.#set, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    }
    const set = this.#set;
    return {
      async read() {
        try {
          if (count === 0) return [];
          await staging.mapAsync(MAP_READ);
          const ns = new BigUint64Array(staging.getMappedRange().slice(0, 8 * count));
          const first = ns[0];
          const ms = (x: bigint): number => Number(x - first) / 1e6;
          return Array.from({ length: count / 2 }, (_, i) => ({
            start: ms(ns[2 * i]),
            end: ms(ns[2 * i + 1]),
          }));
        } finally {
          staging.destroy();
          resolved.destroy();
          set.destroy();
        }
      },
    };
  }
}

/** Passes that one query set has room for. */
const MOST_PASSES = 2048;
