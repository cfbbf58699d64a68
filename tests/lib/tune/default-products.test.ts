/** Products that are too large for small random cases: blocks of rows, chunks of the reduction, weights laid out once. */
import assert from "node:assert/strict";
import { callOp, R } from "../../../lib/graph/index.ts";
import { programOfCall } from "../../../lib/graph/passes/op-program.ts";
import { bufferParams, constInt, type PrimFunc } from "../../../lib/ir/index.ts";
import { assertAllclose, build, Tensor } from "../../../lib/runtime/index.ts";
import { scheduleOf } from "../../../lib/tune/default/index.ts";
import { fits, operandLoads, registersOf, tileFor } from "../../../lib/tune/default/tile.ts";
import { convolution, linear } from "./programs.ts";

/** Compiled as scheduled against compiled as written; gives the schedule as text. */
async function check(f: PrimFunc, engine?: string): Promise<string> {
  const sch = scheduleOf(f, engine);
  const args = (): Tensor[] =>
    bufferParams(f).map((p, n) =>
      Tensor.random(
        p.shape.map((s) => constInt(s) as number),
        { dtype: p.dtype, seed: n + 1, min: -1, max: 1 },
      ),
    );
  const [want, got] = [args(), args()];
  await (await build(f)).main(...want);
  await (await build(sch.mod)).main(...got);
  const last = want.length - 1;
  assertAllclose(got[last], want[last], { rtol: 1e-4, atol: 1e-4 });
  for (const t of [...want, ...got]) t.dispose();
  return sch.script();
}

const withConstantWeights = (f: PrimFunc): PrimFunc => ({
  ...f,
  attrs: { ...f.attrs, layoutFreeBuffers: [1] },
});

