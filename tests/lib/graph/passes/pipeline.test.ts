import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  bindSymbolicVars,
  DEFERRED,
  modulePass,
  sequential,
  splitAtSizes,
  vmLower,
} from "../../../../lib/graph/passes/index.ts";
import { lowerGraph, pipelinePasses, runPipeline } from "../../../../lib/graph/pipeline.ts";
import { PassError, PassRecorder } from "../../../../lib/graph/recorder.ts";
import {
  assertModuleWellFormed,
  constantOf,
  type GraphFunc,
  getGraphFunc,
  graphFunc,
  type IRModule,
  irModule,
  type NDArray,
  ndarray,
  updateFunc,
  variable,
} from "../../../../lib/ir/index.ts";
import { assertSame, evalGraph } from "../../../support/graph-eval.ts";
import { randomData } from "../../../support/random-graph.ts";

const i64 = (...values: number[]): NDArray =>
  ndarray("i64", [values.length], new Uint8Array(BigInt64Array.from(values, BigInt).buffer));

function mlp(): IRModule {
  const x = R.var("x", R.tensor([3, 4]));
  const bb = new BlockBuilder();
  bb.function("main", [x], () => {
    const w = constantOf(randomData([4, 4], 1));
    const out = bb.dataflow(() => bb.emitOutput(R.nn.relu(bb.emit(R.matmul(x, w)))));
    bb.emitFuncOutput(out);
  });
  return assertModuleWellFormed(bb.get());
}

/** Doubles x until it was done `times` times, or the sum is large, and stacks the steps. */
function loop(): IRModule {
  const bb = new BlockBuilder();
  const [i, go] = [R.var("i", R.tensor([], "i64")), R.var("go", R.tensor([], "bool"))];
  const [c, step] = [R.var("c", R.tensor([2])), R.var("step", R.tensor([2]))];
  bb.function("body", [i, go, c, step], () => {
    const next = bb.emit(R.add(bb.emit(R.multiply(c, R.const(2))), step));
    const total = bb.emit(R.sum(next));
    bb.emitFuncOutput(R.tuple(bb.emit(R.less(total, R.const(1000))), next, bb.emit(R.tanh(next))));
  });
  const x = R.var("x", R.tensor([2]));
  bb.function("main", [x], () => {
    const trip = constantOf(ndarray("i64", [], i64(3).bytes));
    const y = bb.emit(R.tanh(x));
    const result = bb.emit({
      kind: "graphLoop",
      func: "body",
      trip,
      carried: [y],
      captured: [x],
      type: { kind: "tuple", fields: [R.tensor([2]), R.tensor([3, 2])] },
    });
    bb.emitFuncOutput(R.tuple(bb.emit(R.sin(bb.field(result, 0))), bb.field(result, 1)));
  });
  return assertModuleWellFormed(bb.get());
}

/** The first k of the rows of x, with a k that is data, doubled. */
function dataDependent(): IRModule {
  const [x, k] = [R.var("x", R.tensor([4])), R.var("k", R.tensor([1], "i64"))];
  const bb = new BlockBuilder();
  bb.function("main", [x, k], () => {
    const y = bb.emit(R.tanh(x));
    const total = bb.emit(R.sum(y));
    const [n] = bb.tensorToShape(bb.emit(R.add(k, k)), ["n"]);
    const wide = bb.emit(R.broadcastTo(total, R.shape([n])));
    bb.emitFuncOutput(bb.emit(R.multiply(wide, total)));
  });
  return assertModuleWellFormed(bb.get());
}

