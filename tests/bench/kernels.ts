/**
 * Jupyter kernels against each other in one run. Usage: npm run bench -- --kernels [--json FILE] [--rounds N] [--cells N]
 *
 * Every round starts each kernel once, in turn, so that a machine whose speed drifts slows them all alike. The same
 * client drives all of them.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isInstalled, type KernelName, startPeer } from "../support/kernels.ts";
import { table } from "./compare.ts";

/** What one session of a kernel took, in milliseconds. */
interface Session {
  /** From the start of its process to its first kernel_info_reply. */
  ready: number;
  /** The first cell, sent when the kernel was ready. */
  first: number;
  /** From the start of its process to the end of the first cell. */
  total: number;
  /** Each later cell, a line or two. */
  cells: number[];
}

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    rounds: { type: "string", default: "5" },
    cells: { type: "string", default: "200" },
  },
});
const rounds = Number(options.rounds);
const count = Number(options.cells);

/** What a front end asks of every cell. */
const asked = {
  silent: false,
  store_history: true,
  user_expressions: {},
  allow_stdin: false,
  stop_on_error: true,
};
/** How long a kernel may take to say that it is idle after its reply, in milliseconds; tslab may never say it. */
const patience = 500;
const lost = new Map<KernelName, number>();

async function session(name: KernelName, folder: string): Promise<Session> {
  const began = performance.now();
  const kernel = await startPeer(name, folder);
  try {
    // Sent at once: it waits in the socket until the kernel has bound its own.
    await kernel.client.request("kernel_info_request", {}).reply;
    const ready = performance.now() - began;
    // The subscription to outputs may come later; it is not the kernel's time.
    await kernel.client.ready();
    const cell = async (code: string) => {
      const sent = performance.now();
      const { reply, idle } = kernel.client.request("execute_request", { code, ...asked });
      const { content } = await reply;
      const took = performance.now() - sent;
      if (content.status !== "ok") throw new Error(`${name}: ${JSON.stringify(content)}`);
      if ((await Promise.race([idle, setTimeout(patience, "lost")])) === "lost")
        lost.set(name, (lost.get(name) ?? 0) + 1);
      return took;
    };
    const first = await cell("6 * 7");
    const cells: number[] = [];
    const [keyword, end] = name === "ipykernel" ? ["", ""] : ["const ", ";"];
    for (let n = 2; n <= count; n++) cells.push(await cell(`${keyword}v${n} = ${n} * 2${end}\nv${n}`));
    return { ready, first, total: ready + first, cells };
  } finally {
    await kernel.stop();
  }
}

const all: KernelName[] = ["tilewright", "tslab", "deno", "ipykernel"];
const kernels = all.filter((name) => isInstalled(name));
for (const name of all) if (!kernels.includes(name)) console.log(`NOT MEASURED: ${name} is not installed`);
console.log(`Node ${process.version}, ${os.cpus()[0]?.model}, ${os.cpus().length} cores; ${rounds} rounds`);

const sessions = new Map<KernelName, Session[]>(kernels.map((name) => [name, []]));
const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-kernels-"));
for (let round = 0; round < rounds; round++) {
  for (const name of kernels) sessions.get(name)?.push(await session(name, folder));
}
rmSync(folder, { recursive: true, force: true });

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
/** The median of the ten cells up to the n-th one (the first of `cells` is the second of the session). */
const around = (cells: number[], n: number): number => median(cells.slice(Math.max(0, n - 11), n - 1));
const results = kernels.map((name) => {
  const runs = sessions.get(name) ?? [];
  return {
    name,
    ready: median(runs.map(({ ready }) => ready)),
    first: median(runs.map(({ first }) => first)),
    total: median(runs.map(({ total }) => total)),
    later: median(runs.flatMap(({ cells }) => cells)),
    growth: median(runs.map(({ cells }) => around(cells, count) / around(cells, 20))),
  };
});
const peer = results.find(({ name }) => name === "tslab");
const ratio = (mine: number, theirs?: number): string => (theirs ? ` (${(mine / theirs).toFixed(2)})` : "");
console.log(`\nMedians in milliseconds; in parentheses, times tslab's\n`);
console.log(
  table([
    ["kernel", "ready", "first cell", "start to first result", "later cell", `cell ${count} / cell 20`],
    ...results.map((r) => [
      r.name,
      r.ready.toFixed(0) + ratio(r.ready, peer?.ready),
      r.first.toFixed(0) + ratio(r.first, peer?.first),
      r.total.toFixed(0) + ratio(r.total, peer?.total),
      r.later.toFixed(1) + ratio(r.later, peer?.later),
      r.growth.toFixed(2),
    ]),
  ]),
);
for (const [name, times] of lost) console.log(`${name} did not say that it was idle ${times} times`);
if (options.json) writeFileSync(options.json, `${JSON.stringify({ rounds, count, results }, null, 1)}\n`);
process.exit(0);
