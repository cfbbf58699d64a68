/** Bundles of models whose sizes only the data decides. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { bundle } from "../../../lib/deploy/index.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import {
  type Expr,
  type GraphExpr,
  type GraphVar,
  graphVar,
  type IRModule,
  tensorType,
  tupleGet,
  tupleType,
  variable,
} from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { type BundleTensor, chosenColumns, loadHere, withFolder } from "./support.ts";

const f32 = (data: readonly number[], shape: readonly number[] = [data.length]): BundleTensor => ({
  data: Float32Array.from(data),
  shape,
});
const flags = (data: readonly number[]): BundleTensor => ({
  data: Uint8Array.from(data),
  shape: [data.length],
});
const plain = (t: BundleTensor): [number[], readonly number[]] => [Array.from(t.data, Number), t.shape];

/** One function `main`, made by `body` of its parameters. */
function model(params: readonly GraphVar[], body: (bb: BlockBuilder) => GraphExpr): IRModule {
  const bb = new BlockBuilder();
  bb.function("main", params, () => bb.emitFuncOutput(body(bb)));
  return bb.get();
}

/** The elements of x that are not 0, as a tensor whose size the data decides. */
function nonzeros(bb: BlockBuilder, x: GraphExpr): { readonly values: GraphExpr; readonly n: Expr } {
  const found = bb.emit(R.op("nonzero", [x]));
  const [n] = bb.tensorToShape(bb.emit(tupleGet(found, 1)), ["n"]);
  const places = bb.emit(R.op("stridedSlice", [bb.emit(tupleGet(found, 0)), [0], [n]], { axes: [1] }));
  return { values: bb.emit(R.op("take", [x, bb.emit(R.op("squeeze", [places], { axis: 0 }))])), n };
}

