// The kernel through a real jupyter_server, driven by JupyterLab's own client.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Kernel, KernelManager, KernelSpecManager, ServerConnection } from "@jupyterlab/services";
import { jupyterEnvironment } from "../support/jupyter.ts";
import { answers, freePort } from "../support/server.ts";
import { requireSystem, systemPython } from "../support/system.ts";

const cli = path.resolve("dist/kernel/cli.js");
const token = "only-for-this-test";

describe("compat: @jupyterlab/services through jupyter_server", function () {
  this.timeout(60_000);
  let folder: string;
  let server: ChildProcess;
  let settings: ServerConnection.ISettings;
  let manager: KernelManager;
  let kernel: Kernel.IKernelConnection;

  before(async function () {
    requireSystem(this, "jupyter-server");
    folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-services-"));
    const env = jupyterEnvironment(folder);
    execFileSync(process.execPath, [cli, "install", "--user"], { env });
    writeFileSync(path.join(folder, "side.ts"), "export const side = 7;\n");
    const port = await freePort();
    const options = {
      ip: "127.0.0.1",
      port,
      port_retries: 0,
      token,
      root_dir: folder,
      open_browser: "False",
      allow_root: "True",
    };
    const args = Object.entries(options).map(([name, value]) => `--ServerApp.${name}=${value}`);
    server = spawn(systemPython, ["-m", "jupyter_server", ...args], { env, cwd: folder, stdio: "ignore" });
    const address = `127.0.0.1:${port}/`;
    settings = ServerConnection.makeSettings({
      baseUrl: `http://${address}`,
      wsUrl: `ws://${address}`,
      token,
      appendToken: true,
    });
    await answers(`http://${address}api?token=${token}`);
    manager = new KernelManager({ serverSettings: settings });
    kernel = await manager.startNew({ name: "tilewright" });
  });
  after(async () => {
    await kernel?.shutdown().catch(() => undefined);
    kernel?.dispose();
    manager?.dispose();
    if (server) {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await ended;
    }
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a cell; gives its reply and what it showed. */
  async function run(code: string) {
    const future = kernel.requestExecute({ code });
    const shown: { type: string; content: { [name: string]: unknown } }[] = [];
    future.onIOPub = ({ header, content }) => {
      if (!/^(status|execute_input)$/.test(header.msg_type))
        shown.push({ type: header.msg_type, content: content as { [name: string]: unknown } });
    };
    const { content } = await future.done;
    return { reply: content, shown };
  }

  it("finds the kernel's specification", async () => {
    const specs = new KernelSpecManager({ serverSettings: settings });
    await specs.ready;
    assert.equal(specs.specs?.kernelspecs.tilewright?.language, "typescript");
    specs.dispose();
    assert.equal((await kernel.info).language_info.name, "typescript");
  });

  it("runs cells with streams, results, displays and errors, in the notebook's folder", async () => {
    const { reply, shown } = await run(
      "import { side } from './side.ts';\nconsole.log('out');\ndisplay(html`<b>x</b>`);\nside * 6",
    );
    assert.equal(reply.status, "ok");
    assert.deepEqual(
      shown.map(({ type }) => type),
      ["stream", "display_data", "execute_result"],
    );
    assert.equal((shown[2]!.content.data as { [mime: string]: string })["text/plain"], "42");
    const failed = await run("throw new RangeError('too far')");
    assert.equal(failed.reply.status, "error");
    assert.equal(failed.shown[0]!.content.ename, "RangeError");
    assert.match(JSON.stringify(failed.shown[0]!.content.traceback), /cell 2/);
  });

  it("completes, explains, and tells whether a cell is complete", async () => {
    await run("/** The answer. */\nfunction answer() { return 42; }\nconst held = { value: answer() };");
    const completed = await kernel.requestComplete({ code: "held.va", cursor_pos: 7 });
    assert.equal(completed.content.status, "ok");
    assert.ok(completed.content.status === "ok" && completed.content.matches.includes("value"));
    const explained = await kernel.requestInspect({ code: "answer", cursor_pos: 3, detail_level: 0 });
    assert.match(JSON.stringify(explained.content), /The answer\./);
    const complete = await kernel.requestIsComplete({ code: "if (1) {" });
    assert.equal(complete.content.status, "incomplete");
    const history = await kernel.requestHistory({
      hist_access_type: "tail",
      n: 1,
      output: false,
      raw: true,
      session: 0,
    } as never);
    assert.match(JSON.stringify(history.content), /The answer/);
  });

  it("stops a loop and keeps the variables, also after an await", async () => {
    await run("let kept = 'kept'; let turns = 0;");
    for (const loop of ["while (true) turns++;", "await 0; while (true) turns++;"]) {
      const running = run(loop);
      await setTimeout(500);
      const began = performance.now();
      await kernel.interrupt();
      const { reply } = await running;
      assert.ok(performance.now() - began < 2000, "soon");
      assert.equal(reply.status, "error");
      const { shown } = await run("[kept, turns > 0]");
      assert.match(JSON.stringify(shown[0]!.content.data), /'kept', true/);
    }
  });

  it("restarts with nothing left of the old session", async () => {
    await kernel.restart();
    const { shown } = await run("typeof globalThis + ' ' + (1 + 1)");
    assert.match(JSON.stringify(shown[0]!.content.data), /object 2/);
    assert.equal((await run("kept")).reply.status, "error");
  });
});
