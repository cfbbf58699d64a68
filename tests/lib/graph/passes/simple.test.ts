import assert from "node:assert/strict";
import { type Evaluation, setEvaluator } from "../../../../lib/graph/evaluate.ts";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  bindParams,
  bindSymbolicVars,
  canonicalizeBindings,
  deadCodeElimination,
  eliminateCommonSubexpr,
  foldConstant,
  legalizeOps,
  normalize,
  toDataflow,
  toNonDataflow,
} from "../../../../lib/graph/passes/index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  constantOf,
  firstDifference,
  type GraphExpr,
  type GraphVar,
  getGraphFunc,
  graphFunc,
  graphIf,
  type IRModule,
  irModule,
  numbersOf,
  ops,
  primFuncs,
  typeText,
  variable,
} from "../../../../lib/ir/index.ts";
import { assertSame, evalGraph, runProgram } from "../../../support/graph-eval.ts";
import { keepsResults } from "../../../support/pass-property.ts";
import { randomData } from "../../../support/random-graph.ts";

/** A module with a `main` of these parameters. */
function program(params: readonly GraphVar[], build: (bb: BlockBuilder) => GraphExpr): IRModule {
  const bb = new BlockBuilder();
  bb.function("main", params, () => bb.emitFuncOutput(build(bb)));
  return assertModuleWellFormed(bb.get());
}

const x = () => R.var("x", R.tensor([3, 4]));
const same = (a: IRModule, b: IRModule): void => assert.equal(firstDifference(a, b)?.what, undefined);
const values = (mod: IRModule): string[] =>
  bindingsOf(getGraphFunc(mod, "main").body).map((b) =>
    b.value.kind === "opCall" ? b.value.op : b.value.kind === "callTir" ? b.value.func : b.value.kind,
  );

