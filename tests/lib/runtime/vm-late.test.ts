/** Ifs and loops whose results have sizes that only running them tells. */
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import {
  type Expr,
  type GraphExpr,
  type GraphVar,
  graphVar,
  type IRModule,
  tensorType,
  tupleExpr,
  tupleGet,
  tupleType,
  variable,
} from "../../../lib/ir/index.ts";
import { build, cpuMemory, Tensor } from "../../../lib/runtime/index.ts";

const scalar = (name: string, dtype: "i64" | "bool"): GraphVar => graphVar(name, tensorType([], dtype));

/** `f`: (i, go, x[n], w[m]) to (sum(x) < 20, x with w behind it, sum(x)); `main` runs it on x, and doubles what it gives. */
function growing(): IRModule {
  const bb = new BlockBuilder();
  const [n, m] = [variable("n"), variable("m")];
  const [x, w] = [graphVar("x", tensorType([n])), graphVar("w", tensorType([m]))];
  bb.function("f", [scalar("i", "i64"), scalar("go", "bool"), x, w], () => {
    const sum = bb.emit(R.sum(x));
    const more = bb.emit(R.less(sum, R.const(20)));
    const next = bb.emit(R.concat([x, w], { axis: 0 }));
    bb.emitFuncOutput(tupleExpr([more, next, sum]));
  });
  const [start, step] = [graphVar("start", tensorType([1])), graphVar("step", tensorType([2]))];
  bb.function("main", [start, step], () => {
    const [size, count] = [variable("size"), variable("count")];
    const type = tupleType([tensorType([size]), tensorType([count])]);
    const loop: GraphExpr = { kind: "graphLoop", func: "f", carried: [start], captured: [step], type };
    const all = bb.matchCast(loop, type);
    const doubled = bb.emit(R.add(tupleGet(all, 0), tupleGet(all, 0)));
    bb.emitFuncOutput(tupleExpr([doubled, bb.emit(tupleGet(all, 1))]));
  });
  return bb.get();
}

/** x or x twice, by the sign of its sum, plus 1. */
function chosen(size: Expr | number): IRModule {
  const bb = new BlockBuilder();
  const x = graphVar("x", tensorType([size]));
  bb.function("main", [x], () => {
    const cond = bb.emit(R.less(bb.emit(R.sum(x)), R.const(0)));
    const type = tensorType([variable("k")]);
    const then = bb.branch(() => bb.emit(R.concat([x, x], { axis: 0 })));
    const other = bb.branch(() => x);
    const y = bb.matchCast({ kind: "graphIf", cond, then, else: other, type }, type);
    bb.emitFuncOutput(bb.emit(R.add(y, R.const(1))));
  });
  return bb.get();
}

const numbers = (t: Tensor): number[] => [...(t.data as Float32Array)];

describe("runtime: sizes that only running tells", function () {
  this.timeout(60_000);

  for (const target of ["wasm", "interpreter"] as const) {
    it(`a loop whose carried value grows, with a stack of unknown height (${target})`, async () => {
      const lib = await build(growing(), { target, pipeline: { verify: true } });
      const run = async (start: number): Promise<number[][]> => {
        const [y, sums] = await lib.main<readonly Tensor[]>(
          Tensor.from(new Float32Array([start]), [1]),
          Tensor.from(new Float32Array([3, 4]), [2]),
        );
        return [numbers(y), numbers(sums)];
      };
      assert.deepEqual(await run(1), [
        [2, 6, 8, 6, 8, 6, 8, 6, 8],
        [1, 8, 15, 22],
      ]);
      assert.deepEqual(await run(30), [[60, 6, 8], [30]]);
    });

    it(`an if whose branches give different sizes (${target})`, async () => {
      for (const size of [2, variable("n")]) {
        const lib = await build(chosen(size), { target, pipeline: { verify: true } });
        const run = async (x: number[]): Promise<number[]> =>
          numbers(await lib.main(Tensor.from(new Float32Array(x), [2])));
        assert.deepEqual(await run([-1, -2]), [0, -1, 0, -1]);
        assert.deepEqual(await run([-1, 2]), [0, 3]);
      }
    });
  }

  it("takes no more memory the more often it runs", async () => {
    const lib = await build(growing());
    const args = [
      Tensor.from(new Float32Array([1]), [1]),
      Tensor.from(new Float32Array([3, 4]), [2]),
    ] as const;
    const run = async (): Promise<number> => {
      for (const t of await lib.main<readonly Tensor[]>(...args)) t.dispose();
      return cpuMemory().usedBytes;
    };
    await run();
    const once = await run();
    for (let k = 0; k < 4; k++) assert.equal(await run(), once);
  });
});
