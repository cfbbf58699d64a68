// The checkers of the assignment: they tell right from wrong, say what is wrong, and give hints one by one.
import assert from "node:assert/strict";
import { BlockBuilder, type IRModule, R, Schedule, Tensor, te, transform } from "tilewright";
import { checkProgram, type Verdict } from "../../notebooks/exercises.ts";
import { checkNetwork, checkTe, givenNetwork } from "../../notebooks/exercises-network.ts";

const HINTS = ["first", "second"];

/** An exercise of its own for each test: failed attempts are counted by name. */
let made = 0;
const fresh = (): string => `exercise ${made++}`;

function assertFails(v: Verdict, why: RegExp): void {
  assert.equal(v.passed, false, v.message);
  assert.match(v.message, why);
}

describe("notebooks: checks of te functions", () => {
  const exercise = () => ({
    name: fresh(),
    tensors: [{ shape: [4, 6] }, { shape: [6] }, { shape: [4, 6] }],
    reference: (x: Tensor, b: Tensor, out: Tensor) => {
      for (let i = 0; i < 4; i++)
        for (let j = 0; j < 6; j++) out.set((x.at(i, j) as number) + (b.at(j) as number), i, j);
    },
    hints: HINTS,
  });
  const right = (x: te.Tensor, b: te.Tensor) =>
    te.compute([4, 6], (i, j) => te.add(x.at(i, j), b.at(j)), "out");

  it("a right function passes, also with stages", async () => {
    assert.ok((await checkTe(exercise(), right)).passed);
    const staged = (x: te.Tensor, b: te.Tensor) => {
      const copy = te.compute([4, 6], (i, j) => x.at(i, j), "copy");
      return right(copy, b);
    };
    assert.ok((await checkTe(exercise(), staged)).passed);
  });

  it("wrong values, shapes and results are told apart", async () => {
    assertFails(await checkTe(exercise(), undefined), /holds no function/);
    const wrong = (x: te.Tensor, b: te.Tensor) =>
      te.compute([4, 6], (i, j) => te.add(x.at(i, j), b.at(i)), "out");
    assertFails(await checkTe(exercise(), wrong), /./);
    const nearly = (x: te.Tensor, b: te.Tensor) =>
      te.compute([4, 6], (i, j) => te.mul(te.add(x.at(i, j), b.at(j)), 1.001), "out");
    assertFails(await checkTe(exercise(), nearly), /differ|close|element/i);
    const small = (x: te.Tensor) => te.compute([4], (i) => x.at(i, 0), "out");
    assertFails(await checkTe(exercise(), small), /The result is \[4\], it should be \[4, 6\]/);
    assertFails(await checkTe(exercise(), (() => 3) as never), /gives no tensor/);
    const thrown = () => {
      throw new Error("not finished");
    };
    assertFails(await checkTe(exercise(), thrown), /not finished/);
  });

  it("every failed attempt gives one more hint, a passed one none", async () => {
    const one = exercise();
    const hints = [];
    for (let i = 0; i < 4; i++) hints.push((await checkTe(one, undefined)).hints);
    assert.deepEqual(hints, [[], ["first"], HINTS, HINTS]);
    assert.deepEqual((await checkTe(one, right)).hints, []);
  });
});

describe("notebooks: checks of networks", () => {
  const x = R.var("x", R.tensor([2, 3]));
  const weights = Tensor.from(Float32Array.of(1, -2, 3), [3]);
  const network = (emit: (bb: BlockBuilder) => ReturnType<BlockBuilder["emit"]>, params = [x]): IRModule => {
    const bb = new BlockBuilder();
    bb.function("main", params, () => {
      const out = bb.dataflow(() => bb.emitOutput(emit(bb)));
      bb.emitFuncOutput(out);
    });
    return bb.get();
  };
  const scale = (a: te.Tensor, b: te.Tensor) =>
    te.compute(a.shape, (i, j) => te.mul(a.at(i, j), b.at(j)), "scale");
  const byTe = network((bb) => bb.emitTe(scale, [x, R.const(weights)]));
  const byOperators = network((bb) => bb.emit(R.multiply(x, R.const(weights))));
  const input = Tensor.from(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const expected = Tensor.from(Float32Array.of(1, -4, 9, 4, -10, 18), [2, 3]);
  const exercise = (uses: readonly ("callTir" | "opCall" | "callPacked")[]) => ({
    ...{ name: fresh(), input, expected, uses, hints: HINTS },
  });

  it("right networks pass, in the form that is asked for", async () => {
    assert.ok((await checkNetwork(exercise(["callTir"]), byTe)).passed);
    assert.ok((await checkNetwork(exercise(["opCall"]), byOperators)).passed);
    assertFails(await checkNetwork(exercise(["callTir"]), byOperators), /uses no R\.callTir yet/);
    assertFails(await checkNetwork(exercise(["callPacked"]), byTe), /uses no R\.callPacked yet/);
    const avoids = { ...exercise(["opCall"]), avoids: ["opCall"] as const };
    assertFails(await checkNetwork(avoids, byOperators), /to do without/);
  });

  it("wrong ones are told why", async () => {
    assertFails(await checkNetwork(exercise(["callTir"]), undefined), /holds no module/);
    assertFails(
      await checkNetwork(exercise(["callTir"]), new BlockBuilder().get()),
      /no graph-level function/,
    );
    const open = R.var("w", R.tensor([3]));
    const unbound = network((bb) => bb.emit(R.multiply(x, open)), [x, open]);
    assertFails(await checkNetwork(exercise(["opCall"]), unbound), /2 parameters.*R\.const/);
    const off = network((bb) => bb.emit(R.add(x, R.const(weights))));
    assertFails(await checkNetwork(exercise(["opCall"]), off), /./);
    const nearly = network((bb) => bb.emit(R.multiply(R.multiply(x, R.const(weights)), R.const(1.001))));
    assertFails(await checkNetwork(exercise(["opCall"]), nearly), /./);
    const nowhere = network((bb) => bb.emit(R.callPacked("env.nowhere", [x], R.tensor([2, 3]))));
    assertFails(await checkNetwork(exercise(["callPacked"]), nowhere), /env\.nowhere/);
  });

  it("the network that is given has one parameter and gives probabilities", () => {
    const t = (...shape: number[]) => Tensor.random(shape, { seed: shape.length, min: -0.1, max: 0.1 });
    const mod = givenNetwork({
      w0: t(32, 1, 3, 3),
      b0: t(32),
      w1: t(100, 5408),
      b1: t(100),
      w2: t(10, 100),
      b2: t(10),
    });
    assert.match(mod.funcs.main.script(), /R\.nn\.conv2d[\s\S]*R\.nn\.softmax/);
  });
});

describe("notebooks: checks of schedules", () => {
  const A = te.placeholder([8, 8], "A");
  const B = te.compute([8, 8], (i, j) => te.mul(A.at(i, j), 2), "B");
  const start = te.createPrimFunc([A, B]);
  const target = new Schedule(start);
  target.parallel(target.getLoops(target.getBlock("B"))[0]);

  it("the same program passes whatever passes noted on it; another one is told where it differs", () => {
    const exercise = {
      name: fresh(),
      target: Object.values(target.mod.funcs)[0] as typeof start,
      hints: HINTS,
    };
    assertFails(checkProgram(exercise, start), /Not the target program yet/);
    assert.ok(checkProgram(exercise, target).passed);
    const noted = transform.annotateOpPattern.run(target.mod);
    assert.match(noted.script(), /opPattern/);
    assert.ok(checkProgram(exercise, noted).passed);
  });
});
