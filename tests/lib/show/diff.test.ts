import assert from "node:assert/strict";
import fc from "fast-check";
import { buffer, constant, type For, loop, type Stmt, store, variable } from "../../../lib/ir/index.ts";
import { diffStats, lineDiff } from "../../../lib/show/diff.ts";
import { diffText } from "../../../lib/show/diff-view.ts";
import { DISPLAY, diff, historyDiffs, programDiff } from "../../../lib/show/index.ts";
import type { Line } from "../../../lib/show/lines.ts";
import { wordDiff } from "../../../lib/show/words.ts";
import { readMarkup } from "./markup.ts";
import { schedule, states, swapped } from "./samples.ts";

/** Lines of a text; a line ending in `{` is closed by the next one of its indentation. */
function linesOf(text: string, nodes: Record<string, Stmt> = {}): Line[] {
  const lines = text.split("\n").filter((l) => l.trim() !== "");
  const indent = (l: string) => l.length - l.trimStart().length;
  return lines.map((l, i) => {
    const close = l.endsWith("{") ? lines.findIndex((m, j) => j > i && indent(m) === indent(l)) : -1;
    const node = nodes[l.trim()];
    return { text: l, nodes: node ? [node] : [], ...(close > 0 ? { close } : {}) };
  });
}

const ops = (a: string, b: string): string[] =>
  lineDiff(linesOf(a), linesOf(b)).map((r) => `${r.op} ${(r.b ?? r.a)!.text.trim()}`);

const nest = (...loops: string[]): string => {
  const out = loops.map((l, i) => `${"  ".repeat(i)}for ${l} {`);
  out.push(`${"  ".repeat(loops.length)}body();`);
  for (const i of loops.keys()) out.push(`${"  ".repeat(loops.length - 1 - i)}}`);
  return out.join("\n");
};

