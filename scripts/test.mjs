// `npm test`: everything, two stages at a time, because most of them wait for other processes much of the time. A stage
// that fails does not keep the others from running. What could not be tested here is listed before the last line, which
// is alone and reads: N passed, N failed, N skipped
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { installPeers } from "./peers.mjs";
import { cost, duration, execute, runJobs, runScript } from "./stages.mjs";
import { setUp } from "./system.mjs";

/** How long the tests may leave things running after the last one, and how long they may be silent. */
const SECONDS_TO_END = 30;
const SECONDS_OF_SILENCE = 20 * 60;

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const { timeout } = JSON.parse(readFileSync(".mocharc.json", "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "tilewright-test-"));

const total = { passed: 0, failed: 0 };
/** What failed, and what was skipped with its reason, for the lists at the end. */
const failures = [];
const skips = [];
/** What the system lacks; the tests that need it skip themselves, so this adds nothing to the counts. */
const lacks = [];

/** Counts one failure; `why` is what the list at the end says of it. */
function fail(what, why) {
  total.failed++;
  failures.push({ what, why });
}

/** Runs one stage; what it throws is a failure. */
async function stage(title, body) {
  try {
    await body();
  } catch (error) {
    console.log(error);
    fail(`${title}: ${error.message}`);
  }
}

/** Runs a script of package.json as a test that passes or fails. Gives whether it passed. */
async function check(script) {
  const passed = await runScript(script);
  if (passed) total.passed++;
  else fail(`npm run ${script}`);
  return passed;
}

/** Every test file below `folder`; the benchmarks are a package of their own. */
function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory())
        return entry.name === "node_modules" || path === join("tests", "bench") ? [] : testFiles(path);
      return entry.name.endsWith(".test.ts") ? [path] : [];
    })
    .sort();
}

