/**
 * Draws of rules: numbers that become decisions of the trace, and choices between forms of a schedule, which are in the
 * trace as the calls they lead to.
 */
import type { ExprRV, Schedule } from "../../schedule/index.ts";
import type { Random } from "../../schedule/random.ts";
import type { Setting } from "../default/setting.ts";

export interface Draw extends Setting {
  readonly random: Random;
  /** Threads of the target. */
  readonly threads: number;
}

/** True with probability p. */
export const chance = (d: Draw, p: number): boolean => d.random.real() < p;

/** One of the forms, each as often as its weight. */
export function oneOf<X>(d: Draw, forms: readonly (readonly [X, number])[]): X {
  return forms[d.random.weighted(forms.map(([, w]) => w))][0];
}

/** Draws a number into the trace; the weights need not make 1 together. */
export function drawNumber(sch: Schedule, choices: readonly (readonly [number, number])[]): ExprRV {
  const all = choices.reduce((n, [, w]) => n + w, 0);
  // Rounded, so that records stay readable; the first takes what rounding leaves.
  const probs = choices.map(([, w]) => Math.round((w / all) * 1e4) / 1e4);
  probs[0] += 1 - probs.reduce((a, b) => a + b, 0);
  return sch.sampleCategorical(
    choices.map(([n]) => n),
    probs.map((p) => Math.max(0, Number(p.toFixed(6)))),
  );
}