describe("graph passes: bindings", () => {
  const evaluator = (e: Evaluation) => runProgram(e.func, e.inputs, e.outputs);
  let before: ReturnType<typeof setEvaluator>;
  beforeEach(() => {
    before = setEvaluator(evaluator);
  });
  afterEach(() => {
    setEvaluator(before);
  });

  it("normalize gives every inner value a name", () => {
    const a = x();
    const nested = R.nn.relu(R.add(a, R.tanh(a)));
    const mod = irModule({ main: graphFunc([a], { blocks: [], result: nested }) });
    const done = assertModuleWellFormed(normalize.run(mod));
    assert.deepEqual(values(done), ["tanh", "add", "nn.relu"]);
    assert.equal(normalize.run(done), done, "what is normal stays the same object");
    const arg = randomData([3, 4], 1);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
  });

  it("legalizeOps calls one program for equal operators, and takes a table of one's own", () => {
    const a = x();
    const mod = program([a], (bb) => bb.emit(R.nn.relu(bb.emit(R.add(bb.emit(R.add(a, a)), a)))));
    const done = assertModuleWellFormed(legalizeOps().run(mod));
    assert.deepEqual(values(done), ["add", "add", "relu"]);
    assert.deepEqual(Object.keys(primFuncs(done)), ["add", "relu"]);
    const custom = { "nn.relu": (c: { args: readonly GraphExpr[] }) => R.maximum(c.args[0], R.const(0)) };
    const other = assertModuleWellFormed(legalizeOps({ custom }).run(mod));
    assert.deepEqual(values(other), ["add", "add", "maximum"]);
    const arg = randomData([3, 4], 2);
    assertSame(evalGraph(other, "main", [arg]), evalGraph(done, "main", [arg]));
  });

  it("legalizeOps refuses an operator that is made of itself", () => {
    const a = x();
    const mod = program([a], (bb) => bb.emit(R.tanh(a)));
    const custom = { tanh: (c: { args: readonly GraphExpr[] }) => R.tanh(c.args[0]) };
    assert.throws(() => legalizeOps({ custom }).run(mod), /tanh: .*no end/);
  });

  it("deadCodeElimination drops bindings, outputs and functions nobody uses, and keeps assertions", () => {
    const a = x();
    const n = variable("n");
    const bb = new BlockBuilder();
    bb.function("unused", [x()], () => bb.emitFuncOutput(R.const(1)));
    bb.function("main", [a], () => {
      const out = bb.dataflow(() => {
        bb.emit(R.exp(bb.emit(R.tanh(a))));
        bb.emitOutput(R.sin(a));
        return bb.emitOutput(R.add(a, a));
      });
      bb.matchCast(out, R.tensor([n, 4]));
      bb.emitFuncOutput(out);
    });
    const done = assertModuleWellFormed(deadCodeElimination().run(bb.get()));
    assert.deepEqual(Object.keys(done.funcs), ["main"]);
    assert.deepEqual(values(done), ["add", "graphVar"]);
    assert.equal(deadCodeElimination().run(done), done);
  });

  it("eliminateCommonSubexpr shares equal values, small equal constants among them", () => {
    const a = x();
    const mod = program([a], (bb) => {
      const p = bb.emit(R.add(a, R.const(1)));
      const q = bb.emit(R.add(a, R.const(1)));
      const r = bb.emit(R.add(a, R.const(2)));
      return bb.emit(R.multiply(bb.emit(R.multiply(p, q)), r));
    });
    const done = assertModuleWellFormed(eliminateCommonSubexpr.run(mod));
    assert.deepEqual(values(done), ["add", "add", "multiply", "multiply"]);
    const [p, , m] = bindingsOf(getGraphFunc(done, "main").body);
    assert.ok(p.kind === "bind" && m.kind === "bind" && m.value.kind === "opCall");
    assert.deepEqual(
      m.value.args.map((v) => (v as GraphVar).id),
      [p.v.id, p.v.id],
    );
  });

  it("eliminateCommonSubexpr does not share what a dataflow block or a branch hides", () => {
    const [a, c] = [x(), R.var("c", R.tensor([], "bool"))];
    const bb = new BlockBuilder();
    bb.function("main", [a, c], () => {
      const out = bb.dataflow(() => bb.emitOutput(R.sin(bb.emit(R.tanh(a)))));
      const branch = () => bb.branch(() => bb.emit(R.tanh(a)));
      const chosen = bb.emit(graphIf(c, branch(), branch()));
      bb.emitFuncOutput(bb.emit(R.add(out, chosen)));
    });
    const mod = assertModuleWellFormed(bb.get());
    assert.equal(eliminateCommonSubexpr.run(mod), mod);
  });

  it("canonicalizeBindings follows names and tuples, and decides ifs of constants", () => {
    const a = x();
    const mod = program([a], (bb) => {
      const name = bb.emit(a);
      const pair = bb.emit(R.tuple(name, bb.emit(R.tanh(name))));
      const first = bb.emit(R.get(pair, 0));
      const second = bb.emit(R.get(pair, 1));
      const then = bb.branch(() => bb.emit(R.add(first, second)));
      const other = bb.branch(() => bb.emit(R.multiply(first, second)));
      const cond = R.const(1, "bool");
      return bb.emit(graphIf(cond, then, other));
    });
    const done = assertModuleWellFormed(deadCodeElimination().run(canonicalizeBindings.run(mod)));
    assert.deepEqual(values(done), ["tanh", "add"]);
    assert.equal(canonicalizeBindings.run(done), done);
  });

  it("canonicalizeBindings makes what a dataflow block hid an output, where it is used after the block", () => {
    const a = x();
    const bb = new BlockBuilder();
    bb.function("main", [a], () => {
      const pair = bb.dataflow(() => bb.emitOutput(R.tuple(bb.emit(R.tanh(a)), a)));
      const first = bb.field(pair, 0);
      bb.emitFuncOutput(bb.emit(R.sin(first)));
    });
    const mod = assertModuleWellFormed(bb.get());
    const done = assertModuleWellFormed(deadCodeElimination().run(canonicalizeBindings.run(mod)));
    assert.deepEqual(values(done), ["tanh", "sin"]);
  });

  it("canonicalizeBindings rebuilds no tuple of all fields, and drops assertions that hold", () => {
    const p = R.var("p", { kind: "tuple", fields: [R.tensor([2]), R.tensor([3])] });
    const mod = program([p], (bb) => {
      const [a, b] = [bb.field(p, 0), bb.field(p, 1)];
      const cast = bb.matchCast(a, R.tensor([2]));
      return bb.emit(R.tuple(cast, b));
    });
    const done = assertModuleWellFormed(deadCodeElimination().run(canonicalizeBindings.run(mod)));
    const { result } = getGraphFunc(done, "main").body;
    assert.deepEqual([values(done), result.kind === "graphVar" && result.id], [[], p.id]);
  });

  it("foldConstant computes what is constant, but makes nothing much larger", () => {
    const a = x();
    const [column, row] = [constantOf(randomData([256, 1], 3)), constantOf(randomData([256], 4))];
    const big = constantOf(randomData([64, 64], 3));
    const mod = program([a], (bb) => {
      const scale = bb.emit(R.multiply(R.const(0.5), R.const(4)));
      const wide = bb.emit(R.add(big, scale));
      const huge = bb.emit(R.add(column, row));
      return bb.emit(R.tuple(bb.emit(R.multiply(a, scale)), wide, huge));
    });
    const done = assertModuleWellFormed(deadCodeElimination().run(foldConstant().run(mod)));
    assert.deepEqual(values(done), ["add", "multiply", "tupleExpr"]);
    const times = bindingsOf(getGraphFunc(done, "main").body)[1].value;
    assert.ok(times.kind === "opCall" && times.args[1].kind === "constant");
    assert.deepEqual(numbersOf(times.args[1].data), [2]);
  });

  it("bindParams makes parameters constants and sizes known, and refuses what does not fit", () => {
    const n = variable("n");
    const [a, w] = [R.var("a", R.tensor([3, n])), R.var("w", R.tensor([n, 2]))];
    const mod = program([a, w], (bb) => bb.emit(R.matmul(a, w)));
    const data = randomData([4, 2], 5);
    const done = assertModuleWellFormed(bindParams("main", { w: data }).run(mod));
    assert.deepEqual(
      getGraphFunc(done, "main").params.map((p) => typeText(p.type)),
      ["f32[3, 4]"],
    );
    const arg = randomData([3, 4], 6);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg, data]));
    assert.throws(() => bindParams("main", { v: data }).run(mod), /no parameter v; it has a, w/);
    assert.throws(() => bindParams("main", { w: randomData([4], 1) }).run(mod), /w: f32\[4\] is given/);
  });

  it("bindSymbolicVars infers types anew and specialises what is called", () => {
    const [n, m] = [variable("n"), variable("m")];
    const inner = R.var("p", R.tensor([m, 4]));
    const a = R.var("a", R.tensor([n, 4]));
    const bb = new BlockBuilder();
    bb.function("half", [inner], () => bb.emitFuncOutput(bb.emit(R.multiply(inner, R.const(0.5)))));
    bb.function("main", [a], () => {
      const h = bb.emit(R.call("half", [a], a.type));
      bb.emitFuncOutput(bb.emit(R.memory.view(bb.emit(R.add(h, a)), R.shape([ops.mul(n, 4)]))));
    });
    const mod = assertModuleWellFormed(bb.get());
    for (const first of [mod, legalizeOps().run(mod)]) {
      const done = assertModuleWellFormed(deadCodeElimination().run(bindSymbolicVars({ n: 3 }).run(first)));
      const symbolic = Object.values(done.funcs).some((f) =>
        f.params.some((p) =>
          (p.kind === "buffer"
            ? p.shape
            : p.kind === "graphVar" && p.type.kind === "tensor"
              ? p.type.shape
              : []
          ).some((s) => s.kind !== "const"),
        ),
      );
      assert.equal(symbolic, false);
      assert.equal(typeText(getGraphFunc(done, "main").body.result.type), "f32[12]");
      assert.ok(Object.hasOwn(done.funcs, "half_3"));
      const arg = randomData([3, 4], 6);
      assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
    }
    assert.throws(() => bindSymbolicVars({ k: 1 }).run(mod), /no size is called k; there are n/);
  });

  it("toDataflow and toNonDataflow are inverse on a plain function", () => {
    const a = x();
    const mod = program([a], (bb) => bb.emit(R.add(bb.emit(R.tanh(a)), a)));
    const flow = assertModuleWellFormed(toDataflow().run(mod));
    const blocks = getGraphFunc(flow, "main").body.blocks;
    assert.deepEqual(
      blocks.map((b) => [b.dataflow, b.bindings.length, b.outputs.length]),
      [[true, 2, 1]],
    );
    same(toNonDataflow.run(flow), mod);
    assert.equal(toDataflow().run(flow), flow);
  });

  const kinds = { plain: {}, "with ifs": { ifs: true }, symbolic: { symbolic: true } };
  for (const [kind, o] of Object.entries(kinds)) {
    it(`keep the results of random programs, ${kind}`, () => {
      keepsResults([normalize], o);
      keepsResults([legalizeOps()], o);
      keepsResults([eliminateCommonSubexpr, deadCodeElimination()], o);
      keepsResults([canonicalizeBindings], o);
      keepsResults([foldConstant()], o);
      keepsResults([toNonDataflow, toDataflow()], o);
      keepsResults([canonicalizeBindings, legalizeOps(), foldConstant(), eliminateCommonSubexpr], o);
    }).timeout(20_000);
  }

  it("keep the results of random programs when their sizes become known", () => {
    keepsResults([bindSymbolicVars({ n: 3 })], { symbolic: true });
    keepsResults([legalizeOps(), bindSymbolicVars({ n: 3 })], { symbolic: true });
  }).timeout(20_000);
});
