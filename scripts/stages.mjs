// Runs commands for scripts/check.mjs and scripts/test.mjs: some at a time, each one's output told apart.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

/** How many stages run at a time: one waits often enough for another to use its core, more would only share two. */
export const WIDTH = Math.min(2, availableParallelism());

/** `seconds` as a person reads it. */
export function duration(seconds) {
  return seconds < 100
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** How long something took; `cpu` are seconds of processor time, where they are known. */
export function cost({ seconds, cpu }) {
  return cpu === undefined ? duration(seconds) : `${duration(seconds)}, ${duration(cpu)} of processor time`;
}

/** Processor time, in seconds, of all processes that this one started and that ended. Undefined where nothing tells it. */
function timeOfChildren() {
  if (!existsSync("/proc/self/stat")) return undefined;
  // proc(5): fields 16 and 17, in hundredths of a second; the name, field 2, may hold blanks and ends with a parenthesis.
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

let counted = timeOfChildren();

/** What children have cost since this was asked last: called when a child has ended, that child's processor time. */
function timeOfEnded() {
  const before = counted;
  counted = timeOfChildren();
  return counted === undefined ? undefined : counted - before;
}

/**
 * Runs a command to its end and gives `{ code, signal, output, seconds, cpu }`. Both streams are kept, in the order in
 * which they came; with `line` each line of the first goes there instead, and the second one to the open file `errors`.
 */
export function execute(command, args, { line, errors = "inherit", env = process.env, watch } = {}) {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", line ? errors : "pipe"], env });
    let output = "";
    let cpu;
    if (line) createInterface({ input: child.stdout }).on("line", line);
    else
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text) => {
          output += text;
        });
    const stop = watch?.(child);
    const finish = (code, signal, more) => {
      stop?.();
      resolve({ code, signal, output: output + more, seconds: (performance.now() - began) / 1000, cpu });
    };
    child.on("error", (error) => finish(127, null, `${error.message}\n`));
    child.on("exit", () => {
      cpu = timeOfEnded();
    });
    child.on("close", (code, signal) =>
      finish(code ?? 1, signal, signal === null ? "" : `ended by ${signal}\n`),
    );
  });
}

/** Runs a script of package.json, as `execute` does. */
export function npmScript(name) {
  // The npm that started us, where there is one: `npm` itself is no program that can be spawned on every system.
  const cli = process.env.npm_execpath;
  const args = ["run", "--silent", name];
  return cli?.endsWith("js") ? execute(process.execPath, [cli, ...args]) : execute("npm", args);
}

/** Prints what became of a run of `execute`: heading, cost and output, when it ends. Gives whether it ended well. */
export async function told(title, running) {
  const { code, output, ...spent } = await running;
  console.log(`${code === 0 ? "✓" : "✗"} ${title} (${cost(spent)})`);
  const text = output.trimEnd();
  if (text !== "") console.log(text.replace(/^/gm, "    "));
  return code === 0;
}

/** Runs a script of package.json, and tells of it. */
export const runScript = (name) => told(`npm run ${name}`, npmScript(name));

/** Runs functions that give promises, `WIDTH` at a time, in their order. Gives what they gave. */
export async function runJobs(jobs) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) {
      const at = next++;
      results[at] = await jobs[at]();
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
  return results;
}
