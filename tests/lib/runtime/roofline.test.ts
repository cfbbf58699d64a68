import assert from "node:assert/strict";
import { build, measureRoofline, Tensor } from "../../../lib/index.ts";
import { multiplyProbe, PRODUCTS, readProbe } from "../../../lib/runtime/roofline/probes.ts";

/** The product of two elements as numbers, by what the halves or bytes of them are. */
function multiplied(of: (typeof PRODUCTS)[keyof typeof PRODUCTS]["of"], x: number, y: number): number {
  if (of === PRODUCTS.f32.of) return x * y;
  if (of === PRODUCTS.pairs.of) return x * y + (x >> 16) * (y >> 16);
  return [0, 8, 16, 24].reduce((n, b) => n + ((x << (24 - b)) >> 24) * ((y >> b) & 127), 0);
}

describe("the roofline's probes", () => {
  for (const product of ["f32", "pairs", "quads"] as const) {
    it(`a tile of products of ${product} is what the interpreter computes`, async () => {
      const { dtype, together, of } = PRODUCTS[product];
      const f = multiplyProbe({ mr: 3, nr: 8 }, 5 * together, 4, product);
      const args = () => [
        Tensor.from(
          Array.from({ length: 15 }, (_, i) => i - 7),
          [5, 3],
          dtype,
        ),
        Tensor.from(
          Array.from({ length: 40 }, (_, i) => (i % 9) - 4),
          [5, 8],
          dtype,
        ),
        Tensor.zeros([3, 8], dtype),
      ];
      const [a, b] = [args(), args()];
      await (await build(f)).main(...a);
      await (await build(f, { target: "interpreter" })).main(...b);
      assert.deepEqual(a[2].data, b[2].data);
      // Four times the product of the first row and column.
      const whole = [0, 1, 2, 3, 4].reduce((n, k) => n + multiplied(of, 3 * k - 7, ((8 * k) % 9) - 4), 0);
      assert.equal(a[2].data[0], 4 * whole);
    });
  }

  it("reads every element as often as it says", async () => {
    const A = Tensor.from(
      Float32Array.from({ length: 96 }, (_, i) => i),
      [3, 32],
    );
    const S = Tensor.zeros([32]);
    await (await build(readProbe(384, 5))).main(A, S);
    assert.deepEqual(
      [...S.data],
      Array.from({ length: 32 }, (_, j) => 5 * (3 * j + 96)),
    );
    assert.throws(() => readProbe(100, 1), /no multiple of 128/);
  });
});

describe("measuring the machine", () => {
  it("finds a peak for each kind, a bandwidth for each level, and says how far it is", async () => {
    const steps: string[] = [];
    const limits = await measureRoofline({
      ...{ repeats: 1, tiles: [{ mr: 2, nr: 8 }], caches: { 1: 4096, 2: 65536 } },
      onProgress: (done, all) => steps.push(`${done}/${all}`),
    });
    assert.deepEqual(
      limits.bandwidths.map((b) => b.level),
      ["L1", "L2", "memory"],
    );
    for (const x of [
      ...limits.peaks.map((p) => p.gflops),
      ...limits.bandwidths.map((b) => b.gbps),
      limits.callNs,
    ]) {
      assert.ok(Number.isFinite(x) && x > 0);
    }
    assert.equal(steps.at(-1), `${steps.length}/${steps.length}`);
  });

  it("ends when it is told to", async () => {
    const control = new AbortController();
    const measuring = measureRoofline({
      signal: control.signal,
      onProgress: () => control.abort(new Error("enough")),
    });
    await assert.rejects(measuring, /enough/);
  });

  it("a timing knows the bytes that have to move", async () => {
    const lib = await build(multiplyProbe({ mr: 2, nr: 8 }, 16, 2, "f32"));
    const t = await lib.time("main", [Tensor.zeros([16, 2]), Tensor.zeros([16, 8]), Tensor.zeros([2, 8])], {
      repeats: 1,
      minMs: 0,
    });
    assert.equal(t.bytes, 4 * (32 + 128 + 16));
    assert.equal(t.intensity, t.flops! / t.bytes!);
  });
});
