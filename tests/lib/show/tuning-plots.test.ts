import assert from "node:assert/strict";
import {
  DISPLAY,
  expectations,
  predictedPlot,
  rankAgreement,
  spaceAxes,
  spacePlot,
  type TrialLike,
  tuningCurve,
} from "../../../lib/show/index.ts";

const trial = (index: number, tile: readonly number[], more: Partial<TrialLike> = {}): TrialLike => ({
  ...{ index, task: "main", status: "measured" },
  decisions: [
    { index: 2, primitive: "samplePerfectTile", decision: [...tile] },
    { index: 5, primitive: "sampleCategorical", decision: 1 },
  ],
  ...more,
});

const history: readonly TrialLike[] = [
  trial(0, [16, 8], { measured: 4 }),
  trial(1, [8, 16], { measured: 5, predicted: 6 }),
  trial(2, [32, 4], { status: "timedOut", message: "too slow" }),
  trial(3, [4, 32], { measured: 2, predicted: 2.5 }),
  trial(4, [128, 1], { measured: 3, predicted: 2 }),
];

const layers = (plot: { spec: { readonly [key: string]: unknown } }) =>
  plot.spec.layer as { data?: { values: Record<string, unknown>[] }; layer?: unknown[] }[];

describe("pictures of a search", () => {
  it("the curve falls only, and counts what failed", async () => {
    const plot = tuningCurve(history, { baseline: 8 });
    const values = (plot.spec.data as { values: { trial: number; best: number }[] }).values;
    assert.deepEqual(
      values.map((v) => [v.trial, v.best]),
      [
        [1, 4],
        [2, 4],
        [4, 2],
        [5, 2],
      ],
    );
    assert.match(plot.text, /1 candidate could not be measured/);
    assert.match(plot.text, /4 +2\.00 ms/);
    assert.match(String((await plot[DISPLAY]())["image/svg+xml"]), /could not be measured/);
    const speeds = (
      tuningCurve(history, { flops: 4e6 }).spec.data as typeof plot.spec.data & {
        values: { best: number }[];
      }
    ).values;
    assert.deepEqual(
      speeds.map((v) => v.best),
      [1, 1, 2, 2],
    );
  });

  it("expectations are compared with measurements, and how well they rank", () => {
    assert.deepEqual(expectations(history), [
      { trial: 2, predicted: 6, measured: 5 },
      { trial: 4, predicted: 2.5, measured: 2 },
      { trial: 5, predicted: 2, measured: 3 },
    ]);
    // Of three pairs one is the wrong way round: 4 before 5.
    assert.equal(rankAgreement(expectations(history)), 2 / 3);
    assert.match(predictedPlot(history).text, /pairs ranked as measured: 67 %/);
  });

  it("the space: an axis for each draw with several values, innermost factors in order, the best marked", async () => {
    const [axis, ...others] = spaceAxes(history);
    assert.deepEqual(others, [], "a draw at which only one value was tried says nothing");
    assert.deepEqual(axis, {
      name: "samplePerfectTile 1",
      values: ["[128,1]", "[16,8]", "[8,16]", "[4,32]"],
      best: "[4,32]",
    });
    const plot = spacePlot(history);
    assert.match(plot.text, /best: candidate 4, 2\.00 ms/);
    assert.equal(new Set(layers(plot)[0].data?.values.map((v) => v.trial)).size, 4);
    assert.match(String((await plot[DISPLAY]())["image/svg+xml"]), /\[4,32\]/);
  });

  it("nothing measured is no error", async () => {
    for (const make of [tuningCurve, predictedPlot, spacePlot]) {
      for (const h of [[], [history[2]]])
        assert.match(String((await make(h)[DISPLAY]())["image/svg+xml"]), /<svg/);
    }
  });
});
