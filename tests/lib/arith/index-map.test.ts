import assert from "node:assert/strict";
import fc from "fast-check";
import {
  composeIndexMaps,
  evalInt,
  indexMapOf,
  indexMapText,
  inverseIndexMap,
} from "../../../lib/arith/index.ts";
import { constant } from "../../../lib/ir/index.ts";
import { T } from "../../../lib/script/index.ts";

/** Texts of maps of two indices, most of them injective. */
const maps = [
  "(i, j) => [j, i]",
  "(i, j) => [T.floordiv(i, 3), j, T.floormod(i, 3)]",
  "(i, j) => [T.floordiv(i + 1, 4), T.floormod(i + 1, 4), j]",
  "(i, j) => [i * 7 + j]",
  "(i, j) => [T.floordiv(i * 7 + j, 4), T.floormod(i * 7 + j, 4)]",
  "(i, j) => [i + 2, 6 - j]",
  "(i, j) => [i * 2, j]",
  "(i, j) => [T.floordiv(i, 2), T.floordiv(j, 3), T.floormod(i, 2), T.floormod(j, 3)]",
  "(i, j) => [i + j]",
  "(i, j) => [i, T.floordiv(j, 2)]",
  "(i, j) => [T.floormod(i, 4), j]",
];

describe("index maps", () => {
  it("the inverse undoes the map; padding is exactly what no index goes to; or two indices do collide", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...maps),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 7 }),
        (text, n, m) => {
          const map = indexMapOf(text);
          const images = new Map<string, string>();
          let collides = false;
          for (let i = 0; i < n; i++) {
            for (let j = 0; j < m; j++) {
              const env = new Map([
                [map.vars[0].id, i],
                [map.vars[1].id, j],
              ]);
              const to = map.results.map((e) => evalInt(e, env)).join();
              if (images.has(to)) collides = true;
              images.set(to, `${i},${j}`);
            }
          }
          const inverse = inverseIndexMap(map, [constant(n), constant(m)]);
          if (typeof inverse === "string") return assert.ok(collides, `${text} on ${n} x ${m}: ${inverse}`);
          assert.ok(!collides, `${text} on ${n} x ${m} is not injective`);
          const sizes = inverse.shape.map((s) => evalInt(s, new Map()));
          const total = sizes.reduce((a, b) => a * b, 1);
          for (let k = 0; k < total; k++) {
            let rest = k;
            const at = sizes.map((s) => {
              const x = rest % s;
              rest = Math.floor(rest / s);
              return x;
            });
            const env: Map<number, number> = new Map(inverse.map.vars.map((v, d) => [v.id, at[d]]));
            const from = images.get(at.join());
            const isPadding: boolean = inverse.padding !== undefined && evalInt(inverse.padding, env) === 1;
            assert.equal(isPadding, from === undefined, `${text} on ${n} x ${m} at ${at}`);
            if (from !== undefined) {
              assert.equal(inverse.map.results.map((e) => evalInt(e, env)).join(), from);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("are written as functions, read from their source, and printed as their text", () => {
    const c = 4;
    const map = indexMapOf((i: number, j: number) => [T.floordiv(i, c), j, i % c], { c });
    assert.equal(indexMapText(map), "(i, j) => [T.floordiv(i, 4), j, i % 4]");
    assert.equal(indexMapText(indexMapOf(indexMapText(map))), indexMapText(map));
    assert.throws(() => indexMapOf("(i) => [i / 2]"), /i32|integer/);
    assert.throws(() => indexMapOf("([i]) => [i]"), /name every index/);
    assert.throws(() => indexMapOf("(i) => { if (i) return [i]; }"), /is one expression/);
    assert.throws(() => indexMapOf("(i) => [i < 2]"), /gives integers/);
  });

  it("can follow one another", () => {
    const twice = composeIndexMaps(
      indexMapOf("(i, j) => [j, i]"),
      indexMapOf("(a, b) => [b, T.floordiv(a, 4)]"),
    );
    assert.equal(indexMapText(twice), "(i, j) => [i, T.floordiv(j, 4)]");
  });
});
