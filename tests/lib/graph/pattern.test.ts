import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import {
  indexBindings,
  isCallPacked,
  isCallTir,
  isConst,
  isOp,
  isParam,
  isTuple,
  isTupleGet,
  matchExpr,
  type Pattern,
  rewriteCall,
  wildcard,
} from "../../../lib/graph/pattern/index.ts";
import { bindingsOf, type GraphExpr, type GraphFunc, verifyGraphFunc } from "../../../lib/ir/index.ts";

const x = R.var("x", R.tensor([3, 4]));
const w = R.var("w", R.tensor([4, 4]));

/** A function of x and w whose one dataflow block `build` fills. */
function func(build: (bb: BlockBuilder) => GraphExpr): GraphFunc {
  const bb = new BlockBuilder();
  return bb.function("main", [x, w], () => {
    const out = bb.dataflow(() => bb.emitOutput(build(bb)));
    bb.emitFuncOutput(out);
  });
}

const values = (f: GraphFunc) => bindingsOf(f.body).map((b) => b.value);
const ops = (f: GraphFunc) => values(f).map((v) => (v.kind === "opCall" ? v.op : v.kind));
const matches = (f: GraphFunc, p: Pattern) => {
  const index = indexBindings(f);
  return values(f).flatMap((v, i) => (matchExpr(p, v, index) ? [i] : []));
};

const bias = R.const([1, 2, 3, 4]);
const linear = func((bb) => {
  const lv = bb.emit(R.matmul(x, w));
  const lv1 = bb.emit(R.add(lv, bias));
  return R.nn.relu(lv1);
});

describe("patterns", () => {
  it("match by operator, operands and what is bound to variables, and say what matched", () => {
    const [a, b, c] = [wildcard(), isParam(), isConst()];
    const product = isOp("matmul")(a, b);
    const sum = isOp("add")(product, c);
    const f = linear;
    const index = indexBindings(f);
    const m = matchExpr(isOp("nn.relu")(sum), values(f)[2], index);
    assert.ok(m);
    assert.equal(m.get(a), x);
    assert.equal(m.get(b), w);
    assert.equal(m.get(c), bias);
    const inner = m.get(product);
    assert.equal(inner.kind === "graphVar" && inner.name, "lv");
    assert.equal(m.value(product), values(f)[0]);
    assert.deepEqual(
      m.inner.map((v) => v.name),
      ["lv", "lv1"],
    );
    assert.equal(matchExpr(isOp("nn.relu")(product), values(f)[2], index), undefined);
    assert.throws(() => m.get(wildcard()), /not part of what matched/);
  });

  it("one pattern at two places is one value", () => {
    const a = wildcard();
    const square = isOp("multiply")(a, a);
    assert.deepEqual(
      matches(
        func((bb) => bb.emit(R.multiply(x, x))),
        square,
      ).length,
      1,
    );
    assert.deepEqual(
      matches(
        func((bb) => bb.emit(R.multiply(x, R.exp(x)))),
        square,
      ),
      [],
    );
  });

  it("or is tried in order and taken back where the rest fails", () => {
    const [a, b] = [wildcard(), wildcard()];
    const either = isOp("add")(a, b).or(isOp("add")(b, a));
    // add(relu, matmul) fits only the second side, as `b` is also what exp takes.
    const f = func((bb) => {
      const r = bb.emit(R.nn.relu(x));
      const m = bb.emit(R.tanh(x));
      const s = bb.emit(R.add(r, m));
      return R.multiply(s, r);
    });
    assert.deepEqual(matches(f, isOp("multiply")(either, b)), [3]);
    assert.deepEqual(matches(f, isOp("multiply")(isOp("add")(a, b), b)), []);
  });

  it("optional matches with and without", () => {
    const sum = isOp("add")(wildcard(), wildcard());
    const p = sum.optional((s) => isOp("nn.relu")(s));
    assert.deepEqual(matches(linear, p), [1, 2]);
  });

  it("has: dtype, shape, rank, attributes and conditions", () => {
    const any = wildcard();
    const count = (p: Pattern) => matches(linear, p).length;
    assert.equal(count(any.has({ dtype: "f32", rank: 2 })), 3);
    assert.equal(count(any.has({ dtype: "i32" })), 0);
    assert.equal(count(any.has({ shape: [3, 4] })), 3);
    assert.equal(count(any.has({ shape: [-1, 4] })), 3);
    assert.equal(count(any.has({ shape: [3, 3] })), 0);
    assert.equal(count(any.has({ shape: [3] })), 0);
    assert.equal(count(any.has({ attrs: { outDtype: "" } })), 1);
    assert.equal(count(any.has({ attrs: { outDtype: "f64" } })), 0);
    assert.equal(count(any.has({ where: (e) => e.kind === "opCall" && e.op === "add" })), 1);
  });

  it("chains: used by, and used by nothing else", () => {
    const chain = (only: boolean) => {
      const [m, a, r] = [isOp("matmul")(), isOp("add")(), isOp("nn.relu")()];
      return only ? m.onlyUsedBy(a).onlyUsedBy(r) : m.usedBy(a).usedBy(r);
    };
    assert.deepEqual(matches(linear, chain(true)), [2]);
    const shared = func((bb) => {
      const lv = bb.emit(R.matmul(x, w));
      const lv1 = bb.emit(R.add(bias, lv));
      const lv2 = bb.emit(R.nn.relu(lv1));
      return R.add(lv2, lv);
    });
    assert.deepEqual(matches(shared, chain(false)), [2]);
    assert.deepEqual(matches(shared, chain(true)), []);
  });

  it("tuples, calls of tensor programs and of libraries", () => {
    const f = func((bb) => {
      const t = bb.emit(R.callTir("two", [x], [R.tensor([3, 4]), R.tensor([3])]));
      const first = bb.emit(R.get(t, 0));
      const lib = bb.emit(R.callPacked("env.linear", [first, w], R.tensor([3, 4])));
      return R.tuple(lib, first);
    });
    const two = isCallTir("two");
    assert.deepEqual(matches(f, two), [0]);
    assert.deepEqual(matches(f, isCallTir("other")), []);
    assert.deepEqual(matches(f, isTupleGet(two, 0)), [1]);
    assert.deepEqual(matches(f, isTupleGet(two, 1)), []);
    assert.deepEqual(matches(f, isTupleGet(wildcard())), [1]);
    const lib = isCallPacked("env.linear", [isTupleGet(two), isParam()]);
    assert.deepEqual(matches(f, lib), [2]);
    assert.deepEqual(matches(f, isTuple([lib, wildcard()])), [3]);
    assert.deepEqual(matches(f, isTuple([wildcard()])), []);
  });

  it("do not look into another dataflow block from what cannot mention its values", () => {
    const bb = new BlockBuilder();
    const f = bb.function("main", [x, w], () => {
      const gv = bb.dataflow(() => bb.emitOutput(R.nn.relu(bb.emit(R.matmul(x, w)))));
      const out = bb.dataflow(() => bb.emitOutput(R.exp(gv)));
      bb.emitFuncOutput(out);
    });
    const p = isOp("exp")(isOp("nn.relu")(wildcard()));
    assert.equal(rewriteCall(p, () => R.tanh(x), f).body.blocks.length, 2);
    const index = indexBindings(f);
    const last = bindingsOf(f.body)[2];
    assert.ok(last.kind === "bind" && matchExpr(p, last.v, index));
    assert.equal(matchExpr(p, last.v, index.seenFrom(last.v)), undefined);
  });
});

