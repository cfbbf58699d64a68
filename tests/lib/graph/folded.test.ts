import assert from "node:assert/strict";
import "../../../lib/index.ts";
import { evaluateOnce, viewOnce } from "../../../lib/graph/folded.ts";
import { ndarray, type PrimFunc, tensorType } from "../../../lib/ir/index.ts";
import { te } from "../../../lib/te/index.ts";

/** Transposes n × n, plus something. */
function transpose(n: number, plus: number): PrimFunc {
  const A = te.placeholder([n, n], "A");
  return te.createPrimFunc([A, te.compute([n, n], (i, j) => te.add(A.at(j, i), plus), "B")]);
}

const data = (n: number) =>
  ndarray("f32", [n, n], new Uint8Array(Float32Array.from({ length: n * n }, (_, i) => i).buffer));
const run = (func: PrimFunc, input: ReturnType<typeof data>) => {
  const [y] = evaluateOnce({
    name: "f",
    func,
    inputs: [input],
    outputs: [tensorType(input.shape, "f32")],
    scalars: [],
  })!;
  return y;
};
const elements = (x: ReturnType<typeof data>) =>
  new Float32Array(x.bytes.buffer, x.bytes.byteOffset, x.bytes.byteLength / 4);

describe("constants made of constants", () => {
  it("the same program on the same constant gives the same object, also over steps that nobody kept", () => {
    const w = data(40);
    const first = run(transpose(40, 2), run(transpose(40, 1), w));
    // Programs made anew are the same up to names; the step between is another object here.
    assert.equal(run(transpose(40, 2), run(transpose(40, 1), w)), first);
    assert.equal(elements(first)[1], 4);
    assert.equal(viewOnce(w, [1600]), viewOnce(w, [1600]));
  });

  it("another program, or another constant with the same elements, gives another", () => {
    const w = data(40);
    const first = run(transpose(40, 1), w);
    assert.notEqual(run(transpose(40, 3), w), first);
    assert.equal(elements(run(transpose(40, 3), w))[0], 3);
    assert.notEqual(run(transpose(40, 1), data(40)), first);
  });

  it("small ones are computed each time", () => {
    const w = data(4);
    assert.notEqual(run(transpose(4, 1), w), run(transpose(4, 1), w));
  });
});