describe("deploy: sizes that only the data decides", function () {
  this.timeout(30_000);

  it("one loaded model gives results of every size, the empty one too", () =>
    withFolder(async (folder) => {
      const made = await bundle([{ module: chosenColumns() }]);
      const loaded = await loadHere(made, path.join(folder, "b"));
      const x = f32([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [3, 4]);
      const run = async (mask: number[]) => {
        const { y0, y1 } = await loaded.run({ x, mask: flags(mask) });
        return [...plain(y0), ...plain(y1)];
      };
      const one = [-1, -1, -1];
      assert.deepEqual(await run([0, 1, 0, 1]), [[3, 7, 11, 5, 9, 13, ...one], [3, 3], [2], []]);
      assert.deepEqual(await run([0, 0, 0, 0]), [one, [1, 3], [0], []]);
      const all = [2, 6, 10, 3, 7, 11, 4, 8, 12, 5, 9, 13];
      assert.deepEqual(await run([1, 1, 1, 1]), [[...all, ...one], [5, 3], [4], []]);
      assert.deepEqual(await run([0, 0, 1, 0]), [[4, 8, 12, ...one], [2, 3], [1], []]);
      const [entry] = made.manifest.entries;
      assert.deepEqual(entry.outputs[0].most, [5, 3]);
      assert.equal(typeof entry.outputs[0].shape[0], "string");
      assert.match(
        readFileSync(path.join(folder, "b", "model.d.ts"), "utf8"),
        /at most \[5, 3\] \*\/\s+readonly "y0": Tensor<Float32Array, \[number, 3\]>;/,
      );
    }));

  it("gives what the virtual machine gives, which compiles when it knows the sizes", () =>
    withFolder(async (folder) => {
      const x = R.var("x", R.tensor([6, 5]));
      const module = model([x], (bb) => {
        const { values, n } = nonzeros(bb, bb.emit(R.op("flatten", [x], { axis: null })));
        const column = bb.emit(R.op("reshape", [values, [n, 1]]));
        const products = bb.emit(R.matmul(column, bb.emit(R.op("permuteDims", [column], { axes: [1, 0] }))));
        const means = bb.emit(R.op("mean", [products], { axis: [1], keepdims: true }));
        const soft = bb.emit(R.op("nn.softmax", [bb.emit(R.subtract(products, means))], { axis: 1 }));
        const twice = bb.emit(R.concat([soft, column], { axis: 1 }));
        return R.tuple(
          twice,
          bb.emit(R.op("astype", [bb.emit(R.op("flip", [values], { axis: 0 }))], { dtype: "i32" })),
        );
      });
      const loaded = await loadHere(await bundle([{ module }]), path.join(folder, "b"));
      const lib = await build(module);
      for (const period of [2, 3, 7, 29]) {
        const data = Float32Array.from({ length: 30 }, (_, i) => (i % period === 1 ? (i % 11) - 3.5 : 0));
        const want = await lib.main<readonly Tensor[]>(Tensor.from(data, [6, 5]));
        const { y0, y1 } = await loaded.run({ x: { data, shape: [6, 5] } });
        assert.deepEqual(y1, { data: want[1].data, shape: want[1].shape });
        assert.deepEqual(y0.shape, want[0].shape);
        const got = Array.from(y0.data, Number);
        const expected = [...(want[0].data as Float32Array)];
        got.forEach((v, i) => {
          assert.ok(
            Math.abs(v - expected[i]) <= 1e-5 * (1 + Math.abs(expected[i])),
            `${i}: ${v}, ${expected[i]}`,
          );
        });
      }
    }));

  it("sums over what turns out to be empty are 0", () =>
    withFolder(async (folder) => {
      const x = R.var("x", R.tensor([4]));
      const module = model([x], (bb) => {
        const { values, n } = nonzeros(bb, x);
        const [row, column] = [[1, n] as const, [n, 1] as const].map((s) =>
          bb.emit(R.op("reshape", [values, s])),
        );
        const inner = bb.emit(R.matmul(row, column));
        return R.tuple(inner, bb.emit(R.sum(values)), bb.emit(R.op("prod", [values])));
      });
      const loaded = await loadHere(await bundle([{ module }]), path.join(folder, "b"));
      const run = async (...data: number[]) =>
        Object.values(await loaded.run({ x: f32(data) })).map((t) => t.data[0]);
      assert.deepEqual(await run(0, 2, 0, 5), [29, 7, 10]);
      assert.deepEqual(await run(0, 0, 0, 0), [0, 0, 1]);
      assert.deepEqual(await run(3, 0, 0, 0), [9, 3, 3]);
    }));

  it("an if whose branches give different sizes", () =>
    withFolder(async (folder) => {
      const x = R.var("x", R.tensor([2]));
      const module = model([x], (bb) => {
        const cond = bb.emit(R.less(bb.emit(R.sum(x)), R.const(0)));
        const type = tensorType([variable("k")]);
        const then = bb.branch(() => bb.emit(R.concat([x, x], { axis: 0 })));
        const other = bb.branch(() => x);
        const y = bb.matchCast({ kind: "graphIf", cond, then, else: other, type }, type);
        return bb.emit(R.add(y, R.const(1)));
      });
      const loaded = await loadHere(await bundle([{ module }]), path.join(folder, "b"));
      assert.deepEqual(plain((await loaded.run({ x: f32([-1, -2]) })).y), [[0, -1, 0, -1], [4]]);
      assert.deepEqual(plain((await loaded.run({ x: f32([-1, 2]) })).y), [[0, 3], [2]]);
    }));

  it("a loop that stops when its data says so, with a row for each iteration that it made", () =>
    withFolder(async (folder) => {
      const bb = new BlockBuilder();
      const [i, go] = [graphVar("i", tensorType([], "i64")), graphVar("go", tensorType([], "bool"))];
      const x = graphVar("x", tensorType([2]));
      bb.function("body", [i, go, x], () => {
        const twice = bb.emit(R.add(x, x));
        bb.emitFuncOutput(R.tuple(bb.emit(R.less(bb.emit(R.sum(twice)), R.const(20))), twice, x));
      });
      const start = graphVar("start", tensorType([2]));
      bb.function("main", [start], () => {
        const type = tupleType([tensorType([2]), tensorType([variable("rows"), 2])]);
        const trip = R.const(5, "i64");
        const loop: GraphExpr = {
          kind: "graphLoop",
          func: "body",
          trip,
          carried: [start],
          captured: [],
          type,
        };
        const all = bb.matchCast(loop, type);
        const rows = bb.emit(tupleGet(all, 1));
        bb.emitFuncOutput(R.tuple(bb.emit(tupleGet(all, 0)), bb.emit(R.add(rows, R.const(1)))));
      });
      const loaded = await loadHere(await bundle([{ module: bb.get() }]), path.join(folder, "b"));
      const run = async (...data: number[]) => {
        const { y0, y1 } = await loaded.run({ start: f32(data) });
        return [...plain(y0), ...plain(y1)];
      };
      assert.deepEqual(await run(1, 2), [[8, 16], [2], [2, 3, 3, 5, 5, 9], [3, 2]]);
      assert.deepEqual(await run(20, 0), [[40, 0], [2], [21, 1], [1, 2]]);
      assert.deepEqual(await run(0, 0), [[0, 0], [2], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [5, 2]]);
    }));

  it("sizes that have to agree are looked at before anything is computed from them", () =>
    withFolder(async (folder) => {
      const [a, b] = [R.var("a", R.tensor([4])), R.var("b", R.tensor([3]))];
      const module = model([a, b], (bb) => bb.emit(R.add(nonzeros(bb, a).values, nonzeros(bb, b).values)));
      const loaded = await loadHere(await bundle([{ module }]), path.join(folder, "b"));
      const run = (p: number[], q: number[]) => loaded.run({ a: f32(p), b: f32(q) });
      assert.deepEqual(plain((await run([0, 1, 2, 0], [5, 0, 6])).y), [[6, 8], [2]]);
      await assert.rejects(
        run([1, 1, 2, 0], [5, 0, 6]),
        /RangeError: .* needs two equal sizes; they are 2 and 3/,
      );
      // The model is as good as before.
      assert.deepEqual(plain((await run([0, 0, 2, 0], [0, 0, 6])).y), [[8], [1]]);
    }));

  it("what cannot be compiled before the sizes are known is named, with the reason", async () => {
    const x = R.var("x", R.tensor([6]));
    const sorted = model([x], (bb) => bb.emit(R.op("sort", [nonzeros(bb, x).values], { axis: 0 })));
    await assert.rejects(bundle([{ module: sorted }]), {
      name: "DeployError",
      message:
        /gv\d* \(sort\): the size of its axis must be known beforehand\. A bundle is compiled as a whole/,
    });
    const outer = model([x], (bb) => {
      const { values } = nonzeros(bb, x);
      return bb.emit(R.op("einsum", [R.tuple(values, values)], { equation: "i,i->" }));
    });
    await assert.rejects(
      bundle([{ module: outer }]),
      /\(einsum\): it is not compiled for sizes that only the data/,
    );
    const count = graphVar("count", tensorType([], "i64"));
    const open = model([count], (bb) => bb.emit(R.op("full", [bb.tensorToShape(count, ["n"]), R.const(1)])));
    await assert.rejects(
      bundle([{ module: open }]),
      /f32\[n\]: .* have a bound that can be told from the program/,
    );
  });
});
