/** Iterator maps against enumeration: random chains of fuse and split over small loops, and examples by hand. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  detectIterMap,
  type IterMap,
  insideDomains,
  inverseIterMap,
  isBijective,
  isInjective,
  lowestOf,
  simplify,
  subspaceDivide,
  sumExpr,
  type VarDomain,
  withDomains,
} from "../../../lib/arith/index.ts";
import {
  constant,
  constInt,
  type Expr,
  ops,
  substExpr,
  type Var,
  variable,
  varsOf,
} from "../../../lib/ir/index.ts";

const domain = (name: string, extent: number | Expr, min = 0): VarDomain => ({
  v: variable(name),
  min: constant(min),
  extent: typeof extent === "number" ? constant(extent) : extent,
});

type Point = ReadonlyMap<number, number>;

function pointsOf(iters: readonly VarDomain[], predicate?: Expr): Point[] {
  let all: Map<number, number>[] = [new Map()];
  for (const d of iters) {
    const from = constInt(d.min) as number;
    const n = constInt(d.extent) as number;
    all = all.flatMap((p) => Array.from({ length: n }, (_, i) => new Map(p).set(d.v.id, from + i)));
  }
  return predicate ? all.filter((p) => valueAt(predicate, p) === 1) : all;
}

function valueAt(e: Expr, p: Point): number {
  const v = constInt(simplify(substExpr(e, new Map([...p].map(([id, x]) => [id, constant(x)])))));
  assert.ok(v !== undefined);
  return v;
}

/** What must hold of every map that is detected. */
function checkMap(
  map: IterMap,
  bindings: readonly Expr[],
  iters: readonly VarDomain[],
  predicate?: Expr,
): void {
  const points = pointsOf(iters, predicate);
  const image = new Set<string>();
  const values: Var[] = bindings.map((_, k) => variable(`o${k}`));
  const inverse = inverseIterMap(map, values);
  assert.equal(inverse !== undefined, isInjective(map));
  for (const p of points) {
    const out = bindings.map((b) => valueAt(b, p));
    map.sums.forEach((s, k) => {
      assert.equal(valueAt(sumExpr(s), p), out[k], "the sum is another expression");
      const low = constInt(lowestOf(s)) as number;
      assert.ok(out[k] >= low && out[k] < low + s.extent, "a value outside the extent");
    });
    image.add(out.join());
    if (!inverse) continue;
    const at = new Map(values.map((v, k) => [v.id, out[k]]));
    for (const d of iters) assert.equal(valueAt(inverse.get(d.v.id) as Expr, at), p.get(d.v.id), "inverse");
  }
  if (isInjective(map)) assert.equal(image.size, points.length, "not injective");
  else if (!predicate) assert.ok(image.size < points.length, "injective after all");
  if (map.surjective && points.length > 0) {
    assert.equal(
      image.size,
      map.sums.reduce((n, s) => n * s.extent, 1),
      "not surjective",
    );
  }
}

/** Bindings made by fusing and splitting, each with the number of its values. */
interface Recipe {
  readonly extents: readonly number[];
  readonly mins: readonly number[];
  readonly steps: readonly { readonly op: number; readonly at: number; readonly by: number }[];
}

const recipe: fc.Arbitrary<Recipe> = fc.record({
  extents: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
  mins: fc.array(fc.constantFrom(0, 0, 0, 2), { minLength: 4, maxLength: 4 }),
  steps: fc.array(fc.record({ op: fc.nat(6), at: fc.nat(5), by: fc.integer({ min: 1, max: 6 }) }), {
    maxLength: 6,
  }),
});

