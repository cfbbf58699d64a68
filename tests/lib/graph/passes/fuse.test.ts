import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  annotateOpPattern,
  fuseOps,
  fuseTir,
  legalizeOps,
  type OpPattern,
  opPatternOf,
  type Pass,
  sequential,
  toDataflow,
} from "../../../../lib/graph/passes/index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  bufferParams,
  constantOf,
  type GraphExpr,
  type GraphVar,
  getGraphFunc,
  graphFuncs,
  type IRModule,
  type PrimFunc,
  primFuncs,
  variable,
} from "../../../../lib/ir/index.ts";
import { te } from "../../../../lib/te/index.ts";
import { assertSame, evalGraph } from "../../../support/graph-eval.ts";
import { keepsResults } from "../../../support/pass-property.ts";
import { randomData } from "../../../support/random-graph.ts";

const param = (name: string, ...shape: number[]) => R.var(name, R.tensor(shape));

/** A module whose `main` is one dataflow block. */
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

const lower: Pass = sequential([legalizeOps(), annotateOpPattern]);
const fuse: Pass = sequential([lower, fuseOps(), fuseTir]);

/** The functions that `main` calls, in order. */
const calls = (mod: IRModule): string[] =>
  bindingsOf(getGraphFunc(mod, "main").body).flatMap((b) =>
    b.value.kind === "callTir" || b.value.kind === "callFunc" ? [b.value.func] : [],
  );

/** What fusion makes of a program, checked against the program as it was. */
function fused(params: readonly GraphVar[], build: (bb: BlockBuilder) => GraphExpr): string[] {
  const mod = program(params, build);
  const done = assertModuleWellFormed(fuse.run(mod));
  const args = params.map((p, i) =>
    randomData(
      p.type.kind === "tensor" ? p.type.shape.map((s) => Number((s as { value: number }).value)) : [],
      i + 1,
    ),
  );
  assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
  return calls(done);
}

function patternOfOp(build: (bb: BlockBuilder) => GraphExpr): OpPattern {
  const mod = legalizeOps().run(program([], build));
  const all = Object.values(primFuncs(mod));
  return opPatternOf(all[all.length - 1] as PrimFunc);
}

