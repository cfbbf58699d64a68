import assert from "node:assert/strict";
import { attrsText } from "../../../lib/graph/attrs-text.ts";
import { BlockBuilder, legalizeOps, R } from "../../../lib/graph/index.ts";
import { primFuncs } from "../../../lib/ir/index.ts";

describe("attributes as text", () => {
  it("tell numbers apart that JSON does not", () => {
    const texts = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, null, 0, -0, "0"].map(
      (v) => attrsText({ v }),
    );
    assert.equal(new Set(texts).size, texts.length);
  });

  it("so that operators that differ in such a number alone have programs of their own", () => {
    const x = R.var("x", R.tensor([2, 2]));
    const bb = new BlockBuilder();
    const from = (min: number) => bb.emit(R.clip(x, { min }));
    bb.function("main", [x], () =>
      bb.emitFuncOutput(R.tuple(from(Number.POSITIVE_INFINITY), from(Number.NEGATIVE_INFINITY))),
    );
    assert.equal(Object.keys(primFuncs(legalizeOps().run(bb.get()))).length, 2);
  });
});
