import assert from "node:assert/strict";
import { firstDifference, type PrimFunc, verify } from "../../../lib/ir/index.ts";
import { parsePrimFunc } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";

/** Checks what holds for every function that is produced, and gives its script. */
function script(f: PrimFunc): string {
  assert.deepEqual(verify(f), []);
  assert.equal(firstDifference(f, parsePrimFunc(f.script())), undefined);
  return f.script();
}

/** Compares with a script, whose indentation is free. */
function assertScript(f: PrimFunc, expected: string): void {
  const lines = expected.split("\n").filter((l) => l.trim() !== "");
  const indent = Math.min(...lines.map((l) => l.length - l.trimStart().length));
  assert.equal(script(f), lines.map((l) => l.slice(indent)).join("\n"));
}

describe("te", () => {
  it("matmul and relu: the program of the introduction", () => {
    const A = te.placeholder([128, 128], "A");
    const B = te.placeholder([128, 128], "B");
    const k = te.reduceAxis(128, "k");
    const Y = te.compute([128, 128], (i, j) => te.sum(te.mul(A.at(i, k), B.at(k, j)), k), "Y");
    const C = te.compute(Y.shape, (i, j) => te.max(Y.at(i, j), 0), "C");
    assertScript(
      te.createPrimFunc([A, B, C]),
      `
      T.primFunc(
        { A: T.buffer([128, 128]), B: T.buffer([128, 128]), C: T.buffer([128, 128]) },
        ({ A, B, C }) => {
          const Y = T.alloc([128, 128]);
          for (const [i, j, k] of T.grid(128, 128, 128)) {
            T.block("Y", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
              T.init(() => { Y[vi][vj] = 0; });
              Y[vi][vj] += A[vi][vk] * B[vk][vj];
            });
          }
          for (const [i, j] of T.grid(128, 128)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(Y[vi][vj], 0);
            });
          }
        },
      );`,
    );
  });

  it("rank-generic computes", () => {
    for (const shape of [[4], [2, 3], [2, 3, 4]]) {
      const A = te.placeholder(shape, "A");
      const B = te.compute(shape, (...i) => te.add(A.get(i), 1), "B");
      const f = te.createPrimFunc([A, B]);
      const indices = shape.map((_, d) => `[vi${d}]`).join("");
      assert.ok(script(f).includes(`B${indices} = A${indices} + 1;`));
    }
    const s = te.placeholder([], "s");
    const t = te.compute([], () => te.exp(s.at()), "t");
    assert.ok(script(te.createPrimFunc([s, t])).includes("t.value = T.exp(s.value);"));
  });

  it("symbolic sizes, and several reduce axes", () => {
    const n = te.var("n");
    const A = te.placeholder([n, 3, 3], "A");
    const p = te.reduceAxis(3, "p");
    const q = te.reduceAxis([1, 3], "q");
    const B = te.compute([n], (i) => te.sum(A.at(i, p, q), [p, q]), "B");
    assertScript(
      te.createPrimFunc([A, B]),
      `
      T.primFunc({ A: T.buffer(["n", 3, 3]), B: T.buffer(["n"]) }, ({ A, B, n }) => {
        for (const [i, p, q] of T.grid(n, 3, 2)) {
          T.block("B", () => {
            const [vi, vp, vq] = T.axis.remap("SRR", [i, p, q]);
            T.init(() => { B[vi] = 0; });
            B[vi] += A[vi][vp][vq + 1];
          });
        }
      });`,
    );
  });

  it("every reduction has its identity", () => {
    for (const [dtype, word, start] of [
      ["f32", "prod", "1"],
      ["f32", "max", "-Infinity"],
      ["f16", "min", "Infinity"],
      ["u8", "max", "0"],
      ["i8", "min", "127"],
      ["i64", "max", 'T.const(-9223372036854775808n, "i64")'],
    ] as const) {
      const A = te.placeholder([8, 8], "A", dtype);
      const k = te.reduceAxis(8);
      const B = te.compute([8], (i) => te[word](A.at(i, k), k), "B");
      assert.equal(B.dtype, dtype);
      assert.ok(script(te.createPrimFunc([A, B])).includes(`T.init(() => { B[vi] = ${start}; });`));
    }
  });

  it("argmax keeps value and position, and the first of equals in any order", () => {
    const A = te.placeholder([4, 10], "A");
    const k = te.reduceAxis(10, "k");
    const C = te.compute([4], (i) => te.argmax(A.at(i, k), k), "C");
    assert.equal(C.dtype, "i32");
    assert.equal(C.values?.dtype, "f32");
    assertScript(
      te.createPrimFunc([A, C]),
      `
      T.primFunc({ A: T.buffer([4, 10]), C: T.buffer([4], "i32") }, ({ A, C }) => {
        const C_value = T.alloc([4]);
        for (const [i, k] of T.grid(4, 10)) {
          T.block("C", () => {
            const [vi, vk] = T.axis.remap("SR", [i, k]);
            T.init(() => {
              C[vi] = 0;
              C_value[vi] = -Infinity;
            });
            const x = A[vi][vk];
            const better = x > C_value[vi] || (x === C_value[vi] && vk < C[vi]);
            C[vi] = better ? vk : C[vi];
            C_value[vi] = better ? x : C_value[vi];
          });
        }
      });`,
    );
    assert.ok(C.values);
    const text = script(te.createPrimFunc([A, C, C.values]));
    assert.ok(!text.includes("T.alloc"));
    const wide = te.compute([4], (i) => te.argmin(A.at(i, k), k, "i64"), "D");
    assert.ok(script(te.createPrimFunc([A, wide])).includes('T.cast(vk, "i64")'));
  });

  it("a tensor read twice is computed once; equal names of blocks are told apart", () => {
    const A = te.placeholder([8], "A");
    const B = te.compute([8], (i) => te.mul(A.at(i), 2));
    const C = te.compute([8], (i) => te.add(B.at(i), B.at(te.sub(7, i))));
    const text = script(te.createPrimFunc([A, C]));
    assert.deepEqual(text.match(/T\.block\("\w+"/g), ['T.block("compute"', 'T.block("compute_1"']);
    assert.deepEqual(te.inputsOf(C), [A]);
  });

  it("the same tensors make two functions that share nothing", () => {
    const A = te.placeholder([8], "A");
    const B = te.compute([8], (i) => te.exp(A.at(i)), "B");
    const [f, g] = [te.createPrimFunc([A, B]), te.createPrimFunc([A, B])];
    assert.equal(firstDifference(f, g), undefined);
    assert.notEqual(f.params[0].id, g.params[0].id);
  });

  it("scalar parameters", () => {
    const a = te.var("a", "f32");
    const A = te.placeholder([8], "A");
    const B = te.compute([8], (i) => te.mul(a, A.at(i)), "B");
    assert.match(script(te.createPrimFunc([a, A, B])), /^T\.primFunc\(\{ a: T\.scalar\("f32"\), A/);
  });
});

describe("misuse of te", () => {
  const A = te.placeholder([8, 8], "A");
  const k = te.reduceAxis(8, "k");
  const cases: readonly (readonly [what: string, run: () => unknown, message: RegExp])[] = [
    ["rank", () => te.compute([8], (i) => A.at(i)), /A has 2 dimension\(s\) but is indexed with 1/],
    [
      "rank of the function",
      () => te.compute([8, 8], (i) => A.at(i, i), "B"),
      /B: the function takes 1 index\(es\), the shape has 2/,
    ],
    [
      "index dtype",
      () => te.compute([8], (i) => A.at(i, te.const(1.5, "f32"))),
      /index 1 of A is an expression of dtype f32/,
    ],
    ["fractional index", () => A.at(0, 1.5), /index 1 of A is 1\.5: it must be a whole number/],
    ["size", () => te.placeholder([1.5]), /1\.5 is not a size/],
    ["dtype", () => te.compute([8], (i) => te.add(A.at(i, 0), i)), /add of f32 and i32/],
    [
      "reduction inside",
      () => te.compute([8], (i) => te.add(te.sum(A.at(i, k), k), 1), "B"),
      /B: te\.sum must be the whole value of a te\.compute/,
    ],
    ["reduction of a reduction", () => te.sum(te.max(A.at(0, k), k), k), /te\.sum of te\.max/],
    ["no axis", () => te.sum(A.at(0, 0), [] as never), /the axis is one of te\.reduceAxis/],
    [
      "axis that is none",
      () => te.sum(A.at(0, 0), te.var("k") as never),
      /the axis is one of te\.reduceAxis/,
    ],
    [
      "empty axis",
      () => te.reduceAxis([3, 3], "k"),
      /reduce axis k has no values: it runs from 3 to before 3/,
    ],
    ["no value", () => te.compute([8], (() => undefined) as never, "B"), /B: the function gives no value/],
    [
      "reduce axis without reduction",
      () => te.createPrimFunc([A, te.compute([8], (i) => A.at(i, k), "B")]),
      /B: the reduce axis k is used outside a reduction over it: te\.sum\(…, k\)/,
    ],
    [
      "unknown variable",
      () => te.createPrimFunc([A, te.compute([8], (i) => te.mul(A.at(i, 0), te.var("a", "f32")), "B")]),
      /B: a is neither an index nor a size of a parameter; .*createPrimFunc\(\[…, a\]\)/,
    ],
    [
      "missing input",
      () => te.createPrimFunc([te.compute([8], (i) => A.at(i, 0))]),
      /the input\(s\) A must be in the list/,
    ],
    ["nothing computed", () => te.createPrimFunc([A]), /nothing is computed/],
    ["twice", () => te.createPrimFunc([A, A]), /A is in the list twice/],
    ["no tensor", () => te.createPrimFunc([3 as never]), /parameter 0 is neither a tensor nor a te\.var/],
    ["no list", () => te.createPrimFunc(A as never), /takes an array/],
  ];
  for (const [what, run, message] of cases) it(what, () => assert.throws(run, message));
});