describe("show: diff", () => {
  it("a loop that changed places is moved, the rest is the same", () => {
    const rows = ops(nest("i in 128", "j in 64", "k in 32"), nest("i in 128", "k in 32", "j in 64"));
    assert.equal(
      rows.filter((r) => r.startsWith("moveOut")).length,
      rows.filter((r) => r.startsWith("moveIn")).length,
    );
    assert(rows.some((r) => /^moveIn for [jk]/.test(r)));
    assert(!rows.some((r) => /^(add|remove|change)/.test(r)), rows.join("\n"));
  });

  it("a run of lines moved into a loop is one run", () => {
    const a = "copy(x);\nscale(x, 2);\nfor i {\n  work(i);\n}\nend();";
    const b = "for i {\n  work(i);\n  copy(x);\n  scale(x, 2);\n}\nend();";
    const rows = lineDiff(linesOf(a), linesOf(b));
    const moved = rows.filter((r) => r.op === "moveIn");
    assert.deepEqual(
      moved.map((r) => [r.a!.line, r.b!.line]),
      [
        [1, 3],
        [2, 4],
      ],
    );
    assert.deepEqual(diffStats(rows), { added: 0, removed: 0, moved: 2 });
    const text = diffText(rows);
    assert.match(text, /< copy\(x\); {3}\/\/ moved to line 3\n< scale/);
    assert.equal(text.match(/moved from/g)!.length, 1);
  });

  it("a bracket alone never moves", () => {
    const rows = ops("a one;\n}\nb two;", "b two;\n}\nc three;");
    assert(!rows.some((r) => /^move.*\}$/.test(r)), rows.join("\n"));
  });

  it("a line that only changed its indentation is the same", () => {
    const rows = lineDiff(linesOf(nest("i in 8")), linesOf(nest("o in 2", "i in 8")));
    assert.equal(rows.find((r) => r.b?.text.includes("body"))!.op, "same");
    assert.deepEqual(diffStats(rows), { added: 2, removed: 0, moved: 0 });
  });

  it("shows a change of loop kind even where the text is equal", () => {
    const v = variable("j");
    const body = store(buffer("A", []), [], constant(0, "f32"));
    const of = (loopKind: For["loopKind"]) => ({ "for j {": loop(v, 8, body, { loopKind }) });
    const rows = lineDiff(linesOf("for j {\n}", of("serial")), linesOf("for j {\n}", of("vectorized")));
    assert.deepEqual(rows[0].op, "change");
    assert.deepEqual(rows[0].notes, ["j: serial → vectorized"]);
  });

  it("names the new kind of a loop that left a grid", () => {
    const rows = programDiff(states[2], states[3]);
    assert(rows.some((r) => r.notes?.includes("j_1: serial → vectorized")));
    assert(historyDiffs(schedule.history)[3].rows.some((r) => r.notes?.includes("i: serial → parallel")));
  });

  it("words: only what differs, joined over blanks, without indentation", () => {
    const d = wordDiff("  for (i of T.serial(8)) {", "    for (i of T.vectorized(8)) {");
    assert.deepEqual(d, { a: [[14, 20]], b: [[16, 26]] });
  });

  it("folds what did not change and says how much", () => {
    const same = diff(states[0], states[0])[DISPLAY]() as { "text/plain": string };
    assert.equal(same["text/plain"], "The programs are the same.");
    const bundle = diff(states[0], states[1], { context: 1 })[DISPLAY]() as Record<string, string>;
    assert.match(bundle["text/plain"], /… \d+ unchanged lines/);
    assert(readMarkup(bundle["text/html"]).tags.includes("details"));
    const lean = diff(states[0], states[1], { context: 1, keepUnchanged: false })[DISPLAY]() as Record<
      string,
      string
    >;
    assert(!readMarkup(lean["text/html"]).tags.includes("details"));
  });

  it("a nest that changed places with another is moved as one run", () => {
    const rows = programDiff(states[0], swapped);
    assert.deepEqual(diffStats(rows), { added: 0, removed: 0, moved: 6 });
    const html = String((diff(states[0], swapped)[DISPLAY]() as Record<string, string>)["text/html"]);
    assert.match(readMarkup(html).text, /moved from line 13.*moved to line 6/);
  });

  it("random programs: every line once on its side, in order; what moved out moves in", () => {
    const text = fc.array(fc.constantFrom("a(1);", "b(2);", "for i {", "}", "c(1, 2);", "});"), {
      maxLength: 25,
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const rows = lineDiff(linesOf(a.join("\n")), linesOf(b.join("\n")));
        const left = rows.filter((r) => r.op !== "add" && r.op !== "moveIn").map((r) => r.a!.line);
        const right = rows.filter((r) => r.op !== "remove" && r.op !== "moveOut").map((r) => r.b!.line);
        assert.deepEqual(
          left,
          a.map((_, i) => i + 1),
        );
        assert.deepEqual(
          right,
          b.map((_, i) => i + 1),
        );
        const moves = (op: string) =>
          rows
            .filter((r) => r.op === op)
            .map((r) => `${r.a!.line} ${r.b!.line}`)
            .sort();
        assert.deepEqual(moves("moveOut"), moves("moveIn"));
        for (const r of rows) if (r.op === "same") assert.equal(r.a!.text.trim(), r.b!.text.trim());
      }),
    );
  });

  it("both sides have every line exactly once", () => {
    for (const [a, b] of [
      [0, 4],
      [4, 0],
      [1, 3],
    ]) {
      const rows = programDiff(states[a], states[b]);
      const left = rows.filter((r) => r.op !== "add" && r.op !== "moveIn").map((r) => r.a!.line);
      const right = rows.filter((r) => r.op !== "remove" && r.op !== "moveOut").map((r) => r.b!.line);
      assert.deepEqual(
        left,
        left.map((_, i) => i + 1),
      );
      assert.deepEqual(
        right,
        right.map((_, i) => i + 1),
      );
    }
  });
});
