/**
 * Side-by-side timing. Contenders run in turn, round by round (A B C A B C …), so that a machine whose speed drifts
 * slows them all alike; what is quoted is the median and the ratio of medians.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Contender {
  readonly name: string;
  /** One execution of the work. */
  readonly run: () => void | Promise<void>;
  /** Waits for what `run` has only set going; part of the time, once for all executions of a measurement. */
  readonly settle?: () => Promise<unknown>;
}

export interface Measured {
  readonly name: string;
  /** Milliseconds for one execution: median and quartiles over the rounds. */
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
  /** The shortest. */
  readonly min: number;
  readonly rounds: number;
  /** Executions timed together in each round. */
  readonly number: number;
  readonly gflops?: number;
}

export interface CompareOptions {
  readonly rounds?: number;
  /** Executions are repeated until one measurement takes at least this long. */
  readonly minMs?: number;
  /** Floating-point operations of one execution. */
  readonly flops?: number;
  /** What is measured with, in milliseconds. Default: the time of day. */
  readonly now?: () => number;
  /**
   * Milliseconds to wait before each turn, so that threads of whoever came before have stopped looking for work; an
   * execution that is not measured then wakes one's own. Default: 0, and no such execution.
   */
  readonly pauseMs?: number;
}

const timeOfDay = (): number => performance.now();

/**
 * Milliseconds that this process has computed: for contenders that keep to its one thread, which others may take the
 * processor from, but not make compute longer.
 */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function timeOnce(c: Contender, number: number, now: () => number): Promise<number> {
  const start = now();
  for (let i = 0; i < number; i++) await c.run();
  await c.settle?.();
  return (now() - start) / number;
}

/** Times the contenders against each other. */
export async function compare(
  contenders: readonly Contender[],
  { rounds = 11, minMs = 40, flops, now = timeOfDay, pauseMs = 0 }: CompareOptions = {},
): Promise<Measured[]> {
  const numbers: number[] = [];
  for (const c of contenders) {
    await c.run();
    await c.settle?.();
    const first = await timeOnce(c, 1, now);
    numbers.push(Math.max(1, Math.ceil(minMs / Math.max(first, 1e-4))));
  }
  const times: number[][] = contenders.map(() => []);
  for (let r = 0; r < rounds; r++) {
    for (const [i, c] of contenders.entries()) {
      if (pauseMs > 0) {
        await sleep(pauseMs);
        await c.run();
        await c.settle?.();
      }
      times[i].push(await timeOnce(c, numbers[i], now));
    }
  }
  return contenders.map((c, i) => {
    const sorted = times[i].sort((a, b) => a - b);
    const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    const median = at(0.5);
    return {
      name: c.name,
      median,
      p25: at(0.25),
      p75: at(0.75),
      min: sorted[0],
      rounds,
      number: numbers[i],
      ...(flops ? { gflops: flops / median / 1e6 } : {}),
    };
  });
}

/** Rows of a text table, columns padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((r) => r[c].length)));
  return rows
    .map((r) => r.map((x, c) => (c === 0 ? x.padEnd(widths[c]) : x.padStart(widths[c]))).join("  "))
    .join("\n");
}
