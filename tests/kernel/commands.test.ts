// The commands run, check and strip, as a reader calls them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import { newConnection } from "../../kernel/protocol/connection.ts";
import { temporaryFolder } from "./support.ts";

const cli = path.resolve("dist/kernel/cli.js");

/** A cell of a test's notebook: its source, tags, and what is stored. */
interface Given {
  source: string;
  tags?: string[];
}

describe("kernel: commands", function () {
  this.timeout(240_000);
  let folder: string;
  const inside = (name: string) => path.join(folder, name);
  const json = (name: string) => JSON.parse(readFileSync(inside(name), "utf8"));
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Writes a notebook. */
  function write(name: string, cells: (Given | string)[]): void {
    const given = cells.map((cell) => (typeof cell === "string" ? { source: cell } : cell));
    const notebook = {
      cells: given.map(({ source, tags }, index) => ({
        cell_type: "code",
        execution_count: null,
        id: `cell-${index}`,
        metadata: tags ? { tags } : {},
        outputs: [],
        source,
      })),
      metadata: {},
      nbformat: 4,
      nbformat_minor: 5,
    };
    writeFileSync(inside(name), `${JSON.stringify(notebook, null, 1)}\n`);
  }

  /** Calls the command line in the test's folder; `during` may look on, and send signals, while it runs. */
  function call(
    args: string[],
    { input = "", during }: { input?: string; during?: (kill: () => void) => void } = {},
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [cli, ...args], { cwd: folder });
      const text = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const)
        child[name].setEncoding("utf8").on("data", (part: string) => {
          text[name] += part;
        });
      child.stdin.end(input);
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, ...text }));
      during?.(() => child.kill("SIGINT"));
    });
  }

  it("kernel: a port that is taken ends it, and it says why", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const connection = { ...(await newConnection()), control_port: port };
    writeFileSync(inside("connection.json"), JSON.stringify(connection));
    try {
      const { code, stderr } = await call(["kernel", "--connection-file", "connection.json"]);
      assert.equal(code, 1);
      assert.match(stderr, /cannot serve connection\.json: .*in use/);
    } finally {
      taken.close();
    }
  });

  it("kernel: a connection file that is none is told in a line", async () => {
    writeFileSync(inside("torn.json"), '{"shell_port": 1');
    writeFileSync(inside("empty.json"), "{}");
    for (const [file, said] of [
      ["missing.json", /^error: cannot read missing\.json: there is no such file or folder\n$/],
      ["torn.json", /^error: torn\.json: no connection file, since it is no JSON \(.*\)\n$/],
      ["empty.json", /^error: empty\.json: "shell_port" is not a number\n$/],
    ] as const) {
      const { code, stderr } = await call(["kernel", "--connection-file", file]);
      assert.equal(code, 2);
      assert.match(stderr, said);
    }
  });

  it("mistakes are told in a line or two, the last thing that is printed", async () => {
    mkdirSync(inside("folder"));
    write("nb.ipynb", ["1"]);
    for (const [args, said] of [
      [["run", "none.ipynb"], /^error: cannot read none\.ipynb: there is no such file or folder\n$/],
      [["strip", "none.ipynb"], /^error: cannot read none\.ipynb: there is no such file or folder\n$/],
      [["run", "nb.ipynb", "-o", "folder"], /^error: folder is a folder; name a file in it\n$/],
      [["run", "nb.ipynb", "--html", "folder"], /^error: folder is a folder; name a file in it\n$/],
      [["compile", "folder", "-o", "out"], /^error: cannot read folder: it is a folder, not a file\n$/],
      [
        ["compile", "m.onnx"],
        /^error: required option '-o, --output <folder>' not specified\n.*--help.*\n$/s,
      ],
      [["check", "--tolerance", "x", "a.ipynb"], /^error: .*a number above 0 is wanted\n.*--help.*\n$/s],
    ] as const) {
      const { code, stderr } = await call([...args]);
      assert.notEqual(code, 0, args.join(" "));
      assert.match(stderr, said);
      assert.ok(stderr.split("\n").length <= 5, stderr);
    }
    assert.deepEqual(readdirSync(folder).sort(), ["folder", "nb.ipynb"], "nothing is left");
  });

  it("run: an output that cannot be written any more ends the run in order, and says so", async () => {
    mkdirSync(inside("out"));
    // A file is where the folder was: saving fails, whoever the user is. The wait lets the save fail that no cell waits for.
    const goes = `const fs = require("node:fs");
fs.rmSync("out", { recursive: true });
fs.writeFileSync("out", "");
await new Promise((done) => setTimeout(done, 3000));`;
    write("nb.ipynb", ["1", goes, "2"]);
    const { code, stderr } = await call(["run", "nb.ipynb", "-o", "out/nb.ipynb"]);
    assert.equal(code, 2, stderr);
    assert.equal(stderr, "error: out/nb.ipynb: a part of the path is a file, not a folder\n");
    assert.deepEqual(readdirSync(folder).sort(), ["nb.ipynb", "out"]);
  });

  it("run: parameters replace the ones before, and stand in the stamp", async () => {
    write("nb.ipynb", [
      { source: 'let n = 1;\nlet name = "x";', tags: ["parameters"] },
      "name + ' ' + (n + 1)",
    ]);
    const first = await call(["run", "nb.ipynb", "-o", "out.ipynb", "-p", "n=41", "-p", "seed=7"]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /note: the cell tagged "parameters" declares no seed/);
    const out = json("out.ipynb");
    assert.deepEqual(out.cells[1].metadata.tags, ["injected-parameters"]);
    assert.equal(out.cells[2].outputs[0].data["text/plain"].join(""), "'x 42'");
    const { tilewright } = out.metadata;
    assert.equal(tilewright.node, process.versions.node);
    assert.equal(tilewright.complete, true);
    assert.equal(tilewright.features.simd, true);
    assert.equal(typeof tilewright.features.relaxedSimd, "boolean");
    assert.ok(tilewright.cpu && tilewright.cores >= 1 && tilewright.version && tilewright.v8);
    assert.deepEqual(tilewright.parameters, { n: 41, seed: 7 });
    assert.deepEqual(tilewright.seeds, { seed: 7 });
    const second = await call(["run", "out.ipynb", "-o", "out.ipynb", "-p", "n=1"]);
    assert.equal(second.code, 0, second.stderr);
    assert.equal(json("out.ipynb").cells.length, 3);
  });

  it("run: a cell that takes too long is stopped, and the error says so", async () => {
    write("nb.ipynb", ["1", "console.log('begun'); while (true) {}", "2"]);
    const { code, stderr, stdout } = await call(["run", "nb.ipynb", "-o", "out.ipynb", "--timeout", "1"]);
    assert.equal(code, 1);
    assert.match(stderr, /cell 2 failed: TimeoutError: the cell ran longer than 1 s and was stopped/);
    assert.match(stdout, /✗ cell 2 of 3/);
    const { cells, metadata } = json("out.ipynb");
    const types = cells[1].outputs.map((output: { output_type: string }) => output.output_type);
    assert.deepEqual(types, ["stream", "error"]);
    assert.equal(cells[1].outputs[1].ename, "TimeoutError");
    assert.equal(cells[2].execution_count, null);
    assert.equal(metadata.tilewright.complete, false);
  });

  it("run: outputs are written while a cell runs, and Ctrl-C leaves a whole notebook", async () => {
    write("nb.ipynb", ["1", "console.log('begun'); await new Promise(() => {});", "2"]);
    const { code, stderr } = await call(["run", "nb.ipynb", "-o", "out.ipynb"], {
      during: (kill) => {
        const watch = setInterval(() => {
          if (!readdirSync(folder).includes("out.ipynb")) return;
          if (!JSON.stringify(json("out.ipynb").cells[1].outputs).includes("begun")) return;
          clearInterval(watch);
          kill();
        }, 50);
      },
    });
    assert.equal(code, 1);
    assert.match(stderr, /cell 2 failed: Interrupted/);
    assert.equal(json("out.ipynb").cells[0].execution_count, 1);
    assert.deepEqual(readdirSync(folder).sort(), ["nb.ipynb", "out.ipynb"], "nothing is left beside them");
  });

  it("run: a cell tagged raises-exception may throw, and a dead session is a failed cell", async () => {
    write("nb.ipynb", [
      { source: "throw new Error('wanted')", tags: ["raises-exception"] },
      "process.exit(3)",
    ]);
    const { code, stderr, stdout } = await call(["run", "nb.ipynb", "-o", "out.ipynb"]);
    assert.equal(code, 1);
    assert.match(stdout, /✓ cell 1 of 2/);
    assert.match(stderr, /cell 2 failed: SessionEnded/);
    assert.equal(json("out.ipynb").cells[0].outputs[0].ename, "Error");
  });

  it("run --resume: says what it found, and does nothing when all is done", async () => {
    write("nb.ipynb", [
      { source: "let n = 1;", tags: ["parameters"] },
      "if (n > 1) throw new Error('no'); n",
    ]);
    const args = ["run", "nb.ipynb", "-o", "out.ipynb", "--resume"];
    assert.match((await call(args)).stdout, /there is no out\.ipynb yet[\s\S]*✓ cell 2 of 2/);
    const written = readFileSync(inside("out.ipynb"), "utf8");
    const again = await call(args);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /^out\.ipynb: all 2 cells were run on .*; nothing to do\n$/);
    assert.equal(readFileSync(inside("out.ipynb"), "utf8"), written);
    assert.match((await call([...args, "-p", "n=2"])).stdout, /other parameters/);
    assert.match((await call([...args, "-p", "n=2"])).stdout, /stops after cell 2 of 3.*run again/);
    write("nb.ipynb", ["let n = 5;", "n"]);
    assert.match((await call(args)).stdout, /has changed|other parameters/);
    assert.equal((await call(["run", "nb.ipynb", "--resume"])).code, 2);
  });

  it("check: compares with the stored outputs by each cell's rule", async () => {
    write("nb.ipynb", [
      "console.log('took', performance.now(), 'ms'); 1",
      { source: "0.5 + Math.random() * 1e-9", tags: ["check-numeric"] },
      { source: "Math.random()", tags: ["check-ignore"] },
      `void display(svg\`<svg xmlns='http://www.w3.org/2000/svg'><title>\${Math.random()}</title></svg>\`)`,
      { source: "throw new Error('always')", tags: ["raises-exception"] },
      "import { readFileSync } from 'node:fs';\nconsole.log(readFileSync('data.txt', 'utf8'));",
    ]);
    writeFileSync(inside("data.txt"), "one\ntwo\nthree");
    assert.equal((await call(["check", "nb.ipynb"])).code, 2, "nothing is stored yet");
    assert.equal((await call(["run", "nb.ipynb", "-o", "nb.ipynb"])).code, 0);
    const stored = readFileSync(inside("nb.ipynb"), "utf8");
    const good = await call(["check", "nb.ipynb"]);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stdout, /✓ nb\.ipynb: 5 as stored, 0 different, 1 ignored/);
    writeFileSync(inside("data.txt"), "one\n2\nthree");
    const bad = await call(["check", "nb.ipynb"]);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /✗ nb\.ipynb: cell 6, stdout differs/);
    assert.match(bad.stdout, / {4} {2}one\n {4}- two\n {4}\+ 2\n {4} {2}three\n/);
    rmSync(inside("data.txt"));
    const failed = await call(["check", "nb.ipynb"]);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /cell 6 failed: .*ENOENT/);
    assert.equal(readFileSync(inside("nb.ipynb"), "utf8"), stored, "the notebook is left alone");
  });

  it("strip: takes outputs away, also as a filter, through links, and never from what is no notebook", async () => {
    write("nb.ipynb", ["1 + 1"]);
    const before = readFileSync(inside("nb.ipynb"), "utf8");
    assert.equal((await call(["run", "nb.ipynb", "-o", "nb.ipynb"])).code, 0);
    const executed = readFileSync(inside("nb.ipynb"), "utf8");
    mkdirSync(inside("sub"));
    symlinkSync("../nb.ipynb", inside("sub/link.ipynb"));
    assert.equal((await call(["strip", "--check", "nb.ipynb"])).code, 1);
    const filtered = await call(["strip", "-"], { input: executed });
    assert.deepEqual(
      JSON.parse(filtered.stdout).cells[0],
      JSON.parse(before).cells[0] && {
        ...JSON.parse(before).cells[0],
        source: ["1 + 1"],
      },
    );
    assert.equal((await call(["strip", "sub/link.ipynb"])).code, 0);
    assert.equal(readFileSync(inside("nb.ipynb"), "utf8"), filtered.stdout);
    const { mtimeMs } = statSync(inside("nb.ipynb"));
    assert.equal((await call(["strip", "nb.ipynb"])).stdout, "");
    assert.equal(statSync(inside("nb.ipynb")).mtimeMs, mtimeMs, "a second time changes nothing");

    writeFileSync(inside("broken.ipynb"), executed.slice(0, -20));
    writeFileSync(inside("nb.ipynb"), executed);
    for (const command of ["strip", "run", "check"]) {
      const { code, stderr } = await call([
        command,
        ...(command === "strip" ? ["nb.ipynb"] : []),
        "broken.ipynb",
      ]);
      assert.equal(code, 2, command);
      assert.match(stderr, /error: broken\.ipynb is not a notebook: no JSON/);
    }
    assert.equal(readFileSync(inside("broken.ipynb"), "utf8"), executed.slice(0, -20));
    assert.equal(readFileSync(inside("nb.ipynb"), "utf8"), executed, "nor is its neighbour touched");
  });

  it("export writes a page of an executed notebook, with its widgets, and leaves the notebook alone", async () => {
    write("nb.ipynb", [
      `import { IntSlider } from "tilewright/notebook";
const slider = new IntSlider({ min: 0, max: 10, value: 2, description: "tile" });
slider`,
      "slider.value = 7;",
      { source: "throw new Error('on purpose')" },
    ]);
    const before = readFileSync(inside("nb.ipynb"), "utf8");
    const { code, stdout, stderr } = await call(["export", "nb.ipynb", "--execute", "-o", "out/page.html"]);
    assert.equal(code, 1, "a cell has failed");
    assert.match(stdout, /out\/page\.html: \d+ KiB/);
    assert.match(stderr, /cell 3 failed: Error: on purpose/);
    const page = readFileSync(inside("out/page.html"), "utf8");
    assert.match(page, /tile<\/span>[\s\S]*<output>7<\/output>/);
    assert.match(page, /on purpose/);
    assert.equal(readFileSync(inside("nb.ipynb"), "utf8"), before);
    assert.deepEqual(readdirSync(inside("out")), ["page.html"]);
  });

  it("run stores the widgets as they were last, for others to show", async () => {
    write("nb.ipynb", [
      `import { IntSlider } from "tilewright/notebook";
const slider = new IntSlider({ value: 2 });
slider`,
      "slider.value = 7;",
    ]);
    assert.equal((await call(["run", "nb.ipynb", "-o", "out.ipynb"])).code, 0);
    const { version_major, state } =
      json("out.ipynb").metadata.widgets["application/vnd.jupyter.widget-state+json"];
    assert.equal(version_major, 2);
    const models = Object.values(state) as { model_name: string; state: { value?: number } }[];
    assert.equal(models.find(({ model_name }) => model_name === "IntSliderModel")?.state.value, 7);
    assert.equal((await call(["strip", "out.ipynb"])).code, 0);
    assert.equal(json("out.ipynb").metadata.widgets, undefined);
  });
});