function build(r: Recipe): { iters: VarDomain[]; bindings: Expr[]; predicate?: Expr } {
  const iters = r.extents.map((n, i) => domain(`i${i}`, n, r.mins[i]));
  let list = iters.map((d, i) => ({ e: d.v as Expr, n: r.extents[i] + r.mins[i] }));
  const conds: Expr[] = [];
  for (const { op, at, by } of r.steps) {
    const k = at % list.length;
    const { e, n } = list[k];
    const next = list[k + 1];
    if (op <= 1) {
      list.splice(
        k,
        1,
        { e: ops.floordiv(e, by), n: Math.ceil(n / by) },
        { e: ops.floormod(e, by), n: Math.min(n, by) },
      );
    } else if (op <= 3 && next) {
      list.splice(k, 2, { e: ops.add(ops.mul(e, next.n), next.e), n: n * next.n });
    } else if (op === 4) list = [...list.slice(1), list[0]];
    else if (op === 5) list[k] = { e: ops.add(ops.mul(e, by % 3 || 1), by - 3), n: n * 6 };
    else if (op === 6 && by < n) {
      conds.push(ops.lt(e, by));
      list[k] = { e, n: by };
    }
  }
  return { iters, bindings: list.map((x) => x.e), predicate: ops.allOf(conds) };
}

