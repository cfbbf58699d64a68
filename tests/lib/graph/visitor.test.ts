import assert from "node:assert/strict";
import {
  BlockBuilder,
  type Call,
  ExprMutator,
  postOrderVisit,
  R,
  registerOp,
  removeAllUnused,
  visitExpr,
} from "../../../lib/graph/index.ts";
import { broadcastIndex } from "../../../lib/graph/ops/te-index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  type GraphExpr,
  type GraphFunc,
  getGraphFunc,
  graphIf,
  type IRModule,
  ops,
  primFuncs,
  typeText,
  variable,
  verifyGraphFunc,
} from "../../../lib/ir/index.ts";
import { te } from "../../../lib/te/index.ts";

registerOp("visitorTest.ewiseFma", {
  doc: "a * b + c",
  args: ["a", "b", "c"].map((name) => ({ name, kind: "tensor" as const })),
  infer: (c) => c.tensor(0),
  te: (c) =>
    te.compute(c.out().shape, (...i) => ops.add(ops.mul(c.x(0).get(i), c.x(1).get(i)), c.x(2).get(i))),
});

const opsOf = (f: GraphFunc) =>
  bindingsOf(f.body).map(({ value: v }) =>
    v.kind === "opCall" ? v.op : "func" in v ? `${v.kind} ${v.func}` : v.kind,
  );

describe("chapter 9: graph optimization", () => {
  class EwiseFmaRewriter extends ExprMutator {
    protected override visitCall(call: Call): GraphExpr {
      const value = this.lookupBinding(call.args[0]);
      if (call.kind !== "opCall" || call.op !== "add") return call;
      if (value?.kind !== "opCall" || value.op !== "multiply") return call;
      return R.op("visitorTest.ewiseFma", [value.args[0], value.args[1], call.args[1]]);
    }
  }

  it("multiply and add become one operator", () => {
    const [x, y] = ["x", "y"].map((n) => R.var(n, R.tensor([3, 4])));
    const bb = new BlockBuilder();
    const f = bb.function("main", [x, y], () => {
      const gv = bb.dataflow(() => bb.emitOutput(R.add(bb.emit(R.multiply(x, y)), y)));
      bb.emitFuncOutput(gv);
    });
    const g = removeAllUnused(new EwiseFmaRewriter().visitFunc(f));
    assert.deepEqual(opsOf(g), ["visitorTest.ewiseFma"]);
    assert.deepEqual(verifyGraphFunc(g), []);
  });

  function mlp(): IRModule {
    const x = R.var("x", R.tensor([1, 784]));
    const zeros = (...shape: number[]) =>
      R.const(new Float32Array(shape.reduce((a, b) => a * b)), "f32", shape);
    const [w0, b0, w1, b1] = [zeros(784, 128), zeros(128), zeros(128, 10), zeros(10)];
    const bb = new BlockBuilder();
    bb.function("main", [x], () => {
      const out = bb.dataflow(() => {
        const lv1 = bb.emit(R.add(bb.emit(R.matmul(x, w0)), b0));
        const lv2 = bb.emit(R.nn.relu(lv1));
        return bb.emitOutput(R.add(bb.emit(R.matmul(lv2, w1)), b1));
      });
      bb.emitFuncOutput(out);
    });
    return bb.get();
  }

  class MatmulAddFusor extends ExprMutator {
    private counter = 0;

    transform(): IRModule {
      const mod = this.visitModule((attrs) => attrs.primitive === 1);
      for (const name of Object.keys(mod.funcs)) {
        this.builder.updateFunc(name, removeAllUnused(getGraphFunc(mod, name)));
      }
      return this.builder.get();
    }

    protected override visitCall(call: Call): GraphExpr {
      const value = this.lookupBinding(call.args[0]);
      if (call.kind !== "opCall" || call.op !== "add") return call;
      if (value?.kind !== "opCall" || value.op !== "matmul") return call;
      const args = [...value.args, call.args[1]];
      const [x, w, b] = ["x", "w", "b"].map((name, i) => R.var(name, args[i].type));
      const bb = new BlockBuilder();
      const fused = bb.function(
        "fused",
        [x, w, b],
        () => {
          const gv = bb.dataflow(() => bb.emitOutput(R.add(bb.emit(R.matmul(x, w)), b)));
          bb.emitFuncOutput(gv);
        },
        { primitive: 1 },
      );
      const name = this.builder.addFunc(fused, `fusedDenseAdd${this.counter++}`);
      return R.call(name, args, call.type);
    }
  }

  const fused = (): IRModule => new MatmulAddFusor(mlp()).transform();

  it("matmul and add become calls of primitive functions", () => {
    const mod = fused();
    assertModuleWellFormed(mod);
    assert.deepEqual(Object.keys(mod.funcs), ["main", "fusedDenseAdd0", "fusedDenseAdd1"]);
    assert.deepEqual(opsOf(getGraphFunc(mod, "main")), [
      "callFunc fusedDenseAdd0",
      "nn.relu",
      "callFunc fusedDenseAdd1",
    ]);
    assert.deepEqual(getGraphFunc(mod, "fusedDenseAdd0").attrs, { primitive: 1 });
    assert.deepEqual(opsOf(getGraphFunc(mod, "fusedDenseAdd1")), ["matmul", "add"]);
  });

  class LowerToTensorIR extends ExprMutator {
    static readonly map: Readonly<Record<string, (...args: te.Tensor[]) => te.Tensor>> = {
      matmul: (a, b) => {
        const k = te.reduceAxis(a.shape[1]);
        return te.compute([a.shape[0], b.shape[1]], (i, j) =>
          te.sum(ops.mul(a.get([i, k.v]), b.get([k.v, j])), k),
        );
      },
      add: (a, b) => te.compute(a.shape, (...i) => ops.add(a.get(i), b.get(broadcastIndex(b, i, a.shape)))),
      "nn.relu": (a) => te.compute(a.shape, (...i) => ops.max(a.get(i), ops.toExpr(0, "f32"))),
    };

    protected override visitCall(call: Call): GraphExpr {
      const program = call.kind === "opCall" ? LowerToTensorIR.map[call.op] : undefined;
      if (!program || call.kind !== "opCall") return call;
      return this.builder.callTe(program, call.args, { name: call.op.replace("nn.", "") });
    }
  }

  it("operators become calls of tensor programs", () => {
    const mod = new LowerToTensorIR(fused()).visitModule();
    assertModuleWellFormed(mod);
    assert.deepEqual(Object.keys(primFuncs(mod)), ["relu", "matmul", "add", "matmul1", "add1"]);
    assert.deepEqual(opsOf(getGraphFunc(mod, "fusedDenseAdd1")), ["callTir matmul1", "callTir add1"]);
    assert.deepEqual(opsOf(getGraphFunc(mod, "main"))[1], "callTir relu");
  });
});

