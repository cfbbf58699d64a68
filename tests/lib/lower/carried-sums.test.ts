/** A buffer that only one reduction uses keeps its values from one iteration of the reduce loop to the next. */
import assert from "node:assert/strict";
import { lower } from "../../../lib/codegen/lower/index.ts";
import { blocksIn } from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { te } from "../../../lib/te/index.ts";

describe("compaction of what a reduction carries", () => {
  it("argmax with its reduce loop outside: the best values are not packed into one element", async () => {
    const A = te.placeholder([3, 5], "A");
    const k = te.reduceAxis(5, "k");
    const P = te.compute([3], (i) => te.argmax(A.at(i, k), k), "P");
    const sch = new Schedule(te.createPrimFunc([A, P]));
    const [i, r] = sch.getLoops(sch.getBlock("P"));
    sch.reorder(r, i);
    const [value] = blocksIn(lower(sch.func()).body).flatMap((b) => b.allocs);
    assert.deepEqual(
      value.shape.map((s) => s.kind === "const" && s.value),
      [3],
    );
    const data = Tensor.from([1, 9, 3, 4, 5, 7, 2, 8, 1, 0, 3, 3, 1, 2, 3]).reshape([3, 5]);
    const out = Tensor.zeros([3], "i32");
    const lib = await build(sch.mod, { target: "wasm" });
    await lib.main(data, out);
    assert.deepEqual([...out.data], [1, 2, 0]);
    for (const t of [data, out]) t.dispose();
  });
});
