import assert from "node:assert/strict";
import { type Evaluation, setEvaluator } from "../../../../lib/graph/evaluate.ts";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  adjustMatmulOrder,
  combineParallelMatmul,
  convertLayout,
  deadCodeElimination,
  decomposeForInference,
  type FusionPattern,
  foldConstant,
  fuseByPattern,
  liftTransformParams,
  mergeComposite,
  runCodegen,
  sequential,
} from "../../../../lib/graph/passes/index.ts";
import { isConst, isOp, wildcard } from "../../../../lib/graph/pattern/index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  constantOf,
  type GraphExpr,
  type GraphFunc,
  type GraphVar,
  getGraphFunc,
  graphFuncs,
  type IRModule,
  type NDArray,
  ndarray,
} from "../../../../lib/ir/index.ts";
import { assertSame, evalGraph, runProgram, type Value } from "../../../support/graph-eval.ts";
import { randomData } from "../../../support/random-graph.ts";

const param = (name: string, ...shape: number[]) => R.var(name, R.tensor(shape));
const data = (seed: number, ...shape: number[]) => constantOf(randomData(shape, seed));

function program(params: readonly GraphVar[], build: (bb: BlockBuilder) => GraphExpr): IRModule {
  const bb = new BlockBuilder();
  bb.function("main", params, () => {
    const out = bb.dataflow(() => {
      const value = build(bb);
      return value.kind === "tupleExpr"
        ? R.tuple(...value.fields.map((f) => bb.emitOutput(f)))
        : bb.emitOutput(value);
    });
    bb.emitFuncOutput(out);
  });
  return assertModuleWellFormed(bb.get());
}

const ops = (mod: IRModule, name = "main"): string[] =>
  bindingsOf(getGraphFunc(mod, name).body).map((b) =>
    b.value.kind === "opCall" ? b.value.op : "func" in b.value ? b.value.func : b.value.kind,
  );