describe("iterator maps", () => {
  it("say what enumeration says", () => {
    const seen = { maps: 0, bijective: 0, none: 0 };
    fc.assert(
      fc.property(recipe, (r) => {
        const { iters, bindings, predicate } = build(r);
        const ranges = withDomains(iters, new Map());
        const map = detectIterMap(bindings, iters, { ranges, predicate });
        if (typeof map === "string") {
          seen.none++;
          return;
        }
        seen.maps++;
        if (isBijective(map)) seen.bijective++;
        checkMap(map, bindings, iters, predicate);
      }),
      { numRuns: 250 },
    );
    assert.ok(seen.maps > 2 * seen.none, JSON.stringify(seen));
    assert.ok(seen.bijective > seen.maps / 5, JSON.stringify(seen));
  });

  it("divide as enumeration says", () => {
    let divided = 0;
    fc.assert(
      fc.property(recipe, fc.nat(3), (r, k) => {
        const { iters, bindings, predicate } = build(r);
        const ranges = withDomains(iters, new Map());
        const inner = new Set(iters.slice(k % (iters.length + 1)).map((d) => d.v.id));
        const parts = subspaceDivide(bindings, iters, inner, { ranges, predicate });
        if (typeof parts === "string") return;
        divided++;
        const points = pointsOf(iters, predicate);
        parts.parts.forEach((d, i) => {
          for (const id of varsOf(d.inner).keys()) assert.ok(inner.has(id), "the inner part looks outside");
          for (const id of varsOf(d.outer).keys()) assert.ok(!inner.has(id), "the outer part looks inside");
          const [n, m] = [constInt(d.innerExtent) as number, constInt(d.outerExtent) as number];
          for (const p of points) {
            const [o, j] = [valueAt(d.outer, p), valueAt(d.inner, p)];
            const value = valueAt(bindings[i], p);
            assert.equal(o * n + j, value);
            if (value >= 0 && o * n + j >= 0) assert.ok(j < n && o < m, `${o} of ${m}, ${j} of ${n}`);
          }
        });
        const both = [parts.outerPredicate, parts.innerPredicate, parts.mixedPredicate];
        assert.deepEqual(pointsOf(iters, ops.allOf(both)).length, points.length);
      }),
      { numRuns: 250 },
    );
    assert.ok(divided > 50, `${divided}`);
  });

  const [n, i, j, k] = [variable("n"), domain("i", 6), domain("j", 4), domain("k", 10)];
  const ranges = withDomains([i, j, k], new Map([[n.id, { min: 0, max: Number.POSITIVE_INFINITY }]]));
  const detect = (bindings: Expr[], iters: VarDomain[], predicate?: Expr) =>
    detectIterMap(bindings, iters, { ranges, predicate });
  const why = (bindings: Expr[], iters: VarDomain[]): string => {
    const m = detect(bindings, iters);
    assert.ok(typeof m === "string");
    return m;
  };

  it("name what is wrong", () => {
    assert.match(why([ops.add(i.v, j.v)], [i, j]), /overlap in an axis/);
    assert.match(why([i.v, i.v], [i]), /used twice/);
    assert.match(why([ops.mul(i.v, i.v)], [i]), /something else than sums, quotients and remainders/);
    assert.match(why([ops.floordiv(ops.sub(i.v, 1), 2)], [i]), /offset is divided/);
    const inside = ops.floormod(ops.floordiv(k.v, 2), 5);
    assert.match(why([ops.floordiv(ops.floormod(inside, 4), 3)], [k]), /does not follow its borders/);
    assert.match(why([ops.floordiv(i.v, j.v)], [i, j]), /divided by another loop/);
  });

  it("a predicate cuts an uneven tile", () => {
    const tile = ops.add(ops.mul(i.v, 4), j.v);
    const loose = detect([tile], [i, j]);
    const cut = detect([tile], [i, j], ops.lt(tile, 22));
    assert.ok(typeof loose === "object" && typeof cut === "object");
    assert.equal(loose.sums[0].extent, 24);
    assert.equal(cut.sums[0].extent, 22);
    assert.ok(isBijective(cut));
    const other = detect([tile], [i, j], ops.lt(i.v, 3));
    assert.ok(typeof other === "object" && !other.surjective, "a condition on a part is not followed");
  });

  it("symbolic sizes: an uneven tile of n, a fused loop divided by n", () => {
    const tiles = domain("t", ops.floordiv(ops.add(n, 3), 4));
    const known = withDomains([tiles, j], ranges);
    const tile = ops.add(ops.mul(tiles.v, 4), j.v);
    const cut = detectIterMap([tile], [tiles, j], { ranges: known, predicate: ops.lt(tile, n) });
    assert.ok(typeof cut === "object" && isBijective(cut));
    assert.equal(cut.sums[0].size, n);
    const division = subspaceDivide([tile], [tiles, j], new Set([j.v.id]), { ranges: known });
    assert.ok(typeof division === "object");
    assert.equal(division.parts[0].outer, tiles.v);
    assert.equal(division.parts[0].inner, j.v);

    const fused = domain("f", ops.mul(n, 6));
    const all = withDomains([fused], ranges);
    const bindings = [ops.floordiv(fused.v, n), ops.floormod(fused.v, n)];
    const map = detectIterMap(bindings, [fused], { ranges: all });
    assert.ok(typeof map === "object" && isInjective(map));
    const [a, b] = [variable("a"), variable("b")];
    const back = inverseIterMap(map, [a, b])?.get(fused.v.id) as Expr;
    assert.equal(valueAt(back, new Map([a, b, n].map((v, x) => [v.id, x + 2]))), 2 * 4 + 3);
  });

  it("a padded layout: where it holds data", () => {
    const map = detect([ops.floordiv(k.v, 4), ops.floormod(k.v, 4)], [k]);
    assert.ok(typeof map === "object" && isInjective(map) && !map.surjective);
    const [a, b] = [variable("a"), variable("b")];
    const box = new Map([
      [a.id, { min: 0, max: 2 }],
      [b.id, { min: 0, max: 3 }],
    ]);
    const inverse = inverseIterMap(map, [a, b], box);
    assert.ok(inverse);
    const inside = insideDomains(inverse, map, box) as Expr;
    assert.equal(pointsOf([domain("a", 3), domain("b", 4)]).length, 12);
    let data = 0;
    for (let x = 0; x < 3; x++) {
      for (let y = 0; y < 4; y++) {
        data += valueAt(inside, new Map([[a.id, x] as const, [b.id, y] as const]));
      }
    }
    assert.equal(data, 10);
  });

  it("inner loops that do not fill, or reach over outer ones", () => {
    const divide = (e: Expr): string => {
      const d = subspaceDivide([e], [i, j], new Set([j.v.id]), { ranges });
      assert.ok(typeof d === "string");
      return d;
    };
    assert.match(divide(ops.add(ops.mul(j.v, 6), i.v)), /counts for more than an outer one/);
    assert.match(divide(ops.add(ops.mul(i.v, 8), ops.mul(j.v, 2))), /leave gaps/);
    assert.match(divide(ops.add(ops.mul(i.v, 6), j.v)), /cover 4 values of an axis/);
    assert.match(divide(ops.add(j.v, n)), /offset that only the outside knows/);
  });
});