describe("the mutator", () => {
  const x = R.var("x", R.tensor([3, 4]));
  const cond = R.var("cond", R.tensor([], "bool"));

  it("without overrides gives an equal function, and the same variables", () => {
    const n = variable("n");
    const y = R.var("y", R.tensor([n, 4]));
    const bb = new BlockBuilder();
    const f = bb.function("main", [x, y, cond], () => {
      const a = bb.dataflow(() => bb.emitOutput(R.add(bb.emit(R.exp(x)), x)));
      const m = variable("m");
      const cast = bb.matchCast(y, R.tensor([m, 4]));
      const [k] = bb.tensorToShape(R.const([2n], "i64"), ["k"]);
      const shaped = bb.emit(R.callTir("fill", [cast], R.tensor([k, m]), { tirVars: [k] }));
      const gv = bb.emit(
        graphIf(
          cond,
          bb.branch(() => bb.emit(R.tanh(a))),
          bb.branch(() => a),
        ),
      );
      bb.emitFuncOutput(R.tuple(gv, shaped));
    });
    assert.deepEqual(verifyGraphFunc(f), []);
    const g = new ExprMutator().visitFunc(f);
    assert.deepEqual(JSON.parse(JSON.stringify(g)), JSON.parse(JSON.stringify(f)));
  });

  it("types follow from what changed, into branches and fields", () => {
    class Transposed extends ExprMutator {
      protected override visitCall(call: Call): GraphExpr {
        return call.kind === "callTir" ? R.callTir("wide", call.args, R.tensor([3, 8])) : call;
      }
    }
    const bb = new BlockBuilder();
    const f = bb.function("main", [x, cond], () => {
      const a = bb.emit(R.callTir("id", [x], R.tensor([3, 4])));
      const gv = bb.emit(
        graphIf(
          cond,
          bb.branch(() => bb.emit(R.exp(a))),
          bb.branch(() => a),
        ),
      );
      bb.emitFuncOutput(R.tuple(gv, R.get(bb.emit(R.tuple(a, x)), 0)));
    });
    const g = new Transposed().visitFunc(f);
    assert.deepEqual(verifyGraphFunc(g), []);
    assert.equal(typeText(g.body.result.type), "(f32[3, 8], f32[3, 8])");
  });
});

