/** A first-fit allocator over a range of addresses. It hands out numbers and touches no memory. */

/** Every address is a multiple of this: a cache line, and more than the 16 bytes of a SIMD load. */
export const ALIGNMENT = 64;

interface Hole {
  start: number;
  end: number;
}

/**
 * Invariants: holes are sorted, do not overlap or touch, and are never empty; every byte of [start, end) is in one
 * hole or in one allocation. Sizes are rounded up to ALIGNMENT, so starts stay aligned.
 */
export class Allocator {
  private readonly holes: Hole[] = [];
  private readonly sizes = new Map<number, number>();
  private end: number;
  private readonly extend: (atLeast: number) => number;

  /**
   * Manages [start, end). When nothing fits, `extend` is told up to where the range would have to reach, and returns
   * the new end (the same one when it cannot).
   */
  constructor(start: number, end: number, extend: (atLeast: number) => number = () => end) {
    if (start % ALIGNMENT !== 0) throw new RangeError(`start ${start} is not a multiple of ${ALIGNMENT}`);
    this.end = end - (end % ALIGNMENT);
    if (this.end > start) this.holes.push({ start, end: this.end });
    this.extend = extend;
  }

  /** Address of `bytes` bytes (at least one line, so that addresses are unique). Throws when there is no room. */
  alloc(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    let i = this.holes.findIndex((h) => h.end - h.start >= size);
    if (i < 0) {
      i = this.grow(size);
      if (i < 0) {
        throw new RangeError(
          `out of device memory: ${bytes} bytes asked for, ${this.usedBytes} in use of ${this.end}; dispose() tensors you no longer need`,
        );
      }
    }
    const hole = this.holes[i];
    const at = hole.start;
    hole.start += size;
    if (hole.start === hole.end) this.holes.splice(i, 1);
    this.sizes.set(at, size);
    return at;
  }

  /** Gives an address back. Throws when it is not one that `alloc` returned and that is still allocated. */
  free(at: number): void {
    const size = this.sizes.get(at);
    if (size === undefined) throw new RangeError(`address ${at} is not allocated`);
    this.sizes.delete(at);
    this.insert(at, at + size);
  }

  /** Bytes in allocations, rounding included. */
  get usedBytes(): number {
    let n = 0;
    for (const size of this.sizes.values()) n += size;
    return n;
  }

  /** The free ranges, sorted. */
  get freeRanges(): readonly Readonly<Hole>[] {
    return this.holes;
  }

  /** Index of a hole of at least `size` after extending the range, or -1. */
  private grow(size: number): number {
    const last = this.holes.at(-1);
    const from = last?.end === this.end ? last.start : this.end;
    const end = this.extend(from + size);
    const aligned = end - (end % ALIGNMENT);
    if (aligned <= this.end) return -1;
    const old = this.end;
    this.end = aligned;
    this.insert(old, aligned);
    const hole = this.holes.length - 1;
    return this.holes[hole].end - this.holes[hole].start >= size ? hole : -1;
  }

  /** Adds a hole, joined with the ones it touches. */
  private insert(start: number, end: number): void {
    let lo = 0;
    let hi = this.holes.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.holes[mid].start < start) lo = mid + 1;
      else hi = mid;
    }
    const before = this.holes[lo - 1];
    const after = this.holes[lo];
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.holes.splice(lo, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else this.holes.splice(lo, 0, { start, end });
  }
}
