// `npm run check`: types, lint, import rules and unit tests, two at a time. What a change has to pass while it is being
// made; `npm test` is everything. Left to that are the unit tests that need a GPU or other processes, tests/lib/wgsl and
// tests/lib/deploy: most of their time is the drivers' and the other processes'. `npm run unit` runs them, too.
import { readFileSync } from "node:fs";
import process from "node:process";
import { duration, execute, runJobs, runScript, told } from "./stages.mjs";

// The inner loop is for seconds, not for thoroughness: fewer random cases than `npm test` runs.
process.env.TILEWRIGHT_RUNS ??= "15";

/** Two halves that cost about the same, for two cores. */
const UNIT_TESTS = {
  "unit tests of graphs, runs, views and the kernel": ["tests/lib/{graph,runtime,show}", "tests/kernel/unit"],
  "all other unit tests": ["tests/lib/!(graph|runtime|show|wgsl|deploy)"],
};

const { timeout } = JSON.parse(readFileSync(".mocharc.json", "utf8"));

function unit([title, folders]) {
  const mocha = ["--import", "tsx", "node_modules/mocha/bin/mocha.js", "--no-config", "--reporter", "dot"];
  const files = folders.map((folder) => `${folder}/**/*.test.ts`);
  return told(title, execute(process.execPath, [...mocha, "--timeout", String(timeout), ...files]));
}

const began = performance.now();
// The longest first, so that the short ones fill the other core.
const jobs = new Map([
  ...Object.entries(UNIT_TESTS).map((half) => [half[0], () => unit(half)]),
  ...["types", "imports", "lint"].map((script) => [script, () => runScript(script)]),
]);
const passed = await runJobs([...jobs.values()]);
const failed = [...jobs.keys()].filter((_, n) => !passed[n]);
const time = duration((performance.now() - began) / 1000);
console.log(failed.length === 0 ? `\nAll good (${time})` : `\nFailed: ${failed.join(", ")} (${time})`);
process.exitCode = failed.length === 0 ? 0 : 1;
