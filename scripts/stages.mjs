// Runs commands for scripts/check.mjs and scripts/test.mjs: some at a time, each one's output kept together.
import { spawn } from "node:child_process";

/** `seconds` as a person reads it. */
export function duration(seconds) {
  return seconds < 100
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * Runs a command to its end and gives `{ code, signal, output, seconds }`. Both streams are kept, in the order in which
 * they came; with `live` they go to the terminal instead, or the second one to the open file `errors`.
 */
export function execute(command, args, { live = false, errors = "inherit", env = process.env, watch } = {}) {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", ...(live ? ["inherit", errors] : ["pipe", "pipe"])],
      env,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    const stop = watch?.(child);
    const finish = (code, signal, more) => {
      stop?.();
      resolve({ code, signal, output: output + more, seconds: (performance.now() - began) / 1000 });
    };
    child.on("error", (error) => finish(127, null, `${error.message}\n`));
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

/**
 * Runs the scripts of package.json named, at most `width` at a time, and prints each one's heading, time and output when
 * it ends. Gives the names of those that failed.
 */
export async function runScripts(names, width = 2) {
  const queue = [...names];
  const failed = [];
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const { code, output, seconds } = await npmScript(name);
      if (code !== 0) failed.push(name);
      console.log(`${code === 0 ? "✓" : "✗"} npm run ${name} (${duration(seconds)})`);
      const text = output.trimEnd();
      if (text !== "") console.log(text.replace(/^/gm, "    "));
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return failed;
}
