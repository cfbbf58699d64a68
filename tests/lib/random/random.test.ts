/**
 * Random programs under random schedules: what the interpreter computes before is what it computes after, and what
 * WebAssembly computes after. A legality check that wrongly accepts shows up here as a wrong result.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { interpret } from "../../../lib/codegen/index.ts";
import {
  assertWellFormed,
  bufferParams,
  constInt,
  type DType,
  loopsIn,
  type PrimFunc,
  structuralEqual,
} from "../../../lib/ir/index.ts";
import { assertAllclose, build, setThreads, Tensor } from "../../../lib/runtime/index.ts";
import { applyTrace, Schedule } from "../../../lib/schedule/index.ts";
import { parseModule, script } from "../../../lib/script/index.ts";
import { programOf, type Recipe, recipe } from "../../support/random-program.ts";
import { type Action, actions, Tally, tryAction } from "../../support/random-schedule.ts";

// The same cases in every run of the suite, so that a change is judged by what it changes. TILEWRIGHT_SEED=random
// looks for new ones.
const asked = process.env.TILEWRIGHT_SEED ?? "20261122";
const seed = asked === "random" ? Date.now() % 2 ** 31 : Number(asked);
const runs = Number(process.env.TILEWRIGHT_RUNS ?? 1250);
const PARTS = 4;

/** Inputs of small whole numbers; the output is filled with a value no program computes. */
function tensorsFor(f: PrimFunc): Tensor[] {
  const params = bufferParams(f);
  return params.map((p, n) => {
    const shape = p.shape.map((s) => constInt(s) as number);
    if (n === params.length - 1) return Tensor.full(shape, 99, p.dtype);
    const size = shape.reduce((x, y) => x * y, 1);
    const values = Array.from({ length: size }, (_, i) => ((i * 7 + n * 3) % 9) - (p.dtype === "u8" ? 0 : 4));
    return tensorOf(values, shape, p.dtype);
  });
}

function tensorOf(values: number[], shape: number[], dtype: DType): Tensor {
  const t = Tensor.zeros([values.length], dtype);
  values.forEach((v, i) => {
    t.set(dtype === "i64" ? BigInt(v) : v, i);
  });
  return t.reshape(shape);
}

const outputOf = (ts: readonly Tensor[]): Tensor => ts[ts.length - 1];
/** Sums of small whole numbers are exact in every order; f16 may round in between. */
const toleranceOf = (dtype: DType) => (dtype === "f16" ? { rtol: 1e-2, atol: 1e-2 } : { rtol: 0, atol: 0 });

async function check(r: Recipe, steps: readonly Action[], tally: Tally): Promise<void> {
  const before = assertWellFormed(programOf(r));
  const sch = new Schedule(before);
  for (const s of steps) {
    if (tryAction(sch, s, tally)) assertWellFormed(sch.func(), `the program after ${s.op}`);
  }
  const after = sch.func();

  const expected = tensorsFor(before);
  interpret(before, expected);
  const interpreted = tensorsFor(after);
  interpret(after, interpreted);
  const tolerance = toleranceOf(r.dtype);
  assertAllclose(outputOf(interpreted), outputOf(expected), tolerance);

  const lib = await build(sch.mod, { target: "wasm", threads: 1 });
  const compiled = tensorsFor(after);
  await lib.main(...compiled);
  assertAllclose(outputOf(compiled), outputOf(expected), tolerance);
  const spread = await onThreads(sch, tally);
  if (spread) assertAllclose(outputOf(spread), outputOf(expected), tolerance);
  for (const t of [...expected, ...interpreted, ...compiled, ...(spread ?? [])]) t.dispose();

  const text = script(sch.mod);
  assert.ok(structuralEqual(parseModule(text), sch.mod), "the script does not give the program back");
  const replayed = applyTrace(sch.trace, new Schedule(before));
  assert.ok(structuralEqual(replayed.mod, sch.mod), "replaying the trace gives another program");
}

/** What the program computes when threads share its parallel loops; undefined where it has none. */
async function onThreads(sch: Schedule, tally: Tally): Promise<Tensor[] | undefined> {
  if (!loopsIn(sch.func().body).some((l) => l.loopKind === "parallel")) return undefined;
  const lib = await build(sch.mod, { target: "wasm" });
  if (lib.threads.count === 1) return undefined;
  tally.threaded++;
  const tensors = tensorsFor(sch.func());
  await lib.main(...tensors);
  return tensors;
}

describe(`random programs, random schedules (TILEWRIGHT_SEED=${seed})`, function () {
  this.timeout(600_000);
  const tally = new Tally();
  before(() => setThreads(3, { oversubscribe: true }));
  after(() => setThreads());
  for (let part = 0; part < PARTS; part++) {
    it(`${runs} cases agree before and after, interpreted and compiled (${part + 1} of ${PARTS})`, () =>
      fc.assert(
        fc.asyncProperty(recipe, actions, (r, steps) => check(r, steps, tally)),
        { numRuns: runs, seed: seed + part },
      ));
  }
  after(() => console.log(String(tally)));
});
