/** Which loops threads may share, against every access that their iterations make. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { lower } from "../../../lib/codegen/lower/index.ts";
import { decideParallel } from "../../../lib/codegen/lower/parallel.ts";
import {
  assertWellFormed,
  bufferParams,
  constInt,
  irModule,
  loopsIn,
  type PrimFunc,
  primFuncs,
  withBody,
} from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { defaultSchedule } from "../../../lib/tune/default/index.ts";
import { spreadLoops } from "../../../lib/tune/default/parallel.ts";
import { racesOf } from "../../support/races.ts";
import { nest, nestOf } from "../../support/random-nest.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import { actions, Tally, tryAction } from "../../support/random-schedule.ts";

const seed = 20261123;
/** A hundredth in the inner loop. */
const runs = (n: number): number => Math.ceil((n * Number(process.env.TILEWRIGHT_RUNS ?? 1250)) / 1250);

/** Numbers that look like chance; for indices that are data, some of them twice. */
function argumentsFor(f: PrimFunc): Tensor[] {
  return bufferParams(f).map((p, n) => {
    const shape = p.shape.map((s) => constInt(s) as number);
    if (p.name !== "data") return Tensor.random(shape, { dtype: p.dtype, seed: n + 1 });
    return Tensor.from(
      Array.from({ length: shape[0] }, (_, i) => [3, 1, 3, 0, 5, 2, 7, 4][i % 8]),
      shape,
      p.dtype,
    );
  });
}

/** No iterations of its parallel loops meet. Whether it has any. */
function check(f: PrimFunc): boolean {
  const args = argumentsFor(f);
  assert.deepEqual(racesOf(f, args), [], script(f));
  for (const t of args) t.dispose();
  return isShared(f);
}

const isShared = (f: PrimFunc): boolean => loopsIn(f.body).some((l) => l.loopKind === "parallel");
const spread = (f: PrimFunc): PrimFunc => primFuncs(spreadLoops(irModule({ main: f }), 3, 0)).main;
const decided = (f: PrimFunc): PrimFunc =>
  withBody(
    f,
    decideParallel(f.body, { func: f, sizes: new Map(), threads: 3, note: () => {} }) as PrimFunc["body"],
  );

describe("lower: iterations that threads share do not meet", function () {
  this.timeout(300_000);

  it("in nests whose loops the default schedule spreads", () => {
    let shared = 0;
    const property = fc.property(nest, (r) => {
      if (check(spread(assertWellFormed(nestOf(r))))) shared++;
    });
    fc.assert(property, { numRuns: runs(1500), seed });
    assert.ok(shared > 0);
  });

  it("in programs under default schedules", () => {
    const property = fc.property(recipe, (r) => void check(spread(defaultSchedule(programOf(r)))));
    fc.assert(property, { numRuns: runs(400), seed });
  });

  it("in programs under random schedules with parallel loops", () => {
    const places = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { minLength: 1, maxLength: 4 });
    const property = fc.property(recipe, actions, places, (r, steps, marks) => {
      const sch = new Schedule(programOf(r));
      const tally = new Tally();
      for (const s of steps) tryAction(sch, s, tally);
      for (const [a, b] of marks) tryAction(sch, { op: "parallel", a, b, c: 0 }, tally);
      for (const s of steps.slice(0, 4)) tryAction(sch, s, tally);
      check(decided(sch.func()));
    });
    fc.assert(property, { numRuns: runs(600), seed });
  });

  it("in loops that are marked by hand: those that are found to meet are run serially, with a note", () => {
    const shifted = T.primFunc({ A: T.buffer([64]) }, ({ A }) => {
      for (const i of T.parallel(63)) A[i + 1] = A[i] * 2;
    });
    const halves = T.primFunc({ A: T.buffer([64]), B: T.buffer([64]) }, ({ A, B }) => {
      for (const i of T.parallel(64)) B[T.floordiv(i, 2)] = A[i];
    });
    const counted = T.primFunc({ A: T.buffer([64]) }, ({ A }) => {
      for (const i of T.parallel(64)) A[T.min(i, 9)] += 1;
    });
    const windows = T.primFunc({ A: T.buffer([64]), B: T.buffer([64]) }, ({ A, B }) => {
      for (const i of T.parallel(15)) {
        for (const j of T.serial(8)) B[i * 4 + j] = A[i] + T.cast(j, "f32");
      }
    });
    const axes = T.primFunc({ A: T.buffer([8, 8]) }, ({ A }) => {
      for (const i of T.serial(7)) {
        for (const j of T.parallel(7)) {
          T.block("step", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            A[vi + 1][vj] = A[vi + 1][vj + 1] + 1;
          });
        }
      }
    });
    for (const f of [shifted, halves, counted, windows, axes]) {
      const { notes } = lower(f, undefined, { threads: 3 });
      assert.match(notes.join(), /is not run in parallel: iterations use elements of [AB] that others write/);
      assert.equal(check(decided(f)), false);
    }
  });

  it("in others they are shared: apart, at places that are data, of the same value, in memory of their own", () => {
    const rows = T.primFunc({ A: T.buffer([8, 8]) }, ({ A }) => {
      for (const i of T.parallel(8)) {
        for (const j of T.serial(7)) A[i][j + 1] = A[i][j] + 1;
      }
    });
    const turned = T.primFunc({ A: T.buffer([64]) }, ({ A }) => {
      for (const i of T.parallel(32)) A[63 - i] = A[i];
    });
    const scattered = T.primFunc(
      { A: T.buffer([8]), at: T.buffer([8], "i32"), B: T.buffer([8]) },
      ({ A, at, B }) => {
        for (const i of T.parallel(8)) B[at[i]] = A[i];
      },
    );
    const cleared = T.primFunc({ B: T.buffer([8]) }, ({ B }) => {
      for (const i of T.parallel(16)) B[T.floordiv(i, 2)] = 0;
    });
    const own = T.primFunc({ A: T.buffer([8]), B: T.buffer([8]) }, ({ A, B }) => {
      const s = T.alloc([1]);
      for (const i of T.parallel(8)) {
        s[0] = A[i];
        B[i] = s[0] * s[0];
      }
    });
    for (const f of [rows, turned, scattered, cleared, own]) assert.ok(isShared(decided(f)), script(f));
  });
});
