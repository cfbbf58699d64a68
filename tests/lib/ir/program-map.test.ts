import assert from "node:assert/strict";
import {
  constant,
  ops,
  type PrimFunc,
  ProgramFacts,
  ProgramMap,
  Recent,
  structuralEqual,
  structuralHash,
} from "../../../lib/ir/index.ts";
import { te } from "../../../lib/te/index.ts";

/** x + 1, made anew each time. */
function plus(n: number, name = "y"): PrimFunc {
  const x = te.placeholder([n], "x");
  return te.createPrimFunc([x, te.compute([n], (i) => ops.add(x.at(i), constant(1, "f32")), name)]);
}

describe("ir: maps by program", () => {
  it("a program is known by what it says, not by which object it is", () => {
    const map = new ProgramMap<string>();
    map.set(plus(4), "four");
    assert.equal(map.get(plus(4)), "four");
    assert.equal(map.get(plus(5)), undefined);
    map.set(plus(4), "again");
    assert.equal(map.get(plus(4)), "again");
    assert.equal(map.size, 1);
  });

  it("names count, in the map and where they are asked to", () => {
    const [y, z] = [plus(4, "y"), plus(4, "z")];
    assert.ok(structuralEqual(y, z));
    assert.ok(!structuralEqual(y, z, { names: true }));
    assert.equal(structuralHash(y), structuralHash(z));
    assert.notEqual(structuralHash(y, { names: true }), structuralHash(z, { names: true }));
    const map = new ProgramMap<string>();
    map.set(y, "y");
    assert.equal(map.get(z), undefined);
  });

  it("with too many, the one that was not asked for for longest goes", () => {
    const map = new ProgramMap<number>(2);
    map.set(plus(1), 1);
    map.set(plus(2), 2);
    assert.equal(map.get(plus(1)), 1);
    map.set(plus(3), 3);
    assert.deepEqual(
      [1, 2, 3].map((n) => map.get(plus(n))),
      [1, undefined, 3],
    );
  });

  it("a value that was replaced is not forgotten for the one before", () => {
    const map = new ProgramMap<string>();
    map.set(plus(1), "old");
    map.set(plus(1), "new");
    map.delete(plus(1), "old");
    assert.equal(map.get(plus(1)), "new");
    map.delete(plus(1), "new");
    assert.equal(map.size, 0);
  });
});

describe("ir: facts about programs, and what was asked for last", () => {
  it("a fact is found once for each program and key", () => {
    const facts = new ProgramFacts<number>();
    const f = plus(3);
    let found = 0;
    const find = (): number => ++found;
    assert.deepEqual(
      [facts.of(f, find), facts.of(f, find), facts.of(f, find, "other"), facts.of(f, find)],
      [1, 1, 2, 1],
    );
    assert.equal(facts.of(plus(3), find), 3, "another object is another program here");
  });

  it("what was asked for last is kept", () => {
    const recent = new Recent<string, string>(2);
    const made: string[] = [];
    for (const key of ["a", "b", "a", "c", "a", "b"])
      recent.get(key, () => {
        made.push(key);
        return key;
      });
    assert.deepEqual(made, ["a", "b", "c", "b"]);
    assert.equal(recent.size, 2);
  });
});
