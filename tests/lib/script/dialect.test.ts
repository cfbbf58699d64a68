/** Programs as people write them: these compile, so the types of the dialect are tested by `npm run types`. */
import assert from "node:assert/strict";
import ts from "typescript";
import { block, firstDifference, type Stmt, spanOf, structuralEqual } from "../../../lib/ir/index.ts";
import { parseModule, parsePrimFunc, script, scriptLines, T } from "../../../lib/script/index.ts";

const MM_RELU = `T.module({
  mm_relu: T.primFunc(
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
  ),
});`;

const mmRelu = T.module({
  mm_relu: T.primFunc(
    { A: T.buffer([128, 128]), B: T.buffer([128, 128]), C: T.buffer([128, 128]) },
    ({ A, B, C }) => {
      const Y = T.alloc([128, 128]);
      for (const [i, j, k] of T.grid(128, 128, 128)) {
        T.block("Y", () => {
          const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
          T.init(() => {
            Y[vi][vj] = 0;
          });
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
  ),
});

/** The body of a one-function script. */
const bodyOf = (params: string, body: string): string => {
  const lines = parsePrimFunc(`T.primFunc(${params}, ({ A, B }) => { ${body} })`).script().split("\n");
  return lines.slice(1, -1).join("\n").replace(/^ {2}/gm, "");
};

describe("the dialect", () => {
  it("mm_relu prints as it is written", () => {
    assert.equal(mmRelu.script(), MM_RELU);
    assert.equal(String(mmRelu), MM_RELU);
    assert.ok(structuralEqual(parseModule(MM_RELU), mmRelu));
  });

  it("every word type-checks and parses", () => {
    const K = 3;
    const flag = true;
    const f = T.primFunc(
      {
        A: T.buffer(["n", 128]),
        B: T.buffer(["n", "m: i64"], "i32"),
        M: T.buffer(["2 * n"], "bool", { scope: "global", strides: [1] }),
        S: T.buffer([], "f64"),
        x: T.scalar("f32"),
        on: T.scalar("bool"),
      },
      ({ A, B, M, S, x, on, n, m }) => {
        T.attrs({ noalias: true });
        const W = T.alloc([n, 4], "f16", "shared");
        const V = T.alloc([8, 8], "f32", { scope: "local", strides: [9, 1] });
        const c = T.alloc([], "i32");
        c.value = 0;
        S.value += T.cast(x, "f64") * Math.PI;
        for (const i of T.parallel(n, { annotations: { grain: 4 } })) {
          for (const j of T.vectorized(128)) A[i][j] = on && flag ? T.exp(-A[i][j]) : x / K;
        }
        for (const i of T.range(2, 8)) {
          for (const j of T.unroll(8)) V[i][j] = Math.max(T.sigmoid(x), i === j ? 1 : 0.5, -Infinity);
        }
        for (const b of T.threadBinding(8, "blockIdx.x")) {
          for (const t of T.threadBinding(8, "threadIdx.x", { min: 0 })) {
            T.block("V", () => {
              const vb = T.axis.spatial(8, b);
              const vt = T.axis.opaque(8, t);
              T.where(b * 8 + t < n && t !== 3);
              T.reads(A[vb][T.slice(0, 128)], V);
              T.writes(V[vb][vt]);
              T.annotate({ pragma: [1, "two", null], nested: { a: false } });
              const twice = V[vb][vt] * 2;
              if (twice > T.const(4, "f32") || !on) {
                V[vb][vt] = twice;
              } else if (T.isnan(twice)) V[vb][vt] = T.select(vb < 4, T.nan("f32"), T.inf("f32"));
              else {
                V[vb][vt] -= 1;
                M[vb] = V[vb][vt] !== 0;
              }
              W[vb][0] = T.minValue("f16");
              B[vb][T.cast(m, "i32") - 1] = T.bitAnd(vb, 7) + (vt % 3) + T.floordiv(vb, 2);
              c.value++;
            });
          }
        }
      },
      { consts: { K, flag } },
    );
    const back = parsePrimFunc(f.script());
    assert.deepEqual(firstDifference(f, back), undefined);
    assert.equal(f.params[0].kind === "buffer" && f.params[0].shape[0].kind, "var");
  });

  it("mistakes of type are errors of the checker", () => {
    // Not run: the checker alone reads these.
    const never = () => {
      T.primFunc({ A: T.buffer([4, 4]), M: T.buffer([4], "bool") }, ({ A, M }) => {
        // @ts-expect-error one index is missing
        A[0] = 1;
        // @ts-expect-error one index too many
        A[0][0][0] = 1;
        // @ts-expect-error a number is no bool
        M[0] = 1;
        // @ts-expect-error buffers have no properties
        A.length;
        // @ts-expect-error a bool is no number
        A[0][0] = M[0];
        // @ts-expect-error no such word
        T.foo();
        // @ts-expect-error no such dtype
        T.cast(A[0][0], "float32");
      });
      // @ts-expect-error B is no parameter
      T.primFunc({ A: T.buffer(["n"]) }, ({ A, B }) => [A, B]);
      const shape = [4, 4];
      // @ts-expect-error a shape of unknown rank cannot be indexed
      T.primFunc({ A: T.buffer(shape) }, ({ A }) => A[0]);
      const known = [4, 4] as const;
      T.primFunc({ A: T.buffer(known) }, ({ A }) => A[0][0] + 1);
    };
    assert.equal(typeof never, "function");
  });

  it("literals take the dtype of what they meet", () => {
    const params = '{ A: T.buffer([8], "i64"), B: T.buffer([8], "f16") }';
    for (const [written, printed] of [
      ["A[0] = 1 + 2 * A[1];", "A[0] = 1 + 2 * A[1];"],
      ["A[0] = T.cast(1, 'i64');", 'A[0] = T.cast(1, "i64");'],
      ["A[0] = T.cast(1.5, 'i64');", 'A[0] = T.cast(T.const(1.5, "f32"), "i64");'],
      ["B[0] = 1 > 2 ? 3 : 4 / 5;", "B[0] = 1 > 2 ? 3 : 4 / 5;"],
      ["B[0] = T.inf('f16') + -0;", "B[0] = Infinity + -0;"],
      ["const x = 2; A[x] = 3;", "const x = 2;\nA[x] = 3;"],
      ["B[0]++; B[1] -= B[2] - B[3];", "B[0] += 1;\nB[1] -= B[2] - B[3];"],
      ["B[0] = B[1] - (B[2] - B[3]) - B[4];", "B[0] = B[1] - (B[2] - B[3]) - B[4];"],
      ["B[0] = -(-B[1]) - -1 * -(2);", "B[0] = -(-B[1]) - -1 * -2;"],
      ["A[0] = (A[1] & 3) << 2;", "A[0] = T.shiftLeft(T.bitAnd(A[1], 3), 2);"],
      ["B[0] = B[1] ** 2;", "B[0] = T.pow(B[1], 2);"],
    ]) {
      assert.equal(bodyOf(params, written), printed);
    }
  });

  it("what transpilers make of a program means the same", () => {
    const source = `export const f = ${MM_RELU.replace(/;$/, "")}`;
    const module = parseModule(source);
    assert.ok(structuralEqual(module, mmRelu));
    for (const target of [ts.ScriptTarget.ES2015, ts.ScriptTarget.ES2022]) {
      const out = ts.transpileModule(`import { T } from "tilewright"; ${source};`, {
        compilerOptions: { target, module: ts.ModuleKind.CommonJS, removeComments: true },
      }).outputText;
      const exports: { f?: typeof mmRelu } = {};
      new Function("require", "exports", out)(() => ({ T }), exports);
      assert.ok(exports.f && structuralEqual(exports.f, mmRelu));
    }
    const minified = `T.primFunc({A:T.buffer([8])},({A})=>{for(const i of T.serial(8))T.block("A",__name(()=>{const v=T.axis.spatial(8,i);v<4?A[v]=1:v<6&&(A[v]=2,A[0]=3)},"f"))})`;
    const plain = `T.primFunc({ A: T.buffer([8]) }, ({ A }) => {
      for (const i of T.serial(8)) {
        T.block("A", function () {
          "use strict";
          var v = T.axis.spatial(8, i);
          if (v < 4) { A[v] = 1; } else if (v < 6) { A[v] = 2; A[0] = 3; }
        });
      }
    })`;
    assert.ok(structuralEqual(parsePrimFunc(minified), parsePrimFunc(plain)));
  });

  it("renamed parameters, captured constants behind a module object", () => {
    const f = parsePrimFunc(
      "T.primFunc({ A: T.buffer([8]) }, ({ A: input }) => { input[0] = cell_1.K; }, { consts: { K: 3 } })",
    );
    assert.match(f.script(), /A\[0\] = 3;/);
  });

  it("lines know the nodes they stand for", () => {
    const lines = scriptLines(mmRelu);
    const f = mmRelu.funcs.mm_relu;
    assert.equal(lines.map((l) => "  ".repeat(l.depth) + l.text).join("\n"), MM_RELU);
    const grid = lines.find((l) => l.text.includes("[i, j, k] of"));
    assert.deepEqual(
      grid?.nodes.map((n) => n.kind === "for" && n.v.name),
      ["i", "j", "k"],
    );
    assert.equal(grid?.close !== undefined && lines[grid.close].text, "}");
    assert.deepEqual(lines.find((l) => l.nodes.includes(f))?.nodes, [f, f.body]);
  });

  it("statements and expressions print alone", () => {
    const y = block({ name: "empty", body: { kind: "seq", stmts: [] } });
    assert.equal(script(y), 'T.block("empty", () => {\n});');
    const store: Stmt = mmRelu.funcs.mm_relu.body.body;
    assert.match(script(store), /^for \(const \[i, j, k\] of T\.grid/);
  });

  it("remembers where statements were written", () => {
    const text = "T.primFunc({ A: T.buffer([8]) }, ({ A }) => {\n  A[0] = 1;\n  A[1] = 2;\n})";
    const s = parsePrimFunc(text).body.body;
    assert.ok(s.kind === "seq");
    const span = spanOf(s.stmts[1]);
    assert.deepEqual([span?.line, span?.column, span?.source], [3, 2, text]);
  });
});
