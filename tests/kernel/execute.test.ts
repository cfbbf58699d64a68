import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { TestKernel } from "./support.ts";

describe("kernel: cells", () => {
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start({
      "util.ts":
        "export enum Kind { A = 1 }\nexport function fail(): never {\n  throw new Error('from util');\n}\n",
      "data.json": '{ "answer": 42 }',
      "node_modules/esm-only/package.json":
        '{ "name": "esm-only", "type": "module", "exports": { ".": "./a.js", "./sub": "./b.js" } }',
      "node_modules/esm-only/a.js": "export const one = await Promise.resolve(1); export default 'all';",
      "node_modules/esm-only/b.js": "export const two = 2;",
    });
  });
  after(() => kernel.stop());

  it("shows the last expression; undefined shows nothing, null shows", async () => {
    assert.equal((await kernel.run("6 * 7")).text, "42");
    assert.deepEqual((await kernel.run("undefined")).types, []);
    assert.equal((await kernel.run("null")).text, "null");
    assert.equal((await kernel.run("await Promise.resolve('a')")).text, "'a'");
  });

  it("carries bindings of every kind, with their types, to later cells", async () => {
    const declared = await kernel.run(`
      let count: number | string = 1; const fixed = [1, 2] as const; var old = "v";
      function twice<T>(x: T): [T, T] { return [x, x]; }
      class Box<T> { value: T; constructor(value: T) { this.value = value; } }
      enum Color { Red, Green } namespace Deep { export const z = 3; export type Z = "z"; }
      interface Shape { sides: number } type Maybe<T> = T | undefined;
      const { a, b: [c = 5, ...d], ...rest } = { a: 1, b: [undefined, 7], e: 2 };`);
    assert.equal(declared.status, "ok", declared.traceback);
    const used = await kernel.run(`
      count = "now text"; const shape: Shape = { sides: 3 }; const maybe: Maybe<Deep.Z> = "z";
      [count, fixed[1], old, twice(2)[1], new Box("b").value.length, Color.Green, Deep.z, a, c, d, rest, shape, maybe]`);
    const expected =
      "[  'now text',  2,  'v',  2,  1,  1,  3,  1,  5,  [ 7 ],  { e: 2 },  { sides: 3 },  'z']";
    assert.equal(String(used.text).replace(/\s+/g, ""), expected.replace(/\s+/g, ""), used.traceback);
    assert.match((await kernel.run("fixed[0] = 2")).traceback, /TS2540/);
    assert.match((await kernel.run("const wrong: string = Deep.z")).traceback, /TS2322/);
  });

  it("lets a name be declared again, with another type", async () => {
    await kernel.run("const x = 1");
    await kernel.run("const x = 'text'; function later() { return x; }");
    assert.equal((await kernel.run("x.toUpperCase()")).text, "'TEXT'");
    await kernel.run("let x = [1, 2]");
    assert.equal((await kernel.run("x.length")).text, "2");
    assert.equal((await kernel.run("later()")).text, "[ 1, 2 ]", "functions see the newest binding");
  });

  it("shows type errors with their places and runs nothing", async () => {
    const ran = await kernel.run("console.log('ran');\nconst n: number =\n  'text';");
    assert.equal(ran.status, "error");
    assert.equal(ran.stdout, "");
    assert.equal(ran.ename, "TypeCheckError");
    assert.match(String(ran.evalue), /line 2, column 7: .*TS2322/);
    assert.match(ran.traceback, /> 2 \| const n: number =\n {4}\| {7}\^/);
    assert.equal((await kernel.run("// @ts-nocheck\nconst n: number = 'text'; n")).text, "'text'");
  });

  it("shows syntax errors", async () => {
    const ran = await kernel.run("const = 3");
    assert.equal(ran.ename, "SyntaxError");
    assert.match(ran.traceback, /line 1, column 7/);
  });

  it("says what to do about what newcomers meet", async () => {
    assert.match((await kernel.run("%timeit 1")).traceback, /IPython's\. execSync/);
    assert.match((await kernel.run("!ls")).traceback, /IPython's\. execSync/);
    const missing = await kernel.run("import x from '@some/where/else.js'");
    assert.match(missing.traceback, /npm install @some\/where, in the notebook's folder/);
    assert.doesNotMatch((await kernel.run("import x from './no.ts'")).traceback, /npm install/);
    assert.equal((await kernel.run("!true")).text, "false");
  });

  it("has what CommonJS files have, which cells may shadow", async () => {
    const code =
      "const platform = require('node:os').platform(); [platform === process.platform, typeof __dirname]";
    const ran = await kernel.run(code);
    assert.equal(ran.text, "[ true, 'string' ]", ran.traceback);
    assert.equal((await kernel.run("const __filename = 5; __filename")).text, "5");
    assert.match(
      (await kernel.run("#!/usr/bin/env node\nthrow new Error('here')")).traceback,
      /line 2, column 7/,
    );
  });

  it("maps run-time errors to the cell's lines and folds library frames", async () => {
    const ran = await kernel.run(
      "interface Gone { a: number }\n\nfunction boom(): never {\n  throw new RangeError('bad');\n}\n[1].map(() => boom());",
    );
    assert.equal(ran.ename, "RangeError");
    assert.equal(ran.evalue, "bad");
    assert.match(ran.traceback, /> 4 \| {3}throw new RangeError/);
    assert.match(ran.traceback, /at boom \(cell \d+, line 4, column 9\)/);
    assert.match(ran.traceback, /1 library frame/);
    assert.doesNotMatch(ran.traceback, /node:internal|engine\.js/);
  });

  it("points into a function's source where the compiler says so", async () => {
    const ran = await kernel.run(`
interface A { x: number }
const f = (p: A) => {
  const first = p.x;
  return first + oops(first);
};
function oops(x: number): number { return x; }
throw Object.assign(new Error("not in the dialect"), { fnSource: f.toString(), fnOffset: f.toString().indexOf("oops") });`);
    assert.match(ran.traceback, /at cell \d+, line 5, column 18/);
    assert.match(ran.traceback, /> 5 \| {3}return first \+ oops\(first\);\n {4}\| {18}\^/);
  });

  it("gives errors stacks that a reader can use, in values and in streams", async () => {
    const ran = await kernel.run(
      "function thrower() { throw new Error('caught'); }\ntry { thrower(); } catch (e) { console.log((e as Error).stack); }\nnew Error('value')",
    );
    assert.match(ran.stdout, /^Error: caught\n {4}at thrower \(cell \d+:1:\d+\)\n {4}at cell \d+:2:\d+\n$/);
    assert.match(String(ran.text), /^Error: value\n {4}at cell \d+:3:1$/);
    const later = await kernel.run("await Promise.resolve(); thrower();");
    assert.match(later.traceback, /at thrower \(cell \d+, line 1, column 28\)/);
  });

  it("reports throws of anything", async () => {
    const text = await kernel.run("throw 'just text'");
    assert.deepEqual([text.status, text.ename, text.evalue], ["error", "Thrown", "'just text'"]);
    assert.equal((await kernel.run("throw undefined")).status, "error");
    const cause = await kernel.run("throw new Error('outer', { cause: new TypeError('inner') })");
    assert.match(cause.traceback, /Caused by:\nTypeError: inner/);
  });

  it("never loses a rejection or a throw in a callback", async () => {
    const rejected = await kernel.run("void Promise.reject(new Error('nobody heard')); 1");
    assert.match(rejected.stderr, /nobody heard/);
    assert.equal(rejected.status, "error");
    const thrown = await kernel.run(
      "setTimeout(() => { throw new Error('late') }, 5); await new Promise(() => {})",
    );
    assert.match(thrown.stderr, /late/);
    assert.equal(thrown.status, "error");
  });

  it("keeps older bindings that a failed cell did not reach", async () => {
    await kernel.run("let kept = 1");
    assert.equal(
      (await kernel.run("const before = 2; if (before) throw new Error('stop'); const kept = 'new';")).status,
      "error",
    );
    assert.equal((await kernel.run("before + kept.toFixed().length")).text, "3");
  });

  it("imports packages, subpaths, JSON, modules and built-ins", async () => {
    const ran = await kernel.run(`
      import { readFileSync } from "node:fs"; import path from "path"; import * as os from "node:os";
      import whole, { one } from "esm-only"; import { two } from "esm-only/sub";
      import data from "./data.json"; import { Kind } from "./util";
      [typeof readFileSync, path.basename("a/b"), typeof os.EOL, whole, one, two, data.answer, Kind.A]`);
    assert.equal(ran.text, "[ 'function', 'b', 'string', 'all', 1, 2, 42, 1 ]", ran.traceback);
    assert.equal((await kernel.run("Kind.A + data.answer")).text, "43");
    assert.equal((await kernel.run("(await import('esm-only/sub')).two")).text, "2");
    const failed = await kernel.run("import { fail } from './util.ts'; fail();");
    assert.match(failed.traceback, /at fail \(util\.ts, line 3, column 9\)/);
    assert.match((await kernel.run("import x from 'not-there'")).traceback, /TS2307/);
  });

  it("loads an edited module again, and those that import it, while others keep their state", async () => {
    const write = (name: string, text: string) => writeFileSync(path.join(kernel.folder, name), text);
    write("leaf.ts", "export const leaf = 1;");
    write("middle.ts", "import { leaf } from './leaf.js';\nexport const middle = (): number => leaf * 10;");
    write("state.ts", "export const state = { n: 0 };");
    const code =
      "import { middle } from './middle.ts'; import { state } from './state'; state.n += 1; [middle(), state.n]";
    assert.equal((await kernel.run(code)).text, "[ 10, 1 ]");
    assert.equal((await kernel.run(code)).text, "[ 10, 2 ]");
    write("leaf.ts", "export const leaf = 2; export const more = 'x';");
    assert.equal((await kernel.run(code)).text, "[ 20, 3 ]");
    assert.equal((await kernel.run("import { more } from './leaf'; more.toUpperCase()")).text, "'X'");
  });

  it("shows pictures, Vega-Lite with an SVG beside it, and what tslab's display shows", async () => {
    const ran = await kernel.run(`
      import { display as tslab, newDisplay } from "tslab";
      display(image(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1])));
      display(image\`a.png?x=1&y=2\`);
      tslab.html("<b>1</b>"); tslab.png(new Uint8Array([1, 2])); tslab.raw("text/x-own", "own");
      const shown = newDisplay(); shown.text("first"); shown.markdown("*second*");
      ({ $schema: "https://vega.github.io/schema/vega-lite/v6.json", mark: "bar", data: { values: [{ a: 1 }] }, encoding: { x: { field: "a" } } })`);
    assert.equal(ran.status, "ok", ran.traceback);
    const shown = ran.outputs.map(({ content }) => content.data as { [mime: string]: unknown });
    assert.deepEqual(
      shown.map((data) => Object.keys(data).sort().join(" ")),
      [
        "image/png text/plain",
        "text/html text/plain",
        "text/html text/plain",
        "image/png text/plain",
        "text/plain text/x-own",
        "text/plain",
        "text/markdown text/plain",
        "application/vnd.vegalite.v5+json image/svg+xml text/plain",
      ],
    );
    assert.equal(shown[0]?.["image/png"], "iVBORwE=");
    assert.match(String(shown[1]?.["text/html"]), /a\.png\?x=1&#38;y=2/);
    assert.equal(ran.types[6], "update_display_data");
    assert.match(String(shown[7]?.["image/svg+xml"]), /^<svg/);
  });

  it("always finds the library under its name", async () => {
    const ran = await kernel.run("import * as tw from 'tilewright'; typeof tw");
    assert.equal(ran.text, "'object'", ran.traceback);
  });

  it("streams and displays in order, un-awaited ones too", async () => {
    const ran = await kernel.run(`
      const slow = (text: string, ms: number) => ({
        [Symbol.for("Jupyter.display")]: () => new Promise((done) => setTimeout(() => done({ "text/plain": text }), ms)),
      });
      console.error("warn"); display(slow("first", 30)); display(slow("second", 1)); display(html\`<b>third</b>\`);
      console.log("out"); "result"`);
    assert.equal(ran.stderr, "warn\n");
    const shown = ran.outputs.filter(({ header }) => header.msg_type === "display_data");
    assert.deepEqual(
      shown.map(({ content }) => (content.data as { "text/plain": string })["text/plain"]),
      ["first", "second", "<b>third</b>"],
    );
    assert.equal(ran.types.at(-1), "execute_result");
  });

  it("updates displays by id and clears", async () => {
    const ran = await kernel.run(
      "const shown = display(1, { id: 'd' }); await shown.update(2); clearOutput(true);",
    );
    assert.deepEqual(ran.types, ["display_data", "update_display_data", "clear_output"]);
    assert.deepEqual(ran.outputs[1]?.content.transient, { display_id: "d" });
  });

  it("shows arrays of flat objects as a table, escaped", async () => {
    const { result } = await kernel.run("[{ a: 1, b: '<i>' }, { a: 2 }]");
    assert.match(String(result?.["text/html"]), /<td>&#60;i&#62;<\/td>/);
    assert.ok(!String(result?.["text/plain"]).includes("\u001b"));
  });

  it("evaluates user expressions and honours silent", async () => {
    const ran = await kernel.run("const u = 2", { user_expressions: { a: "u + 1", b: "nope" } });
    const values = ran.reply.user_expressions as { [name: string]: JsonLike };
    assert.equal(values.a?.status, "ok");
    assert.equal(values.b?.status, "error");
    assert.deepEqual((await kernel.run("1 + 1", { silent: true })).types, []);
  });

  it("supports using, for await, decorators and import.meta", async () => {
    const ran = await kernel.run(`
      function log(value: any, context: ClassMethodDecoratorContext) { names.push(String(context.name)); return value; }
      const names: string[] = [];
      class Decorated { @log method() { return 1; } }
      using handle = { [Symbol.dispose]() { console.log("disposed"); } };
      for await (const item of (async function* () { yield 5; })()) names.push(String(item));
      for (var seen = 0; seen < 2; seen += 1);
      [names, seen, import.meta.url.startsWith("file:"), new Decorated().method()]`);
    assert.equal(ran.text, "[ [ 'method', '5' ], 2, true, 1 ]", ran.traceback);
    assert.equal(ran.stdout, "disposed\n");
    assert.equal((await kernel.run("names.length + seen")).text, "4");
  });
});

interface JsonLike {
  status?: string;
}
