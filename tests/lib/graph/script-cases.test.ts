/** Graph-level functions as people write them: these compile, so the types of `R` are tested by `npm run types`. */
import assert from "node:assert/strict";
import path from "node:path";
import ts from "typescript";
import { BlockBuilder, parseGraphFunc, R, rewriteCall, wildcard } from "../../../lib/graph/index.ts";
import { isOp } from "../../../lib/graph/pattern/index.ts";
import {
  bindingsOf,
  constantOf,
  firstDifference,
  type GraphFunc,
  graphFunc,
  graphVar,
  type IRModule,
  opCall,
  structuralEqual,
  typeText,
  variable,
} from "../../../lib/ir/index.ts";
import { constantsOf, parseModule, ScriptError, script, T } from "../../../lib/script/index.ts";
import { programDiff } from "../../../lib/show/index.ts";
import { chooser } from "../script/random.ts";
import { randomGraphFunc } from "./script-random.ts";

const MLP = `T.module({
  relu: T.primFunc({ X: T.buffer(["n", 10]), Y: T.buffer(["n", 10]) }, ({ X, Y, n }) => {
    for (const [i, j] of T.grid(n, 10)) {
      T.block("Y", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        Y[vi][vj] = T.max(X[vi][vj], 0);
      });
    }
  }),
  main: R.func({ x: R.tensor(["n", 784]), w: R.tensor([784, 10]) }, ({ x, w, n }) => {
    const gv = R.dataflow(() => {
      const lv = R.matmul(x, w);
      const lv1 = R.nn.relu(lv);
      const lv2 = R.callTir("relu", [lv1], R.tensor([n, 10]));
      const gv = R.callPacked("env.linear", [lv2, w], R.tensor([n, 10]));
      return R.output(gv);
    });
    return gv;
  }, { attrs: { entry: true } }),
});`;

const mlp = T.module({
  relu: T.primFunc({ X: T.buffer(["n", 10]), Y: T.buffer(["n", 10]) }, ({ X, Y, n }) => {
    for (const [i, j] of T.grid(n, 10)) {
      T.block("Y", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        Y[vi][vj] = T.max(X[vi][vj], 0);
      });
    }
  }),
  main: R.func(
    { x: R.tensor(["n", 784]), w: R.tensor([784, 10]) },
    ({ x, w, n }) => {
      const gv = R.dataflow(() => {
        const lv = R.matmul(x, w);
        const lv1 = R.nn.relu(lv);
        const lv2 = R.callTir("relu", [lv1], R.tensor([n, 10], "f32"));
        const gv = R.callPacked("env.linear", [lv2, w], R.tensor([n, 10], "f32"));
        return R.output(gv);
      });
      return gv;
    },
    { attrs: { entry: true } },
  ),
});

const main = (mod: IRModule): GraphFunc => mod.funcs.main as GraphFunc;
const kinds = (f: GraphFunc) =>
  bindingsOf(f.body).map(({ value: v }) => (v.kind === "opCall" ? v.op : v.kind));