describe("tune: the default schedule of large products", function () {
  this.timeout(60_000);

  it("rows that do not stay in the cache are divided into blocks, before which all panels are laid out", async () => {
    const text = await check(linear(512, 512, 33));
    assert.match(text, /W_reindex\w* = T\.alloc\(\[\d+, 512, \d+\]\)/);
  });

  it("a convolution with many weights goes through the channels in chunks", async () => {
    const text = await check(convolution(64, 192, 6, { kernel: 3, pad: 1, stride: 2 }));
    assert.match(text, /T\.axis\.reduce\(64, \w+ \* \d+ \+ T\.floordiv/);
  });

  it("rows of pixels are copied to panels in vectors", async () => {
    const text = await check(convolution(8, 24, 28, { kernel: 3, pad: 1 }));
    assert.match(text, /T\.vectorized\(4\)\) \{\s+T\.block\("pad_reindex"/);
  });

  it("few rows and any number of columns, with weights that are constants", async () => {
    for (const [m, k, n] of [
      [1, 96, 70],
      [1, 300, 10],
      [3, 40, 100],
      [7, 64, 33],
      [17, 64, 50],
    ]) {
      const text = await check(withConstantWeights(linear(m, k, n)));
      assert.match(text, /layoutRewritePreproc: true/);
    }
  });

  it("tiles have registers for their sums and operands, and no more rows than there are", () => {
    for (const m of [1, 2, 3, 4, 5, 7, 17, 64, 1000]) {
      for (const n of [4, 10, 16, 49, 100, 200, 1024]) {
        for (const loads of ["early", "late"] as const) {
          const t = tileFor(m, n, loads);
          assert.ok(t.mr <= m && fits(t, loads), `${m} × ${n}, ${loads}: ${t.mr} × ${t.nr}`);
          assert.ok(Math.ceil(n / t.nr) * t.nr < 2 * n, `${n} columns in tiles of ${t.nr}`);
        }
      }
    }
    assert.deepEqual(tileFor(512, 512), { mr: 2, nr: 16 });
    assert.deepEqual(tileFor(512, 49), { mr: 4, nr: 8 });
    assert.deepEqual(tileFor(512, 512, "late"), { mr: 6, nr: 8 });
    assert.equal(registersOf({ mr: 6, nr: 8 }, "early"), 20);
    assert.equal(registersOf({ mr: 6, nr: 8 }, "late"), 15);
  });

  it("engines are known by what they call themselves; the worse is assumed of others", () => {
    for (const [engine, loads] of [
      ["node 20.20.2, V8 11.3.244.8-node.38", "early"],
      ["node 23.11.1, V8 12.9.202.28-node.14", "early"],
      ["node 24.21.0, V8 13.6.233.17-node.53", "late"],
      [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "late",
      ],
      [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36",
        "early",
      ],
      ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "early"],
      ["unknown", "early"],
      [undefined, "early"],
    ] as const)
      assert.equal(operandLoads(engine), loads, engine);
  });

  it("a schedule depends on the engine it is for, not on the one that makes it", async () => {
    const f = linear(48, 40, 64);
    const [any, early, late] = [undefined, "node 20.20.2, V8 11.3", "node 24.21.0, V8 13.6"].map((engine) =>
      scheduleOf(f, engine).script(),
    );
    assert.equal(early, any);
    assert.notEqual(late, any);
    assert.match(await check(f, "node 24.21.0, V8 13.6"), /T\.unroll\(6\)/);
  });

  it("columns and rows that are no whole tiles are padded, also in large products", async () => {
    for (const engine of [undefined, "node 24.21.0, V8 13.6"]) {
      for (const [m, k, n] of [
        [33, 24, 1009],
        [130, 40, 515],
        [131, 20, 770],
      ]) {
        const text = await check(linear(m, k, n), engine);
        assert.match(text, /_pad\w* = T\.alloc/, `${m} × ${k} × ${n}`);
      }
    }
  });

  it("rows of constants are padded to whole tiles once, not in every call", async () => {
    const f = convolution(4, 23, 8, { kernel: 3, pad: 1 });
    const text = await check(withConstantWeights(f), "node 24.21.0, V8 13.6");
    assert.match(text, /W_pad = T\.alloc[\s\S]*layoutRewritePreproc: true/);
    assert.doesNotMatch(await check(f, "node 24.21.0, V8 13.6"), /layoutRewritePreproc/);
  });

  it("constants that come from memory lie in the order in which tiles take them", async () => {
    const x = R.var("x", R.tensor([1, 128, 7, 7]));
    const transformed = (out: number): PrimFunc => {
      const w = R.var("w", R.tensor([4, 4, out, 128]));
      return withConstantWeights(programOfCall(callOp("nn.conv2dWinograd", [x, w], { padding: [1] })).func);
    };
    assert.match(await check(transformed(192)), /weight_global = T\.alloc\(\[4, 4, 96, 128, 2\]\)/);
    // On engines that have registers for more rows as well: rows that do not divide into these would be ragged.
    assert.match(
      await check(transformed(190), "V8 13.6"),
      /weight_global = T\.alloc\(\[4, 4, 95, 128, 2\]\)/,
    );
    // Fewer stay in a cache, and a padded operand is laid out as it is.
    assert.doesNotMatch(await check(transformed(64)), /weight_global/);
    assert.doesNotMatch(await check(transformed(191)), /weight_global = T\.alloc\(\[4, 4, 96/);
  });

  it("tiles whose elements lie a page apart are taken another line apart", async () => {
    const winograd = (channels: number, size: number): PrimFunc => {
      const x = R.var("x", R.tensor([1, channels, size, size]));
      const w = R.var("w", R.tensor([4, 4, 32, channels]));
      return programOfCall(callOp("nn.conv2dWinograd", [x, w], { padding: [1] })).func;
    };
    const text = await check(withConstantWeights(winograd(32, 16)));
    assert.match(text, /winograd_data"[\s\S]*buffer_dim_align: \[\[0, 1, 32, 16\]\]/);
    assert.match(text, /winograd_sums\w*"[\s\S]*buffer_dim_align: \[\[0, 1, 32, 16\]\]/);
    // Where a tile's elements are all near, nothing is moved.
    assert.doesNotMatch(await check(withConstantWeights(winograd(32, 4))), /buffer_dim_align/);
  });
});
