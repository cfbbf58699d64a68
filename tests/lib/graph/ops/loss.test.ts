/** Losses, against sums over samples. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, Numbers, position } from "../../../support/nd.ts";
import { close, runOp } from "../../../support/run-op.ts";

describe("nn.nllLoss", () => {
  for (const [name, rest, classes] of [
    ["one sample", [], 5],
    ["a batch", [6], 4],
    ["pixels", [2, 3, 2], 3],
  ] as const) {
    const shape = rest.length === 0 ? [classes] : [rest[0], classes, ...rest.slice(1)];
    for (const weighted of [false, true]) {
      it(`${name}${weighted ? ", weighted" : ""}`, async () => {
        const r = new Numbers(5);
        const x = r.floats(shape);
        const t = r.ints(rest, "i64", 0, classes - 1);
        const w = r.floats([classes]);
        const [X, T, W] = [numbersOf(x), numbersOf(t), numbersOf(w)];
        const ignoreIndex = T.length > 1 ? T[1] : -1;
        const weight = (c: number): number => (c === ignoreIndex ? 0 : weighted ? W[c] : 1);
        const losses = fill(rest, (i) => {
          const c = T[position(i, rest) as number];
          const at = rest.length === 0 ? [c] : [i[0], c, ...i.slice(1)];
          return -X[position(at, shape) as number] * weight(c) + 0;
        });
        const sum = losses.reduce((a, v) => a + v, 0);
        const total = T.reduce((a, c) => a + weight(c), 0);
        for (const [reduction, want] of [
          ["none", losses],
          ["sum", [sum]],
          ["mean", [sum / total]],
        ] as const) {
          const args = weighted ? [x, t, w] : [x, t];
          const [y] = await runOp("nn.nllLoss", args, { reduction, ignoreIndex });
          close(y.data, want, 1e-4);
        }
      });
    }
  }

  it("a class to be ignored need not be one of the classes", async () => {
    const r = new Numbers(2);
    const t = { ...r.ints([3], "i32", 0, 1), bytes: new Uint8Array(Int32Array.of(1, -5, 0).buffer) };
    const x = r.floats([3, 2]);
    const [y] = await runOp("nn.nllLoss", [x, t], { reduction: "sum", ignoreIndex: -5 });
    const X = numbersOf(x);
    close(y.data, [-X[1] - X[4]]);
  });

  it("what does not fit is named", () => {
    const says = (t: readonly number[], w: readonly number[], text: RegExp): void => {
      assert.throws(
        () =>
          callOp("nn.nllLoss", [
            R.var("x", R.tensor([2, 3])),
            R.var("t", R.tensor(t, "i64")),
            R.var("w", R.tensor(w)),
          ]),
        (e) => e instanceof GraphError && text.test(e.message),
      );
    };
    says([2, 1], [3], /rank 2 need targets of rank 1, got 2/);
    says([4], [3], /shape of the predictions without the axis of classes/);
    says([2], [4], /one number for each of 3 classes/);
  });
});
