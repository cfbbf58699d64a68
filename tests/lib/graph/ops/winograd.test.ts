/** Convolutions by Winograd's filtering: the sums of the direct ones, and how far they are off. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BlockBuilder, callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { winogradWeight } from "../../../../lib/graph/ops/winograd.ts";
import { winogradConv2d } from "../../../../lib/graph/passes/index.ts";
import {
  type Attrs,
  assertModuleWellFormed,
  bindingsOf,
  constantOf,
  constInt,
  type GraphExpr,
  type GraphVar,
  getGraphFunc,
  type IRModule,
  numbersOf,
} from "../../../../lib/ir/index.ts";
import { build, Tensor } from "../../../../lib/runtime/index.ts";
import { assertSame, evalGraph } from "../../../support/graph-eval.ts";
import { randomData } from "../../../support/random-graph.ts";

/** A convolution with a constant weight. */
function network(x: readonly number[], w: readonly number[], attrs: Attrs): IRModule {
  const bb = new BlockBuilder();
  const data = R.var("x", R.tensor([...x]));
  bb.function("main", [data], () => {
    const y: GraphExpr = bb.emit(R.nn.conv2d(data, constantOf(randomData([...w], 3)), attrs));
    bb.emitFuncOutput(bb.emit(R.nn.relu(y)));
  });
  return assertModuleWellFormed(bb.get());
}

const operators = (mod: IRModule): string[] =>
  bindingsOf(getGraphFunc(mod, "main").body).map((b) =>
    b.value.kind === "opCall" ? b.value.op : b.value.kind,
  );

