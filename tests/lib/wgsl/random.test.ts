/** Random programs under random GPU schedules: Dawn gives what the interpreter gives for the program before. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { WgslError } from "../../../lib/codegen/wgsl/index.ts";
import { assertWellFormed } from "../../../lib/ir/index.ts";
import { releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { type LoopRV, Schedule, ScheduleError } from "../../../lib/schedule/index.ts";
import { programOf, type Recipe, recipe } from "../../support/random-program.ts";
import { type Action, actions, Tally, tryAction } from "../../support/random-schedule.ts";
import { requireGpu } from "../../support/system.ts";
import { assertAgrees, wholeNumbers } from "./harness.ts";

const asked = process.env.TILEWRIGHT_SEED ?? "20261122";
const seed = asked === "random" ? Date.now() % 2 ** 31 : Number(asked);
const runs = Math.min(1000, Number(process.env.TILEWRIGHT_RUNS ?? 1000));

/** What a GPU schedule is mostly made of. */
const GPU_STEPS = ["grid", "threads", "fetch", "keep", "serialOutside"] as const;

interface GpuStep {
  readonly op: (typeof GPU_STEPS)[number];
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const gpuSteps: fc.Arbitrary<GpuStep[]> = fc.array(
  fc.record({ op: fc.constantFrom(...GPU_STEPS), a: fc.nat(7), b: fc.nat(7), c: fc.nat(23) }),
  { minLength: 1, maxLength: 6 },
);

function names(sch: Schedule): string[] {
  const root = sch.func().body;
  return sch
    .getChildBlocks(sch.getBlock(root.name))
    .map((b) => sch.get(b).name)
    .filter((n, _, all) => all.filter((m) => m === n).length === 1);
}

/** One step; a refusal leaves the schedule as it is. */
function tryGpu(sch: Schedule, s: GpuStep): void {
  const steps = sch.history.length;
  try {
    perform(sch, s);
  } catch (e) {
    if (!(e instanceof ScheduleError)) throw e;
    while (sch.history.length > steps) sch.undo();
  }
}

function perform(sch: Schedule, { op, a, b, c }: GpuStep): void {
  const all = names(sch);
  const block = sch.getBlock(all[a % all.length]);
  const loops = sch.getLoops(block);
  const at = (n: number): LoopRV | undefined => loops[n % Math.max(1, loops.length)];
  const [first, some] = [loops[0], at(b)];
  if (!first || !some) return;
  const thread = ["threadIdx.x", "threadIdx.y"][c % 2];
  switch (op) {
    case "grid": {
      const [outer, inner] = sch.split(first, [null, 1 + (c % 5)]);
      sch.bind(outer, "blockIdx.x");
      if (c % 3) sch.bind(inner, thread);
      return;
    }
    case "threads":
      sch.bind(some, thread);
      return;
    case "fetch": {
      const read = sch.cacheRead(block, b % 2, "shared");
      sch.computeAt(read, some);
      const mine = sch.getLoops(read);
      const [, inner] = sch.split(mine[mine.length - 1], [null, [2, 3, 4, 8][c % 4]]);
      sch.bind(inner, thread);
      return;
    }
    case "keep": {
      const write = sch.cacheWrite(block, 0, c % 3 ? "local" : "shared");
      sch.reverseComputeAt(write, some);
      return;
    }
    case "serialOutside":
      sch.unroll(some);
      return;
  }
}

/** How many cases ran, and what WGSL has no way to say. */
const outcome = new Map<string, number>();
const count = (key: string): void => {
  outcome.set(key, (outcome.get(key) ?? 0) + 1);
};

async function check(
  r: Recipe,
  before: readonly Action[],
  gpu: readonly GpuStep[],
  after: readonly Action[],
): Promise<void> {
  // WGSL has no f64; SwiftShader no f16; i64 is for indices.
  const dtype = r.dtype === "f64" || r.dtype === "f16" ? "f32" : r.dtype === "i64" ? "i32" : r.dtype;
  const original = programOf({ ...r, dtype });
  const sch = new Schedule(original);
  const tally = new Tally();
  for (const s of before.slice(0, 4)) tryAction(sch, s, tally);
  for (const s of gpu) tryGpu(sch, s);
  for (const s of after.slice(0, 4)) tryAction(sch, s, tally);
  const scheduled = assertWellFormed(sch.func());
  try {
    const { notes } = await assertAgrees(original, scheduled, () => wholeNumbers(original));
    count(notes.some((n) => n.includes("one thread runs")) ? "ran, partly in one thread" : "ran");
  } catch (e) {
    if (!(e instanceof WgslError)) throw e;
    count(`refused: ${e.message.replace(/^\w+: /, "").replace(/[\w]*\d[\w]*/g, "#")}`);
  }
}

describe(`wgsl, random programs and schedules (TILEWRIGHT_SEED=${seed})`, function () {
  this.timeout(600_000);
  before(async function () {
    await requireGpu(this);
  });
  after(async () => {
    console.log([...outcome].map(([k, n]) => `    ${String(n).padStart(6)}  ${k}`).join("\n"));
    await releaseGpu();
  });

  it(`${runs} cases agree with the interpreter`, async () => {
    await fc.assert(fc.asyncProperty(recipe, actions, gpuSteps, actions, check), { numRuns: runs, seed });
    const refused = [...outcome].filter(([k]) => k.startsWith("refused")).reduce((n, [, x]) => n + x, 0);
    assert.ok(refused <= runs / 10, `${refused} of ${runs} programs were refused`);
  });
});
