// `npm run check`: types, lint, import rules and unit tests, two at a time. What a change has to pass while it is being
// made; `npm test` is everything, also the unit tests that this leaves out. `npm run unit` runs them, too.
import { readFileSync } from "node:fs";
import process from "node:process";
import { duration, execute, runJobs, runScript, told } from "./stages.mjs";

// The inner loop is for seconds, not for thoroughness: fewer random cases than `npm test` runs.
process.env.TILEWRIGHT_RUNS ??= "6";

/** Tests that need a GPU, other processes or measurements, or interpret programs of matrix units for a long time. */
const LEFT_OUT = [
  "tests/lib/{wgsl,deploy}/**",
  "tests/lib/tune/{matrix-units,measure,model,search}.test.ts",
  "tests/lib/runtime/threads*.test.ts",
];

/** Parts for two cores, the longest first, so that the short ones fill the other core. */
const UNIT_TESTS = {
  "unit tests of all but graphs, runs, views and the kernel": ["tests/lib/!(graph|runtime|show)"],
  "unit tests of graphs": ["tests/lib/graph"],
  "unit tests of runs": ["tests/lib/runtime"],
  "unit tests of views and the kernel": ["tests/lib/show", "tests/kernel/unit"],
};

const { timeout } = JSON.parse(readFileSync(".mocharc.json", "utf8"));

function unit([title, folders]) {
  const mocha = ["--import", "tsx", "node_modules/mocha/bin/mocha.js", "--no-config", "--reporter", "dot"];
  const files = folders.map((folder) => `${folder}/**/*.test.ts`);
  const leftOut = LEFT_OUT.flatMap((glob) => ["--ignore", glob]);
  return told(
    title,
    execute(process.execPath, [...mocha, "--timeout", String(timeout), ...leftOut, ...files]),
  );
}

const began = performance.now();
const jobs = new Map([
  ...Object.entries(UNIT_TESTS).map((part) => [part[0], () => unit(part)]),
  ...["types", "imports", "lint"].map((script) => [script, () => runScript(script)]),
]);
const passed = await runJobs([...jobs.values()]);
const failed = [...jobs.keys()].filter((_, n) => !passed[n]);
const time = duration((performance.now() - began) / 1000);
console.log(failed.length === 0 ? `\nAll good (${time})` : `\nFailed: ${failed.join(", ")} (${time})`);
process.exitCode = failed.length === 0 ? 0 : 1;
