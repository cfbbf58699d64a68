/** The process that measures: it builds and runs one candidate after another, and ends when the search does. */
import process from "node:process";
import { getPrimFunc, type PrimFunc, reviveModule } from "../../ir/index.ts";
import { enableRelaxedSimd } from "../features.node.ts";
import { CandidateRunner } from "./candidate.ts";
import { machineFor } from "./machine.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

const say = (m: FromWorker): void => void process.send?.(m);

/**
 * Milliseconds that this process has computed, which is what candidates of one thread are measured by: others may take the
 * processor from it, but not make it compute longer, but for what they do to the caches.
 */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

let runner: CandidateRunner | undefined;
let workload: PrimFunc | undefined;
let yardstick: PrimFunc | undefined;

async function answer(m: ToWorker): Promise<void> {
  if (m.kind === "begin") {
    if (m.options.relaxedSimd !== false) enableRelaxedSimd();
    const machine = machineFor(m.options);
    const target = await machine.tuningTarget();
    const alone = target.kind === "wasm" && target.threads === 1;
    runner = new CandidateRunner(machine, alone ? processorTime : undefined);
    say({ kind: "ready", target });
    return;
  }
  const mod = reviveModule(m.module);
  if (Object.hasOwn(mod.funcs, "workload")) {
    workload = getPrimFunc(mod, "workload");
    yardstick = Object.hasOwn(mod.funcs, "yardstick") ? getPrimFunc(mod, "yardstick") : undefined;
  }
  if (!runner || !workload) throw new Error("measuring has not begun");
  const { best, limits } = m;
  const request = { workload, candidate: getPrimFunc(mod, "candidate"), yardstick, best, limits };
  say({ kind: "outcome", outcome: await runner.measure(request, () => say({ kind: "built" })) });
}

if (process.send !== undefined) {
  process.on("message", (m: ToWorker) => {
    answer(m).catch((e: unknown) =>
      say({ kind: "failed", message: e instanceof Error ? e.message : String(e) }),
    );
  });
  process.on("disconnect", () => process.exit());
  // The search decides what an interrupt means.
  process.on("SIGINT", () => {});
}
