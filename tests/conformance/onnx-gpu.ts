/**
 * The node cases on the GPU, and which of their steps run on the CPU: `onnx-gpu.json` has the reasons by case.
 * `npx tsx tests/conformance/onnx-gpu.ts` runs the cases and writes it anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { releaseGpu } from "../../lib/runtime/index.ts";
import { casesOf, type Outcome, runCase } from "./onnx-cases.ts";
import { compiledFor } from "./onnx-compiled.ts";

const FILE = new URL("onnx-gpu.json", import.meta.url);

/** Reasons by case; cases all of whose steps run on the GPU are not in it. */
export type GpuTable = Readonly<Record<string, readonly string[]>>;

export const readTable = (): GpuTable => JSON.parse(readFileSync(FILE, "utf8")) as GpuTable;

export interface GpuOutcome {
  readonly name: string;
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
}

/** Runs the cases of the set `node`, one after another. */
export async function runNodeCases(): Promise<GpuOutcome[]> {
  const out: GpuOutcome[] = [];
  for (const c of casesOf("node")) {
    const reasons = new Set<string>();
    const run = compiledFor("webgpu", (notes) => {
      // Names of programs and values say nothing that the case does not.
      for (const n of notes) reasons.add(n.replace(/^\S+, which computes \S+: /, ""));
    });
    const outcome = await runCase(c, run);
    out.push({ name: c.name, outcome, reasons: [...reasons].sort() });
  }
  return out;
}

export function tableOf(outcomes: readonly GpuOutcome[]): GpuTable {
  const listed = outcomes.filter((o) => o.outcome.status === "passed" && o.reasons.length > 0);
  return Object.fromEntries(listed.map((o) => [o.name, o.reasons]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const outcomes = await runNodeCases();
  writeFileSync(FILE, `${JSON.stringify(tableOf(outcomes), undefined, 2)}\n`);
  const passed = outcomes.filter((o) => o.outcome.status === "passed").length;
  console.log(`${passed} of ${outcomes.length} passed`);
  for (const { name, outcome } of outcomes)
    if (outcome.counted && outcome.status !== "passed") console.log(`${name}: ${outcome.reason}`);
  await releaseGpu();
}
