// Operators of one's own: registered, registered again, and refused.
import assert from "node:assert/strict";
import { callOp, GraphError, getOp, type OpDef, R, registerOp } from "../../../lib/graph/index.ts";
import { te } from "../../../lib/te/index.ts";

const scaled = (factor: number): OpDef => ({
  doc: `x times ${factor}`,
  args: [{ name: "x", kind: "tensor" }],
  infer: (c) => c.tensor(0),
  te: (c) => te.compute(c.out().shape, (...i) => te.mul(c.x(0).at(...i), factor), "scaled"),
});

describe("graph: the registry of operators", () => {
  it("takes an operator again only when asked to, and never one in the place of the library's", () => {
    registerOp("registryTest.scaled", scaled(2));
    assert.throws(() => registerOp("registryTest.scaled", scaled(3)), /already; replace it with \{ override/);
    assert.equal(getOp("registryTest.scaled").doc, "x times 2");
    registerOp("registryTest.scaled", scaled(3), { override: true });
    assert.equal(getOp("registryTest.scaled").doc, "x times 3");
    assert.throws(() => registerOp("add", scaled(3), { override: true }), GraphError);
    assert.equal(callOp("add", [R.const(1), R.const(2)]).op, "add");
  });

  it("wants one meaning of an operator", () => {
    const { te: meaning, ...none } = scaled(2);
    assert.throws(() => registerOp("registryTest.none", none), /needs one meaning/);
    const two: OpDef = { ...none, te: meaning, builtin: true };
    assert.throws(() => registerOp("registryTest.two", two), /needs one meaning/);
  });

  it("names operators that are near when there is none of a name", () => {
    assert.throws(() => getOp("relu"), /did you mean .*nn\.relu/);
  });
});
