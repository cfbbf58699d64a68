import assert from "node:assert/strict";
import fc from "fast-check";
import { parseGraphFunc, R } from "../../../lib/graph/index.ts";
import { firstDifference, type GraphFunc, type IRModule, verifyGraphFunc } from "../../../lib/ir/index.ts";
import { constantsOf, parseModule, script, scriptLines, T } from "../../../lib/script/index.ts";
import { chooser } from "../script/random.ts";
import { randomGraphFunc } from "./script-random.ts";

const functions = fc
  .array(fc.nat({ max: 1 << 20 }), { minLength: 20, maxLength: 400, size: "max" })
  .map((numbers) => randomGraphFunc(chooser(numbers)));

function assertSame(a: GraphFunc | IRModule, b: GraphFunc | IRModule): void {
  const d = firstDifference(a, b);
  if (d) assert.fail(`${d.path.join(" / ")}: ${d.what}\n${script(a)}\n--- came back as\n${script(b)}`);
}

/** What a cell does with a pasted script. */
const paste = <X extends GraphFunc | IRModule>(text: string, constants: object): X =>
  new Function("T", "R", "constants", `return ${text}`)(T, R, constants);

describe("round trips of random graph-level functions", function () {
  this.timeout(60_000);

  it("print, parse, print", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(functions, (f) => {
        assert.deepEqual(verifyGraphFunc(f), []);
        const text = f.script();
        for (const [word] of text.matchAll(/R\.\w+(\.\w+)?(?=\()/g))
          seen.set(word, (seen.get(word) ?? 0) + 1);
        const back = parseGraphFunc(text, { constants: constantsOf(f) });
        assertSame(f, back);
        assert.equal(back.script(), text);
      }),
      { numRuns: 600 },
    );
    // What the generator is for: every word, and many operators.
    for (const word of ["dataflow", "output", "if", "loop", "callTir", "callPacked", "call", "matchCast"])
      assert.ok((seen.get(`R.${word}`) ?? 0) > 0, word);
    for (const word of ["size", "tensorToShape", "tuple", "const", "constant", "get", "shape"])
      assert.ok((seen.get(`R.${word}`) ?? 0) > 0, word);
    assert.ok(seen.size > 25, [...seen.keys()].join(" "));
  });

  it("print and paste: the function's own source is parsed", () => {
    fc.assert(
      fc.property(functions, (f) => assertSame(f, paste(f.script(), constantsOf(f)))),
      { numRuns: 200 },
    );
  });

  it("modules: constants that functions share stay shared", () => {
    fc.assert(
      fc.property(functions, (f) => {
        const mod = T.module({ main: f, "odd name": f }, { attrs: { target: "wasm" } });
        const constants = constantsOf(mod);
        const text = mod.script();
        for (const back of [parseModule(text, { constants }), paste<IRModule>(text, constants)]) {
          assertSame(mod, back);
          assert.deepEqual(constantsOf(back), constants);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("lines know the bindings they stand for, and what closes them", () => {
    fc.assert(
      fc.property(functions, (f) => {
        const lines = scriptLines(f);
        const bound = lines.flatMap((l) => l.nodes).filter((n) => n.kind !== "graphFunc");
        let count = 0;
        const go = (b: GraphFunc["body"]): void => {
          for (const x of b.blocks.flatMap((k) => k.bindings)) {
            count++;
            if (x.value.kind === "graphIf") [x.value.then, x.value.else].forEach(go);
          }
        };
        go(f.body);
        assert.equal(new Set(bound).size, count);
        lines.forEach((l, i) => {
          if (l.close === undefined) return;
          assert.ok(l.close > i && lines[l.close].depth === l.depth);
          assert.ok(lines.slice(i + 1, l.close).every((x) => x.depth > l.depth));
        });
      }),
      { numRuns: 100 },
    );
  });
});
