/** What the steps of one call took, as a table, a timeline and a trace that Perfetto and Chrome open. */
import type { Clock } from "../backend.ts";
import { countFlops } from "../flops.ts";
import { formatMs } from "../timing.ts";
import type { StepInfo } from "./types.ts";

export interface ProfileStep {
  /** The value that the step computes. */
  readonly name: string;
  /** The tensor program or library function. */
  readonly func: string;
  /** Milliseconds from the start of the call. */
  readonly start: number;
  readonly ms: number;
  /** Floating-point operations, where they can be counted. */
  readonly flops?: number;
  /** Bytes of its arguments and results. */
  readonly bytes: number;
  /** The part of the time of all steps. */
  readonly share: number;
}

/** What was seen of one step. */
export interface Seen {
  readonly info: StepInfo;
  readonly start: number;
  readonly end: number;
}

export class Profile {
  /** The function that was called. */
  readonly name: string;
  readonly steps: readonly ProfileStep[];
  /** Milliseconds of the whole call. */
  readonly ms: number;
  /** Which clock the times of kernels are from; copies and what runs on the CPU are timed by the machine's. */
  readonly clock: Clock;

  constructor(name: string, steps: readonly ProfileStep[], ms: number, clock: Clock = "wall") {
    this.name = name;
    this.steps = steps;
    this.ms = ms;
    this.clock = clock;
  }

  /** Milliseconds that were spent between the steps. Reading the clock for each of them is part of it. */
  get between(): number {
    return Math.max(0, this.ms - this.steps.reduce((t, s) => t + s.ms, 0));
  }

  /** Steps of the same tensor program together, the slowest first. */
  byFunc(): { func: string; calls: number; ms: number; share: number; flops?: number; bytes: number }[] {
    const groups = new Map<string, ProfileStep[]>();
    for (const s of this.steps) groups.set(s.func, [...(groups.get(s.func) ?? []), s]);
    const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
    return [...groups]
      .map(([func, steps]) => {
        const counted = steps.every((s) => s.flops !== undefined);
        return {
          func,
          calls: steps.length,
          ms: sum(steps.map((s) => s.ms)),
          share: sum(steps.map((s) => s.share)),
          ...(counted ? { flops: sum(steps.map((s) => s.flops as number)) } : {}),
          bytes: sum(steps.map((s) => s.bytes)),
        };
      })
      .sort((a, b) => b.ms - a.ms);
  }

  /** Events in the Trace Event Format, which Perfetto and Chrome's tracing read. Times are microseconds. */
  toTrace(): { displayTimeUnit: "ms"; traceEvents: Record<string, unknown>[] } {
    const common = { pid: 1, tid: 1 };
    const events: Record<string, unknown>[] = [
      { name: "process_name", ph: "M", ...common, args: { name: "Tilewright" } },
      { name: "thread_name", ph: "M", ...common, args: { name: this.name } },
      { name: this.name, cat: "call", ph: "X", ts: 0, dur: this.ms * 1000, ...common },
    ];
    for (const { name, func, start, ms, flops, bytes } of this.steps) {
      const args = { func, bytes, ...(flops === undefined ? {} : { flops }) };
      events.push({ name, cat: "step", ph: "X", ts: start * 1000, dur: ms * 1000, ...common, args });
    }
    return { displayTimeUnit: "ms", traceEvents: events };
  }

  /** Everything by name, for scripts. */
  toJSON(): Record<string, unknown> {
    const { name, ms, between, steps, clock } = this;
    return { name, ms, between, steps, clock };
  }

  toString(): string {
    const rows = this.byFunc()
      .slice(0, 10)
      .map((r) => `  ${(100 * r.share).toFixed(1).padStart(5)} %  ${formatMs(r.ms).padStart(8)}  ${r.func}`);
    const clock = this.clock === "wall" ? "" : ` (kernels by ${this.clock})`;
    return [`${this.name}: ${formatMs(this.ms)} in ${this.steps.length} step(s)${clock}`, ...rows].join("\n");
  }
}

/** A profile from what a recorder saw of a call that began at `start` and took `ms`. */
export function profileOf(
  name: string,
  seen: readonly Seen[],
  start: number,
  ms: number,
  clock: Clock = "wall",
): Profile {
  const whole = seen.reduce((t, s) => t + s.end - s.start, 0);
  const counted = new Map<StepInfo, number | undefined>();
  const flopsOf = (info: StepInfo): number | undefined => {
    if (!counted.has(info)) counted.set(info, info.program && countFlops(info.program, info.sizes));
    return counted.get(info);
  };
  const steps = seen.map(({ info, start: from, end }): ProfileStep => {
    const flops = flopsOf(info);
    const took = end - from;
    return {
      name: info.node,
      func: info.func,
      start: from - start,
      ms: took,
      ...(flops === undefined ? {} : { flops }),
      bytes: info.bytes,
      share: whole === 0 ? 0 : took / whole,
    };
  });
  return new Profile(name, steps, ms, clock);
}
