// The kernel in real Jupyter tools, from Debian's packages, with everything they write in a temporary folder.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { requireSystem, systemPython } from "../support/system.ts";
import { temporaryFolder } from "./support.ts";

const run = promisify(execFile);
const cli = path.resolve("dist/kernel/cli.js");

describe("kernel: in Jupyter", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    folder = temporaryFolder();
    const inside = (name: string) => path.join(folder, name);
    const places = { HOME: folder, JUPYTER_DATA_DIR: inside("data"), JUPYTER_CONFIG_DIR: inside("config") };
    env = {
      ...process.env,
      ...places,
      JUPYTER_RUNTIME_DIR: inside("runtime"),
      IPYTHONDIR: inside("ipython"),
    };
    await run(process.execPath, [cli, "install", "--user"], { env });
    writeFileSync(
      inside("nb.ipynb"),
      JSON.stringify(notebook(["const a: number = 20;", "a * 2 + 2", "display(html`<b id='x'>bold</b>`)"])),
    );
    writeFileSync(inside("bad.ipynb"), JSON.stringify(notebook(["1", "const t: string = 1;", "3"])));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("installs and removes its kernelspec", async () => {
    const spec = path.join(folder, "data/kernels/tilewright/kernel.json");
    const { argv, interrupt_mode } = JSON.parse(readFileSync(spec, "utf8"));
    assert.equal(argv[0], process.execPath);
    assert.equal(interrupt_mode, "message");
    const prefix = path.join(folder, "prefix");
    await run(process.execPath, [cli, "install", "--prefix", prefix]);
    const other = path.join(prefix, "share/jupyter/kernels/tilewright");
    assert.ok(existsSync(other));
    await run(process.execPath, [cli, "install", "--prefix", prefix, "--remove"]);
    assert.ok(!existsSync(other));
  });

  it("passes Debian's protocol test-suite", async function () {
    this.timeout(120000);
    requireSystem(this, "python3-jupyter-kernel-test");
    const driver = path.resolve("tests/conformance/jupyter_kernel_suite.py");
    const { stderr } = await run(systemPython, [driver], { env, cwd: folder });
    assert.match(stderr, /Ran 12 tests/);
    assert.match(stderr, /\nOK\s*$/, "every test passes, none is skipped");
  });

  it("executes under nbconvert", async function () {
    this.timeout(120000);
    requireSystem(this, "jupyter-nbconvert");
    const args = ["-m", "nbconvert", "--to", "html", "--execute", "nb.ipynb", "--output", "nb.html"];
    await run(systemPython, args, { env, cwd: folder });
    const html = readFileSync(path.join(folder, "nb.html"), "utf8");
    assert.match(html, /<pre>42<\/pre>/);
    assert.match(html, /<b id=.x.>bold<\/b>/);
    const bad = ["-m", "nbconvert", "--to", "notebook", "--execute", "bad.ipynb", "--output", "out.ipynb"];
    await assert.rejects(run(systemPython, bad, { env, cwd: folder }), /TypeCheckError/);
  });

  it("runs notebooks from the command line", async function () {
    this.timeout(60000);
    const out = path.join(folder, "out.ipynb");
    const page = path.join(folder, "out.html");
    const args = [cli, "run", path.join(folder, "nb.ipynb"), "-o", out, "--html", page, "-p", "b=[1,2]"];
    const { stdout } = await run(process.execPath, args, { env });
    assert.match(stdout, /✓ cell 4 of 4/);
    const executed = JSON.parse(readFileSync(out, "utf8"));
    assert.equal(executed.cells[2].outputs[0].data["text/plain"].join(""), "42");
    assert.match(readFileSync(page, "utf8"), /<b id="[\w-]*x">bold<\/b>/);
    const failed = run(process.execPath, [cli, "run", path.join(folder, "bad.ipynb")], { env });
    await assert.rejects(failed, (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr, /bad\.ipynb: cell 2 failed: TypeCheckError/);
      return true;
    });
  });
});

function notebook(sources: string[]) {
  const kernelspec = { name: "tilewright", display_name: "TypeScript (Tilewright)", language: "typescript" };
  const cells = sources.map((source, index) => ({
    id: `cell-${index}`,
    cell_type: "code",
    source,
    metadata: {},
    execution_count: null,
    outputs: [],
  }));
  return { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells };
}
