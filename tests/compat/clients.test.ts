// The kernel driven by nbclient and by jupyter console, from Debian's packages.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { jupyterEnvironment } from "../support/jupyter.ts";
import { requireSystem, systemPython } from "../support/system.ts";

const cli = path.resolve("dist/kernel/cli.js");

describe("compat: other clients", function () {
  this.timeout(90_000);
  let folder: string;
  let env: NodeJS.ProcessEnv;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-clients-"));
    env = jupyterEnvironment(folder);
    execFileSync(process.execPath, [cli, "install", "--user"], { env });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("nbclient: outputs, updates, errors, a time-out with the variables kept", function () {
    requireSystem(this, "python3-nbclient");
    const script = path.resolve("tests/compat/nbclient_cells.py");
    const text = execFileSync(systemPython, [script], { env, cwd: folder, encoding: "utf8" });
    const { outputs, error, late } = JSON.parse(text);
    assert.deepEqual(outputs, [
      [{ output_type: "stream", name: "stdout", text: "a\nb\n" }],
      [{ output_type: "execute_result", data: "42" }],
      [{ output_type: "display_data", data: "'second'" }],
      [{ output_type: "error", ename: "TypeCheckError" }],
      [{ output_type: "execute_result", data: "42" }],
    ]);
    assert.match(error, /Error: on purpose/);
    assert.match(late, /CellTimeoutError/);
  });

  it("jupyter console: a session at a prompt", async function () {
    requireSystem(this, "jupyter-console");
    const cells = [
      "const a: number = 40",
      "a + 2",
      "console.log('printed', a)",
      "throw new Error('wanted')",
      "exit",
    ];
    const args = ["-m", "jupyter_console", "--kernel", "tilewright", "--simple-prompt"];
    const child = spawn(systemPython, args, { env, cwd: folder });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.stdin.end(`${cells.join("\n")}\n`);
    await new Promise((resolve) => child.once("close", resolve));
    assert.match(text, /Tilewright .*: TypeScript on Node\.js/);
    assert.match(text, /Out\[2\]: 42/, text);
    assert.match(text, /printed 40/);
    assert.match(text, /Error.*: wanted/);
  });
});
