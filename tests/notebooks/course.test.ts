// The course as a reader meets it: every chapter through `tilewright run`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chapters, execute } from "./support.ts";

describe("notebooks: the course", () => {
  it("has its first three chapters", () => {
    assert.deepEqual(
      chapters.slice(0, 3).map((name) => name.slice(0, 3)),
      ["01-", "02-", "03-"],
    );
  });

  for (const chapter of chapters) {
    describe(chapter, () => {
      it("runs without an error", async function () {
        this.timeout(300_000);
        const { stdout, cells } = await execute(chapter);
        assert.doesNotMatch(stdout, /✗/);
        for (const { source, text } of cells) assert.doesNotMatch(text, /^\w*Error:/m, source);
      });

      it("has cells with ids of their own", () => {
        const { cells } = JSON.parse(readFileSync(`notebooks/${chapter}.ipynb`, "utf8"));
        const ids = cells.map(({ id }: { id: string }) => id);
        assert.equal(new Set(ids).size, ids.length);
      });

      it("has programs that come back from their scripts", async function () {
        this.timeout(300_000);
        const { cells } = await execute(chapter);
        const [, count] = /^(\d+) programs came back/.exec(cells.at(-1)!.text) ?? [];
        assert.ok(Number(count) >= 5, `only ${count} programs were found`);
      });
    });
  }

  it("chapter 1 is right for at least 86 % of the images, in four variants or more", async function () {
    this.timeout(300_000);
    const { cells } = await execute(chapters[0]!);
    const texts = cells.map(({ text }) => text);
    const accuracies = texts.flatMap((text) => [...text.matchAll(/accuracy[^%\n]*?([\d.]+) %/g)]);
    assert.ok(accuracies.length >= 5, "the accuracy of the first program, and of each variant");
    for (const [line, value] of accuracies) assert.ok(Number(value) >= 86, line);
    const table = texts.find((text) => /GFLOP\/s/.test(text) && /median/.test(text));
    assert.ok(table, "there is a speed table");
    const rows = table.trim().split("\n").slice(1);
    assert.ok(rows.length >= 4, `a speed table of four variants or more:\n${table}`);
    for (const row of rows) assert.match(row, /\d (?:ns|µs|ms|s) .*[\d.]+×\s*$/, row);
  });

  it("chapter 6 calls a library that somebody else wrote, and shows its times on the graph", async function () {
    this.timeout(300_000);
    const { cells } = await execute("06-integration");
    const texts = cells.map(({ text }) => text);
    const [, accuracy] =
      texts.map((t) => /by the vendor: ([\d.]+) %.*in \d+ calls of it/.exec(t)).find(Boolean) ?? [];
    assert.ok(Number(accuracy) >= 86, `${accuracy} % by the library`);
    assert.ok(texts.some((t) => /= vendor\.linear\(x\) {2}[\d.]+ (µs|ms)/.test(t)));
  });

  it("chapter 7 says what it was measured on, fetches 130 elements, and gains by blocking", async function () {
    this.timeout(300_000);
    const { cells } = await execute("07-gpu");
    const texts = cells.map(({ text }) => text);
    assert.ok(texts.some((t) => /Times: .*(wall clock|GPU's own clock)|No GPU, and nothing/.test(t)));
    assert.ok(texts.some((t) => /T\.serial\(130\)/.test(t)));
    const [, gain] = texts.map((t) => /local blocking is ([\d.]+) times as fast/.exec(t)).find(Boolean) ?? [];
    assert.ok(Number(gain) > 1, `local blocking is ${gain} times as fast as naive`);
    const searched = texts.map((t) => /(\d+) of (\d+) candidates measured; \d+ more/.exec(t)).find(Boolean);
    assert.ok(Number(searched?.[1]) > 0, "the search has measured candidates");
    assert.ok(!texts.some((t) => /XDG_RUNTIME_DIR|While initializing adapter/.test(t)), "drivers are quiet");
  });

  it("chapter 8 puts the micro-kernel into a shader, and says whether there are matrix units", async function () {
    this.timeout(300_000);
    const { cells } = await execute("08-specialised-hardware");
    const texts = cells.map(({ text }) => text);
    assert.ok(texts.some((t) => /var<workgroup> A_shared_A_tile/.test(t)));
    assert.ok(texts.some((t) => /scope of C: global against local/.test(t)));
    assert.ok(texts.some((t) => /no matrix units|the adapter offers/.test(t)));
  });
});
