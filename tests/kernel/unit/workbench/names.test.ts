import assert from "node:assert/strict";
import { namesOf } from "../../../../kernel/workbench/names.ts";

/** What a source defines and reads, sorted. */
function names(source: string): [string[], string[]] {
  const { defines, reads } = namesOf(source);
  return [[...defines].sort(), [...reads].sort()];
}

describe("workbench: names of a cell", () => {
  it("defines what stands at the top level, patterns and types too", () => {
    const source =
      "const [a, { b, c: d }] = f(x);\ninterface I {}\ntype J = I;\nenum E { A }\nfunction g() {}\nclass K {}";
    assert.deepEqual(names(source), [
      ["E", "I", "J", "K", "a", "b", "d", "g"],
      ["f", "x"],
    ]);
  });

  it("reads nothing that is a local variable, a parameter or a property", () => {
    const source =
      "const h = (x) => { const y = x + z; return y.p; };\nfor (const i of list) i;\ntry {} catch (e) { e }";
    assert.deepEqual(names(source), [["h"], ["list", "z"]]);
  });

  it("defines what it assigns, unless that is local", () => {
    assert.deepEqual(names("count++; total += 1; x.y = 2; { let own = 1; own = 2; }"), [
      ["count", "total"],
      ["count", "total", "x"],
    ]);
  });

  it("takes the local names of imports", () => {
    assert.deepEqual(names('import { T, te as e } from "tilewright";\nT.f(e);'), [["T", "e"], []]);
  });

  it("gives what can be read of a source that is not finished", () => {
    assert.deepEqual(names("const a = b +"), [["a"], ["b"]]);
  });
});
