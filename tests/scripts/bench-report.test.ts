// The tables of the benchmarks: which contender stands where, ratios, and what is left out where one is missing.
import assert from "node:assert/strict";
import type { Measured } from "../bench/compare.ts";
import { filled } from "../bench/docs.ts";
import { BASELINE, NATIVE, OURS, TUNED } from "../bench/names.ts";
import { contendersOf, missing, ratios, resultRows } from "../bench/report.ts";

const row = (name: string, median: number): Measured => ({
  ...{ name, median, p25: median, p75: median, min: median, rounds: 1, number: 1 },
});
const section = (...results: Measured[][]): Parameters<typeof resultRows>[0] => ({
  name: "models",
  baseline: BASELINE,
  results: results.map((rows, i) => ({ name: `model ${i}`, rows, cannot: [] })),
});

describe("the tables of the benchmarks", () => {
  it("the baseline is first, ours last and the tuned one after it; each is compared, and ours with native code", () => {
    const s = section(
      [row(TUNED, 2), row(OURS, 4), row(NATIVE, 1), row(BASELINE, 8)],
      [row(BASELINE, 6), row(NATIVE, 2), row(OURS, 3), row(TUNED, 2)],
    );
    assert.deepEqual(contendersOf(s), [BASELINE, NATIVE, OURS, TUNED]);
    const [head, first, second, mean] = resultRows(s);
    assert.deepEqual(head.slice(-4), [`${NATIVE} ×`, `${OURS} ×`, `${TUNED} ×`, `of ${NATIVE}`]);
    assert.deepEqual(first.slice(-4), ["8.00", "2.00", "4.00", "0.50"]);
    assert.deepEqual(second.slice(-4), ["3.00", "2.00", "3.00", "1.00"]);
    assert.deepEqual(mean.slice(-4), ["4.90", "2.00", "3.46", "0.71"]);
    for (const r of [first, second, mean]) assert.equal(r.length, head.length);
  });

  it("without the tuned one, ours are compared with native code; without native code, with none", () => {
    const untuned = section(
      [row(BASELINE, 8), row(NATIVE, 1), row(OURS, 4)],
      [row(BASELINE, 8), row(OURS, 4)],
    );
    const [head, first, second, mean] = resultRows(untuned);
    assert.equal(head.at(-1), `of ${NATIVE}`);
    assert.deepEqual([first.at(-1), second.at(-1), mean.at(-1)], ["0.25", "–", "–"]);
    assert.deepEqual(ratios(untuned, NATIVE), [8, undefined]);
    const web = section([row(BASELINE, 8), row(OURS, 4)], [row(BASELINE, 8), row(OURS, 4)]);
    assert.equal(resultRows(web)[0].at(-1), `${OURS} ×`);
  });

  it("reasons why somebody is missing are told once, with the cases", () => {
    const s = section([row(BASELINE, 1), row(OURS, 1)], [row(BASELINE, 1), row(OURS, 1)]);
    const [a, b] = s.results;
    const cannot = [{ name: "jax-js", reason: "no 64-bit integers" }];
    assert.deepEqual(missing({ ...s, results: [{ ...a, cannot }, b] }), [
      "jax-js: no 64-bit integers (model 0)",
    ]);
    const all = s.results.map((r) => ({ ...r, cannot }));
    assert.deepEqual(missing({ ...s, results: all }), ["jax-js: no 64-bit integers"]);
  });

  it("a page is filled where the runs have figures, and stays as it is where none has", () => {
    const run = (node: string, ...names: string[]): Parameters<typeof filled>[1][number] => ({
      machine: { node },
      sections: names.map((name) => ({ ...section([row(BASELINE, 8), row(OURS, 4)]), name })),
    });
    const page =
      "a\n<!-- figures: models, untuned -->\nold\n<!-- end -->\nb\n<!-- figures: other -->\nkept\n<!-- end -->\n";
    const { text, left } = filled(page, [run("v20", "models, untuned"), run("v24", "models, untuned (8)")]);
    assert.deepEqual(left, ["other"]);
    assert.match(
      text,
      /^a\n<!-- figures: models, untuned -->\n\n\| Node 20 .*\n[\s\S]*\| Node 24 [\s\S]*\n\n<!-- end -->\nb\n/,
    );
    assert.doesNotMatch(text, /old/);
    assert.match(text, /<!-- figures: other -->\nkept\n<!-- end -->\n$/);
    assert.throws(
      () => filled(page, [run("v20", "other"), run("v24")]),
      /the run on Node v24 has no section "other"/,
    );
  });
});
