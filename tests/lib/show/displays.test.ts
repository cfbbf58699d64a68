import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { getPrimFunc } from "../../../lib/ir/index.ts";
import "../../../lib/show/install.ts";
import { Tensor, Timing } from "../../../lib/runtime/index.ts";
import { Schedule, ScheduleError } from "../../../lib/schedule/index.ts";
import { DISPLAY, loopTree, type MimeBundle, show, source } from "../../../lib/show/index.ts";
import { loopTreeText } from "../../../lib/show/loop-tree.ts";
import { readMarkup } from "./markup.ts";
import { states } from "./samples.ts";

const FIXTURES = new URL("./fixtures/", import.meta.url);

/** Compares with a file of the fixtures folder; `TILEWRIGHT_BLESS=1` writes it anew. Ids are numbered by occurrence. */
function golden(name: string, text: string): void {
  const ids = new Map<string, number>();
  const stable = text.replace(/(loop|block):(\d+)/g, (all, kind) => {
    if (!ids.has(all)) ids.set(all, ids.size + 1);
    return `${kind}:${ids.get(all)}`;
  });
  const file = new URL(name, FIXTURES);
  if (process.env.TILEWRIGHT_BLESS) {
    mkdirSync(FIXTURES, { recursive: true });
    writeFileSync(file, stable);
  }
  assert.equal(stable, readFileSync(file, "utf8"));
}

/** The body of a display, a tag a line, without its style. */
const readable = (html: string): string =>
  `${html.replace(/<style>.*?<\/style>/s, "").replace(/(?<=>)(?=<(?:details|summary|tr|p|pre|div|rect|text))/g, "\n")}\n`;

describe("show: displays", () => {
  it("every value readers meet has one, with text and without scripts", () => {
    const sch = new Schedule(states[0]);
    const block = sch.getBlock("Y", "mm_relu");
    const [, j] = sch.getLoops(block);
    sch.split(j, [null, 8]);
    const values = [
      states[0],
      getPrimFunc(states[0], "mm_relu"),
      sch,
      sch.trace,
      Tensor.random([4, 4]),
      new Timing("f", "wasm", [1, 2, 3], 1),
      new ScheduleError({ primitive: "fuse", rule: "r", detail: "d", nodes: [] }),
    ];
    for (const v of values) {
      const bundle = v[DISPLAY]();
      assert(bundle["text/plain"].length > 0);
      const { tags } = readMarkup(bundle["text/html"]!);
      assert(!tags.includes("script"));
    }
    assert.match(
      sch[DISPLAY]()["text/plain"],
      /1 {2}const \[j_0, j_1\] = sch\.split\(j, \[null, 8\]\); {3}\+\d+ −\d+/,
    );
    assert(!Object.keys(states[0]).includes("show"));
    assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(states[0]))), ["kind", "funcs", "attrs"]);
  });

  it("underlines the loops and blocks of a refusal where they are named", () => {
    const sch = new Schedule(states[4]);
    const loops = sch.getLoops(sch.getBlock("C", "mm_relu"));
    const others = sch.getLoops(sch.getBlock("Y", "mm_relu"));
    assert.throws(
      () => sch.reorder(others[0], loops[1]),
      (e: ScheduleError) => {
        const html = String(e[DISPLAY]()["text/html"]);
        assert.match(html, /<mark class="tw-err">/);
        assert.match(readMarkup(html).text, /◀ here/);
        return true;
      },
    );
  });

  it("folds generated code where brackets close", () => {
    const bundle = source('(module\n  (func $f ;; (\n    (nop)\n    (data ")")\n  )\n)', "wat")[
      DISPLAY
    ]() as MimeBundle;
    const { tags } = readMarkup(bundle["text/html"]!);
    assert.equal(tags.filter((t) => t === "details").length, 2);
    const js = source("if (a) {\n  b();\n  c();\n} else {\n  d();\n  e();\n}\nf();", "js")[
      DISPLAY
    ]() as MimeBundle;
    assert.equal(readMarkup(js["text/html"]!).tags.filter((t) => t === "details").length, 2);
  });

  it("folds lines that differ in numbers and lanes alone, and says how many", () => {
    const shownOf = (lines: string[]) =>
      (source(["fn f() {", ...lines, "}"].join("\n"), "wgsl")[DISPLAY]() as MimeBundle)["text/html"]!;
    const sums = (n: number) => Array.from({ length: n }, (_, i) => `  var sum_${i}: f32;`);
    // The function is open, the row is not.
    const markup = shownOf([...sums(20), "  let x = 1;"]);
    assert.match(markup, /<details><summary data-lines="19">.*sum_0/);
    assert.equal(markup.match(/<details open>/g)?.length, 1);
    for (const text of ["sum_19", "let", "x"]) assert.ok(readMarkup(markup).text.includes(text), text);
    const lanes = ["a", "a_1"].flatMap((a) => [..."xyzw"].map((lane) => `  sum += ${a}.${lane};`));
    assert.match(shownOf(lanes), /<details><summary data-lines="7">/);
    // A few are shown, and so are those that something stands between.
    assert.ok(!shownOf(sums(5)).includes("<details>"));
    assert.ok(!shownOf([...sums(5), "  let x = 1;", ...sums(5)]).includes("<details>"));
    // What opens or closes a part stays.
    const loops = Array.from({ length: 9 }, (_, i) => [
      `  if (a[${i}]) {`,
      "    x += 1;",
      "    y += 1;",
      "  }",
    ]);
    assert.equal(shownOf(loops.flat()).match(/<details open>/g)?.length, 10);
  });

  it("the text of a script is the script", () => {
    const html = String((show(states[3], { view: "script" })[DISPLAY]() as MimeBundle)["text/html"]);
    assert.equal(readMarkup(html).text.replace(/\s+/g, ""), states[3].script().replace(/\s+/g, ""));
  });

  it("golden: loop tree", () => {
    golden("loop-tree.txt", `${loopTreeText(loopTree(getPrimFunc(states[4], "mm_relu"), "mm_relu"))}\n`);
    const bundle = states[4].show({ view: "tree" })[DISPLAY]() as MimeBundle;
    golden("loop-tree.html", readable(bundle["text/html"]!));
  });

  it("golden: program", () => {
    golden(
      "program.html",
      readable((show(states[2], { view: "script" })[DISPLAY]() as MimeBundle)["text/html"]!),
    );
  });
});
