/** Passes over functions and their parameters: inlining, bundles of weights, mixed precision. */
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  bundleParams,
  inlinePrivateFunctions,
  liftTransformParams,
  sequential,
  toMixedPrecision,
} from "../../../../lib/graph/passes/index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  constantOf,
  getGraphFunc,
  type IRModule,
  type NDArray,
  ndarray,
  numbersOf,
  outputTypes,
} from "../../../../lib/ir/index.ts";
import { parseModule } from "../../../../lib/script/index.ts";
import { assertSame, evalGraph } from "../../../support/graph-eval.ts";
import { randomData } from "../../../support/random-graph.ts";

const values = (mod: IRModule, name = "main"): string[] =>
  bindingsOf(getGraphFunc(mod, name).body).map((b) =>
    b.value.kind === "opCall" ? b.value.op : "func" in b.value ? b.value.func : b.value.kind,
  );

describe("graph passes: functions of a module", () => {
  /** main calls twice(x) = x + x through quad(x) = twice(twice(x)), at two sizes; alone calls itself. */
  const nested = (): IRModule =>
    assertModuleWellFormed(
      parseModule(`T.module({
        twice: R.func({ x: R.tensor(["n", 3]) }, ({ x, n }) => { const y = R.add(x, x); return y; }, { attrs: { private: true } }),
        quad: R.func({ x: R.tensor(["n", 3]) }, ({ x, n }) => {
          const y = R.call("twice", [x], R.tensor([n, 3]));
          const z = R.call("twice", [y], R.tensor([n, 3]));
          return z;
        }, { attrs: { private: true } }),
        main: R.func({ a: R.tensor([2, 3]), b: R.tensor([4, 3]) }, ({ a, b }) => {
          const p = R.call("quad", [a], R.tensor([2, 3]));
          const q = R.call("twice", [b], R.tensor([4, 3]));
          const r = R.concat([p, q], { axis: 0 });
          return r;
        }),
      })`),
    );

  it("inlinePrivateFunctions puts bodies in the place of calls, with the caller's sizes", () => {
    const mod = nested();
    const done = assertModuleWellFormed(inlinePrivateFunctions().run(mod));
    assert.deepEqual(Object.keys(done.funcs), ["main"]);
    assert.deepEqual(values(done), ["add", "add", "add", "concat"]);
    const args = [randomData([2, 3], 1), randomData([4, 3], 2)];
    assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    assert.equal(inlinePrivateFunctions().run(done), done);
  });

  it("inlinePrivateFunctions leaves what is called from outside", () => {
    const done = assertModuleWellFormed(inlinePrivateFunctions(["main", "twice"]).run(nested()));
    assert.deepEqual(Object.keys(done.funcs).sort(), ["main", "twice"]);
    assert.deepEqual(values(done), ["twice", "twice", "twice", "concat"]);
  });

  it("bundleParams takes the weights as one tuple", () => {
    const bb = new BlockBuilder();
    const [x, w, b] = [R.var("x", R.tensor([2, 3])), R.var("w", R.tensor([3, 4])), R.var("b", R.tensor([4]))];
    bb.function("main", [x, w, b], () => {
      bb.emitFuncOutput(bb.emit(R.add(bb.emit(R.matmul(x, bb.emit(R.multiply(w, R.const(2))))), b)));
    });
    const mod = assertModuleWellFormed(bb.get());
    const [x0, w0, b0] = [randomData([2, 3], 1), randomData([3, 4], 2), randomData([4], 3)];
    const bundled = assertModuleWellFormed(bundleParams("main", 1).run(mod));
    assert.equal(getGraphFunc(bundled, "main").params.length, 2);
    const want = evalGraph(mod, "main", [x0, w0, b0]);
    assertSame(evalGraph(bundled, "main", [x0, [w0, b0]]), want);
    // What liftTransformParams gives is what the bundle takes.
    const both = sequential([liftTransformParams("main", 1), bundleParams()]).run(mod);
    const ready = evalGraph(assertModuleWellFormed(both), "main_transform_params", [w0, b0]);
    assertSame(evalGraph(both, "main", [x0, ready]), want);
    assert.throws(() => bundleParams("main").run(mod), /no number is said to be inputs/);
    assert.throws(() => bundleParams("main", 4).run(mod), /has 3 parameter\(s\), and 4/);
  });
});

describe("graph passes: mixed precision", () => {
  /** Numbers that f16 has to round. */
  const thirds = (rows: number, columns: number) => {
    const data = Float32Array.from({ length: rows * columns }, (_, i) => ((i % 7) - 3) / 3);
    return constantOf(ndarray("f32", [rows, columns], new Uint8Array(data.buffer)));
  };
  const network = (): IRModule => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([4, 8]));
    bb.function("main", [x], () => {
      const out = bb.dataflow(() => {
        const q = bb.emit(R.matmul(x, thirds(8, 6)));
        const k = bb.emit(R.matmul(x, thirds(8, 6)));
        return bb.emitOutput(R.nn.softmax(bb.emit(R.add(q, k))));
      });
      bb.emitFuncOutput(out);
    });
    return assertModuleWellFormed(bb.get());
  };

  it("toMixedPrecision converts operands of products, once each, and keeps all else", () => {
    const mod = network();
    const done = assertModuleWellFormed(toMixedPrecision().run(mod));
    assert.deepEqual(values(done), ["astype", "astype", "matmul", "astype", "matmul", "add", "nn.softmax"]);
    const products = bindingsOf(getGraphFunc(done, "main").body).filter(
      (b) => b.value.kind === "opCall" && b.value.op === "matmul",
    );
    for (const { value } of products) {
      assert.deepEqual(
        outputTypes(value.type).map((t) => t.dtype),
        ["f32"],
      );
      const args = value.kind === "opCall" ? value.args : [];
      assert.deepEqual(
        args.flatMap((a) => outputTypes(a.type).map((t) => t.dtype)),
        ["f16", "f16"],
      );
    }
    const x = thirds(4, 8).data;
    const [got, want] = [done, mod].map((m) => numbersOf(evalGraph(m, "main", [x]) as NDArray));
    want!.forEach((v, i) => {
      assert.ok(Math.abs(v - got![i]!) < 4e-3, `${v} and ${got![i]}`);
    });
    assert.notDeepEqual(got, want, "operands were rounded");
    assert.equal(toMixedPrecision().run(done), done);
    assert.equal(toMixedPrecision({ ops: ["nn.conv2d"] }).run(mod), mod);
  });
});