describe("graph passes: rewrites of operators", () => {
  let before: ReturnType<typeof setEvaluator>;
  beforeEach(() => {
    before = setEvaluator((e: Evaluation) => runProgram(e.func, e.inputs, e.outputs));
  });
  afterEach(() => {
    setEvaluator(before);
  });

  const positive = (seed: number, n: number): NDArray => {
    const values = Float32Array.from({ length: n }, (_, i) => 0.5 + ((i * seed) % 7) / 7);
    return ndarray("f32", [n], new Uint8Array(values.buffer));
  };
  const statistics = (n: number) => [data(2, n), data(3, n), data(4, n), constantOf(positive(5, n))];

  it("decomposeForInference puts a batch norm into the convolution before it, with and without a bias", () => {
    const x = param("x", 1, 2, 5, 5);
    const w = data(1, 3, 2, 3, 3);
    for (const bias of [false, true]) {
      const mod = program([x], (bb) => {
        let y: GraphExpr = bb.emit(R.nn.conv2d(x, w, { padding: [1, 1, 1, 1] }));
        if (bias) y = bb.emit(R.add(y, data(9, 3, 1, 1)));
        return bb.emit(R.nn.relu(bb.emit(R.nn.batchNorm(y, ...statistics(3)))));
      });
      const done = assertModuleWellFormed(decomposeForInference.run(mod));
      assert.deepEqual(
        ops(done).filter((o) => o !== "add"),
        ["nn.conv2d", "nn.relu"],
        String(bias),
      );
      const args = [randomData([1, 2, 5, 5], 8)];
      assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    }
  });

  it("decomposeForInference keeps weights that something else reads, and scales that are none of channels", () => {
    const x = param("x", 2, 3);
    const w = data(1, 3, 3);
    const mod = program([x], (bb) => {
      const y = bb.emit(R.matmul(x, w));
      const z = bb.emit(R.matmul(x, w));
      const column = bb.emit(R.multiply(z, data(5, 2, 1)));
      return R.tuple(bb.emit(R.multiply(y, data(6, 3))), bb.emit(R.add(y, column)));
    });
    const done = assertModuleWellFormed(decomposeForInference.run(mod));
    assert.equal(ops(done).filter((o) => o === "multiply").length, 2);
    const single = program([x], (bb) => bb.emit(R.multiply(data(6, 3), bb.emit(R.matmul(x, w)))));
    const scaled = assertModuleWellFormed(decomposeForInference.run(single));
    assert.deepEqual(ops(scaled), ["matmul"]);
    const args = [randomData([2, 3], 8)];
    assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    assertSame(evalGraph(scaled, "main", args), evalGraph(single, "main", args));
  });

  it("liftTransformParams makes what depends on weights alone once", () => {
    const [x, w, b] = [param("x", 2, 3), param("w", 4, 3), param("b", 4)];
    const mod = program([x, w, b], (bb) => {
      const turned = bb.emit(R.permuteDims(bb.emit(R.multiply(w, R.const(0.5)))));
      return bb.emit(R.add(bb.emit(R.matmul(x, turned)), b));
    });
    const done = assertModuleWellFormed(liftTransformParams("main", 1).run(mod));
    assert.deepEqual(ops(done, "main_transform_params"), ["multiply", "permuteDims"]);
    assert.deepEqual(ops(done), ["matmul", "add"]);
    const args = [randomData([2, 3], 1), randomData([4, 3], 2), randomData([4], 3)];
    const ready = evalGraph(done, "main_transform_params", args.slice(1)) as readonly Value[];
    assertSame(evalGraph(done, "main", [args[0], ...ready]), evalGraph(mod, "main", args));
    assert.equal(liftTransformParams("main", 3).run(mod), mod);
  });

  it("combineParallelMatmul makes one product of several with the same left side", () => {
    const x = param("x", 2, 3);
    const v = param("v", 3, 5);
    const mod = program([x, v], (bb) => {
      const q = bb.emit(R.matmul(x, data(1, 3, 4)));
      const k = bb.emit(R.matmul(x, data(2, 3, 4)));
      const other = bb.emit(R.matmul(x, v));
      return R.tuple(q, bb.emit(R.nn.relu(k)), other, bb.emit(R.matmul(bb.emit(R.tanh(x)), data(2, 3, 4))));
    });
    const done = assertModuleWellFormed(combineParallelMatmul().run(mod));
    assert.equal(ops(done).filter((o) => o === "matmul").length, 3);
    const args = [randomData([2, 3], 1), randomData([3, 5], 2)];
    assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    assert.equal(combineParallelMatmul(3).run(mod), mod);
  });

  it("combineParallelMatmul waits for no weights that are made later", () => {
    const x = param("x", 3, 3);
    const mod = program([x], (bb) => {
      const a = bb.emit(R.matmul(x, x));
      return R.tuple(bb.emit(R.matmul(x, a)), a);
    });
    assert.equal(combineParallelMatmul().run(mod), mod);
  });

  it("adjustMatmulOrder takes the order with less work, unless the product is used elsewhere", () => {
    const [x, a, b] = [param("x", 1, 32), param("a", 32, 2), param("b", 2, 32)];
    const args = [randomData([1, 32], 1), randomData([32, 2], 2), randomData([2, 32], 3)];
    const mod = program([x, a, b], (bb) => bb.emit(R.matmul(x, bb.emit(R.matmul(a, b)))));
    const clean = sequential([adjustMatmulOrder, deadCodeElimination()]);
    const done = assertModuleWellFormed(clean.run(mod));
    const shapes = bindingsOf(getGraphFunc(done, "main").body).map((y) =>
      y.value.type.kind === "tensor" ? y.value.type.shape.map((s) => (s.kind === "const" ? s.value : 0)) : [],
    );
    assert.deepEqual(shapes, [
      [1, 2],
      [1, 32],
    ]);
    assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args), "", 1e-3);
    const back = program([x, a, b], (bb) => {
      const left = bb.emit(R.matmul(b, a));
      return bb.emit(R.matmul(bb.emit(R.matmul(a, left)), b));
    });
    assertSame(evalGraph(clean.run(back), "main", args), evalGraph(back, "main", args), "", 1e-3);
    const shared = program([x, a, b], (bb) => {
      const ab = bb.emit(R.matmul(a, b));
      return R.tuple(bb.emit(R.matmul(x, ab)), ab);
    });
    assert.equal(adjustMatmulOrder.run(shared), shared);
  });
});