describe("the script of graph-level functions", () => {
  it("is printed as it is written", () => {
    assert.equal(parseModule(MLP).script(), MLP);
    assert.equal(firstDifference(parseModule(MLP), mlp), undefined);
  });

  it("every word", () => {
    const f = R.func(
      {
        x: R.tensor(["n", 4]),
        t: [R.tensor(["n", "n * 2"]), R.tensor([2], "i64")],
        c: R.tensor([], "bool"),
      },
      ({ x, t, c, n, K }) => {
        const m = R.size();
        const cast = R.matchCast(x, R.tensor([m, 4]));
        const [rows] = R.tensorToShape(t[1]);
        const [a, b] = R.dataflow(() => {
          const twice = R.add(cast, R.const(K));
          return R.output(R.exp(twice), R.callTir("p", [x], R.tensor([n * 2, rows]), { tirVars: [m, 3] }));
        });
        const [first, second] = R.callPacked("two", [a], [R.tensor([3]), R.tensor([4], "i32")]);
        R.callPacked("log", [second], R.tensor([]), { attrs: { level: 1 } });
        const chosen = R.if(
          c,
          () => [first, a],
          () => {
            const other = R.tuple(first, R.tanh(a));
            return other;
          },
        );
        const l = R.loop("step", { trip: R.const(3, "i64"), cond: c, carried: [a], captured: [x] }, [
          R.tensor([m, 4]),
        ]);
        const called = R.call("step", [l[0], chosen], [R.tensor([1])]);
        return [called, R.get(l, 0), b, R.constant("w", R.tensor([32]))];
      },
      { consts: { K: 2.5 }, attrs: { primitive: 1 }, constants: { w: R.const(new Float32Array(32)) } },
    );
    const text = f.script();
    assert.equal(firstDifference(f, parseGraphFunc(text, { constants: constantsOf(f) })), undefined);
    assert.match(text, /R\.add\(cast, R\.const\(2\.5\)\)/);
    assert.match(text, /const m = R\.size\(\);\n {2,}const cast = R\.matchCast\(x, R\.tensor\(\[m, 4\]\)\);/);
    assert.equal(typeText(f.params[1].type), "(f32[n, n * 2], i64[2])");
    assert.deepEqual(f.attrs, { primitive: 1 });
  });

  it("nested calls get names; several names take a tuple apart", () => {
    const f = R.func({ x: R.tensor([2, 3]) }, ({ x }) => {
      const [a] = R.callTir("two", [R.exp(R.tanh(x))], [R.tensor([3]), R.tensor([4])]);
      return R.sqrt(a);
    });
    assert.deepEqual(kinds(f), ["tanh", "exp", "callTir", "tupleGet", "sqrt"]);
  });

  it("breaks what is longer than a line, an argument a line", () => {
    const x = graphVar("aParameterWithALongName", R.tensor([1024, 1024]));
    const bb = new BlockBuilder();
    const f = bb.build("f", [x], () => {
      const long = R.callPacked("a.library.function.with.a.long.name", [x, x, x, x, x], R.tensor([1024]));
      bb.emitFuncOutput(bb.emit(long));
    });
    const lines = f.script().split("\n");
    assert.ok(lines.every((l) => l.length <= 100));
    assert.deepEqual(lines.slice(1, 4), [
      "  const gv = R.callPacked(",
      '    "a.library.function.with.a.long.name",',
      "    [",
    ]);
    assert.equal(firstDifference(f, parseGraphFunc(f.script())), undefined);
  });

  it("a size bound in a dataflow block and used after it is declared before", () => {
    const f = parseGraphFunc(`R.func({ x: R.tensor([1], "i64") }, ({ x }) => {
  const n = R.size();
  const gv = R.dataflow(() => {
    R.tensorToShape(x, [n]);
    const gv = R.callTir("fill", [], R.tensor([n]));
    return R.output(gv);
  });
  const gv_1 = R.callTir("fill", [], R.tensor([n]));
  return gv_1;
});`);
    assert.match(f.script(), /const n = R\.size\(\);\n {2}const gv = R\.dataflow/);
    assert.equal(firstDifference(f, parseGraphFunc(f.script())), undefined);
  });

  it("a type that is not what would be inferred is said", () => {
    const n = variable("n");
    const x = graphVar("x", R.tensor([n, 4]));
    const v = graphVar("v", R.tensor([n, 4]));
    const value = opCall("exp", [x], {}, R.tensor([8, 4]));
    const block = { dataflow: false, outputs: [], bindings: [{ kind: "bind", v, value }] } as const;
    const f = graphFunc([x], { blocks: [block], result: v });
    assert.match(f.script(), /const v = R\.withType\(R\.exp\(x\), R\.tensor\(\[n, 4\]\)\);/);
    const back = bindingsOf(parseGraphFunc(f.script()).body)[0];
    assert.equal(back.kind === "bind" && typeText(back.v.type), "f32[n, 4]");
  });

  it("what transpilers make of it means the same", () => {
    const source = `export const f = ${MLP.replace(/;$/, "")}`;
    for (const target of [ts.ScriptTarget.ES2015, ts.ScriptTarget.ES2022]) {
      const out = ts.transpileModule(`import { R, T } from "tilewright"; ${source};`, {
        compilerOptions: { target, module: ts.ModuleKind.CommonJS, removeComments: true },
      }).outputText;
      const exports: { f?: typeof mlp } = {};
      new Function("require", "exports", out)(() => ({ R, T }), exports);
      assert.ok(exports.f && structuralEqual(exports.f, mlp));
    }
    const plain = `R.func({ x: R.tensor([2]), c: R.tensor([], "bool") }, ({ x, c }) => {
      const gv = R.dataflow(() => { const lv = R.exp(x); return R.output(R.tanh(lv)); });
      const gv1 = R.if(c, () => { return x; }, () => { const y = R.sqrt(gv); return y; });
      return [gv1, gv];
    })`;
    const minified = `R.func({x:R.tensor([2]),c:R.tensor([],"bool")},({x:e,c:t})=>{let r=R.dataflow(__name(()=>R.output(R.tanh(R.exp(e))),"a")),n=R.if(t,function(){"use strict";return e},()=>R.sqrt(r));return[n,r]})`;
    assert.ok(structuralEqual(parseGraphFunc(plain), parseGraphFunc(minified)));
  });
});

