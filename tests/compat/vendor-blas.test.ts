// A library that somebody else wrote, called from a graph-level program: the matrix product of @stdlib's BLAS, on the
// typed arrays of the program's own values.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { assertAllclose, BlockBuilder, build, R, registerFunc, Tensor } from "../../lib/index.ts";
import { skipBecause } from "../../scripts/skip.ts";

type Layout = "row-major" | "column-major";
type Transpose = "transpose" | "no-transpose";
/** C = alpha * A * B + beta * C; the arguments of the BLAS routine of that name. */
type Sgemm = (
  ...args: [
    ...[order: Layout, transA: Transpose, transB: Transpose, m: number, n: number, k: number, alpha: number],
    ...[a: Float32Array, lda: number, b: Float32Array, ldb: number],
    ...[beta: number, c: Float32Array, ldc: number],
  ]
) => Float32Array;

function load(): Sgemm | undefined {
  try {
    return createRequire(import.meta.url)("@stdlib/blas-base-sgemm") as Sgemm;
  } catch {
    return undefined;
  }
}

describe("compat: a vendor's BLAS as a library function", () => {
  const sgemm = load();
  before(function () {
    if (!sgemm) skipBecause(this, "@stdlib/blas-base-sgemm is not installed (npm ci in tests/compat)");
  });

  it("callPacked computes on the program's own memory", async () => {
    const arrays: Float32Array[] = [];
    registerFunc(
      "blas.sgemm",
      ([a, b, c]) => {
        const [m, k, n] = [...a.shape, b.shape[1]];
        const [x, y, z] = [a, b, c].map((t) => t.data as Float32Array);
        arrays.push(x, z);
        (sgemm as Sgemm)("row-major", "no-transpose", "no-transpose", m, n, k, 1, x, k, y, n, 0, z, n);
      },
      { override: true },
    );
    const [x, w] = [R.var("x", R.tensor([16, 32])), R.var("w", R.tensor([32, 8]))];
    const program = (
      product: (bb: BlockBuilder) => ReturnType<typeof R.callPacked> | ReturnType<typeof R.matmul>,
    ) => {
      const bb = new BlockBuilder();
      bb.function("main", [x, w], () => bb.emitFuncOutput(bb.emit(R.nn.relu(bb.emit(product(bb))))));
      return bb.get();
    };
    const vendor = await build(program(() => R.callPacked("blas.sgemm", [x, w], R.tensor([16, 8]))));
    const own = await build(program(() => R.matmul(x, w)));
    const args = [
      Tensor.random([16, 32], { seed: 1, min: -1 }),
      Tensor.random([32, 8], { seed: 2, min: -1 }),
    ];
    const out = await vendor.main(...args);
    assertAllclose(out, await own.main(...args), { rtol: 1e-5, atol: 1e-5 });
    // Nothing was copied: the library saw the argument's elements where they lie, and its result in the same memory.
    assert.equal(arrays[0].byteOffset, args[0].address);
    assert.equal(arrays[0].buffer, args[0].data.buffer);
    assert.equal(arrays[1].buffer, args[0].data.buffer);
    const { steps } = await vendor.profile("main", args);
    assert.ok(steps.some((s) => s.func === "blas.sgemm" && s.bytes === 4 * (16 * 32 + 32 * 8 + 16 * 8)));
  });
});
