// The kernel through a real jupyter_server and through our own, driven by JupyterLab's client.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Kernel, KernelManager, KernelSpecManager } from "@jupyterlab/services";
import { requireSystem } from "../support/system.ts";
import {
  type RunningServer,
  startGateway,
  startJupyterServer,
  startWorkbench,
  takenUp,
} from "../support/workbench.ts";

suite("jupyter_server", startJupyterServer, "jupyter-server");
suite("our own server", startWorkbench);
suite("jupyter_server with our server as its gateway", startGateway, "jupyter-server");

function suite(title: string, start: () => Promise<RunningServer>, needs?: "jupyter-server"): void {
  describe(`compat: @jupyterlab/services through ${title}`, function () {
    this.timeout(60_000);
    let server: RunningServer;
    let manager: KernelManager;
    let kernel: Kernel.IKernelConnection;

    before(async function () {
      if (needs) requireSystem(this, needs);
      server = await start();
      writeFileSync(path.join(server.folder, "side.ts"), "export const side = 7;\n");
      manager = new KernelManager({ serverSettings: server.settings });
      kernel = await manager.startNew({ name: "tilewright" });
    });
    after(async () => {
      await kernel?.shutdown().catch(() => undefined);
      kernel?.dispose();
      manager?.dispose();
      await server?.stop();
    });

    async function askUntilAnswered() {
      for (;;) {
        const asked = kernel.connectionStatus === "connected" ? kernel.requestKernelInfo() : undefined;
        asked?.catch(() => undefined);
        const reply = await Promise.race([asked, setTimeout(3000)]);
        if (reply !== undefined) return reply.content;
        // Not connected, or no answer within the client's own 3 s.
        await setTimeout(20);
      }
    }

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
      const specs = new KernelSpecManager({ serverSettings: server.settings });
      await specs.ready;
      assert.equal(specs.specs?.kernelspecs.tilewright?.language, "typescript");
      specs.dispose();
      // JupyterLab's client asks once when it connects, and goes on after 3 s if nothing came: a relay may lose what it is sent while
      // it still connects to its own server. There, it is asked until it answers.
      const info = start === startGateway ? await askUntilAnswered() : await kernel.info;
      assert.ok(info?.status === "ok");
      assert.equal(info.language_info.name, "typescript");
    });

    it("runs cells with streams, results, displays and errors, in the notebook's folder", async () => {
      const { reply, shown } = await run(
        "import { side } from './side.ts';\nconsole.log('out');\ndisplay(html`<b>x</b>`);\nside * 6",
      );
      assert.equal(reply.status, "ok", JSON.stringify(shown));
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
        const taken = takenUp(kernel);
        const running = run(loop);
        await taken;
        await setTimeout(500);
        await kernel.interrupt();
        const { reply } = await running;
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
}