describe("graph passes: layouts", () => {
  const nhwc: Parameters<typeof convertLayout>[0] = {
    "nn.conv2d": ["NHWC", "HWIO"],
    "nn.maxPool2d": ["NHWC"],
  };
  const clean = sequential([convertLayout(nhwc), foldConstant(), deadCodeElimination()]);
  let before: ReturnType<typeof setEvaluator>;
  beforeEach(() => {
    before = setEvaluator((e: Evaluation) => runProgram(e.func, e.inputs, e.outputs));
  });
  afterEach(() => {
    setEvaluator(before);
  });

  it("convertLayout leaves one transposition at the beginning of a network, and one at the end where needed", () => {
    const x = param("x", 1, 2, 6, 6);
    const network = (tail: (v: GraphExpr, bb: BlockBuilder) => GraphExpr) =>
      program([x], (bb) => {
        const conv = (v: GraphExpr, seed: number, ci: number): GraphVar => {
          const y = bb.emit(R.nn.conv2d(v, data(seed, 3, ci, 3, 3), { padding: [1, 1, 1, 1] }));
          return bb.emit(R.nn.relu(bb.emit(R.add(y, data(seed + 1, 3, 1, 1)))));
        };
        const a = conv(x, 1, 2);
        const b = bb.emit(R.add(conv(a, 3, 3), a));
        return tail(bb.emit(R.nn.maxPool2d(b, { poolSize: [2, 2], strides: [2, 2] })), bb);
      });
    const args = [randomData([1, 2, 6, 6], 4)];
    for (const [count, tail] of [
      [2, (v: GraphExpr) => v],
      [1, (v: GraphExpr, bb: BlockBuilder) => bb.emit(R.mean(v, { axis: [2, 3] }))],
      [2, (v: GraphExpr, bb: BlockBuilder) => bb.emit(R.sum(v, { axis: [-1], keepdims: true }))],
    ] as const) {
      const mod = network(tail);
      const done = assertModuleWellFormed(clean.run(mod));
      assert.equal(ops(done).filter((o) => o === "permuteDims").length, count);
      assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    }
  });

  it("convertLayout turns operands of another layout, and refuses letters that are none", () => {
    const [x, y] = [param("x", 1, 2, 6, 6), param("y", 1, 3, 6, 6)];
    const mod = program([x, y], (bb) => {
      const c = bb.emit(R.nn.conv2d(x, data(1, 3, 2, 3, 3), { padding: [1, 1, 1, 1] }));
      return bb.emit(R.permuteDims(bb.emit(R.multiply(c, y)), { axes: [0, 2, 3, 1] }));
    });
    const done = assertModuleWellFormed(clean.run(mod));
    const args = [randomData([1, 2, 6, 6], 4), randomData([1, 3, 6, 6], 5)];
    assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    assert.throws(
      () => convertLayout({ "nn.conv2d": ["NHWD"] }).run(mod),
      /NHWD is no order of the axes NCHW/,
    );
    assert.equal(convertLayout({}).run(program([x], (bb) => bb.emit(R.tanh(x)))).kind, "module");
  });
});

describe("graph passes: libraries", () => {
  const linear = (): FusionPattern => {
    const product = isOp("matmul")(wildcard(), isConst());
    const sum = isOp("add")(product, wildcard());
    return { name: "lib.linear", pattern: sum.optional((y) => isOp("nn.relu")(y)) };
  };
  const x = param("x", 2, 3);
  const build = (bb: BlockBuilder): GraphVar => {
    const layer = (v: GraphExpr, seed: number): GraphVar =>
      bb.emit(R.nn.relu(bb.emit(R.add(bb.emit(R.matmul(v, data(seed, 3, 3))), data(seed + 1, 3)))));
    return bb.emit(R.tanh(layer(layer(x, 1), 3)));
  };
  const args = [randomData([2, 3], 7)];

  it("fuseByPattern takes the longest match, and nothing that is used elsewhere", () => {
    const mod = program([x], build);
    const done = assertModuleWellFormed(fuseByPattern([linear()]).run(mod));
    assert.deepEqual(ops(done).length, 3);
    const made = Object.values(graphFuncs(done)).filter((f) => f.attrs.Composite === "lib.linear");
    assert.equal(made.length, 2);
    assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    const shared = program([x], (bb) => {
      const y = bb.emit(R.matmul(x, data(1, 3, 3)));
      return R.tuple(bb.emit(R.add(y, data(2, 3))), bb.emit(R.tanh(y)));
    });
    assert.equal(fuseByPattern([linear()]).run(shared), shared);
    const refused = { ...linear(), check: () => false };
    assert.equal(fuseByPattern([refused]).run(mod), mod);
  });

  it("runCodegen hands the merged parts to a library function", () => {
    const mod = program([x], build);
    const merged = assertModuleWellFormed(sequential([fuseByPattern([linear()]), mergeComposite]).run(mod));
    assert.deepEqual(ops(merged), ["lib_part", "tanh"]);
    assertSame(evalGraph(merged, "main", args), evalGraph(mod, "main", args));
    const given: { func: GraphFunc; from: IRModule }[] = [];
    const done = assertModuleWellFormed(
      runCodegen({
        lib: (func, name, from) => {
          given.push({ func, from });
          return { func: `lib.${name}`, attrs: { layers: bindingsOf(func.body).length } };
        },
      }).run(merged),
    );
    assert.deepEqual(Object.keys(done.funcs), ["main"]);
    const call = bindingsOf(getGraphFunc(done, "main").body)[0].value;
    assert.ok(call.kind === "callPacked" && call.attrs.layers === 2);
    const packed = (inputs: readonly NDArray[], outputs: readonly NDArray[]): void => {
      const [{ func, from }] = given;
      const name = Object.keys(from.funcs).find((n) => from.funcs[n] === func) as string;
      outputs[0].bytes.set((evalGraph(from, name, inputs) as NDArray).bytes);
    };
    const options = { packed: { "lib.lib_part": packed } };
    assertSame(evalGraph(done, "main", args, options), evalGraph(mod, "main", args));
    assert.throws(() => runCodegen({}).run(merged), /no code generator for lib/);
  });
});
