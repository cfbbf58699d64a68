import assert from "node:assert/strict";
import fc from "fast-check";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  callTirRewrite,
  copiesInOrder,
  killAfterLastUse,
  largestLiveSet,
  legalizeOps,
  type MemoryPlan,
  memoryPlanOf,
  planMemory,
  planOffsets,
  rewriteReshape,
  sequential,
  toNonDataflow,
  worksInPlace,
} from "../../../../lib/graph/passes/index.ts";
import { lowerGraph, PIPELINE, pipelinePasses, runPipeline } from "../../../../lib/graph/pipeline.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  type GraphExpr,
  type GraphVar,
  getGraphFunc,
  graphIf,
  type IRModule,
  type PrimFunc,
} from "../../../../lib/ir/index.ts";
import { te } from "../../../../lib/te/index.ts";
import { assertSame, evalGraph } from "../../../support/graph-eval.ts";
import { keepsResults } from "../../../support/pass-property.ts";
import { randomData } from "../../../support/random-graph.ts";
import { resnet18 } from "../../../support/resnet.ts";

function program(params: readonly GraphVar[], build: (bb: BlockBuilder) => GraphExpr): IRModule {
  const bb = new BlockBuilder();
  bb.function("main", params, () => bb.emitFuncOutput(build(bb)));
  return assertModuleWellFormed(bb.get());
}

const param = (name: string, ...shape: number[]) => R.var(name, R.tensor(shape));
const plan = (mod: IRModule): MemoryPlan => memoryPlanOf(getGraphFunc(mod, "main")) as MemoryPlan;
const toPlan = sequential([legalizeOps(), toNonDataflow, callTirRewrite, planMemory, killAfterLastUse]);
const BYTES = 3 * 4 * 4;

