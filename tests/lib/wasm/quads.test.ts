/** Products of quads: bytes by seven bits, four at a time. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { factorsOfQuads, quadProduct } from "../../../lib/arith/index.ts";
import { compileWasm } from "../../../lib/codegen/wasm/index.ts";
import { hasRelaxedDot } from "../../../lib/codegen/wasm/relaxed.ts";
import { irModule, ops, variable } from "../../../lib/ir/index.ts";
import { enableRelaxedSimd } from "../../../lib/runtime/features.node.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { te } from "../../../lib/te/index.ts";
import { skipBecause } from "../../../scripts/skip.ts";

const COLUMNS = 6;

/** Sums of products along k, in vectors. */
function program(k: number) {
  const A = te.placeholder([k], "A", "i32");
  const B = te.placeholder([k, COLUMNS], "B", "i32");
  const r = te.reduceAxis(k);
  const C = te.compute([COLUMNS], (j) => te.sum(quadProduct(A.at(r), B.at(r, j)), r), "C");
  const sch = new Schedule(te.createPrimFunc([A, B, C]));
  const block = sch.getBlock("C");
  const [j, s] = sch.getLoops(block);
  sch.reorder(s, j);
  sch.vectorize(j);
  sch.decomposeReduction(block, s);
  return sch.func();
}

/** What it is defined to be, by numbers. */
function expected(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: COLUMNS }, (_, j) =>
    a.reduce((sum, x, k) => {
      const y = b[k * COLUMNS + j];
      const terms = [0, 8, 16, 24].map((at) => ((x << (24 - at)) >> 24) * ((y >> at) & 127));
      return (sum + terms.reduce((p, q) => p + q, 0)) | 0;
    }, 0),
  );
}

describe("products of quads", () => {
  it("are known again", () => {
    const [x, y] = [variable("x"), variable("y")];
    const found = factorsOfQuads(quadProduct(x, y));
    assert.deepEqual(found, [x, y]);
    assert.equal(factorsOfQuads(ops.add(x, y)), undefined);
    const other = quadProduct(x, y);
    assert.ok(other.kind === "binary");
    assert.equal(factorsOfQuads(ops.add(other.b, other.a)), undefined, "terms in another order");
  });

  const seed = 20261122;
  // All bits, and the bytes at the ends of their ranges.
  const word = fc.oneof(
    fc.integer(),
    fc.constantFrom(0x7f7f7f7f, -0x7f7f7f80, -1, 0, 0x7f807f80, -0x80000000, 0x7fffffff),
  );
  it("with the instruction and without it (on request) are code of their own", () => {
    const mod = irModule({ main: program(5) });
    for (const relaxedDot of [false, true]) {
      const { wat } = compileWasm(mod, { relaxedSimd: true, relaxedDot });
      assert.equal(wat().includes("i32x4.relaxed_dot_i8x16_i7x16_add_s"), relaxedDot);
    }
  });

  for (const relaxedSimd of [false, true]) {
    it(`are exact for all numbers ${relaxedSimd ? "with" : "without"} relaxed SIMD (seed ${seed})`, async function () {
      if (relaxedSimd && !enableRelaxedSimd()) skipBecause(this, "this Node has no relaxed SIMD");
      const k = 5;
      const f = program(k);
      const lib = await build(f, { relaxedSimd });
      const wat = lib.source("wat") ?? "";
      assert.equal(wat.includes("i32x4.relaxed_dot_i8x16_i7x16_add_s"), relaxedSimd && hasRelaxedDot());
      const words = (n: number) => fc.array(word, { minLength: n, maxLength: n });
      await fc.assert(
        fc.asyncProperty(words(k), words(k * COLUMNS), async (a, b) => {
          const args = [
            Tensor.from(Int32Array.from(a), [k], "i32"),
            Tensor.from(Int32Array.from(b), [k, COLUMNS], "i32"),
            Tensor.zeros([COLUMNS], "i32"),
          ];
          await lib.main(...args);
          assert.deepEqual([...args[2].data], expected(a, b));
          for (const t of args) t.dispose();
        }),
        { numRuns: 60, seed },
      );
    });
  }
});
