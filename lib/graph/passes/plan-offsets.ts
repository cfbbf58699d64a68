/**
 * Offsets for blocks of memory that are needed for a time each: greedy, largest first, each at the place that fits best
 * among those it must not overlap (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
 * Several orders are tried, and the smallest arena is taken.
 */

/** Needed from step `start` to step `end`, both included. */
export interface LiveSpan {
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
}

export interface Offsets {
  readonly offsets: readonly number[];
  readonly total: number;
}

export const ALIGNMENT = 64;
export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** The most bytes that are needed at one time: no arena is smaller. */
export function largestLiveSet(spans: readonly LiveSpan[]): number {
  const steps = new Map<number, number>();
  for (const s of spans) {
    steps.set(s.start, (steps.get(s.start) ?? 0) + aligned(s.bytes));
    steps.set(s.end + 1, (steps.get(s.end + 1) ?? 0) - aligned(s.bytes));
  }
  let live = 0;
  let most = 0;
  for (const [, change] of [...steps].sort(([a], [b]) => a - b)) {
    live += change;
    most = Math.max(most, live);
  }
  return most;
}

const ORDERS: readonly ((a: LiveSpan, b: LiveSpan) => number)[] = [
  (a, b) => b.bytes - a.bytes || a.start - b.start,
  (a, b) => b.bytes * (b.end - b.start + 1) - a.bytes * (a.end - a.start + 1),
  (a, b) => b.end - b.start - (a.end - a.start) || b.bytes - a.bytes,
  (a, b) => a.start - b.start || b.bytes - a.bytes,
];

/** Offsets that are multiples of 64 bytes, such that spans that share a step share no byte. */
export function planOffsets(spans: readonly LiveSpan[]): Offsets {
  const bound = largestLiveSet(spans);
  let best: Offsets | undefined;
  for (const order of ORDERS) {
    const made = place(spans, order);
    if (!best || made.total < best.total) best = made;
    if (best.total === bound) break;
  }
  return best as Offsets;
}

function place(spans: readonly LiveSpan[], order: (a: LiveSpan, b: LiveSpan) => number): Offsets {
  const offsets = spans.map(() => 0);
  const placed: number[] = [];
  let total = 0;
  const queue = spans.map((_, i) => i).sort((a, b) => order(spans[a], spans[b]) || a - b);
  for (const i of queue) {
    const s = spans[i];
    const size = aligned(s.bytes);
    const others = placed
      .filter((k) => spans[k].start <= s.end && s.start <= spans[k].end)
      .sort((a, b) => offsets[a] - offsets[b]);
    offsets[i] = bestGap(others, offsets, spans, size);
    total = Math.max(total, offsets[i] + size);
    placed.push(i);
  }
  return { offsets, total };
}

/** The smallest gap that is large enough, or behind everything. */
function bestGap(
  others: readonly number[],
  offsets: readonly number[],
  spans: readonly LiveSpan[],
  size: number,
): number {
  let at = 0;
  let best: { readonly offset: number; readonly waste: number } | undefined;
  for (const k of others) {
    const gap = offsets[k] - at;
    if (gap >= size && (!best || gap - size < best.waste)) best = { offset: at, waste: gap - size };
    at = Math.max(at, offsets[k] + aligned(spans[k].bytes));
  }
  return best ? best.offset : at;
}