describe("constants in scripts", () => {
  const big = R.const(new Float32Array(100).fill(0.5));
  const build = (): IRModule => {
    const bb = new BlockBuilder();
    for (const name of ["main", "other"])
      bb.function(name, [], () =>
        bb.emitFuncOutput(bb.emit(R.add(bb.emit(R.exp(big)), R.const([[1.5], [-0]])))),
      );
    return bb.get();
  };

  it("small ones are written out, larger ones have one name in all functions", () => {
    const mod = build();
    assert.deepEqual(Object.keys(constantsOf(mod)), ["c0"]);
    assert.equal(constantsOf(mod).c0, big.data);
    const text = mod.script();
    assert.equal(text.match(/R\.constant\("c0", R\.tensor\(\[100\], "f32"\)\)/g)?.length, 2);
    assert.match(text, /R\.const\(\[\[1\.5\], \[-0\]\]\)/);
    assert.match(text, /}, { constants }\);$/);
  });

  it("data that are not given, or do not fit, are named", () => {
    const text = build().script();
    assert.throws(() => parseModule(text), /R\.constant\("c0"\): its data are not given.*constantsOf/);
    const short = { c0: R.const(new Float32Array(99)).data };
    assert.throws(() => parseModule(text, { constants: short }), /is f32\[100\], the data given f32\[99\]/);
    const run = (constants: object) => new Function("T", "R", "constants", `return ${text}`)(T, R, constants);
    assert.throws(() => run({}), /its data are not given/);
    assert.throws(() => run(short), /f32\[99\]/);
    assert.equal(firstDifference(run(constantsOf(build())), build()), undefined);
  });

  it("a function alone may get them later; to read them before says so", () => {
    const f = R.func({}, () => R.constant("w", R.tensor([2])));
    const c = f.body.result;
    assert.ok(c.kind === "constant");
    assert.throws(() => c.data.bytes, /R\.constant\("w"\): its data are not given/);
    assert.throws(() => T.module({ main: f }), /its data are not given/);
    const given = main(T.module({ main: f }, { constants: { w: R.const([1, 2]) } })).body.result;
    assert.deepEqual(given.kind === "constant" && [...given.data.bytes.slice(0, 4)], [0, 0, 128, 63]);
    assert.match(script(f), /R\.constant\("w"/);
  });

  it("shapes with no elements, big integers and other NaNs come back", () => {
    const cases = [
      R.const([], "f32", [0, 3]),
      R.const([[], []], "i32"),
      R.const([2n ** 60n, -1n], "i64"),
      R.const([Number.NaN, Number.POSITIVE_INFINITY, 1e-45, 0.1], "f16"),
      R.const([true, false], "bool"),
      constantOf({ ...R.const([0]).data, bytes: Uint8Array.of(1, 0, 192, 255) }),
    ];
    for (const c of cases) {
      const f = graphFunc([], { blocks: [], result: c });
      const back = parseGraphFunc(f.script(), { constants: constantsOf(f) });
      assert.equal(firstDifference(f, back), undefined, f.script());
    }
    assert.equal(Object.keys(constantsOf(graphFunc([], { blocks: [], result: cases[5] }))).length, 1);
  });
});

