import assert from "node:assert/strict";
import fc from "fast-check";
import { accessesOf, regionsOf, relaxIndex, type VarDomain } from "../../../lib/arith/index.ts";
import { axis, block, buffer, constant, load, loop, ops, store, variable } from "../../../lib/ir/index.ts";
import { evaluate, fractions, index, pick, ranges, vars } from "../../support/index-arith.ts";

describe("relaxIndex", () => {
  it("contains every value of the index when the inner variables move", () => {
    const points = fc.array(fractions, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(index, ranges, fc.integer({ min: 0, max: 15 }), points, (e, rs, mask, inside) => {
        const inner: VarDomain[] = vars
          .filter((_, i) => (mask >> i) & 1)
          .map((v) => {
            const r = rs.get(v.id) as { min: number; max: number };
            return { v, min: constant(r.min), extent: constant(r.max - r.min + 1) };
          });
        const outer = pick(rs, inside[0]);
        const range = relaxIndex(e, inner, rs);
        if (!range) return;
        const min = evaluate(range.min, outer);
        const extent = evaluate(range.extent, outer);
        for (const at of inside) {
          const moved = pick(rs, at);
          const env = new Map(
            [...outer].map(([id, x]) => [
              id,
              inner.some((d) => d.v.id === id) ? (moved.get(id) as number) : x,
            ]),
          );
          const value = evaluate(e, env);
          assert.ok(min <= value && value < min + extent, `${value} not in [${min}, ${min + extent})`);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("regionsOf", () => {
  const A = buffer("A", [128, 128]);
  const B = buffer("B", [128, 128]);
  const C = buffer("C", [128, 128]);
  const [i, j, k] = ["i", "j", "k"].map((n) => variable(n));
  const [vi, vj, vk] = ["vi", "vj", "vk"].map((n) => variable(n));

  it("leaves the accumulator out of the reads of a block that initialises it", () => {
    const b = block({
      name: "C",
      axes: [axis(vi, "S", 128, i), axis(vj, "S", 128, j), axis(vk, "R", 128, k)],
      init: store(C, [vi, vj], constant(0, "f32")),
      body: store(C, [vi, vj], ops.add(load(C, [vi, vj]), ops.mul(load(A, [vi, vk]), load(B, [vk, vj])))),
    });
    assert.deepEqual(
      regionsOf(b).reads.map((r) => r.buffer.name),
      ["A", "B"],
    );
    const { init: _, ...update } = b;
    assert.deepEqual(
      regionsOf({ ...update }).reads.map((r) => r.buffer.name),
      ["C", "A", "B"],
    );
  });

  it("relaxes over inner loops and unites several accesses", () => {
    const w = variable("w");
    const s = loop(w, 3, store(C, [i, j], ops.add(load(A, [ops.add(i, w), j]), load(A, [i, ops.add(j, 2)]))));
    const [a] = accessesOf(s).reads;
    assert.equal(a.buffer, A);
    assert.deepEqual(a.ranges, [
      { min: i, extent: constant(3) },
      { min: j, extent: constant(3) },
    ]);
  });
});
