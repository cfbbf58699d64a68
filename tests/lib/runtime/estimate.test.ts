import assert from "node:assert/strict";
import fc from "fast-check";
import { expandExterns, interpret } from "../../../lib/codegen/index.ts";
import { BYTES, constInt, loopsIn, newArray, type PrimFunc, sizeOf } from "../../../lib/ir/index.ts";
import { estimate } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import { actions, Tally, tryAction } from "../../support/random-schedule.ts";
import { product, tiled } from "../show/small-programs.ts";

/** What really happens: bytes of distinct elements of one call, of the largest iteration of each loop, and accesses. */
function counted(f: PrimFunc) {
  const all = new Set<string>();
  const sizes = new Map<string, number>();
  const now = new Map<string, { values: string; seen: Set<string>; bytes: number }>();
  const iteration = new Map<string, number>();
  let [bytes, traffic] = [0, 0];
  const loops = loopsIn(f.body);
  const see = (a: {
    buffer: { id: number; dtype: keyof typeof BYTES };
    indices: readonly number[];
    loops: readonly { name: string; value: unknown }[];
  }): void => {
    const size = BYTES[a.buffer.dtype];
    const key = `${a.buffer.id} ${a.indices}`;
    traffic += size;
    if (!all.has(key)) {
      all.add(key);
      bytes += size;
    }
    // Loops are known by their names with those around them.
    for (let d = 1; d <= a.loops.length; d++) {
      const path = a.loops.slice(0, d);
      const name = path.map((l) => l.name).join("/");
      const values = path.map((l) => String(l.value)).join();
      let at = now.get(name);
      if (at?.values !== values) now.set(name, (at = { values, seen: new Set(), bytes: 0 }));
      if (at.seen.has(key)) continue;
      at.seen.add(key);
      at.bytes += size;
      iteration.set(name, Math.max(iteration.get(name) ?? 0, at.bytes));
    }
    sizes.set(key, size);
  };
  const args = f.params.map((p) => {
    if (p.kind === "var") return 0;
    const shape = p.shape.map((e) => constInt(e)!);
    return { dtype: p.dtype, shape, data: newArray(p.dtype, sizeOf(shape)) };
  });
  interpret(f, args, { onLoad: see, onStore: see });
  return { bytes, traffic, iteration, loops };
}

/** The estimate's loops with their paths of names, as `counted` knows them. */
function paths(f: PrimFunc): Map<string, number> {
  const out = new Map<string, number>();
  const around: string[] = [];
  for (const l of estimate(f).loops) {
    around.length = l.depth;
    around.push(l.name);
    const path = around.join("/");
    // Nests with the names of another are counted as one.
    out.set(path, (out.get(path) ?? 0) + l.workingSet);
  }
  return out;
}

describe("estimate", () => {
  it("is exact for products: touched, working sets, traffic without and with a cache", () => {
    for (const f of [product(8), product(8, "ikj")]) {
      const real = counted(f);
      const e = estimate(f);
      assert.equal(e.touched, real.bytes);
      assert.equal(e.moved, 3 * 8 * 8 * 4);
      for (const [path, n] of real.iteration) assert.equal(paths(f).get(path), n, path);
      assert.equal(estimate(f, { cache: 0 }).moved, real.traffic);
      assert.equal(e.flops, 2 * 8 ** 3);
      assert.equal(e.intensity, e.flops! / e.moved);
    }
  });

  it("tiles move less", () => {
    const moved = (cache: number) =>
      [product(128), tiled(8).func(), tiled(32).func()].map((f) => estimate(f, { cache }).moved);
    const [plain, small, large] = moved(32 * 1024);
    assert(plain > 3 * small && small > large, `${plain} ${small} ${large}`);
    const compulsory = 3 * 128 * 128 * 4;
    assert.deepEqual(moved(1 << 20), [compulsory, compulsory, compulsory]);
  });

  it("random schedules: what is touched is never estimated too small", () => {
    fc.assert(
      fc.property(recipe, actions, (r, todo) => {
        const sch = new Schedule(programOf(r));
        const tally = new Tally();
        for (const a of todo) tryAction(sch, a, tally);
        const f = sch.func();
        const real = counted(f);
        const e = estimate(f, { cache: 0 });
        assert(e.touched >= real.bytes, `${e.touched} bytes, really ${real.bytes}`);
        // Loops of programs that are called are told where these stand in the place of the calls.
        const known = paths(expandExterns(f));
        for (const [path, n] of real.iteration)
          assert((known.get(path) ?? 0) >= n, `${path}: ${known.get(path)}, really ${n}`);
        // The last iteration of a tile may do less; the cache makes it no larger than without one.
        assert(estimate(f).moved <= e.moved + e.touched * 2);
      }),
      {
        numRuns: Number(process.env.TILEWRIGHT_RUNS ?? 60),
        ...(process.env.TILEWRIGHT_SEED ? { seed: Number(process.env.TILEWRIGHT_SEED) } : {}),
      },
    );
  }).timeout(60_000);
});