describe("graph passes: memory", () => {
  it("rewriteReshape finds copies in order, and nothing else", () => {
    const X = te.placeholder([6, 4], "X");
    const of = (y: te.Tensor): PrimFunc => te.createPrimFunc([X, y]);
    const yes = [
      te.compute([24], (i) => X.at(te.floordiv(i, 4), te.floormod(i, 4))),
      te.compute([2, 3, 4], (i, j, k) => X.at(te.add(te.mul(i, 3), j), k)),
      te.compute([6, 1, 4], (i, _j, k) => X.at(i, k)),
      te.compute([4, 6], (i, j) => {
        const at = te.add(te.mul(i, 6), j);
        return X.at(te.floordiv(at, 4), te.floormod(at, 4));
      }),
    ];
    const no = [
      te.compute([4, 6], (i, j) => X.at(j, i)),
      te.compute([3, 4], (i, j) => X.at(i, j)),
      te.compute([24], (i) => te.neg(X.at(te.floordiv(i, 4), te.floormod(i, 4)))),
    ];
    for (const [i, y] of yes.entries()) assert.ok(copiesInOrder(of(y)), `copy ${i}`);
    for (const [i, y] of no.entries()) assert.ok(!copiesInOrder(of(y)), `no copy ${i}`);
  });

  it("rewriteReshape makes a view of a legalized reshape", () => {
    const x = param("x", 3, 4);
    const mod = program([x], (bb) => {
      const flat = bb.emitTe(
        (t: te.Tensor) => te.compute([12], (i) => t.at(te.floordiv(i, 4), te.floormod(i, 4)), "flatten"),
        [bb.emit(R.tanh(x))],
      );
      return bb.emit(R.sin(flat));
    });
    const done = assertModuleWellFormed(rewriteReshape.run(legalizeOps().run(mod)));
    const ops = bindingsOf(getGraphFunc(done, "main").body).map((b) => b.value);
    assert.deepEqual(
      ops.map((e) => (e.kind === "opCall" ? e.op : e.kind)),
      ["callTir", "memory.view", "callTir"],
    );
    const arg = randomData([3, 4], 1);
    for (const m of [done, toPlan.run(done), runPipeline(mod, { verify: true })])
      assertSame(evalGraph(m, "main", [arg]), evalGraph(mod, "main", [arg]));
  });

  it("callTirRewrite gives each output memory, tuples too", () => {
    const x = param("x", 3, 4);
    const mod = program([x], (bb) => {
      const pair = bb.emitTe(
        (t: te.Tensor) => {
          const k = te.reduceAxis(4);
          const best = te.compute([3], (i) => te.argmax(t.at(i, k), k), "best");
          return [best, best.values as te.Tensor];
        },
        [x],
      );
      return bb.emit(R.tuple(bb.field(pair, 1), bb.field(pair, 0)));
    });
    const done = assertModuleWellFormed(callTirRewrite.run(mod));
    const arg = randomData([3, 4], 1);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
    assertSame(evalGraph(planMemory.run(done), "main", [arg]), evalGraph(mod, "main", [arg]));
  });

  it("a chain lives in one place where programs work in place, in two where not", () => {
    const x = param("x", 4, 4);
    const chain = (op: (e: GraphExpr) => GraphExpr): MemoryPlan =>
      plan(
        toPlan.run(
          program([x], (bb) => {
            let v: GraphExpr = x;
            for (let i = 0; i < 6; i++) v = bb.emit(op(v));
            return v;
          }),
        ),
      );
    assert.equal(chain((v) => R.tanh(v)).arenaBytes, 64);
    const product = chain((v) => R.matmul(v, x));
    assert.deepEqual([product.arenaBytes, product.largestLiveSet, product.sumBytes], [128, 128, 5 * 64]);
  });

  it("what the function gives, by whatever name, has memory of its own", () => {
    const x = param("x", 3, 4);
    const mod = program([x], (bb) => {
      const y = bb.emit(R.tanh(x));
      const view = bb.emit(R.memory.view(y, R.shape([12])));
      return R.tuple(view, bb.emit(R.sin(y)), bb.emit(R.abs(bb.emit(R.sin(y)))));
    });
    const done = assertModuleWellFormed(toPlan.run(mod));
    assert.deepEqual(
      plan(done).tensors.map((t) => t.bytes),
      [BYTES],
    );
    const arg = randomData([3, 4], 1);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
  });

  it("a view keeps its tensor alive", () => {
    const x = param("x", 4, 4);
    const mod = program([x], (bb) => {
      const y = bb.emit(R.matmul(x, x));
      const view = bb.emit(R.memory.view(y, R.shape([16])));
      const z = bb.emit(R.matmul(bb.emit(R.matmul(x, x)), x));
      return bb.emit(R.tuple(bb.emit(R.sin(view)), bb.emit(R.sin(z))));
    });
    const done = assertModuleWellFormed(toPlan.run(mod));
    const arg = randomData([4, 4], 1);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
    assert.equal(plan(done).arenaBytes, 3 * 64);
  });

  it("branches share memory with each other, and what they give lives on", () => {
    const [x, c] = [param("x", 4, 4), R.var("c", R.tensor([], "bool"))];
    const mod = program([x, c], (bb) => {
      const y = bb.emit(R.matmul(x, x));
      const branch = (w: GraphExpr) => bb.branch(() => bb.emit(R.matmul(bb.emit(R.matmul(y, w)), w)));
      const chosen = bb.emit(graphIf(c, branch(x), branch(y)));
      const other = bb.emit(R.matmul(x, x));
      return bb.emit(R.add(chosen, other));
    });
    const done = assertModuleWellFormed(toPlan.run(mod));
    const arg = randomData([4, 4], 1);
    for (const yes of [0, 1]) {
      const args = [arg, { ...arg, dtype: "bool", shape: [], bytes: Uint8Array.of(yes) } as typeof arg];
      assertSame(evalGraph(done, "main", args), evalGraph(mod, "main", args));
    }
    assert.equal(plan(done).arenaBytes, 4 * 64);
  });

  it("memory of called functions goes back after its last use, but not what is an argument", () => {
    const [x, p, q] = [param("x", 4, 4), param("p", 4, 4), param("q", 4, 4)];
    const bb = new BlockBuilder();
    bb.function("twice", [p], () => bb.emitFuncOutput(bb.emit(R.add(p, p))));
    bb.function("same", [q], () => bb.emitFuncOutput(q));
    bb.function("main", [x], () => {
      const a = bb.emit(R.call("twice", [x], x.type));
      const b = bb.emit(R.call("same", [a], x.type));
      const c = bb.emit(R.call("twice", [x], x.type));
      const d = bb.emit(R.add(bb.emit(R.sin(c)), b));
      bb.emitFuncOutput(bb.emit(R.add(d, x)));
    });
    const mod = assertModuleWellFormed(bb.get());
    const done = assertModuleWellFormed(toPlan.run(mod));
    const bindings = bindingsOf(getGraphFunc(done, "main").body);
    const kills = bindings.filter((b) => b.value.kind === "opCall" && b.value.op === "memory.kill");
    // What `twice` made is killed after `sin`; what went through `same` may be an argument's memory.
    assert.equal(kills.length, 2);
    const arg = randomData([4, 4], 1);
    assertSame(evalGraph(done, "main", [arg]), evalGraph(mod, "main", [arg]));
  });

  it("worksInPlace asks that every element is read where it is written", () => {
    const [X, Y] = [te.placeholder([4, 4], "X"), te.placeholder([4], "Y")];
    const f = (z: te.Tensor): PrimFunc => te.createPrimFunc([X, Y, z]);
    const good = f(te.compute([4, 4], (i, j) => te.add(X.at(i, j), Y.at(j))));
    assert.deepEqual([worksInPlace(good, 0, 2), worksInPlace(good, 1, 2)], [true, false]);
    const turned = f(te.compute([4, 4], (i, j) => te.add(X.at(j, i), Y.at(j))));
    const both = f(te.compute([4, 4], (i, j) => te.add(X.at(i, j), te.mul(X.at(i, 0), Y.at(j)))));
    assert.ok(!worksInPlace(turned, 0, 2) && !worksInPlace(both, 0, 2));
    const k = te.reduceAxis(4);
    const sum = te.compute([4], (i) => te.sum(X.at(i, k), k));
    assert.ok(
      !worksInPlace(f(te.compute([4, 4], (i, j) => te.add(X.at(i, j), te.add(sum.at(i), Y.at(j))))), 0, 2),
    );
  });

  it("offsets of random spans never overlap, and are near the lower bound", () => {
    const span = fc.record({
      bytes: fc.integer({ min: 1, max: 4000 }),
      start: fc.nat(30),
      length: fc.nat(8),
    });
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 30 }), (given) => {
        const spans = given.map((s) => ({ bytes: s.bytes, start: s.start, end: s.start + s.length }));
        const { offsets, total } = planOffsets(spans);
        assert.ok(total >= largestLiveSet(spans) && total <= 1.6 * largestLiveSet(spans));
        spans.forEach((a, i) => {
          assert.ok(offsets[i] % 64 === 0 && offsets[i] + a.bytes <= total);
          spans.forEach((b, j) => {
            if (i >= j || a.start > b.end || b.start > a.end) return;
            assert.ok(offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i]);
          });
        });
      }),
    );
  });

  it("the arena of ResNet-18 is at most 1.15 times the largest live set", () => {
    const done = runPipeline(resnet18(), { verify: true });
    const { arenaBytes, largestLiveSet: bound, sumBytes } = plan(done);
    assert.ok(arenaBytes <= 1.15 * bound, `${arenaBytes} against ${bound}`);
    assert.ok(arenaBytes < sumBytes / 2);
  }).timeout(60_000);

  it("the table of the pipeline gives a reason for each place", () => {
    const names = PIPELINE.map((s) => s.name);
    assert.equal(new Set(names).size, names.length);
    assert.ok(PIPELINE.every((s) => s.why.length > 10));
    const without = pipelinePasses({ skip: ["fuseOps"] }).map((q) => q.name);
    assert.ok(!without.includes("fuseOps") && without.includes("fuseTir"));
  });

  it("code for the machine: slots, offsets, constants that are shared, results of their own", () => {
    const x = param("x", 3, 4);
    const w = R.const([1, 2, 3, 4]);
    const mod = program([x], (bb) => {
      const y = bb.emit(R.add(x, w));
      const s = bb.emit(R.sum(y, { axis: [1], keepdims: true }));
      return R.tuple(bb.emit(R.subtract(y, s)), bb.emit(R.add(s, w)));
    });
    const { program: code, module } = lowerGraph(mod, { verify: true });
    const main = code.functions.main;
    assert.equal(code.constants.length, 1);
    assert.deepEqual(
      main.params.map((q) => q.name),
      ["x"],
    );
    assert.equal(main.results.length, 2);
    for (const r of main.results) assert.equal(main.slots[r].source.kind, "set");
    for (const i of main.code) if (i.op === "callTir") assert.equal(module.funcs[i.func].kind, "primFunc");
  });

  for (const [kind, o] of Object.entries({ plain: {}, "with ifs": { ifs: true } })) {
    it(`keep the results of random programs, ${kind}`, () => {
      keepsResults([rewriteReshape], o);
      keepsResults([legalizeOps(), toNonDataflow, callTirRewrite], o);
      keepsResults([toPlan], o);
      keepsResults(pipelinePasses(), o);
    }).timeout(30_000);
  }
});
