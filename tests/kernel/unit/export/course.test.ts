import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { exportCommand } from "../../../../kernel/export/command.ts";
import type { SearchIndex } from "../../../../kernel/export/search-index.ts";
import { filesIn, linkProblems } from "../../../support/site.ts";

const scripts = { page: "console.log('page');", plots: "console.log('plots');" };

const cell = (cell_type: "code" | "markdown", source: string) => ({
  ...{ cell_type, id: Math.random().toString(36).slice(2), metadata: {}, source },
  ...(cell_type === "code" ? { execution_count: 1, outputs: [] } : {}),
});
const notebook = (...cells: object[]) =>
  JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });

describe("kernel unit: the exported course", () => {
  let root: string;
  let folder: string;
  let site: string;
  const quietly = async (run: () => Promise<number>) => {
    const { log, error } = console;
    const lines: string[] = [];
    console.log = console.error = (line: unknown) => lines.push(String(line));
    try {
      return { code: await run(), told: lines.join("\n") };
    } finally {
      Object.assign(console, { log, error });
    }
  };
  const exported = (output = site) =>
    quietly(() => exportCommand(folder, { course: true, output, title: "A <course>" }, scripts));

  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), "tilewright-course-"));
    folder = path.join(root, "chapters");
    site = path.join(root, "out", "site");
    mkdirSync(path.join(folder, "data"), { recursive: true });
    writeFileSync(path.join(folder, "help.ts"), 'export { help } from "./more.ts";');
    writeFileSync(path.join(folder, "more.ts"), 'import "./help.ts";\nexport const help = 1;');
    writeFileSync(path.join(folder, "data", "READ ME.md"), "data");
    const first = cell(
      "markdown",
      "# First & foremost\n\nAbout loops.\n\n## What's *in* it?\n\n[next](10%20last.ipynb#End) [data](data/READ%20ME.md) [gone](gone.md) [up](../x) [web](https://example.org)",
    );
    writeFileSync(
      path.join(folder, "2-first.ipynb"),
      notebook(first, cell("code", 'import { help } from "./help.ts";')),
    );
    writeFileSync(
      path.join(folder, "10 last.ipynb"),
      notebook(cell("markdown", "# Last\n\n## End\n\nunrolled")),
    );
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("has every chapter, in order, and no link that leads nowhere", async () => {
    const { code, told } = await exported();
    assert.equal(code, 0);
    assert.match(told, /2 chapters, \d+ KiB/);
    assert.deepEqual(linkProblems(site), []);
    const index = readFileSync(path.join(site, "index.html"), "utf8");
    assert.match(index, /A &#60;course&#62;[\s\S]*First &#38; foremost[\s\S]*About loops\.[\s\S]*Last/);
    const first = readFileSync(path.join(site, "2-first.html"), "utf8");
    assert.match(first, /href="10%20last.html#End">next/);
    assert.match(first, /href="notebooks\/data\/READ%20ME.md">data/);
    assert.doesNotMatch(first, /<a href[^>]*>(?:gone|up)</);
    assert.match(first, /rel="next" href="10%20last.html"/);
    const files = filesIn(site);
    for (const file of [
      "notebooks/2-first.ipynb",
      "notebooks/help.ts",
      "notebooks/more.ts",
      "notebooks/data/READ ME.md",
    ])
      assert.ok(files.includes(file), `${file} in ${files.join()}`);
    assert.ok(!files.some((file) => file.startsWith("assets/plots")), "no plot, nothing that draws one");
  });

  it("can be searched: what the pages load says where every word stands", async () => {
    await exported();
    const [script] = readdirSync(path.join(site, "assets")).filter((name) => name.startsWith("search."));
    const text = readFileSync(path.join(site, "assets", script!), "utf8");
    const index = JSON.parse(/^globalThis\.tilewrightSearch=(.*);$/m.exec(text)![1]!) as SearchIndex;
    assert.deepEqual(
      index.map(({ title, page }) => [title, page]),
      [
        ["First & foremost", "2-first.html"],
        ["Last", "10 last.html"],
      ],
    );
    const [id, heading, words] = index[1]!.sections.find(([, , text]) => text.includes("unrolled"))!;
    assert.deepEqual([id, heading, words], ["End", "End", "unrolled"]);
    assert.ok(index[0]!.sections.some(([, , text]) => text.includes("import { help }")));
  });

  it("takes the place of an older site, and of nothing else", async () => {
    await exported();
    writeFileSync(path.join(site, "old.html"), "old");
    await exported();
    assert.ok(!existsSync(path.join(site, "old.html")));
    writeFileSync(path.join(folder, "index.ipynb"), notebook(cell("markdown", "# Not the index")));
    writeFileSync(path.join(folder, "3 # 4%.ipynb"), notebook(cell("markdown", "# Signs\n\n## 100% #1")));
    await exported();
    assert.deepEqual(linkProblems(site), []);
    await assert.rejects(exported(folder), /holds the notebooks/);
    await assert.rejects(exported(root), /holds the notebooks/);
    const other = path.join(root, "other");
    mkdirSync(other);
    writeFileSync(path.join(other, "mine.txt"), "mine");
    await assert.rejects(exported(other), /no exported course/);
    assert.deepEqual(readdirSync(other), ["mine.txt"]);
    const left = readdirSync(path.dirname(site));
    assert.deepEqual(left, ["site"], "nothing is left beside the site");
  });

  it("exports one notebook too, never over one", async () => {
    const file = path.join(folder, "2-first.ipynb");
    const before = readFileSync(file);
    const one = (output?: string) =>
      quietly(() => exportCommand(file, output === undefined ? {} : { output }, scripts));
    await assert.rejects(one(file), /is a notebook/);
    await assert.rejects(one(path.join(folder, "new.ipynb")), /is a notebook/);
    await assert.rejects(one(folder), /is a folder/);
    const { code, told } = await one();
    assert.equal(code, 0);
    assert.match(told, /2-first\.html: \d+ KiB/);
    assert.deepEqual(readFileSync(file), before);
    await assert.rejects(
      quietly(() => exportCommand(folder, {}, scripts)),
      /--course/,
    );
    await assert.rejects(
      quietly(() => exportCommand(undefined, {}, scripts)),
      /name the notebook/,
    );
  });

  it("says what has not been run", async () => {
    const file = path.join(folder, "2-first.ipynb");
    writeFileSync(file, notebook({ ...cell("code", "1"), execution_count: null }));
    const { told } = await quietly(() => exportCommand(file, {}, scripts));
    assert.match(told, /1 of 1 code cells have not been run; --execute/);
  });
});
