import assert from "node:assert/strict";
import path from "node:path";
import ts from "typescript";
import { completeness } from "../../../kernel/session/language/completeness.ts";
import { TypeScriptLanguage } from "../../../kernel/session/language/language.ts";
import type { LanguageFiles } from "../../../kernel/session/language/program.ts";
import type { CompiledCell, RejectedCell } from "../../../kernel/session/types.ts";

/** A language service over an empty notebook folder: all it sees of the disk is TypeScript's own library. */
function language(): TypeScriptLanguage {
  const libFolder = path.dirname(ts.sys.getExecutingFilePath());
  const isLib = (file: string) => file.startsWith(libFolder);
  const files: LanguageFiles = {
    folder: "/notebook",
    libFolder,
    modules: { tilewright: "/nowhere/index.d.ts" },
    platformTypes: undefined,
    version: () => "1",
    fileExists: (file) => isLib(file) && ts.sys.fileExists(file),
    readFile: (file) => (isLib(file) ? ts.sys.readFile(file) : undefined),
    directoryExists: () => false,
    getDirectories: () => [],
    readDirectory: () => [],
    realpath: (file) => file,
  };
  return new TypeScriptLanguage(files);
}

function js(compiled: CompiledCell | RejectedCell): string {
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.js.split("\n").slice(1, -1).join("\n");
}

