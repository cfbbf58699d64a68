/** Constants of one element as literals of the programs that read them. */
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../../lib/graph/index.ts";
import {
  deadCodeElimination,
  embedScalars,
  legalizeOps,
  sequential,
} from "../../../../lib/graph/passes/index.ts";
import { assertModuleWellFormed, getGraphFunc, type IRModule, primFuncs } from "../../../../lib/ir/index.ts";
import { assertAllclose, build, Tensor } from "../../../../lib/runtime/index.ts";

/** (x + 3)² * w, or another power, with 3 and 2 as constants of one element and w as one of several. */
function module(exponent = 2): IRModule {
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([2, 3]));
  bb.function("main", [x], () => {
    const sum = bb.emit(R.add(x, R.const(3)));
    const square = bb.emit(R.power(sum, R.const([exponent], "f32")));
    bb.emitFuncOutput(bb.emit(R.multiply(square, R.const([1, 2, 3], "f32"))));
  });
  return bb.get();
}

describe("graph passes: embedScalars", () => {
  const legal = legalizeOps().run(module());
  const made = assertModuleWellFormed(sequential([embedScalars, deadCodeElimination()]).run(legal));

  it("literals take the place of the buffers; larger constants stay", () => {
    const programs = Object.values(primFuncs(made)).map((f) => f.script());
    assert.equal(programs.length, 3);
    assert(programs.some((p) => /\+ 3;/.test(p)));
    const square = programs.find((p) => p.includes("power"));
    assert.doesNotMatch(square as string, /T\.pow/);
    const main = getGraphFunc(made, "main").script();
    assert.equal(main.match(/R\.const/g)?.length, 1);
  });

  it("the result is the same", async () => {
    const x = Tensor.from([1, 2, 3, -4, 5, 0], [2, 3]);
    const [a, b] = [await build(legal), await build(made)];
    assertAllclose((await b.main(x)) as Tensor, (await a.main(x)) as Tensor, { rtol: 1e-6, atol: 0 });
  });

  it("cubes are products too", async () => {
    const cubes = legalizeOps().run(module(3));
    const products = sequential([embedScalars, deadCodeElimination()]).run(cubes);
    assert.ok(!Object.values(primFuncs(products)).some((f) => f.script().includes("T.pow")));
    const x = Tensor.random([2, 3], { seed: 1, min: -6, max: 6 });
    const [a, b] = [await build(cubes), await build(products)];
    assertAllclose((await b.main(x)) as Tensor, (await a.main(x)) as Tensor, { rtol: 3e-7, atol: 0 });
  });

  it("a module without such constants is left as it is", () => {
    assert.equal(embedScalars.run(made), made);
  });
});
