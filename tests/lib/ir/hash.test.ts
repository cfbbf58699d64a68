// The structural hash agrees with structural equality: equal programs hash alike, others do not.
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  freshenFunc,
  type PrimFunc,
  primFunc,
  structuralEqual,
  structuralHash,
  withAttrs,
} from "../../../lib/ir/index.ts";
import { parsePrimFunc, script } from "../../../lib/script/index.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import { linear } from "../tune/programs.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
const runs = Math.min(60, Number(process.env.TILEWRIGHT_RUNS ?? 60));

describe(`ir: structural hashes (seed ${seed})`, () => {
  it("names and identities do not count: copies and reprinted programs hash alike", () => {
    fc.assert(
      fc.property(recipe, (r) => {
        const f = programOf(r);
        assert.equal(structuralHash(freshenFunc(f)), structuralHash(f));
        assert.equal(structuralHash(parsePrimFunc(script(f))), structuralHash(f));
      }),
      { seed, numRuns: runs },
    );
  });

  it("programs that differ hash differently, those that are equal alike", () => {
    const byHash = new Map<string, PrimFunc>();
    fc.assert(
      fc.property(recipe, (r) => {
        const f = programOf(r);
        const other = byHash.get(structuralHash(f));
        if (other) assert.ok(structuralEqual(other, f), "a hash of two programs");
        byHash.set(structuralHash(f), f);
      }),
      { seed, numRuns: runs },
    );
    assert.ok(byHash.size > runs / 3);
  });

  it("sizes, dtypes, attributes, the order of parameters and which variable is meant count", () => {
    const f = linear(4, 5, 6);
    const h = structuralHash(f);
    assert.notEqual(structuralHash(linear(4, 5, 7)), h);
    assert.notEqual(structuralHash(linear(4, 5, 6, true)), h);
    assert.notEqual(structuralHash(withAttrs(f, { scheduled: true })), h);
    const [a, b, ...rest] = f.params;
    assert.notEqual(structuralHash(primFunc([b, a, ...rest], f.body)), h);
    const square = (text: string): string =>
      structuralHash(
        parsePrimFunc(`T.primFunc({ A: T.buffer([4, 4]), B: T.buffer([4, 4]) }, ({ A, B }) => {
          for (const [i, j] of T.grid(4, 4)) T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = ${text};
          });
        })`),
      );
    assert.notEqual(square("A[vi][vj]"), square("A[vj][vi]"));
    assert.equal(square("A[vi][vj] + 1"), square("A[vi][vj] + 1"));
  });
});
