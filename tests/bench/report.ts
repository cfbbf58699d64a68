/** The results of one section as a table: a line for each case, a column for each contender. */

import { type Measured, table } from "./compare.ts";
import { NATIVE, OURS, TUNED } from "./names.ts";
import type { Section } from "./results.ts";

/** Geometric mean; NaN of nothing. */
function geometricMean(xs: readonly number[]): number {
  return Math.exp(xs.reduce((sum, x) => sum + Math.log(x), 0) / xs.length);
}

/** Names of all contenders, the baseline first and ours last, the tuned one after the other. */
export function contendersOf({ baseline, results }: Section): readonly string[] {
  const names = new Set(results.flatMap((r) => r.rows.map((m) => m.name)));
  const own = [OURS, TUNED].filter((n) => names.has(n));
  return [baseline, ...[...names].filter((n) => n !== baseline && !own.includes(n)), ...own];
}

/** Milliseconds with three digits. */
export const ms = (x: number): string => (x >= 100 ? x.toFixed(0) : x.toPrecision(3));

/** How many times as fast as another, the section's baseline, a contender was in each case; undefined where one is missing. */
export function ratios(section: Section, name: string, than = section.baseline): (number | undefined)[] {
  return section.results.map(({ rows }) => {
    const [base, own] = [than, name].map((n) => rows.find((r) => r.name === n));
    return base && own ? base.median / own.median : undefined;
  });
}

/**
 * Rows of cells, the head first: medians, speed of ours, for each other contender how many times the baseline, and how
 * near ours (tuned, if it is there) come to native code.
 */
export function resultRows(section: Section): string[][] {
  const names = contendersOf(section);
  const single = section.results.length === 1;
  if (single) return singleRows(section);
  const own = [TUNED, OURS].find((n) => names.includes(n));
  const share = own !== undefined && names.includes(NATIVE) ? ratios(section, own, NATIVE) : undefined;
  const head = [
    section.name,
    ...names.map((n) => `${n} ms`),
    "GFLOP/s",
    ...names.slice(1).map((n) => `${n} ×`),
    ...(share ? [`of ${NATIVE}`] : []),
  ];
  const body = section.results.map((r, i) => {
    const of = (n: string): Measured | undefined => r.rows.find((m) => m.name === n);
    return [
      r.name,
      ...names.map((n) => (of(n) ? ms((of(n) as Measured).median) : "–")),
      of(OURS)?.gflops?.toFixed(1) ?? "",
      ...names.slice(1).map((n) => ratios(section, n)[i]?.toFixed(2) ?? "–"),
      ...(share ? [share[i]?.toFixed(2) ?? "–"] : []),
    ];
  });
  const mean = (all: readonly (number | undefined)[]): string => {
    const known = all.filter((x) => x !== undefined);
    return known.length === all.length ? geometricMean(known).toFixed(2) : "–";
  };
  const means = [...names.slice(1).map((n) => mean(ratios(section, n))), ...(share ? [mean(share)] : [])];
  return [head, ...body, ["geometric mean", ...names.map(() => ""), "", ...means]];
}

function singleRows({ name, baseline, results: [{ rows }] }: Section): string[][] {
  const base = rows.find((r) => r.name === baseline) as Measured;
  const head = [name, "median ms", "p25", "p75", "GFLOP/s", `times ${baseline}`];
  const body = rows.map((r) => [
    ...[r.name, ms(r.median), ms(r.p25), ms(r.p75)],
    ...[r.gflops?.toFixed(1) ?? "", (base.median / r.median).toFixed(2)],
  ]);
  return [head, ...body];
}

/** Why contenders are missing, a line for each. */
export function missing({ results }: Section): string[] {
  const reasons = new Map<string, string[]>();
  for (const r of results)
    for (const c of r.cannot) {
      const key = `${c.name}: ${c.reason}`;
      reasons.set(key, [...(reasons.get(key) ?? []), r.name]);
    }
  return [...reasons].map(([reason, cases]) =>
    cases.length === results.length ? reason : `${reason} (${cases.join("; ")})`,
  );
}

/** The section as aligned text. */
export function resultTable(section: Section): string {
  return [table(resultRows(section)), ...missing(section).map((line) => `cannot: ${line}`)].join("\n");
}
