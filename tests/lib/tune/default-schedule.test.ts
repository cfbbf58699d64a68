/** The default schedule keeps what programs compute: compared with the unscheduled program, interpreted and compiled. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { interpret } from "../../../lib/codegen/index.ts";
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { assertAllclose, build, Tensor } from "../../../lib/runtime/index.ts";
import { defaultSchedule, scheduleOf } from "../../../lib/tune/default/index.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import {
  batchedProduct,
  convolution,
  depthwise,
  layerNorm,
  linear,
  pooling,
  resampled,
  softmax,
  transposed,
} from "./programs.ts";
import { check } from "./scheduled.ts";

const size = (max: number) => fc.integer({ min: 1, max });
const seed = 20261122;
/** Fewer in the inner loop. */
const runs = (n: number): number => Math.min(n, Number(process.env.TILEWRIGHT_RUNS ?? n));

describe("tune: the default schedule", function () {
  this.timeout(120_000);

  it("matrix products of any size", async () => {
    await fc.assert(
      fc.asyncProperty(size(40), size(20), size(40), fc.boolean(), (m, k, n, t) => check(linear(m, k, n, t))),
      { numRuns: runs(60), seed },
    );
    await fc.assert(
      fc.asyncProperty(size(3), size(14), size(9), size(14), (b, m, k, n) =>
        check(batchedProduct(b, m, k, n)),
      ),
      { numRuns: runs(30), seed },
    );
  });

  it("convolutions: channels, strides, padding, odd sizes", async () => {
    const window = fc.record({ kernel: size(3), stride: size(2), pad: fc.nat(1) });
    await fc.assert(
      fc.asyncProperty(size(4), size(12), fc.integer({ min: 4, max: 12 }), window, (ci, co, h, w) =>
        check(convolution(ci, co, h, w)),
      ),
      { numRuns: runs(40), seed },
    );
    await fc.assert(
      fc.asyncProperty(size(4), fc.integer({ min: 4, max: 12 }), window, (c, h, w) =>
        check(depthwise(c, h, w)),
      ),
      { numRuns: runs(20), seed },
    );
  });

  it("windows: rows wider than a tile, strides up to four; a plane's padding is made beside its results", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 12, max: 70 }),
        fc.integer({ min: 1, max: 4 }),
        size(4),
        (h, kernel, stride) => check(pooling(2, h, { kernel, stride })),
      ),
      { numRuns: runs(15), seed },
    );
    for (const stride of [1, 2]) {
      const f = depthwise(4, 14, { kernel: 3, stride, pad: 1 });
      await check(f);
      const text = (await build(defaultSchedule(f))).source("wat");
      assert.doesNotMatch(text, /(extract|replace)_lane/);
      const sch = scheduleOf(f);
      assert.equal(
        sch.getLoops(sch.getBlock("pad"))[1].id,
        sch.getLoops(sch.getBlock("depthwise_update"))[1].id,
      );
    }
  });

  it("transposed convolutions are products of what lies at one phase", async () => {
    await fc.assert(
      fc.asyncProperty(
        size(4),
        size(6),
        size(8),
        fc.integer({ min: 2, max: 3 }),
        fc.nat(2),
        (ci, co, h, s, from) => check(transposed(ci, co, h, s, Math.min(from, s - 1))),
      ),
      { numRuns: runs(20), seed },
    );
    const text = scheduleOf(transposed(16, 8, 16, 2)).script();
    assert.match(text, /X_reindex/);
  });

  it("resampling: tables are computed once, elements gathered into vectors", async () => {
    await fc.assert(
      fc.asyncProperty(size(4), fc.integer({ min: 2, max: 30 }), size(60), (rows, from, to) =>
        check(resampled(rows, from, to)),
      ),
      { numRuns: runs(20), seed },
    );
    const text = (await build(defaultSchedule(resampled(8, 16, 32)))).source("wat");
    assert.match(text, /v128\.load32_lane/);
    assert.doesNotMatch(text.slice(text.indexOf("v128.load32_lane")), /f64/);
  });

  it("pooling, softmax, layer norm", async () => {
    await fc.assert(
      fc.asyncProperty(size(3), fc.integer({ min: 4, max: 14 }), size(4), size(2), (c, h, kernel, stride) =>
        check(pooling(c, h, { kernel, stride })),
      ),
      { numRuns: runs(30), seed },
    );
    await fc.assert(
      fc.asyncProperty(size(5), size(80), (m, n) => check(softmax(m, n))),
      { numRuns: runs(30), seed },
    );
    await fc.assert(
      fc.asyncProperty(size(5), fc.integer({ min: 2, max: 80 }), (m, n) =>
        check(layerNorm(m, n), { rtol: 1e-3, atol: 1e-4 }),
      ),
      { numRuns: runs(30), seed },
    );
  });

  it("what goes along rows is done row by row, and exponentials are taken once", () => {
    const sch = scheduleOf(softmax(8, 64));
    const [row] = sch.getLoops(sch.getBlock("softmax"));
    for (const name of ["most", "total"]) assert.equal(sch.getLoops(sch.getBlock(name))[0].id, row.id, name);
    assert.equal(sch.script().match(/T\.exp/g)?.length, 1);
    // Each exponential is added where it is made.
    const [, pieces] = sch.getLoops(sch.getBlock("exps"));
    assert.equal(sch.getLoops(sch.getBlock("total_rf_update"))[1].id, pieces.id);
  });

  it("rows of a softmax with zeros of both signs, infinities and NaN", async () => {
    const rows = [
      [-0, 0],
      [Number.NEGATIVE_INFINITY, 2, -1],
      [Number.NEGATIVE_INFINITY],
      [Number.POSITIVE_INFINITY, 1],
      [Number.NaN, 1, Number.POSITIVE_INFINITY],
      [1, 2, Number.NaN],
      [3e38, -3e38],
    ];
    for (const columns of [16, 37, 64]) {
      const data = Float32Array.from({ length: rows.length * columns }, (_, i) => {
        const row = rows[Math.floor(i / columns)];
        return row[((i % columns) * 7) % row.length];
      });
      const f = softmax(rows.length, columns);
      const make = (): Tensor[] => [
        Tensor.from(data, [rows.length, columns]),
        Tensor.random([rows.length, columns], { seed: 1 }),
      ];
      const [want, got] = [make(), make()];
      interpret(f, want);
      await (await build(defaultSchedule(f))).main(...got);
      assertAllclose(got[1], want[1], { rtol: 1e-6, equalNan: true });
      for (const t of [...want, ...got]) t.dispose();
    }
  });

  it("random programs", async () => {
    await fc.assert(
      fc.asyncProperty(recipe, async (r) => {
        if (r.dtype === "f16") return;
        await check(programOf(r), { rtol: 1e-4, atol: 1e-3 });
      }),
      { numRuns: runs(150), seed },
    );
  });

  it("products keep their sums in registers, and take the consumer along", () => {
    const wat = async (f: PrimFunc) => (await build(defaultSchedule(f))).source("wat");
    const sch = scheduleOf(linear(64, 32, 64));
    const text = sch.script();
    assert.match(text, /T\.vectorized\(16\)/);
    assert.equal(sch.getLoops(sch.getBlock("relu")).length > 2, true);
    return wat(linear(64, 32, 64)).then((w) => assert.match(w, /f32x4\.(relaxed_madd|mul)/));
  });

  it("a scheduled program stays as it is; symbolic sizes are left alone", () => {
    const f = linear(8, 8, 8);
    const marked = { ...f, attrs: { scheduled: true } } as PrimFunc;
    assert.equal(defaultSchedule(marked), marked);
  });
});
