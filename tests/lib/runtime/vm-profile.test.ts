import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { type IRModule, variable } from "../../../lib/ir/index.ts";
import { build, compare, type Profile, Tensor } from "../../../lib/runtime/index.ts";

/** Products one after another with a reduction between them, so that they do not become one step. */
function chain(rows: number | string, length = 6): IRModule {
  const n = typeof rows === "string" ? variable(rows) : rows;
  const x = R.var("x", R.tensor([n, 8]));
  const w = R.const(
    Float32Array.from({ length: 64 }, (_, i) => i / 64),
    "f32",
    [8, 8],
  );
  const bb = new BlockBuilder();
  bb.function("main", [x], () => {
    let v = x;
    for (let i = 0; i < length; i++) v = bb.emit(R.matmul(v, w));
    bb.emitFuncOutput(v);
  });
  return bb.get();
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly flops?: number };
}

function check(p: Profile, rows: number): void {
  assert.equal(p.name, "main");
  assert.equal(p.steps.length, 6);
  let end = 0;
  for (const s of p.steps) {
    assert.ok(s.ms >= 0 && s.start >= end - 1e-9, "steps run one after another");
    end = s.start + s.ms;
    assert.equal(s.flops, 2 * rows * 8 * 8);
    assert.equal(s.bytes, 4 * (rows * 8 + 64 + rows * 8));
  }
  assert.ok(p.ms >= end);
  const shares = p.steps.reduce((t, s) => t + s.share, 0);
  assert.ok(Math.abs(shares - 1) < 1e-9, `${shares}`);
}

describe("runtime: profiles and memory plans", () => {
  it("graph-level functions are timed and compared, with their work counted", async () => {
    const [short, long] = [await build(chain(4, 2)), await build(chain(4, 6))];
    const x = Tensor.random([4, 8]);
    const [a, b] = await compare({ short, long }, "main", [x], { repeats: 2, minMs: 1 });
    assert.deepEqual([a.name, a.flops, b.name, b.flops], ["short", 1024, "long", 3072]);
    assert.equal((await long.time("main", [x], { repeats: 2, minMs: 1 })).flops, 3072);
  });

  it("a profile has time, work and bytes of every step", async () => {
    const lib = await build(chain(4));
    const x = Tensor.random([4, 8]);
    const p = await lib.profile("main", [x]);
    check(p, 4);
    const [first] = p.byFunc();
    assert.ok(first.calls >= 1 && first.flops !== undefined);
    assert.equal(
      p.byFunc().reduce((n, g) => n + g.calls, 0),
      6,
    );
    assert.match(String(p), /^main: .* in 6 step\(s\)\n/);
    assert.equal(JSON.parse(JSON.stringify(p)).steps.length, 6);
    await assert.rejects(lib.profile("main", [x], { runs: 0 }), /runs 0/);
    await assert.rejects(lib.profile("other", [x]), /no function "other"/);
  });

  it("symbolic sizes count with the values they have", async () => {
    const lib = await build(chain("n"));
    check(await lib.profile("main", [Tensor.random([5, 8])]), 5);
  });

  it("a trace in the format of Chrome and Perfetto: microseconds, inside the call", async () => {
    const lib = await build(chain(4));
    const p = await lib.profile("main", [Tensor.random([4, 8])]);
    const { traceEvents } = JSON.parse(JSON.stringify(p.toTrace())) as { traceEvents: TraceEvent[] };
    const complete = traceEvents.filter((e) => e.ph === "X");
    const [call, ...steps] = complete;
    assert.equal(call.name, "main");
    assert.equal(steps.length, 6);
    assert.deepEqual(
      steps.map((e) => e.name),
      p.steps.map((s) => s.name),
    );
    for (const e of steps) {
      assert.ok(e.ts >= call.ts && e.ts + e.dur <= call.ts + call.dur);
      assert.equal(e.args.flops, 2 * 4 * 8 * 8);
    }
    assert.ok(traceEvents.some((e) => e.ph === "M" && e.name === "process_name"));
  });

  it("a plan says what lies where, from when to when, and in whose place", async () => {
    const lib = await build(chain(4));
    const plan = lib.memoryPlan("main");
    assert.equal(plan.steps.length, 6);
    // The last step writes the result, which is no part of the arena.
    assert.equal(plan.tensors.length, 5);
    plan.tensors.forEach((t, k) => {
      assert.equal(t.name, plan.steps[k]);
      assert.deepEqual([t.first, t.last, t.bytes], [k, k + 1, 4 * 4 * 8]);
      assert.ok(t.offset >= 0 && t.offset + t.bytes <= plan.arenaBytes);
    });
    // Two live at a time; the third takes the place of the first.
    assert.equal(plan.lowerBound, 2 * 4 * 4 * 8);
    assert.equal(plan.arenaBytes, plan.lowerBound);
    for (const [k, t] of plan.tensors.entries()) {
      if (k < 2) assert.deepEqual(t.reuses, []);
      else assert.deepEqual(t.reuses, [k - 2]);
    }
    assert.equal(plan.constantBytes, 4 * 64);
  });

  it("tensors that live at the same time never overlap", async () => {
    const lib = await build(chain("n", 12));
    const { tensors } = lib.memoryPlan("main", [Tensor.random([7, 8])]);
    for (const [i, a] of tensors.entries()) {
      for (const b of tensors.slice(i + 1)) {
        const together = a.first <= b.last && b.first <= a.last;
        const overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
        assert.ok(!(together && overlap), `${a.name} and ${b.name}`);
      }
    }
  });
});
