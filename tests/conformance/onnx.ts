/**
 * Runs the cases of ONNX's test data and prints a table by operator and the list of failures:
 * `npx tsx tests/conformance/onnx.ts [--only WORD] [--set node]… [--failures] [--times]`.
 * `--compiled` runs them by the virtual machine instead of the reference interpreter, `--gpu` by that of the GPU.
 * `--features` writes docs/FEATURES.md from all cases.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { releaseGpu } from "../../lib/runtime/index.ts";
import { casesOf, interpreted, runCase, SETS, type SetName } from "./onnx-cases.ts";
import { compiled, compiledFor } from "./onnx-compiled.ts";
import { byOperator, featuresText, type Result, tableText, totalsOf } from "./onnx-table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    set: { type: "string", multiple: true },
    failures: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
    compiled: { type: "boolean", default: false },
    gpu: { type: "boolean", default: false },
    features: { type: "boolean", default: false },
  },
});
const sets = (values.set ?? SETS) as readonly SetName[];
for (const s of sets)
  if (!SETS.includes(s)) throw new Error(`there is no set ${s}; there are ${SETS.join(", ")}`);

const run = values.gpu ? compiledFor("webgpu") : values.compiled ? compiled : interpreted;
const results: Result[] = [];
for (const c of sets.flatMap(casesOf)) {
  if (values.only !== undefined && !c.name.includes(values.only)) continue;
  const began = performance.now();
  results.push({ c, outcome: await runCase(c, run) });
  const ms = performance.now() - began;
  if (values.times && ms > 1000) console.log(`${c.name}: ${(ms / 1000).toFixed(1)} s`);
}
if (values.features) {
  if (values.only !== undefined || values.set) throw new Error("the page of features is made from all cases");
  writeFileSync(new URL("../../docs/FEATURES.md", import.meta.url), featuresText(results));
}
if (!values.failures) console.log(tableText(byOperator(results)));
for (const { c, outcome } of results) {
  if (outcome.status === "passed") continue;
  const reason = (outcome.reason ?? "").replaceAll("\n", " ").slice(0, 220);
  console.log(`${outcome.counted ? "*" : " "} ${c.set}/${c.name} ${outcome.status}: ${reason}`);
}
for (const t of totalsOf(results)) {
  if (t.cases > 0)
    console.log(`${t.set}: ${t.passed} of ${t.cases}; counted: ${t.countedPassed} of ${t.counted}`);
}
if (values.gpu) await releaseGpu();