describe("mistakes", () => {
  const HEAD = 'R.func({ x: R.tensor(["n", 4]), c: R.tensor([], "bool") }, ({ x, c, n }) => {\n';
  const cases: readonly (readonly [body: string, line: number, column: number, reason: RegExp])[] = [
    ["return R.ad(x, x);", 2, 8, /R\.ad does not exist\. Did you mean R\.add\?/],
    ["return R.add(x, y);", 2, 17, /y is not known in this function.*constants: \{ y \}/],
    ["const a = R.exp(x);\nreturn R.add(x, aa);", 3, 17, /Did you mean a\?/],
    ["return R.add(x, n);", 2, 17, /n is a size, no value of the program: R\.shape\(\[n\]\)/],
    ["return R.add(x, 1);", 2, 17, /a number is no value of the program: R\.const\(1\)/],
    ["return R.add(x);", 2, 8, /it takes \(a, b\), got 1 argument/],
    [
      "return R.matmul(x, R.const([1, 2]));",
      2,
      8,
      /the left operand has 4 column\(s\), the right one 2 row\(s\)/,
    ],
    ["return x + x;", 2, 8, /values have no operators: R\.add/],
    ["return R.callTir('f', [x], R.tensor([x]));", 2, 38, /x is a value of the program; a number \(a size\)/],
    ["return R.callTir('f', [x], R.tensor([k]));", 2, 38, /k is no size of this function.*consts: \{ k \}/],
    ["return R.callTir('f', [x], R.tensor(['k']));", 2, 38, /const k = R\.size\(\)/],
    ["return R.callTir('f', [x]);", 2, 8, /a type is needed here/],
    [
      "const m = R.size();\nreturn R.callTir('f', [x], R.tensor([m]));",
      3,
      8,
      /the size m is not declared before/,
    ],
    ["R.dataflow(() => { const a = R.exp(x); return a; });\nreturn x;", 2, 47, /ends with return R\.output/],
    ["R.dataflow(() => { const a = R.exp(x); });\nreturn a;", 3, 8, /a is not known in this function/],
    ["R.dataflow(() => { R.dataflow(() => {}); });\nreturn x;", 2, 20, /dataflow blocks do not nest/],
    [
      "const a = R.dataflow(() => R.output(R.exp(x), R.tanh(x)));\nreturn R.exp(a);",
      3,
      14,
      /a stands for 2 outputs/,
    ],
    ["const [a, b] = R.dataflow(() => R.output(R.exp(x)));\nreturn a;", 2, 16, /the block has 1 output/],
    [
      "R.dataflow(() => { const a = R.if(c, () => x, () => x); return R.output(a); });\nreturn x;",
      2,
      30,
      /outside of dataflow/,
    ],
    ["return R.if(x, () => x, () => x);", 2, 8, /the condition of an if is a bool/],
    ["return R.if(c, () => x, () => c);", 2, 8, /the branches give/],
    ["if (c) return x;", 2, 1, /R\.if\(cond/],
    ["for (const i of x) {}\nreturn x;", 2, 1, /R\.loop/],
    ["const a = R.exp(x);", 1, 60, /it returns nothing/],
    ["return x;\nconst a = R.exp(x);", 3, 7, /nothing follows a return/],
    ["return x[0];", 2, 8, /the value has no field 0: it is f32\[n, 4\]/],
    ["return foo(x);", 2, 8, /foo\(…\) cannot be called: the function is read, not run/],
    ["return R.exp(...x);", 2, 14, /is read, not run/],
    ["let a; a = R.exp(x); return a;", 2, 5, /declared with its value/],
    ["return R.matmul(x, x, { outType: 'f32' });", 2, 8, /no attribute outType/],
    ["return R.loop('f', { times: c }, []);", 2, 29, /there is no times here; there are trip/],
    ["return R.const([[1], [1, 2]]);", 2, 8, /ragged/],
    ["return (;", 2, 9, /Unexpected token/],
  ];
  for (const [body, line, column, reason] of cases) {
    it(body.split("\n")[0], () => {
      assert.throws(
        () => parseGraphFunc(`${HEAD}${body}\n})`),
        (e) => {
          assert.ok(e instanceof ScriptError, String(e));
          assert.match(e.reason, reason);
          assert.deepEqual([e.line, e.column], [line, column], e.message);
          return true;
        },
      );
    });
  }

  it("of parameters, and of a function that is run", () => {
    assert.throws(
      () => parseGraphFunc("R.func({ x: R.tensor(['n + ']) }, ({ x }) => x)"),
      /shape of x, "n \+ "/,
    );
    assert.throws(
      () => parseGraphFunc("R.func({ n: R.tensor(['n']) }, ({ n }) => n)"),
      /both a parameter and/,
    );
    assert.throws(
      () => parseGraphFunc("R.func({ x: T.buffer([1]) }, ({ x }) => x)"),
      /R\.tensor\(shape, dtype\)/,
    );
    assert.throws(
      () => parseGraphFunc("R.func({ x: R.tensor([1]) }, ({ y }) => y)"),
      /y is no parameter; there are x/,
    );
    assert.throws(
      () => parseGraphFunc("R.func({ x: R.tensor([1]) }, (x) => x)"),
      /take the parameters by name/,
    );
    assert.throws(() => R.dataflow(() => 1), /only read inside R\.func/);
    assert.throws(() => R.func({}, 3 as never), /R\.func takes the parameters and a function/);
  });

  it("of type are errors of the checker", () => {
    const never = () => {
      R.func({ x: R.tensor(["n"]) }, ({ x, n }) => {
        // @ts-expect-error no such operator
        R.foo(x);
        // @ts-expect-error a size is no value
        R.callTir("f", [n], R.tensor([n]));
        // @ts-expect-error a value is no size
        R.tensor([x], "f32");
        // @ts-expect-error no such dtype
        R.tensor([n], "float32");
        return x;
      });
      // @ts-expect-error y is no parameter
      R.func({ x: R.tensor(["n"]) }, ({ x, y }) => [x, y]);
      // @ts-expect-error it gives nothing
      R.func({ x: R.tensor(["n"]) }, ({ x }) => {
        R.exp(x);
      });
    };
    assert.equal(typeof never, "function");
  });
});

describe("diffs of modules with graph-level functions", () => {
  it("bindings are matched by their variable", () => {
    const a = wildcard();
    const f = rewriteCall(isOp("nn.relu")(a), (_, m) => R.tanh(m.get(a)), main(mlp));
    const after = T.module({ ...mlp.funcs, main: f });
    const rows = programDiff(mlp, after).filter((r) => r.op !== "same");
    assert.deepEqual(
      rows.map((r) => [r.op, r.a?.text.trim(), r.b?.text.trim()]),
      [["change", "const lv1 = R.nn.relu(lv);", "const lv1 = R.tanh(lv);"]],
    );
  });

  it("a value that moved is a move", () => {
    const build = (order: readonly number[]): GraphFunc => {
      const x = graphVar("x", R.tensor([3]), 900_001);
      const vars = ["p", "q", "r"].map((n, i) => graphVar(n, x.type, 900_002 + i));
      const values = [R.exp(x), R.tanh(x), R.sqrt(x)];
      const bindings = order.map((i) => ({ kind: "bind" as const, v: vars[i], value: values[i] }));
      return graphFunc([x], { blocks: [{ dataflow: false, bindings, outputs: [] }], result: vars[0] });
    };
    const rows = programDiff(build([0, 1, 2]), build([2, 0, 1])).filter((r) => r.op !== "same");
    assert.deepEqual(rows.map((r) => r.op).sort(), ["moveIn", "moveOut"]);
  });
});

describe("printed functions and the type checker", function () {
  this.timeout(120_000);

  it("an ordinary checker accepts them", () => {
    const functions = Array.from({ length: 25 }, (_, seed) => {
      let state = seed * 7919 + 17;
      const numbers = Array.from({ length: 300 }, () => {
        state = (state * 48271) % 2147483647;
        return state;
      });
      return randomGraphFunc(chooser(numbers));
    });
    const file = path.resolve(import.meta.dirname, "printed-functions.ts");
    const text = [
      'import { R } from "../../../lib/graph/index.ts";',
      'import { type ConstantTable, T } from "../../../lib/script/index.ts";',
      "declare const constants: ConstantTable;",
      ...functions.map((f, i) => `export const f${i} = ${f.script()}`),
    ].join("\n");
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      types: [],
    };
    const host = ts.createCompilerHost(options);
    const { fileExists, getSourceFile } = host;
    host.fileExists = (name) => name === file || fileExists(name);
    host.getSourceFile = (name, version, ...rest) =>
      name === file ? ts.createSourceFile(name, text, version) : getSourceFile(name, version, ...rest);
    const program = ts.createProgram([file], options, host);
    const source = program.getSourceFile(file);
    const found = program.getSemanticDiagnostics(source).map((d) => {
      const at = source?.getLineAndCharacterOfPosition(d.start ?? 0);
      const line = text.split("\n")[at?.line ?? 0];
      return `${line}\n  ${ts.flattenDiagnosticMessageText(d.messageText, "\n")}`;
    });
    assert.deepEqual(found, []);
  });
});
