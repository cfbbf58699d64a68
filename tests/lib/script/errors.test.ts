import assert from "node:assert/strict";
import { VerifyError } from "../../../lib/ir/index.ts";
import { parseModule, parsePrimFunc, ScriptError, T } from "../../../lib/script/index.ts";

/** Parses a body over A[128] f32, B[128, 64] f32, N[16] i32, M[16] bool and the size n of D[n]. */
function parse(body: string): ScriptError {
  const text = `T.primFunc(
  { A: T.buffer([128]), B: T.buffer([128, 64]), N: T.buffer([16], "i32"), M: T.buffer([16], "bool"), D: T.buffer(["n"]), s: T.scalar("f32") },
  ({ A, B, N, M, D, s, n }) => {
${body}
  });`;
  try {
    parsePrimFunc(text);
  } catch (e) {
    assert.ok(e instanceof ScriptError, String(e));
    assert.equal(e.fnSource, text);
    return e;
  }
  assert.fail(`no error for ${body}`);
}

/** Each mistake: the body with » before the place the error points at, and what the message says. */
const MISTAKES: readonly (readonly [what: string, body: string, message: RegExp])[] = [
  ["an unknown name", "A[0] = »K;", /^K is not known in this program\. .*\{ consts: \{ K \} \}/],
  ["a misspelt name", "const total = A[0]; A[1] = »totl;", /Did you mean total\?/],
  ["a buffer without index", "A[0] = »B;", /B is a buffer: index it, B\[i\]\[j\]/],
  ["too few indices", "A[0] = »B[1];", /B has 2 dimension\(s\) but is indexed with 1: write B\[i\]\[j\]/],
  ["too many indices", "»A[0][1] = 1;", /A has 1 dimension\(s\) but is indexed with 2: write A\[i\]/],
  ["indices with a comma", "A[0] = B[»1, 2];", /write A\[i\]\[j\], not A\[i, j\]/],
  ["a float index", "A[»s] = 1;", /index of A has dtype f32: T\.cast\(…, "i32"\)/],
  ["a property of a buffer", "A[0] = »A.length;", /A\.length: a buffer has no properties here/],
  ["an indexed scalar", "A[0] = »s[1];", /s is an f32 scalar, not a buffer/],
  [
    "operands of two dtypes",
    "A[0] = »A[1] + N[0];",
    /add of f32 and i32: cast one of them, for example T\.cast\(x, "f32"\)/,
  ],
  [
    "a stored value of another dtype",
    "»N[0] = A[0];",
    /N holds i32, the stored value is f32: use T\.cast\(…, "i32"\)/,
  ],
  ["a fraction for integers", "N[0] = »1.5;", /1\.5 is no i32 literal/],
  [
    "a literal out of range",
    'A[0] = T.cast(»T.const(300, "u8"), "f32");',
    /300 does not fit u8 \(0 to 255\)/,
  ],
  ["a number as bool", "M[0] = »1;", /1 is a number where a bool is needed/],
  ["a number as condition", "if (»N[0]) { A[0] = 1; }", /a condition must be bool, this is i32/],
  ["/ of integers", "N[0] = »N[1] / 2;", /\/ of i32: use T\.floordiv or T\.truncdiv/],
  ["% of floats", "A[0] = »A[1] % 2;", /% of f32: only for integers/],
  ["arithmetic of bools", 'N[0] = T.cast(»M[0] + M[1], "i32");', /add of bool/],
  ["an unknown function", "A[0] = »relu(A[1]);", /relu\(…\) cannot be called: the program is read, not run/],
  ["an unknown word", "A[0] = »T.expp(A[1]);", /Did you mean T\.exp\?/],
  [
    "an unknown Math function",
    "A[0] = »Math.hypot(A[1]);",
    /Math\.hypot is not available; of Math there are min, max/,
  ],
  ["a wrong number of arguments", "A[0] = »T.exp(A[1], 2);", /T\.exp takes 1 argument\(s\), got 2/],
  ["an unknown dtype", 'A[0] = T.cast(N[0], »"float32");', /a dtype is needed here: one of "f32"/],
  ["a string as value", 'A[0] = »"x";', /"x" is no value of a tensor program/],
  ["a spread", "A[0] = T.max(»...x);", /cannot be used here/],
  [
    "a store to a loop variable",
    "for (const i of T.serial(4)) { »i = 2; }",
    /i is a loop variable: it cannot be assigned/,
  ],
  ["a store to a let", "let x = 1; »x = 2;", /x names a value and cannot change/],
  ["a store to a buffer", "»A = 1;", /A is a buffer: store one element/],
  ["a store to nothing", "»q = 1;", /q is not known/],
  ["a value without use", "»T.exp(s);", /the value is not used/],
  ["a while loop", "»while (true) {}", /loops are written for \(const i of T\.serial\(n\)\)/],
  ["a counting loop", "»for (let i = 0; i < 4; i++) { A[i] = 1; }", /loops are written/],
  [
    "a loop over an array",
    "for (const i of »[1, 2]) { A[i] = 1; }",
    /a loop runs over T\.grid, .*this is \[1, 2\]/,
  ],
  [
    "a grid with one variable",
    "for (const »i of T.grid(4, 4)) { A[i] = 1; }",
    /gives 2 variable\(s\): for \(const \[i, j\] of …\)/,
  ],
  ["a float extent", "for (const i of T.serial(»s)) { A[i] = 1; }", /loop bounds are integers, this is f32/],
  ["a negative extent", "for (const i of T.serial(»-4)) { A[i] = 1; }", /cannot have -4 iterations/],
  ["two bounds of T.serial", "for (const i of T.serial(1, »4)) { A[i] = 1; }", /T\.range\(start, end\)/],
  [
    "a missing thread axis",
    "for (const i of »T.threadBinding(4)) { A[i] = 1; }",
    /the thread axis, such as "threadIdx\.x"/,
  ],
  ["return", "»return A;", /returns nothing/],
  ["a helper function", "»function f() {}", /functions cannot be declared/],
  [
    "T.alloc in a loop",
    "for (const i of T.serial(4)) { const X = »T.alloc([4]); }",
    /belongs directly in the body of the function/,
  ],
  ["T.buffer inside", "const X = »T.buffer([4]);", /an intermediate is T\.alloc/],
  [
    "an axis outside a block",
    "const vi = »T.axis.spatial(4, 0);",
    /belongs directly in the body of T\.block/,
  ],
  [
    "init outside a block",
    "»T.init(() => { A[0] = 0; });",
    /T\.init belongs directly in the body of a T\.block/,
  ],
  [
    "a loop variable inside a block",
    'for (const i of T.serial(128)) { T.block("C", () => { A[»i] = 0; }); }',
    /i is a loop outside block "C", which sees it only through its axes: const vi = T\.axis\.spatial\(extent, i\)/,
  ],
  [
    "an axis in T.where",
    'for (const i of T.serial(128)) { T.block("C", () => { const vi = T.axis.spatial(128, i); T.where(»vi < 4); A[vi] = 0; }); }',
    /vi is an axis of this block; bindings and T\.where speak about the loops/,
  ],
  [
    "a loop that does not cover its axis",
    'for (const i of T.serial(127)) {\n T.block("C", () => {\n  const vi = »T.axis.spatial(128, i);\n  A[vi] = 0; }); }',
    /block C, axis vi: the loop i takes 127 values, the axis has 128 values/,
  ],
  [
    "remap of another expression",
    'for (const i of T.serial(8)) { T.block("C", () => { const [vi] = T.axis.remap("S", [»i + 1]); A[vi] = 0; }); }',
    /T\.axis\.remap takes loop variables alone/,
  ],
  [
    "remap of the wrong number of loops",
    'for (const i of T.serial(8)) { T.block("C", () => { const [vi] = »T.axis.remap("SR", [i]); A[vi] = 0; }); }',
    /"SR" names 2 axis types for 1 loop/,
  ],
  [
    "remap into one name",
    'for (const i of T.serial(8)) { T.block("C", () => { const »vi = T.axis.remap("S", [i]); A[vi] = 0; }); }',
    /T\.axis\.remap of 1 loop\(s\) gives 1 axes: const \[vi, vj\]/,
  ],
  [
    "an init that mentions a reduce axis",
    'for (const k of T.serial(128)) { T.block("C", () => { const vk = T.axis.reduce(128, k); T.init(() => { A[»vk] = 0; }); A[0] += 1; }); }',
    /vk is a reduce axis: T\.init runs before the reduction/,
  ],
  ["a block without a name", "T.block(»() => { A[0] = 1; });", /the block's name is written as a string/],
  ["a block with parameters", 'T.block("C", »(i) => { A[0] = 1; });', /takes no parameters/],
  [
    "a misspelt declaration",
    '»T.blok("C", () => { A[0] = 1; });',
    /T\.blok does not exist\. Did you mean T\.block\?/,
  ],
  [
    "two inits",
    'T.block("C", () => { T.init(() => { A[0] = 0; }); »T.init(() => { A[0] = 0; }); A[0] += 1; });',
    /T\.init stands twice/,
  ],
  [
    "an annotation that is no literal",
    'T.block("C", () => { T.annotate({ a: »s }); A[0] = 1; });',
    /an annotation's value is a literal/,
  ],
];

describe("errors of programs", () => {
  for (const [what, marked, message] of MISTAKES) {
    it(what, () => {
      const body = marked.replace("»", "");
      const e = parse(body);
      assert.match(e.reason, message);
      const expected = e.fnSource.indexOf(body) + marked.indexOf("»");
      assert.equal(
        e.fnOffset,
        expected,
        `points at ${JSON.stringify(e.fnSource.slice(e.fnOffset, e.fnOffset + 20))}`,
      );
    });
  }

  it("shows the line with a caret", () => {
    const e = parse("    A[0] = 1;\n    A[1] = B[2];");
    assert.equal(e.line, 5);
    assert.equal(e.column, 12);
    assert.equal(
      e.message,
      "B has 2 dimension(s) but is indexed with 1: write B[i][j]\n\n" +
        "5 |     A[1] = B[2];\n" +
        "  |            ^",
    );
  });

  it("a syntax error in a text", () => {
    assert.throws(
      () => parsePrimFunc("T.primFunc({}, () => { A[0]] = 1; })"),
      (e: unknown) => {
        assert.ok(e instanceof ScriptError);
        assert.match(e.reason, /Unexpected token/);
        assert.equal(e.fnOffset, 27);
        return true;
      },
    );
  });

  it("scripts that are something else", () => {
    assert.throws(() => parseModule("1 + 1"), /this script is no module/);
    assert.throws(() => parseModule("T.module({ f: 3 })"), /a function is written T\.primFunc/);
    assert.throws(() => parsePrimFunc(""), /a script is T\.module/);
  });

  it("keeps the verifier's problems as the cause", () => {
    const e = parse(
      'for (const i of T.serial(127)) T.block("C", () => { const vi = T.axis.spatial(128, i); A[vi] = 0; });',
    );
    assert.ok(e.cause instanceof VerifyError);
    assert.equal(e.cause.problems[0].rule, 8);
  });
});

describe("errors of declarations", () => {
  const message = (run: () => unknown): string => {
    try {
      run();
    } catch (e) {
      return (e as Error).message;
    }
    return "no error";
  };
  it("name what is wrong", () => {
    assert.match(
      message(() => T.buffer([1.5])),
      /1\.5 is no size/,
    );
    assert.match(
      message(() => T.buffer([4], "float32" as "f32")),
      /float32 is no dtype; there are f32/,
    );
    assert.match(
      message(() => T.buffer([4], "f32", { strides: [1, 1] })),
      /2 stride\(s\) for 1 dimension/,
    );
    assert.match(
      message(() => T.scalar("x" as "f32")),
      /x is no dtype/,
    );
    assert.match(
      message(() => T.module({ f: 3 as never })),
      /f is no function/,
    );
    assert.match(
      message(() => T.primFunc({ A: 3 as never }, () => {})),
      /parameter A: declare it with T\.buffer/,
    );
    assert.match(
      message(() => T.primFunc({ A: T.buffer(["n +"]) }, () => {})),
      /shape of A, "n \+": Unexpected token/,
    );
    assert.match(
      message(() => T.primFunc({ A: T.buffer(["A"]) }, () => {})),
      /A is both a parameter and a symbolic size/,
    );
    assert.match(
      message(() => T.primFunc({ A: T.buffer(["k"]), k: T.scalar("i32") }, () => {})),
      /declare the scalar before the buffers/,
    );
  });

  it("the callback's parameters", () => {
    assert.match(
      message(() => parsePrimFunc("T.primFunc({ A: T.buffer([4]) }, (A) => {})")),
      /take the parameters by name: \(\{ A \}\)/,
    );
    assert.match(
      message(() => parsePrimFunc("T.primFunc({ A: T.buffer([4]) }, ({ B }) => {})")),
      /B is no parameter; there are A/,
    );
    assert.match(
      message(() => parsePrimFunc('T.primFunc({ A: T.buffer(["n"]) }, () => { A[0] = n; })')),
      /A is a parameter that the callback does not take/,
    );
    assert.match(
      message(() => parsePrimFunc("T.primFunc({}, async () => {})")),
      /neither async/,
    );
  });

  it("functions without a source, and words outside a program", () => {
    assert.match(
      message(() => T.primFunc({}, (() => {}).bind(null))),
      /source is not available/,
    );
    assert.match(
      message(() => T.grid(1, 2)),
      /T\.grid is only read inside T\.primFunc/,
    );
    assert.match(
      message(() => T.axis.spatial(1, 2)),
      /T\.axis\.spatial is only read/,
    );
  });
});
