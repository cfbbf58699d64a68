import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { evaluate } from "../../../lib/graph/evaluate.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import {
  elementsOf,
  type NDArray,
  ndarray,
  numbersOf,
  type PrimFunc,
  type TensorType,
  tensorType,
} from "../../../lib/ir/index.ts";
import { build, cpuMemory } from "../../../lib/runtime/index.ts";
import { T } from "../../../lib/script/index.ts";
import { randomData } from "../../support/random-graph.ts";

const product = T.primFunc(
  { a: T.buffer(["n", "k"]), b: T.buffer(["k", "m"]), c: T.buffer(["n", "m"]) },
  ({ a, b, c, n, k, m }) => {
    for (const [i, j, l] of T.grid(n, m, k)) {
      T.block("c", () => {
        const [vi, vj, vl] = T.axis.remap("SSR", [i, j, l]);
        T.init(() => {
          c[vi][vj] = 0;
        });
        c[vi][vj] += a[vi][vl] * b[vl][vj];
      });
    }
  },
);

const shift = T.primFunc(
  { x: T.buffer([3], "i64"), y: T.buffer([3], "i64"), s: T.scalar("i64") },
  ({ x, y, s }) => {
    for (const i of T.serial(3)) {
      T.block("y", () => {
        const vi = T.axis.spatial(3, i);
        y[vi] = x[vi] + s;
      });
    }
  },
);

function run(
  func: PrimFunc,
  inputs: NDArray[],
  outputs: TensorType[],
  scalars: number[] = [],
): readonly NDArray[] {
  const made = evaluate({ name: "f", func, inputs, outputs, scalars });
  assert.ok(made);
  return made;
}

describe("runtime: programs run at compile time", () => {
  // Small ones are interpreted, large ones compiled; both must be what the interpreter says.
  for (const [rows, inner] of [
    [2, 3],
    [70, 60],
  ]) {
    it(`${rows} × ${inner}: what the interpreter computes, and no memory stays taken`, () => {
      const [a, b] = [randomData([rows, inner], 1), randomData([inner, rows], 2)];
      const used = cpuMemory().usedBytes;
      const [c] = run(product, [a, b], [tensorType([rows, rows])]);
      assert.equal(cpuMemory().usedBytes, used);
      const want = ndarray("f32", [rows, rows], new Uint8Array(4 * rows * rows));
      interpret(
        product,
        [a, b, want].map((x) => ({ data: elementsOf(x), shape: x.shape, dtype: x.dtype })),
      );
      const expected = numbersOf(want);
      numbersOf(c).forEach((x, i) => {
        assert.ok(Math.abs(x - expected[i]) <= 1e-4, `${i}: ${x}, must be ${expected[i]}`);
      });
    });
  }

  it("64-bit scalars", () => {
    const x = ndarray("i64", [3], new Uint8Array(BigInt64Array.of(1n, 2n, 3n).buffer));
    assert.deepEqual(numbersOf(run(shift, [x], [tensorType([3], "i64")], [40])[0]), [41, 42, 43]);
  });

  it("what would be too large to keep is left to be computed in every call", () => {
    const a = randomData([1, 1], 1);
    const outputs = [tensorType([1 << 14, 1 << 14])];
    assert.equal(evaluate({ name: "f", func: product, inputs: [a, a], outputs, scalars: [] }), undefined);
  });

  it("constants are folded when a module is built", async () => {
    const x = R.var("x", R.tensor([4]));
    const bb = new BlockBuilder();
    bb.function("main", [x], () => {
      const four = bb.emit(R.add(R.const([1, 2, 3, 4]), R.const([3, 2, 1, 0])));
      bb.emitFuncOutput(bb.emit(R.multiply(x, bb.emit(R.nn.relu(four)))));
    });
    const lib = await build(bb.get());
    assert.equal(lib.memoryPlan("main").steps.length, 1);
  });
});