describe("graph pipeline", () => {
  it("the recorder sees every pass, what it changed and how long it took", () => {
    const recorder = new PassRecorder({ verify: true });
    const mod = mlp();
    const done = runPipeline(mod, { recorder });
    const all = recorder.list();
    assert.deepEqual(
      all.map((r) => r.name),
      pipelinePasses().map((p) => p.name),
    );
    assert.equal(all[0].before, mod);
    assert.equal(all.at(-1)?.after, done);
    all.forEach((r, i) => {
      assert.ok(r.ms >= 0);
      if (i > 0) assert.equal(r.before, all[i - 1].after);
    });
    const changed = recorder.list({ changedOnly: true }).map((r) => r.name);
    assert.ok(changed.includes("fuseOps") && !changed.includes("normalize"));
    assert.deepEqual(
      recorder
        .list({ search: "FUSE" })
        .map((r) => r.name)
        .slice(0, 2),
      ["fuseOps", "fuseTir"],
    );
    const first = recorder.find("callTir", (m) => JSON.stringify(m.funcs.main));
    assert.equal(first[0].name, "legalizeOps");
    const json = JSON.parse(JSON.stringify(recorder)) as { name: string; bindings: number }[];
    assert.equal(json.length, all.length);
    assert.ok(recorder.totalMs >= all[0].ms);
  });

  it("a recorder keeps a bounded number of records", () => {
    const recorder = new PassRecorder({ limit: 3 });
    runPipeline(mlp(), { recorder });
    assert.deepEqual(
      recorder.list().map((r) => r.name),
      pipelinePasses()
        .map((p) => p.name)
        .slice(-3),
    );
  });

  it("a pass that breaks the program is named, whether it is recorded or not", () => {
    const broken = modulePass("breaks", (mod) => {
      const f = getGraphFunc(mod, "main");
      const lost = R.var("lost", R.tensor([3, 4]));
      return updateFunc(mod, "main", graphFunc(f.params, { blocks: [], result: lost }, f.attrs));
    });
    const options = { after: { legalizeOps: [broken] } };
    const wants = (e: unknown) =>
      e instanceof PassError && e.pass === "breaks" && /lost is not bound/.test(e.message);
    assert.throws(() => runPipeline(mlp(), { ...options, verify: true }), wants);
    assert.throws(
      () => runPipeline(mlp(), { ...options, recorder: new PassRecorder({ verify: true }) }),
      wants,
    );
  });

  it("sequential is a pass made of passes, each of which a hook sees", () => {
    const recorder = new PassRecorder();
    const all = sequential([...pipelinePasses()], "all", recorder.hook);
    all.run(mlp());
    assert.equal(recorder.list().length, pipelinePasses().length);
  });

  it("what the entry is must be said right", () => {
    assert.throws(() => runPipeline(irModule({})), /main/);
    assert.throws(() => vmLower(mlp(), ["main"]), /matmul is no tensor program yet|legalizeOps/);
  });

  it("loops run over functions that are lowered too", () => {
    const mod = loop();
    const done = runPipeline(mod, { verify: true });
    const arg = randomData([2], 4);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
    const { program } = lowerGraph(mod);
    assert.deepEqual(Object.keys(program.functions).sort(), ["body", "main"]);
    const ops = program.functions.main.code.map((i) => i.op);
    assert.ok(ops.includes("loop") && ops.includes("view") === false);
  });

  it("what follows sizes that depend on data is a function of its own, which waits", () => {
    const mod = dataDependent();
    const split = assertModuleWellFormed(splitAtSizes("main").run(mod));
    const rest = split.funcs.main_rest as GraphFunc;
    assert.equal(rest.attrs[DEFERRED], true);
    const args = [randomData([4], 5), i64(3)];
    const want = evalGraph(mod, "main", args);
    assertSame(evalGraph(split, "main", args), want);
    const { module, program } = lowerGraph(mod, { verify: true });
    assert.equal(module.funcs.main_rest.attrs[DEFERRED], true);
    assert.equal(program.functions.main.code.at(-1)?.op, "specialize");
    assertSame(evalGraph(module, "main", args), want);
    // As the runtime does it: the sizes are read, and the rest is compiled for them.
    const known = bindSymbolicVars({ n: 6 }, "main_rest").run(module);
    const ready = lowerGraph(known, { entry: "main_rest", verify: true });
    assert.ok(ready.program.functions.main_rest.code.some((i) => i.op === "callTir"));
    assert.equal(ready.program.functions.main_rest.slots.at(-1)?.shape.join(), "6");
  });

  it("sizes that are still symbolic, and recursion, are refused with the reason", () => {
    const x = R.var("x", R.tensor([variable("n"), 2]));
    const bb = new BlockBuilder();
    bb.function("main", [x], () => bb.emitFuncOutput(bb.emit(R.tanh(x))));
    assert.throws(() => lowerGraph(bb.get()), /f32\[n, 2\]: its sizes must be known \(bindSymbolicVars\)/);
    const y = R.var("y", R.tensor([2]));
    const again = new BlockBuilder();
    again.function("main", [y], () => again.emitFuncOutput(again.emit(R.call("main", [y], y.type))));
    assert.throws(() => lowerGraph(again.get()), /main calls itself/);
  });
});