describe("kernel unit: compiling cells", () => {
  const service = language();
  let cell = 0;
  const compile = (code: string) => service.compile(code, ++cell);

  it("turns top-level declarations into assignments that keep functions' source as written", async () => {
    const compiled = await compile(
      "const f = (n: number) => n + k;\nlet k = 1, [p, ...q] = [1, 2];\nvar r;\nf(2)",
    );
    assert.ok(compiled.ok);
    assert.equal(js(compiled), "f = (n) => n + k;\nk = 1;\n[p, ...q] = [1, 2];\n__tw.result(f(2));");
    assert.deepEqual(compiled.names, ["f", "k", "p", "q", "r"]);
  });

  it("hoists functions, then imports", async () => {
    const lines = [
      "// @ts-nocheck",
      "g();",
      "import d, { a as b } from 'm';",
      "import 'n';",
      "function g() { return [b, d]; }",
    ];
    assert.deepEqual(js(await compile(lines.join("\n"))).split("\n"), [
      "g = function g() { return [b, d]; };",
      "const __tw_module_0 = await import('m');",
      `d = __tw.named(__tw_module_0, "default", 'm');`,
      `b = __tw.named(__tw_module_0, "a", 'm');`,
      "await import('n');",
      "// @ts-nocheck",
      "g();",
    ]);
  });

  it("drops types and imports of types, resets enums, moves nested var", async () => {
    assert.equal(js(await compile("interface A { x: number }\ntype B = A;")).trim(), "");
    assert.match(js(await compile("enum E { P }")), /^E = void 0;\n\(function \(E\)/);
    assert.match(
      js(await compile("for (var i = 0, n = 2; i < n; i++) { var t = i; }")),
      /for \(i = 0, n = 2;.*\{\n\s+t = i;/,
    );
  });

  it("knows earlier cells' types, and forgets a failed cell's unassigned names", async () => {
    await compile("let v: number | string = 1; class C { m() { return 1; } }");
    assert.ok((await compile("v = 'x'; const c: C = new C(); const w: number = c.m();")).ok);
    const wrong = await compile("const t: string = w;");
    assert.equal(wrong.ok ? 0 : wrong.diagnostics[0]?.code, 2322);
    await compile("const w = 'text';");
    await service.settle(cell, ["w"]);
    assert.ok((await compile("w.toFixed()")).ok, "the number of before is back");
  });

  it("lets types be left out, and empty arrays grow", async () => {
    assert.ok((await compile("const list = []; list.push(1); const n: number = list[0];")).ok);
    assert.ok((await compile("const later = [];")).ok);
    assert.ok(
      (await compile("later.push('a'); const add = (a, b) => a + b; ({ a: 1 })[String(add(1, 2))]")).ok,
    );
  });

  it("carries types that have no name of their own", async () => {
    await compile(
      "function make() { class Hidden { private secret = 1; get() { return this.secret; } } return new Hidden(); }\nconst hidden = make();",
    );
    assert.ok((await compile("hidden.get().toFixed()")).ok);
  });

  it("keeps positions of errors inside the cell", async () => {
    const open = await compile("function f() {\n  return 1;");
    assert.ok(!open.ok);
    assert.equal(open.diagnostics.length, 1);
    assert.equal(open.diagnostics[0]?.start.line, 2);
  });

  it("completes and inspects with the session's names", async () => {
    const completed = await service.complete("hid", 3);
    assert.deepEqual(
      completed.matches.map(({ text }) => text),
      ["hidden"],
    );
    const found = await service.inspect("hidden", 3, 0);
    assert.match(found.found ? String(found.data["text/plain"]) : "", /const hidden: [\s\S]*get\(\): number/);
  });

  it("shows the documentation that an earlier cell gave its names, and nothing of how cells are kept", async () => {
    const code = [
      "/** Metres in a second. */\nconst light = 299792458;",
      "/** Adds. */\nfunction plus(a: number, b = 1) { return a + b; }",
      "/** A place. */\ninterface Place {\n/** Degrees. */\nnorth: number; }",
      "const home: Place = { north: 52 };",
    ];
    assert.ok((await service.compile(code.join("\n"), 90)).ok);
    service.finish();
    const expected = {
      light:
        "const light: 299792458\n\nMetres in a second.\n\nDefined as:\n\ndeclare const light = 299792458;",
      plus: "function plus(a: number, b?: number): number\n\nAdds.\n\nDefined as:\n\ndeclare function plus(a: number, b?: number): number;",
      Place:
        "interface Place\n\nA place.\n\nDefined as:\n\ninterface Place {\n    /** Degrees. */\n    north: number;\n}",
      home: "const home: Place\n\nDefined as:\n\ndeclare const home: Place;",
      "home.north": "(property) Place.north: number\n\nDegrees.\n\nDefined as:\n\nnorth: number;",
    };
    for (const [text, shown] of Object.entries(expected)) {
      const found = await service.inspect(text, text.length, 1);
      assert.equal(found.found ? found.data["text/plain"] : "", shown);
    }
  });

  it("completes with kinds and signatures", async () => {
    const one = async (code: string) => (await service.complete(code, code.length)).matches;
    assert.deepEqual(await one("plu"), [
      { text: "plus", type: "function", signature: "(a: number, b?: number | undefined): number" },
    ]);
    assert.deepEqual(await one("home."), [{ text: "north", type: "property", signature: "number" }]);
    assert.deepEqual(await one("hom"), [{ text: "home", type: "variable", signature: "Place" }]);
    const slice = (await one("[1].sl")).find(({ text }) => text === "slice");
    assert.match(slice?.signature ?? "", /^\(start\?: number[^)]*end\?: number[^)]*\): number\[\]$/);
  });

  it("knows the newest library methods", async () => {
    const code = "new Set([1]).union(new Set([2])).values().map((x) => x + 1).toArray().toSorted()";
    assert.deepEqual(await service.compile(code, 91).then((compiled) => compiled.ok), true);
    const wrong = await service.compile("const s: string = [1].values().map((x) => x).next().value;", 92);
    assert.ok(!wrong.ok && wrong.diagnostics[0]?.code === 2322);
  });
});

describe("kernel unit: completeness", () => {
  const expected = {
    complete: ["", "1", "if (a) { b }", "x = `a`", "class A {}"],
    incomplete: ["f(", "{", "const a =", "`open", "/* open", "[1,", "a +", "if (x)"],
    invalid: ["foo )", "const 1 = 2", "'open", "let let = }"],
  };
  for (const [status, samples] of Object.entries(expected)) {
    for (const sample of samples) {
      it(`${JSON.stringify(sample)} is ${status}`, () => assert.equal(completeness(sample).status, status));
    }
  }
});