describe("rewriteCall", () => {
  it("replaces what matches, sees what it replaced, and drops what is unused", () => {
    const a = wildcard();
    const inner = isOp("nn.relu")(a);
    const f = func((bb) => {
      const r = [1, 2, 3].reduce<GraphExpr>((e) => bb.emit(R.nn.relu(e)), x);
      return R.matmul(r, w);
    });
    const g = rewriteCall(isOp("nn.relu")(inner), (_, m) => R.nn.relu(m.get(a)), f);
    assert.deepEqual(ops(g), ["nn.relu", "matmul"]);
    assert.deepEqual(verifyGraphFunc(g), []);
  });

  it("keeps the variable, puts several operators into normal form, and infers types again", () => {
    const [a, b] = [wildcard(), wildcard()];
    const f = linear;
    const g = rewriteCall(isOp("matmul")(a, b), (_, m) => R.matmul(R.exp(m.get(a)), R.tanh(m.get(b))), f);
    assert.deepEqual(ops(g), ["exp", "tanh", "matmul", "add", "nn.relu"]);
    assert.deepEqual(verifyGraphFunc(g), []);
    const [before, after] = [f, g].map((h) => bindingsOf(h.body).at(-1));
    assert.equal(before?.kind === "bind" && before.v, after?.kind === "bind" && after.v);
  });

  it("a value that stands for itself leaves the function as it is", () => {
    const g = rewriteCall(isOp("add")(), (value) => value, linear);
    assert.deepEqual(values(g), values(linear));
  });

  it("an output that becomes a parameter is still bound in its block", () => {
    const a = wildcard();
    const f = func(() => R.nn.relu(x));
    const g = rewriteCall(isOp("nn.relu")(a), (_, m) => m.get(a), f);
    assert.deepEqual(verifyGraphFunc(g), []);
    assert.deepEqual(values(g), [x]);
  });
});
