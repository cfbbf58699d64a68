/**
 * Puts the figures of runs into docs/BENCHMARKS.md: each `<!-- figures: KEY -->` … `<!-- end -->` is filled anew, the text
 * between them is ours. KEY is `machine`, or the beginning of a section's name.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Roofline } from "../../lib/index.ts";
import { missing, resultRows } from "./report.ts";
import type { BenchRun } from "./results.ts";

const FILE = fileURLToPath(new URL("../../docs/BENCHMARKS.md", import.meta.url));

/** Fills the page from the JSON files of earlier runs. Throws when some of the runs lack a section that others have. */
export function writeDocs(files: readonly string[]): void {
  if (files.length === 0) throw new Error("--docs takes the JSON files of earlier runs");
  const runs = files.map((file) => JSON.parse(readFileSync(file, "utf8")) as BenchRun);
  const { text, left } = filled(readFileSync(FILE, "utf8"), runs);
  for (const key of left) console.error(`${FILE}: no run has "${key}", its figures stay as they are`);
  writeFileSync(`${FILE}.new`, text);
  renameSync(`${FILE}.new`, FILE);
}

/** The page with the figures of the runs; `left`: what none of them has (a run need not have all), which stays as it is. */
export function filled(page: string, runs: readonly BenchRun[]): { text: string; left: readonly string[] } {
  const left: string[] = [];
  const text = page.replace(
    /(<!-- figures: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (as, begin: string, key: string, end: string) => {
      const known = key === "machine" || runs.some((r) => r.sections.some((s) => s.name.startsWith(key)));
      if (!known) left.push(key);
      return known ? `${begin}\n${figures(key, runs)}\n\n${end}` : as;
    },
  );
  return { text, left };
}

function figures(key: string, runs: readonly BenchRun[]): string {
  if (key === "machine") return machineTable(runs);
  return runs
    .map(({ machine, sections }) => {
      const section = sections.find((s) => s.name.startsWith(key));
      if (!section) throw new Error(`the run on Node ${machine.node} has no section "${key}"`);
      const [[, ...head], ...body] = resultRows(section);
      const notes = missing(section).map((line) => `Not compared: ${line}.`);
      return [markdown([[`Node ${machine.node.slice(1)}`, ...head], ...body]), ...notes].join("\n\n");
    })
    .join("\n\n");
}

function machineTable(runs: readonly BenchRun[]): string {
  const limits = runs.map((r) => r.machine.roofline as Roofline);
  // An engine may lack an instruction that another has.
  const peaks = [...new Set(limits.flatMap((l) => l.peaks.map((p) => p.name)))];
  const rows = [
    ...peaks.map((name) => [
      `${name}, best tile (10⁹ operations/s)`,
      ...limits.map((l) => {
        const peak = l.peaks.find((p) => p.name === name);
        return peak === undefined ? "–" : `${peak.gflops.toFixed(1)} (${peak.tile.mr} × ${peak.tile.nr})`;
      }),
    ]),
    ...limits[0].bandwidths.map((b, i) => [
      `reading ${b.level} (GB/s)`,
      ...limits.map((l) => l.bandwidths[i].gbps.toFixed(1)),
    ]),
    ["a call (ns)", ...limits.map((l) => l.callNs.toFixed(0))],
  ];
  const { cpu, cores, date } = runs[0].machine;
  const clock = runs.some((r) => r.machine.clock === "processor")
    ? " Operators and models were measured by the processor's time."
    : "";
  const head = ["", ...runs.map((r) => `Node ${r.machine.node.slice(1)}`)];
  return `${String(cpu)}, ${String(cores)} cores, ${String(date)}.${clock}\n\n${markdown([head, ...rows])}`;
}

function markdown([head, ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((r) => `| ${r.join(" | ")} |`).join("\n");
}
