/** The default schedules of single operators that move or scan what they are given: any shape, any axis. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compileWasm } from "../../../lib/codegen/wasm/index.ts";
import { constInt, irModule, loopsIn } from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { defaultSchedule } from "../../../lib/tune/default/index.ts";
import { check, operator } from "./scheduled.ts";

const seed = 20261122;
/** Fewer in the inner loop. */
const runs = (n: number): number => Math.min(n, Number(process.env.TILEWRIGHT_RUNS ?? n));
const shape = (rank: number, max: number, min = 1) =>
  fc.array(fc.integer({ min, max }), { minLength: 1, maxLength: rank });

describe("tune: the default schedule of single operators", function () {
  this.timeout(120_000);

  it("running sums along any axis", async () => {
    const cases: [number[], number][] = [
      [[3, 5, 40], 1],
      [[2, 3, 5, 7], 1],
      [[9, 70], 1],
      [[70, 9], 0],
      [[6, 1, 5], 2],
    ];
    for (const [s, axis] of cases) await check(operator("cumsum", [s], { axis }));
    await fc.assert(
      fc.asyncProperty(shape(4, 9), fc.nat(3), fc.boolean(), fc.boolean(), (s, a, exclusive, reverse) =>
        check(operator("cumsum", [s], { axis: a % s.length, exclusive, reverse })),
      ),
      { numRuns: runs(20), seed },
    );
    const rows = loopsIn(defaultSchedule(operator("cumsum", [[8, 64]], { axis: 0 })).body);
    assert.equal(rows.at(-1)?.loopKind, "vectorized");
    const lines = loopsIn(defaultSchedule(operator("cumsum", [[8, 64]], { axis: 1 })).body);
    assert.equal(lines.at(-1)?.loopKind, "unrolled");
  });

  it("sums over several axes are taken in lanes, also where the last is several times the lanes", async () => {
    const cases: [number[], number[] | null][] = [
      [[6, 64], null],
      [
        [3, 4, 32],
        [1, 2],
      ],
      [
        [2, 3, 16],
        [1, 2],
      ],
      [
        [2, 7, 7],
        [1, 2],
      ],
      [
        [2, 3, 2, 48],
        [1, 2, 3],
      ],
    ];
    for (const [s, axis] of cases) {
      for (const op of ["sum", "max"]) {
        const f = operator(op, [s], { axis });
        await check(f);
        const kinds = loopsIn(defaultSchedule(f).body).map((l) => l.loopKind);
        assert.ok(kinds.includes("vectorized"), `${op} of ${s.join(" × ")}`);
      }
    }
  });

  it("the maximum of large windows is taken along one axis after the other", async () => {
    for (const [x, poolSize] of [
      [
        [1, 2, 20, 20],
        [5, 5],
      ],
      [
        [1, 3, 9, 13],
        [9, 3],
      ],
    ]) {
      const padding = [2, 1, 2, 1];
      const f = operator("nn.maxPool2d", [x], { poolSize, padding });
      await check(f);
    }
  });

  it("groups of channels are summed once, not for each channel", async () => {
    for (const s of [
      [2, 8, 4, 32],
      [1, 6, 7, 8],
    ]) {
      const f = operator("nn.groupNorm", [s, [s[1]], [s[1]]], { numGroups: 2 });
      await check(f);
      const [batch, channels] = loopsIn(defaultSchedule(f).body).map((l) => constInt(l.extent));
      assert.deepEqual(
        [batch, channels].filter((n) => n === s[1]),
        [],
      );
    }
  });

  it("transposes of any axes and dtypes turn squares in registers", async () => {
    const cases: [number[], number[]][] = [
      [
        [17, 23],
        [1, 0],
      ],
      [
        [2, 9, 12],
        [0, 2, 1],
      ],
      [
        [5, 6, 7, 8],
        [0, 2, 3, 1],
      ],
      [
        [8, 6, 8],
        [2, 1, 0],
      ],
      [
        [3, 20],
        [1, 0],
      ],
    ];
    for (const [s, axes] of cases) {
      for (const dtype of ["f32", "i32", "u8", "i8", "i64"] as const)
        await check(operator("permuteDims", [s], { axes }, dtype));
    }
    const order = fc.tuple(shape(4, 20, 2), fc.array(fc.nat(99), { minLength: 4, maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(order, ([s, keys]) => {
        const axes = s.map((_, d) => d).sort((p, q) => keys[p] - keys[q] || p - q);
        return axes.every((a, d) => a === d)
          ? Promise.resolve()
          : check(operator("permuteDims", [s], { axes }));
      }),
      { numRuns: runs(20), seed },
    );
    const scheduled = defaultSchedule(operator("permuteDims", [[64, 32]], { axes: [1, 0] }));
    const wat = compileWasm(irModule({ main: scheduled })).wat();
    // Two by two squares of four loads, eight shuffles and four stores each.
    const times = (word: RegExp): number => wat.match(word)?.length ?? 0;
    assert.deepEqual([/v128\.load/g, /i8x16\.shuffle/g, /v128\.store/g].map(times), [16, 32, 16]);
  });

  it("a straight walk asks for no digits, whatever the number of vectors in a row and in a plane", async () => {
    for (const s of [
      [1, 4, 56, 56],
      [6, 8, 12],
      [3, 4, 20, 8],
    ]) {
      const f = operator("negative", [s], {});
      await check(f);
      const wat = compileWasm(irModule({ main: defaultSchedule(f) })).wat();
      assert.ok(!/div_s|rem_s/.test(wat), wat);
    }
  });

  it("positions of the greatest and the smallest: ties, infinities, NaN, either end", async () => {
    const few = [0, -0, 1, 1, -3, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const [rows, columns] of [
      [7, 33],
      [40, 5],
      [16, 64],
    ]) {
      for (const axis of [0, 1]) {
        for (const name of ["argmax", "argmin"] as const) {
          for (const selectLastIndex of [false, true]) {
            const f = operator(name, [[rows, columns]], { axis, selectLastIndex });
            // From row to row more of the values, so that some rows have nothing but the worst, or NaN.
            const given = (): Tensor[] => {
              const x = Tensor.empty([rows, columns], "f32");
              const at = (i: number): number => few[few.length - 1 - ((i * i + (i >> 3)) % (1 + (i % 8)))];
              (x.data as Float32Array).forEach((_, i, all) => {
                all[i] = at(axis === 0 ? i % columns : Math.floor(i / columns)) * (i % 5 === 3 ? -1 : 1);
              });
              const n = axis === 0 ? columns : rows;
              return [x, Tensor.empty([n], "i64")];
            };
            const [x, y] = given();
            await (await build(defaultSchedule(f))).main(x, y);
            const [n, length] = axis === 0 ? [columns, rows] : [rows, columns];
            for (let line = 0; line < n; line++) {
              const on = Array.from({ length }, (_, k) => {
                const v = Number(x.data[axis === 0 ? k * columns + line : line * columns + k]);
                return name === "argmax" ? v : -v;
              });
              // What is no number is never the greatest; of lines with nothing better than the worst all count as equal.
              const best = Math.max(...on.filter((v) => !Number.isNaN(v)), Number.NEGATIVE_INFINITY);
              const equal = (v: number): boolean => v === best || best === Number.NEGATIVE_INFINITY;
              const want = selectLastIndex ? on.findLastIndex(equal) : on.findIndex(equal);
              assert.equal(Number(y.data[line]), want, `${name} of ${on.join(" ")}`);
            }
            for (const t of [x, y]) t.dispose();
          }
        }
      }
    }
    await fc.assert(
      fc.asyncProperty(shape(3, 40), fc.nat(2), fc.constantFrom("f32", "i32", "u8"), (s, a, dtype) =>
        check(operator("argmax", [s], { axis: a % s.length }, dtype as "f32")),
      ),
      { numRuns: runs(12), seed },
    );
  });
});
