/** What every test of a primitive does: verify each step, compare results, replay the trace; and refusals by text. */
import assert from "node:assert/strict";
import { type BufferArg, interpret } from "../../../lib/codegen/index.ts";
import {
  assertWellFormed,
  constInt,
  firstDifference,
  freshenFunc,
  getPrimFunc,
  irModule,
  type PrimFunc,
} from "../../../lib/ir/index.ts";
import { applyTrace, Schedule, ScheduleError, Trace } from "../../../lib/schedule/index.ts";
import { parsePrimFunc, script } from "../../../lib/script/index.ts";

export function same(actual: PrimFunc, expected: PrimFunc): void {
  const d = firstDifference(actual, expected);
  if (d)
    assert.fail(`${d.path.join(" / ")}: ${d.what}\n${script(actual)}\n--- expected\n${script(expected)}`);
}

/** The function is the one of this script. */
export function becomes(actual: PrimFunc, expected: string): void {
  same(actual, parsePrimFunc(expected));
}

/** Arguments for a function of f32 buffers of fixed shapes; the same for the same function. */
export function argumentsOf(f: PrimFunc): BufferArg[] {
  let x = 1;
  return f.params.map((p) => {
    assert.ok(p.kind === "buffer" && p.dtype === "f32");
    const shape = p.shape.map((s) => constInt(s) as number);
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) {
      x = (x * 48271) % 2147483647;
      data[i] = (x % 17) - 8;
    }
    return { data, shape, dtype: "f32" };
  });
}

/** Small whole numbers: sums are exact in every order. */
export function sameResults(a: PrimFunc, b: PrimFunc): void {
  const [x, y] = [argumentsOf(a), argumentsOf(b)];
  interpret(a, x);
  interpret(b, y);
  assert.deepEqual(
    y.map((t) => t.data),
    x.map((t) => t.data),
    "the transformed function gives other results",
  );
}

/**
 * Schedules a function and checks everything that must hold: every state is well-formed, results are the same, and
 * the trace rebuilds the program: replayed on a copy, from JSON, and as TypeScript.
 */
export function scheduled(f: PrimFunc, steps: (sch: Schedule) => void, results = true): PrimFunc {
  const sch = new Schedule(f);
  sch.onStep((s) => assertWellFormed(getPrimFunc(s.after, s.func), `${s.call} gives a function that`));
  steps(sch);
  const out = sch.func();
  if (results) sameResults(f, out);
  const fresh = () => new Schedule(freshenFunc(f));
  const { trace } = sch;
  same(applyTrace(trace, fresh()).func(), out);
  same(applyTrace(Trace.from(JSON.parse(JSON.stringify(trace))), fresh()).func(), out);
  const rebuilt = fresh();
  new Function("sch", trace.script())(rebuilt);
  same(rebuilt.func(), out);
  assert.equal(rebuilt.trace.script(), trace.script());
  return out;
}

export interface Expected {
  readonly rule: RegExp;
  readonly detail?: RegExp;
  readonly suggestion?: RegExp | null;
  /** Names of the loops and blocks at fault. */
  readonly nodes?: readonly string[];
}

/** The primitive refuses with these words and leaves the schedule as it was. */
export function refuses(sch: Schedule, run: () => unknown, expected: Expected): ScheduleError {
  const [mod, history, trace] = [sch.mod, sch.history, sch.trace.script()];
  let error: unknown;
  try {
    run();
  } catch (e) {
    error = e;
  }
  assert.ok(error instanceof ScheduleError, `not refused, or by another error: ${String(error)}`);
  assert.match(error.refusal.rule, expected.rule);
  if (expected.detail) assert.match(error.refusal.detail, expected.detail);
  if (expected.suggestion) assert.match(error.refusal.suggestion ?? "", expected.suggestion);
  if (expected.suggestion === null) assert.equal(error.refusal.suggestion, undefined);
  if (expected.nodes) {
    const names = error.refusal.nodes.map((n) =>
      n.kind === "for" ? n.v.name : n.kind === "block" ? n.name : "",
    );
    assert.deepEqual(names, expected.nodes);
  }
  assert.equal(sch.mod, mod, "a refused primitive changed the module");
  assert.equal(sch.history, history);
  assert.equal(sch.trace.script(), trace);
  return error;
}

/** A schedule of a module with this one function, named as given. */
export const named = (name: string, f: PrimFunc): Schedule => new Schedule(irModule({ [name]: f }));
