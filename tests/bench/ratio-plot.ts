/** How many times as fast as the baseline we were, case by case, with the spread of our own measurements. */
import { barPlot, type Plot } from "../../lib/index.ts";
import { OURS } from "./names.ts";
import type { BenchRun } from "./results.ts";

export function ratioPlot({ machine, sections }: BenchRun): Plot {
  const bars = sections.flatMap(({ baseline, results }) =>
    results.flatMap(({ name, rows }) => {
      const [base, own] = [baseline, OURS].map((n) => rows.find((r) => r.name === n));
      if (!base || !own) return [];
      const times = (x: number): number => base.median / x;
      return [{ name, ratio: times(own.median), slow: times(own.p75), fast: times(own.p25) }];
    }),
  );
  return barPlot(bars, {
    x: "name",
    y: "ratio",
    error: ["slow", "fast"],
    label: (b) => `${b.ratio.toFixed(2)}×`,
    title: `Times onnxruntime-web, one thread (Node ${machine.node})`,
    yTitle: "times as fast",
    baseline: 1,
  });
}
