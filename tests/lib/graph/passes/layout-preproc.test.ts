import assert from "node:assert/strict";
import { type Evaluation, setEvaluator } from "../../../../lib/graph/evaluate.ts";
import { BlockBuilder, callOp, R } from "../../../../lib/graph/index.ts";
import { LAYOUT_FREE } from "../../../../lib/graph/layout-attrs.ts";
import {
  annotateLayoutFree,
  fuseOps,
  fuseTir,
  legalizeOps,
  sequential,
  splitLayoutRewritePreproc,
  toDataflow,
} from "../../../../lib/graph/passes/index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  type CallTir,
  constantOf,
  getGraphFunc,
  type IRModule,
  primFuncs,
} from "../../../../lib/ir/index.ts";
import { applyDefaultSchedule } from "../../../../lib/tune/default/index.ts";
import { assertSame, evalGraph, runProgram } from "../../../support/graph-eval.ts";
import { randomData } from "../../../support/random-graph.ts";

const data = (seed: number, ...shape: number[]) => constantOf(randomData(shape, seed));

/** Two products with weights: one program for both, where `w` is a constant in both. */
function products(rows: number, columns: number, given: boolean): IRModule {
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([rows, columns]));
  const w = R.var("w", R.tensor([columns, columns]));
  bb.function("main", given ? [x, w] : [x], () => {
    const y = bb.emit(R.nn.relu(bb.emit(R.matmul(x, data(1, columns, columns)))));
    bb.emitFuncOutput(bb.emit(R.nn.relu(bb.emit(R.matmul(y, given ? w : data(2, columns, columns))))));
  });
  return assertModuleWellFormed(bb.get());
}

const toPrograms = sequential([
  legalizeOps(),
  toDataflow(),
  fuseOps(),
  fuseTir,
  annotateLayoutFree,
  applyDefaultSchedule,
]);

const calls = (mod: IRModule): CallTir[] =>
  bindingsOf(getGraphFunc(mod, "main").body).flatMap((b) => (b.value.kind === "callTir" ? [b.value] : []));

describe("graph passes: weights laid out once", () => {
  let before: ReturnType<typeof setEvaluator>;
  let copies = 0;
  beforeEach(() => {
    copies = 0;
    before = setEvaluator((e: Evaluation) => {
      copies++;
      return runProgram(e.func, e.inputs, e.outputs);
    });
  });
  afterEach(() => {
    setEvaluator(before);
  });

  for (const [rows, columns] of [
    [4, 16],
    [1, 70],
    [7, 21],
  ]) {
    it(`a product of ${rows} rows and ${columns} columns takes panels, and gives what it gave`, () => {
      const mod = products(rows, columns, false);
      const scheduled = toPrograms.run(mod);
      const done = assertModuleWellFormed(splitLayoutRewritePreproc.run(scheduled));
      assert.equal(copies, 2);
      for (const c of calls(done)) {
        const [, weights] = c.args;
        assert.equal(weights.kind === "constant" && weights.data.shape.length, 3);
      }
      assert.ok(Object.values(primFuncs(done)).every((f) => f.attrs[LAYOUT_FREE] === undefined));
      const x = randomData([rows, columns], 7);
      assertSame(evalGraph(done, "main", [x]), evalGraph(mod, "main", [x]));
    });
  }

  it("weights that are given in some call stay as they are", () => {
    const mod = products(4, 16, true);
    const scheduled = toPrograms.run(mod);
    assert.equal(splitLayoutRewritePreproc.run(scheduled), scheduled);
    assert.equal(copies, 0);
  });

  it("where nothing can be run, programs copy in every call", () => {
    const scheduled = toPrograms.run(products(4, 16, false));
    setEvaluator(() => undefined);
    const done = splitLayoutRewritePreproc.run(scheduled);
    assert.deepEqual(
      calls(done).map((c) => c.args),
      calls(scheduled).map((c) => c.args),
    );
    assert.deepEqual(primFuncs(done), primFuncs(scheduled));
  });

  for (const direction of ["forward", "bidirectional"] as const) {
    it(`what the steps of a recurrence copy anew is taken out of their loop: ${direction}`, () => {
      const [d, steps, batch, size] = [direction === "forward" ? 1 : 2, 3, 8, 16];
      const bb = new BlockBuilder();
      const x = R.var("x", R.tensor([d, steps, batch, 4 * size]));
      bb.function("main", [x], () => {
        const activations = ["sigmoid", "tanh", "tanh", "sigmoid", "tanh", "tanh"]
          .slice(0, 3 * d)
          .map((f) => [f]);
        const state = [data(2, d, batch, size), data(3, d, batch, size)];
        const args = [x, data(1, d, size, 4 * size), data(4, d, 4 * size), ...state];
        bb.emitFuncOutput(bb.emit(callOp("nn.lstmSteps", args, { direction, activations })));
      });
      const mod = assertModuleWellFormed(bb.get());
      const scheduled = toPrograms.run(mod);
      const done = assertModuleWellFormed(splitLayoutRewritePreproc.run(scheduled));
      // Each direction has a part of the weight of its own.
      assert.equal(copies, d);
      assert.equal(calls(done)[0].args.length, calls(scheduled)[0].args.length + d - 1);
      assert.doesNotMatch(done.script(), /layoutRewritePreproc/);
      const input = randomData([d, steps, batch, 4 * size], 7);
      assertSame(evalGraph(done, "main", [input]), evalGraph(mod, "main", [input]));
    });
  }
});