describe("graph: convolutions by Winograd's filtering", function () {
  this.timeout(60_000);

  it("give what direct ones give, with any padding and size", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 }),
        fc.integer({ min: 3, max: 8 }),
        fc.integer({ min: 3, max: 8 }),
        fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }),
        (n, h, w, padding) => {
          const mod = network([n, 32, h, w], [32, 32, 3, 3], { padding });
          const done = winogradConv2d.run(mod);
          assert.deepEqual(operators(done), ["nn.conv2dWinograd", "nn.relu"]);
          const x = randomData([n, 32, h, w], 5);
          assertSame(evalGraph(done, "main", [x]), evalGraph(mod, "main", [x]));
        },
      ),
      { numRuns: 4, seed: 20261122 },
    );
  });

  it("give the same with either tile", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.integer({ min: 1, max: 2 }),
        fc.integer({ min: 3, max: 11 }),
        fc.integer({ min: 3, max: 11 }),
        fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }),
        (tile, n, h, w, padding) => {
          const [x, weight] = [randomData([n, 3, h, w], 5), randomData([2, 3, 3, 3], 3)];
          const made = (conv: (data: GraphVar) => GraphExpr): IRModule => {
            const bb = new BlockBuilder();
            const data = R.var("x", R.tensor([n, 3, h, w]));
            bb.function("main", [data], () => bb.emitFuncOutput(bb.emit(conv(data))));
            return assertModuleWellFormed(bb.get());
          };
          const direct = made((data) => R.nn.conv2d(data, constantOf(weight), { padding }));
          const u = constantOf(winogradWeight(weight, tile));
          const fast = made((data) => callOp("nn.conv2dWinograd", [data, u], { padding }));
          assertSame(evalGraph(fast, "main", [x]), evalGraph(direct, "main", [x]));
        },
      ),
      { numRuns: 12, seed: 20261123 },
    );
  });

  it("take the larger tile where there are many tiles for the weights", () => {
    const tile = (...x: number[]): number | undefined => {
      const done = winogradConv2d.run(network(x, [32, 32, 3, 3], { padding: [1] }));
      const [conv] = bindingsOf(getGraphFunc(done, "main").body).map((b) => b.value);
      const u = conv.kind === "opCall" ? conv.args[1].type : undefined;
      return u?.kind === "tensor" ? constInt(u.shape[0]) : undefined;
    };
    assert.deepEqual([tile(1, 32, 7, 7), tile(1, 32, 14, 14)], [4, 6]);
    assert.equal(tile(8, 32, 7, 7), 6);
    assert.equal(tile(1, 32, 56, 56), 6);
  });

  for (const [tile, height, width, most] of [
    [4, 6, 7, 3e-6],
    [6, 20, 15, 1.5e-5],
  ]) {
    it(`as compiled, with tiles of ${tile} are off by at most ${most} of the largest`, async () => {
      const shape = [1, 64, height, width];
      const mod = network(shape, [48, 64, 3, 3], { padding: [1] });
      const x = Tensor.random(shape, { seed: 4, min: -1, max: 1 });
      const weight = randomData([48, 64, 3, 3], 3);
      const run = async (winograd: boolean): Promise<Tensor> =>
        (await (await build(mod, { pipeline: { winograd } })).main(x)) as unknown as Tensor;
      const [direct, fast] = [await run(false), await run(true)];
      const exact = convolved(numbersOf(weight), x.data as Float32Array, 48, 64, height, width);
      const off = (t: Tensor): number =>
        exact.reduce((m, v, i) => Math.max(m, Math.abs(Math.max(v, 0) - Number(t.data[i]))), 0);
      const scale = exact.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      assert.ok(off(direct) < 1e-6 * scale, `direct: ${off(direct) / scale}`);
      assert.ok(off(fast) < most * scale, `by Winograd: ${off(fast) / scale}`);
      assert.notDeepEqual(fast.data, direct.data);
    });
  }

  it("take the place of those of 3 × 3 with enough channels alone", () => {
    const kept = (x: number[], w: number[], attrs: Attrs = {}): void => {
      const mod = network(x, w, attrs);
      assert.equal(winogradConv2d.run(mod), mod);
    };
    kept([1, 32, 8, 8], [32, 32, 3, 3], { strides: [2] });
    kept([1, 32, 8, 8], [32, 32, 3, 3], { dilation: [2] });
    kept([1, 64, 8, 8], [64, 32, 3, 3], { groups: 2 });
    kept([1, 7, 8, 8], [32, 7, 3, 3]);
    kept([1, 32, 8, 8], [7, 32, 3, 3]);
    kept([1, 32, 8, 8], [32, 32, 1, 3]);
    kept([1, 32, 8, 8], [32, 32, 5, 5]);
  });

  it("a weight is transformed to G g Gᵀ", () => {
    const ones = randomData([1, 1, 3, 3], 1);
    const [a, b, c, d, e, f, g, h, i] = numbersOf(ones);
    const u = numbersOf(winogradWeight(ones, 4));
    assert.equal(u[0], a);
    assert.equal(u[15], i);
    assert.ok(Math.abs(u[5] - (a + b + c + d + e + f + g + h + i) / 4) < 1e-6);
    assert.equal(u[3], c);
    assert.ok(Math.abs(u[6] - (a - b + c + d - e + f + g - h + i) / 4) < 1e-6);
  });

  it("refuses weights that are not transformed, and channels that do not fit", () => {
    const x = R.var("x", R.tensor([1, 4, 8, 8]));
    const with4 =
      (...shape: number[]) =>
      () =>
        callOp("nn.conv2dWinograd", [x, R.var("w", R.tensor(shape))], {});
    assert.throws(with4(8, 4, 3, 3), (e) => e instanceof GraphError && /must be transformed/.test(e.message));
    assert.throws(
      with4(4, 4, 8, 5),
      (e) => e instanceof GraphError && /has 4 channels, the weight is for 5/.test(e.message),
    );
  });
});

/** The convolution with padding 1, summed in f64. */
function convolved(
  w: ArrayLike<number>,
  x: ArrayLike<number>,
  o: number,
  c: number,
  h: number,
  width: number,
): number[] {
  const out: number[] = [];
  for (let k = 0; k < o; k++) {
    for (let y = 0; y < h; y++) {
      for (let z = 0; z < width; z++) {
        let sum = 0;
        for (let r = 0; r < c * 9; r++) {
          const [ch, i, j] = [Math.floor(r / 9), Math.floor((r % 9) / 3), r % 3];
          const [at, to] = [y + i - 1, z + j - 1];
          if (at < 0 || at >= h || to < 0 || to >= width) continue;
          sum += w[k * c * 9 + r] * x[(ch * h + at) * width + to];
        }
        out.push(sum);
      }
    }
  }
  return out;
}
