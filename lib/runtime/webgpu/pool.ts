/** Buffers that are handed out again instead of made anew. */

/** Flags of GPUBufferUsage and GPUMapMode (WebGPU specification, 5.1 and 5.4), which Node has not as globals. */
export const USAGE = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 0x40, storage: 0x80 } as const;
/** Buffers that programs read and write. */
export const STORAGE = USAGE.storage | USAGE.copySrc | USAGE.copyDst;

/** Bytes that the pool keeps; what is given back beyond that is destroyed. */
const MAX_POOLED = 256 * 2 ** 20;

export class BufferPool {
  /** Buffers made, and those handed out again instead. */
  made = 0;
  reused = 0;
  /** Bytes of the buffers that are there: in use, or kept. */
  bytes = 0;
  readonly #device: GPUDevice;
  readonly #free = new Map<string, GPUBuffer[]>();
  #kept = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** A buffer of at least so many bytes; its contents are whatever they were. */
  acquire(bytes: number, usage: number): GPUBuffer {
    const size = roundedSize(bytes);
    const known = this.#free.get(`${usage} ${size}`)?.pop();
    if (known) {
      this.#kept -= size;
      this.reused++;
      return known;
    }
    const made = this.#device.createBuffer({ size, usage });
    this.made++;
    this.bytes += size;
    return made;
  }

  /** Takes a buffer back. `lost`: nothing can be done with it any more. */
  release(buffer: GPUBuffer, lost: boolean): void {
    if (lost || this.#kept + buffer.size > MAX_POOLED) {
      this.bytes -= buffer.size;
      buffer.destroy();
      return;
    }
    const key = `${buffer.usage} ${buffer.size}`;
    const list = this.#free.get(key);
    if (list) list.push(buffer);
    else this.#free.set(key, [buffer]);
    this.#kept += buffer.size;
  }
}

/** Sizes come in steps of an eighth of a power of two, so that buffers of nearly one size are one kind. */
function roundedSize(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(8, Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
