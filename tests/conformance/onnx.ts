/**
 * Runs the cases of ONNX's test data and prints a table by operator and the list of failures:
 * `npx tsx tests/conformance/onnx.ts [--only WORD] [--set node] [--failures]`.
 */
import { parseArgs } from "node:util";
import { type Case, casesOf, type Outcome, runCase, SETS, type SetName } from "./onnx-cases.ts";
import { byOperator, tableText } from "./onnx-table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    set: { type: "string", multiple: true },
    failures: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
  },
});
const sets = (values.set ?? SETS) as readonly SetName[];
for (const s of sets)
  if (!SETS.includes(s)) throw new Error(`there is no set ${s}; there are ${SETS.join(", ")}`);

const results: { readonly c: Case; readonly outcome: Outcome }[] = [];
for (const set of sets) {
  for (const c of casesOf(set)) {
    if (values.only !== undefined && !c.name.includes(values.only)) continue;
    const began = performance.now();
    results.push({ c, outcome: await runCase(c) });
    const ms = performance.now() - began;
    if (values.times && ms > 1000) console.log(`${c.name}: ${(ms / 1000).toFixed(1)} s`);
  }
}
if (!values.failures) console.log(tableText(byOperator(results)));
const failed = results.filter((r) => r.outcome.status !== "passed");
for (const { c, outcome } of failed) {
  const reason = (outcome.reason ?? "").replaceAll("\n", " ").slice(0, 220);
  console.log(`${outcome.counted ? "*" : " "} ${c.set}/${c.name} ${outcome.status}: ${reason}`);
}
for (const set of sets) {
  const all = results.filter((r) => r.c.set === set);
  const passed = all.filter((r) => r.outcome.status === "passed").length;
  const counted = all.filter((r) => r.outcome.counted);
  const good = counted.filter((r) => r.outcome.status === "passed").length;
  console.log(`${set}: ${passed} of ${all.length}; of the counted ones ${good} of ${counted.length}`);
}