/** Whether a test file, or a file of the tests that it imports, speaks of the built package in dist. */
function needsDist(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  if (/["'`/]dist["'`/]/.test(text)) return true;
  const imports = [...text.matchAll(/from\s+["'](\.[^"']+)["']/g)].map(([, to]) =>
    resolve(dirname(file), to),
  );
  return imports.some((to) => to.startsWith(resolve("tests")) && needsDist(to, seen));
}

/** The events that the reporter has written so far. A line that is still being written is left out. */
function eventsIn(path) {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** Ends a Mocha that is silent for too long or does not end after its tests. Gives what stops the watch. */
function watchdog(child, path, verdict) {
  let size = 0;
  let changed = performance.now();
  const timer = setInterval(() => {
    const now = existsSync(path) ? statSync(path).size : 0;
    if (now !== size) [size, changed] = [now, performance.now()];
    const quiet = (performance.now() - changed) / 1000;
    if (quiet < SECONDS_TO_END) return;
    const ended = eventsIn(path).at(-1)?.event === "end";
    if (!ended && quiet < SECONDS_OF_SILENCE) return;
    verdict.text = ended
      ? `did not end within ${SECONDS_TO_END} s of its last test: something is left open`
      : `no test ended for ${duration(SECONDS_OF_SILENCE)}`;
    child.kill("SIGKILL");
  }, 1000);
  return () => clearInterval(timer);
}

/** What takes longest begins first, lest it run alone at the end. */
const LONGEST_FIRST = ["tests/notebooks", "tests/lib", "tests/conformance", "tests/browser"];

let runs = 0;

/** How much is shown of what a failing run wrote to its error stream. */
const LINES_OF_ERRORS = 200;

/** Shows the end of what a run wrote to its error stream. */
function showErrors(name, path) {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  if (lines.join("") === "") return;
  console.log(`   what ${name} wrote to its error stream:`);
  for (const line of lines.slice(-LINES_OF_ERRORS)) console.log(`   | ${line}`);
}

/** Runs test files in one Mocha process, says of each line whose it is, and adds up what became of them. */
async function runMocha(name, files) {
  console.log(`▶ ${name}: ${files.length} ${files.length === 1 ? "file" : "files"}`);
  const path = join(scratch, `${runs}.jsonl`);
  const errors = join(scratch, `${runs++}.err`);
  const verdict = { text: undefined };
  const options = [
    "--no-config",
    "--no-package",
    "--timeout",
    String(timeout),
    "--reporter",
    "scripts/mocha-reporter.mjs",
  ];
  const mocha = [
    "--import",
    "tsx",
    "node_modules/mocha/bin/mocha.js",
    ...options,
    "--reporter-option",
    `events=${path}`,
  ];
  const watch = (child) => watchdog(child, path, verdict);
  // Servers and kernels that tests break on purpose complain there: it is shown only beside a failure, lest it hide one.
  const file = openSync(errors, "w");
  const line = (text) => text.trim() !== "" && console.log(`${name} │${text}`);
  const ran = await execute(process.execPath, [...mocha, ...files], { line, errors: file, watch });
  const { code, signal } = ran;
  closeSync(file);

  const events = eventsIn(path);
  // A file that cannot even be loaded takes the others with it: find it, and run the others.
  if (events.length === 0 && files.length > 1) {
    showErrors(name, errors);
    console.log(`   ${name} could not be loaded; running its files one by one`);
    for (const file of files) await runMocha(file, [file]);
    return;
  }
  const before = total.failed;
  for (const { event, title, reason, message, stack } of events) {
    if (event === "pass") total.passed++;
    else if (event === "fail") fail(title, stack ?? message);
    else if (event === "skip") skips.push({ what: title, reason });
  }
  if (verdict.text !== undefined) fail(`${name}: ${verdict.text}`);
  else if (events.length === 0) fail(`${name}: could not be loaded`);
  else if (events.at(-1).event !== "end") {
    const last = events.findLast(({ title }) => title !== undefined)?.title;
    const how = signal === null ? `with exit code ${code}` : `of ${signal}`;
    fail(
      `${name}: died ${how} ${last === undefined ? "before its first test ended" : `in what follows "${last}"`}`,
    );
  } else if (code !== 0 && !events.some(({ event }) => event === "fail")) fail(`${name}: exit code ${code}`);
  if (total.failed > before) showErrors(name, errors);
  console.log(`${total.failed > before ? "✗" : "■"} ${name} (${cost(ran)})`);
}

const began = performance.now();
let built = false;
await runJobs([
  () =>
    stage("build", async () => {
      built = [await check("build"), await check("build:page")].every(Boolean);
    }),
  () => stage("system packages", async () => lacks.push(...(await setUp()))),
  () =>
    stage("peers", async () =>
      console.log((await installPeers("tests/compat")) ? "tslab is there." : "!! no tslab"),
    ),
]);

const all = testFiles("tests");
const unbuilt = built ? [] : all.filter((file) => needsDist(file));
for (const file of unbuilt) fail(`${file}: not run, because the build failed`);
if (all.length === 0) fail("there is not one test file");
// One process for every folder: what one leaves behind, or breaks, stays there.
const folders = new Map(LONGEST_FIRST.map((name) => [name, []]));
for (const file of all.filter((f) => !unbuilt.includes(f))) {
  const folder = file.split(/[\\/]/).slice(0, 2).join("/");
  folders.set(folder, [...(folders.get(folder) ?? []), file]);
}
await runJobs([
  ...[...folders]
    .filter(([, files]) => files.length > 0)
    .map(
      ([folder, files]) =>
        () =>
          stage(folder, () => runMocha(folder, files)),
    ),
  ...["types", "imports", "lint"].map((script) => () => stage(script, () => check(script))),
]);
rmSync(scratch, { recursive: true, force: true });

console.log(`\nEverything took ${duration((performance.now() - began) / 1000)}.`);
if (failures.length > 0) {
  console.log("\nFAILED");
  for (const { what, why } of failures) {
    console.log(`  ${what}`);
    if (why !== undefined) console.log(why.split("\n").slice(0, 12).join("\n").replace(/^/gm, "      "));
  }
}
if (lacks.length + skips.length > 0) {
  console.log("\nNOT TESTED");
  for (const { name, tests } of lacks) console.log(`  ${tests}: the system package ${name} is missing`);
  for (const { what, reason } of skips) console.log(`  ${what}: ${reason}`);
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${skips.length} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