describe("graph passes: fusion", () => {
  it("annotateOpPattern finds the pattern in the blocks", () => {
    const c = (...shape: number[]) => constantOf(randomData(shape, 1));
    const cases: [OpPattern, (bb: BlockBuilder) => GraphExpr][] = [
      ["elemWise", () => R.add(c(3, 4), c(3, 4))],
      ["elemWise", () => R.nn.relu(c(3))],
      ["broadcast", () => R.add(c(3, 4), c(4))],
      ["broadcast", () => R.add(c(3, 4), c(3, 1))],
      ["broadcast", () => R.add(c(3, 4), R.const(1))],
      ["outEWiseFusable", () => R.matmul(c(3, 4), c(4, 2))],
      ["commReduce", () => R.sum(c(3, 4), { axis: [1] })],
      ["commReduce", () => R.mean(c(3, 4), { axis: [1] })],
      ["outEWiseFusable", () => R.nn.layerNorm(c(3, 4), c(4), c(4))],
      ["outEWiseFusable", () => R.nn.maxPool2d(c(1, 2, 4, 4), { poolSize: [2, 2] })],
      [
        "injective",
        (bb) => bb.callTe((x: te.Tensor) => te.compute([4, 3], (i, j) => x.at(j, i), "swap"), [c(3, 4)]),
      ],
      ["outEWiseFusable", () => R.argmax(c(3, 4))],
      ["opaque", () => R.cumsum(c(3, 4), { axis: 1 })],
    ];
    for (const [want, build] of cases) assert.equal(patternOfOp(build), want, String(build));
  });

  it("a product takes the elementwise steps after it, in one program with one output", () => {
    const [x, w, b] = [param("x", 3, 4), param("w", 4, 5), param("b", 5)];
    const mod = program([x, w, b], (bb) => bb.emit(R.nn.relu(bb.emit(R.add(bb.emit(R.matmul(x, w)), b)))));
    const grouped = assertModuleWellFormed(sequential([lower, fuseOps()]).run(mod));
    assert.equal(graphFuncs(grouped).fused_matmul_add_relu.attrs.Primitive, true);
    const done = assertModuleWellFormed(fuseTir.run(grouped));
    assert.deepEqual(calls(done), ["fused_matmul_add_relu"]);
    const f = primFuncs(done).fused_matmul_add_relu;
    assert.deepEqual(
      [f.body.allocs.length, bufferParams(f).length, f.attrs.opPattern],
      [2, 4, "outEWiseFusable"],
    );
  });

  it("a product with two uses joins neither of them", () => {
    const [x, w] = [param("x", 3, 4), param("w", 4, 4)];
    assert.deepEqual(
      fused([x, w], (bb) => {
        const y = bb.emit(R.matmul(x, w));
        return R.tuple(bb.emit(R.nn.relu(y)), bb.emit(R.tanh(y)));
      }),
      ["matmul", "relu", "tanh"],
    );
  });

  it("a diamond after a product is one group: all uses meet again", () => {
    const [x, w] = [param("x", 3, 4), param("w", 4, 4)];
    assert.deepEqual(
      fused([x, w], (bb) => {
        const y = bb.emit(R.matmul(x, w));
        return bb.emit(R.add(bb.emit(R.nn.relu(y)), bb.emit(R.tanh(y))));
      }),
      ["fused_matmul_relu_tanh_add"],
    );
  });

  it("of two products that are added one takes the sum", () => {
    const [x, w, v] = [param("x", 3, 4), param("w", 4, 4), param("v", 4, 4)];
    assert.deepEqual(
      fused([x, w, v], (bb) => bb.emit(R.add(bb.emit(R.matmul(x, w)), bb.emit(R.matmul(x, v))))),
      ["matmul", "fused_matmul_add"],
    );
  });

  it("a value that is also a result ends its group", () => {
    const x = param("x", 3, 4);
    assert.deepEqual(
      fused([x], (bb) => {
        const y = bb.emit(R.add(bb.emit(R.tanh(x)), x));
        return R.tuple(y, bb.emit(R.nn.relu(bb.emit(R.sin(y)))));
      }),
      ["fused_tanh_add", "fused_sin_relu"],
    );
  });

  it("elementwise steps before a reduction join it; a product does not", () => {
    const [x, w] = [param("x", 3, 4), param("w", 4, 4)];
    assert.deepEqual(
      fused([x], (bb) => bb.emit(R.sum(bb.emit(R.square(bb.emit(R.abs(x)))), { axis: [1] }))),
      ["fused_abs_square_sum"],
    );
    assert.deepEqual(
      fused([x, w], (bb) => bb.emit(R.sum(bb.emit(R.matmul(x, w)), { axis: [1] }))),
      ["matmul", "sum"],
    );
    assert.deepEqual(
      fused([x, w], (bb) => bb.emit(R.matmul(bb.emit(R.tanh(x)), w))),
      ["tanh", "matmul"],
    );
  });

  it("what is expensive is not computed again for every element it is broadcast to", () => {
    const [x, y] = [param("x", 3, 1), param("y", 3, 4)];
    assert.deepEqual(
      fused([x, y], (bb) => bb.emit(R.add(bb.emit(R.tanh(bb.emit(R.abs(x)))), y))),
      ["fused_abs_tanh", "add"],
    );
    assert.deepEqual(
      fused([x, y], (bb) => bb.emit(R.add(bb.emit(R.abs(x)), y))),
      ["fused_abs_add"],
    );
  });

  it("groups are bounded, also where values would be written out again and again", () => {
    const x = param("x", 2, 2);
    const chain = program([x], (bb) => {
      let y: GraphExpr = x;
      for (let i = 0; i < 20; i++) y = bb.emit(R.abs(y));
      return y;
    });
    const small = assertModuleWellFormed(sequential([lower, fuseOps({ maxOps: 5 })]).run(chain));
    assert.equal(calls(small).length, 4);
    const doubling = program([x], (bb) => {
      let y: GraphExpr = x;
      for (let i = 0; i < 20; i++) y = bb.emit(R.add(y, bb.emit(R.abs(y))));
      return y;
    });
    assert.ok(calls(fuse.run(doubling)).length >= 3);
  });

  it("a constant that several calls share is one parameter, and equal groups are one program", () => {
    const x = param("x", 3, 4);
    const shared = constantOf(randomData([4], 9));
    const mod = program([x], (bb) => {
      const step = (v: GraphExpr) => bb.emit(R.multiply(bb.emit(R.add(v, shared)), shared));
      const w = constantOf(randomData([4, 4], 3));
      return bb.emit(R.matmul(bb.emit(R.matmul(step(bb.emit(R.matmul(step(x), w))), w)), w));
    });
    const plain = fuse.run(mod);
    assert.deepEqual(calls(plain), ["fused_add_multiply", "fused_matmul_add_multiply", "matmul", "matmul"]);
    assert.equal(bufferParams(primFuncs(plain).fused_add_multiply).length, 3);
    const y = param("y", 3, 4);
    const twice = program([x, y], (bb) => {
      const half = (v: GraphExpr) => bb.emit(R.sum(bb.emit(R.abs(bb.emit(R.sin(v)))), { axis: [1] }));
      return R.tuple(half(x), half(y));
    });
    const done = fuse.run(twice);
    assert.deepEqual(calls(done), ["fused_sin_abs_sum", "fused_sin_abs_sum"]);
  });

  it("symbolic sizes reach the fused program as its parameters' shapes", () => {
    const n = variable("n");
    const x = R.var("x", R.tensor([n, 4]));
    const mod = program([x], (bb) => bb.emit(R.abs(bb.emit(R.sin(x)))));
    const done = assertModuleWellFormed(fuse.run(mod));
    assert.deepEqual(calls(done), ["fused_sin_abs"]);
    const arg = randomData([5, 4], 2);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
  });

  for (const [kind, o] of Object.entries({
    plain: {},
    "with ifs": { ifs: true },
    symbolic: { symbolic: true },
  })) {
    it(`keep the results of random programs, ${kind}, and never compute a product twice`, () => {
      const products = (mod: IRModule): number => calls(mod).filter((name) => name.includes("matmul")).length;
      keepsResults([lower, toDataflow(1), fuseOps(), fuseTir], o);
      keepsResults([lower, fuse], {
        ...o,
        check: (before, after) => assert.ok(products(after) <= products(before)),
      });
    }).timeout(20_000);
  }
});