describe("visitors", () => {
  const x = R.var("x", R.tensor([3, 4]));
  const bb = new BlockBuilder();
  const f = bb.function("main", [x], () => {
    const a = bb.emit(R.exp(x));
    bb.emitFuncOutput(bb.emit(R.add(a, R.const(1))));
  });

  it("handlers by kind, which go on where they like", () => {
    const seen: string[] = [];
    visitExpr(f, {
      opCall: (e, next) => {
        seen.push(e.op);
        if (e.op === "add") next(e.args[1]);
        else next();
      },
      constant: () => seen.push("constant"),
      graphVar: (e) => seen.push(e.name),
    });
    assert.deepEqual(seen, ["exp", "x", "add", "constant", "gv1"]);
  });

  it("post order: operands first, each value once", () => {
    const seen: string[] = [];
    postOrderVisit(f, (e) => seen.push(e.kind === "opCall" ? e.op : e.kind === "graphVar" ? e.name : e.kind));
    assert.deepEqual(seen, ["x", "exp", "gv", "constant", "add", "gv1"]);
  });
});

describe("removeAllUnused", () => {
  const x = R.var("x", R.tensor([3, 4]));
  const kinds = (f: GraphFunc) => opsOf(removeAllUnused(f));

  it("drops chains of unused values and outputs, keeps what has an effect", () => {
    const bb = new BlockBuilder();
    const f = bb.function("main", [x], () => {
      const [a] = bb.dataflow(() => {
        const e = bb.emit(R.exp(x));
        bb.emit(R.callPacked("env.pure", [x], R.tensor([3])));
        return [bb.emitOutput(R.tanh(x)), bb.emitOutput(R.sqrt(e))];
      });
      bb.emit(R.callPacked("env.log", [x], R.tensor([1])));
      bb.emitFuncOutput(a);
    });
    const g = removeAllUnused(f);
    assert.deepEqual(opsOf(g), ["tanh", "callPacked env.log"]);
    assert.equal(g.body.blocks[0].outputs.length, 1);
    assert.deepEqual(verifyGraphFunc(g), []);
    assert.equal(removeAllUnused(g), g);
  });

  it("keeps what declares a size that is used", () => {
    const bb = new BlockBuilder();
    const make = (used: boolean): GraphFunc =>
      bb.function(`f${used}`, [x], () => {
        const y = bb.dataflow(() => {
          const [k] = bb.tensorToShape(R.const([2n], "i64"), ["k"]);
          const m = variable("m");
          bb.matchCast(x, R.tensor([m, 4]));
          return used
            ? bb.emitOutput(R.callTir("fill", [x], R.tensor([k, m]), { tirVars: [k] }))
            : bb.emitOutput(R.exp(x));
        });
        bb.emitFuncOutput(y);
      });
    assert.equal(kinds(make(true)).length, 3);
    assert.deepEqual(kinds(make(false)), ["exp"]);
  });

  it("asks the module whether a called function does more than give a value", () => {
    const bb = new BlockBuilder();
    const define = (name: string, body: () => GraphExpr) =>
      bb.function(name, [R.var("a", R.tensor([3, 4]))], () => bb.emitFuncOutput(bb.emit(body())));
    define("pure", () => R.exp(x));
    define("logs", () => R.callPacked("env.log", [x], R.tensor([1])));
    const f = bb.function("main", [x], () => {
      bb.emit(R.call("pure", [x], x.type));
      bb.emit(R.call("logs", [x], R.tensor([1])));
      bb.emitFuncOutput(x);
    });
    assert.deepEqual(opsOf(removeAllUnused(f)), ["callFunc pure", "callFunc logs"]);
    assert.deepEqual(opsOf(removeAllUnused(f, bb.get())), ["callFunc logs"]);
  });
});
