/** The memory of the CPU device: one WebAssembly memory that tensors live in and generated modules import. */
import { ARRAYS, BYTES, type DType, type TypedArray } from "../ir/index.ts";
import { ALIGNMENT, Allocator } from "./allocator.ts";
import { availableThreads, settleThreads } from "./threads/index.ts";

const PAGE = 65536;
/** 2 GiB: addresses stay below 2^31, so that generated code may compare and add them as signed numbers. */
const MAX_PAGES = 32768;
const FIRST_PAGES = 64;
/** Left free at the end: a vector load may reach beyond the last element (see the calling convention). */
const SLACK = ALIGNMENT;

export interface MemoryOptions {
  /** A SharedArrayBuffer, for threads. Growing then leaves old views valid (but short). */
  readonly shared?: boolean;
  readonly maxPages?: number;
}

/** Every use of memory settles first: no worker of a call that was broken off may still be writing. */
export class DeviceMemory {
  readonly memory: WebAssembly.Memory;
  private readonly allocator: Allocator;
  private readonly maxPages: number;
  private arena = 0;
  private arenaBytes = 0;
  /** All of the memory as elements of a dtype, as far as somebody asked. */
  private readonly whole: { [t in DType]?: TypedArray } = {};

  constructor(options: MemoryOptions = {}) {
    this.maxPages = options.maxPages ?? MAX_PAGES;
    const initial = Math.min(FIRST_PAGES, this.maxPages);
    this.memory = new WebAssembly.Memory({
      initial,
      maximum: this.maxPages,
      shared: options.shared ?? false,
    });
    // Address 0 is never handed out: it would look like "none".
    this.allocator = new Allocator(
      ALIGNMENT,
      initial * PAGE - SLACK,
      (atLeast) => this.growTo(atLeast + SLACK) - SLACK,
    );
  }

  /** Byte address of fresh memory (its contents are undefined), a multiple of 64. */
  alloc(bytes: number): number {
    settleThreads();
    return this.allocator.alloc(bytes);
  }

  free(address: number): void {
    settleThreads();
    this.allocator.free(address);
  }

  /** Whether threads can work on it. */
  get isShared(): boolean {
    return typeof SharedArrayBuffer !== "undefined" && this.memory.buffer instanceof SharedArrayBuffer;
  }

  get usedBytes(): number {
    return this.allocator.usedBytes;
  }

  /** A view of `length` elements. It dies when the memory grows: see `isStale`. */
  view(dtype: DType, address: number, length: number): TypedArray {
    settleThreads();
    const buffer = this.memory.buffer as ArrayBuffer;
    if (address + length * BYTES[dtype] > buffer.byteLength)
      throw new RangeError("view outside of device memory");
    return new ARRAYS[dtype](buffer, address, length);
  }

  /** Copies elements to an address of this memory, which is a multiple of their size. */
  write(dtype: DType, address: number, elements: TypedArray): void {
    settleThreads();
    const { buffer } = this.memory;
    let all = this.whole[dtype];
    if (all?.buffer !== buffer) {
      all = new ARRAYS[dtype](buffer as ArrayBuffer, 0, Math.floor(buffer.byteLength / BYTES[dtype]));
      this.whole[dtype] = all;
    }
    all.set(elements as never, address / BYTES[dtype]);
  }

  /** Whether a view was made before the memory last grew. */
  isStale(view: TypedArray): boolean {
    settleThreads();
    return view.buffer !== this.memory.buffer;
  }

  /**
   * Scratch memory of at least `bytes` bytes for the duration of one (synchronous) call. All functions share it: ask
   * again for every call, a larger request may have moved it.
   */
  workspace(bytes: number): number {
    settleThreads();
    if (bytes > this.arenaBytes || this.arena === 0) {
      if (this.arena !== 0) this.free(this.arena);
      this.arena = 0;
      this.arena = this.alloc(bytes);
      this.arenaBytes = bytes;
    }
    return this.arena;
  }

  private growTo(bytes: number): number {
    const now = this.memory.buffer.byteLength / PAGE;
    const needed = Math.ceil(bytes / PAGE);
    if (needed > this.maxPages) return now * PAGE;
    // By half at least, so that many small allocations do not grow it many times.
    const wanted = Math.min(this.maxPages, Math.max(needed, now + (now >> 1)));
    for (const pages of new Set([wanted, needed])) {
      try {
        this.memory.grow(pages - now);
        return pages * PAGE;
      } catch {
        // The host has no room for that much; try with what is needed, then report.
      }
    }
    return now * PAGE;
  }
}

let cpu: DeviceMemory | undefined;

/** The one memory of this realm's CPU device, made at first use: shared where there are threads to share it with. */
export function cpuMemory(): DeviceMemory {
  cpu ??= availableThreads().count > 1 ? sharedMemory() : new DeviceMemory();
  return cpu;
}

/** Shared memory reserves addresses up to its maximum: where there is no room for that, it has a smaller one, or is not shared. */
function sharedMemory(): DeviceMemory {
  for (let maxPages = MAX_PAGES; maxPages >= MAX_PAGES / 8; maxPages /= 2) {
    try {
      return new DeviceMemory({ shared: true, maxPages });
    } catch (e) {
      if (!(e instanceof RangeError)) throw e;
    }
  }
  return new DeviceMemory();
}
