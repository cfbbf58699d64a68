import assert from "node:assert/strict";
import fc from "fast-check";
import {
  constant,
  type Expr,
  firstDifference,
  type IRModule,
  irModule,
  type PrimFunc,
  reviveModule,
  verify,
  visitStmt,
} from "../../../lib/ir/index.ts";
import { parseModule, parsePrimFunc, script, scriptLines, T } from "../../../lib/script/index.ts";
import { chooser, randomFunc } from "./random.ts";

const programs = fc
  .array(fc.nat({ max: 1 << 20 }), { minLength: 20, maxLength: 300, size: "max" })
  .map((numbers) => randomFunc(chooser(numbers)));

function assertSame(a: PrimFunc | IRModule, b: PrimFunc | IRModule): void {
  const d = firstDifference(a, b);
  if (d) assert.fail(`${d.path.join(" / ")}: ${d.what}\n${script(a)}\n--- came back as\n${script(b)}`);
}

/** What a cell does with a pasted script. */
const paste = (text: string): PrimFunc => new Function("T", `return ${text}`)(T);

describe("round trips of random programs", () => {
  it("print, parse, print", () => {
    fc.assert(
      fc.property(programs, (f) => {
        assert.deepEqual(verify(f), []);
        const text = f.script();
        const back = parsePrimFunc(text);
        assertSame(f, back);
        assert.equal(back.script(), text);
      }),
      { numRuns: 600 },
    );
  });

  it("print and paste: the function's own source is parsed", () => {
    fc.assert(
      fc.property(programs, (f) => assertSame(f, paste(f.script()))),
      { numRuns: 200 },
    );
  });

  it("modules, through the script and through JSON", () => {
    fc.assert(
      fc.property(programs, programs, (f, g) => {
        const mod = irModule({ main: f, "odd name": g }, { target: "wasm" });
        assertSame(mod, parseModule(mod.script()));
        const revived = reviveModule(JSON.parse(JSON.stringify(mod)));
        assertSame(mod, revived);
        assert.equal(revived.script(), mod.script());
      }),
      { numRuns: 150 },
    );
  });

  it("every statement but sequences has exactly one line, and folds are nested", () => {
    fc.assert(
      fc.property(programs, (f) => {
        const lines = scriptLines(f);
        const found = lines.flatMap((l) => l.nodes);
        assert.equal(new Set(found).size, found.length);
        const set = new Set<unknown>(found);
        visitStmt(f.body, {
          stmt: (s) => {
            if (s.kind !== "seq") assert.ok(set.has(s), `${s.kind} has no line`);
          },
        });
        lines.forEach((l, k) => {
          if (l.close === undefined) return;
          assert.ok(l.close > k);
          assert.equal(lines[l.close].depth, l.depth);
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe("literals", () => {
  const stored = (e: Expr) => {
    const f = parsePrimFunc(
      `T.primFunc({ A: T.buffer([1], "${e.dtype}") }, ({ A }) => { A[0] = ${script(e)}; });`,
    );
    const s = f.body.body;
    assert.ok(s.kind === "store");
    return s.value;
  };
  for (const [value, dtype] of [
    [Number.POSITIVE_INFINITY, "f32"],
    [Number.NEGATIVE_INFINITY, "f16"],
    [Number.NaN, "f64"],
    [-0, "f32"],
    [0.1, "f32"],
    [5e-324, "f64"],
    [1.7976931348623157e308, "f64"],
    [2n ** 63n - 1n, "i64"],
    [-(2n ** 63n), "i64"],
    [2 ** 60, "i64"],
    [255, "u8"],
    [1, "bool"],
  ] as const) {
    it(`${value} ${dtype} prints exactly`, () => {
      const e = constant(value, dtype);
      assert.deepEqual(stored(e), e);
    });
  }
});
