// JupyterLab's SessionManager and KernelManager with our server and with jupyter_server: the same results.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  type Kernel,
  KernelAPI,
  KernelManager,
  type KernelMessage,
  KernelSpecManager,
  type Session,
  SessionAPI,
  SessionManager,
} from "@jupyterlab/services";
import { bothServers } from "../support/both.ts";
import { type RunningServer, takenUp } from "../support/workbench.ts";

describe("compat: sessions and kernels, with our server and with jupyter_server", function () {
  this.timeout(120_000);
  const same = bothServers();

  async function withManagers<T>(
    { settings }: RunningServer,
    use: (sessions: SessionManager, kernels: KernelManager) => Promise<T>,
  ): Promise<T> {
    const kernels = new KernelManager({ serverSettings: settings });
    const sessions = new SessionManager({ serverSettings: settings, kernelManager: kernels });
    try {
      await Promise.all([kernels.ready, sessions.ready]);
      return await use(sessions, kernels);
    } finally {
      await sessions.shutdownAll();
      await kernels.shutdownAll();
      sessions.dispose();
      kernels.dispose();
    }
  }

  /** Runs a cell; gives its reply's status and what it showed. */
  async function run(kernel: Kernel.IKernelConnection, code: string, answer?: string) {
    const future = kernel.requestExecute({ code, allow_stdin: answer !== undefined });
    const shown: unknown[] = [];
    future.onIOPub = ({ header, content }: KernelMessage.IIOPubMessage) => {
      const { data, text, ename, evalue } = content as { [name: string]: unknown };
      if (!/^(status|execute_input)$/.test(header.msg_type))
        shown.push([header.msg_type, data ?? text ?? [ename, evalue]]);
    };
    if (answer !== undefined)
      future.onStdin = (message) => {
        kernel.sendInputReply({ status: "ok", value: answer }, message.header as never);
      };
    const { content } = await future.done;
    return { status: content.status, shown };
  }

  /**
   * The sessions and kernels that the managers know, once that is what the server has: an answer that was under way when
   * they were asked to look again may come later, and be older.
   */
  async function known({ settings }: RunningServer, sessions: SessionManager, kernels: KernelManager) {
    for (;;) {
      await Promise.all([sessions.refreshRunning(), kernels.refreshRunning()]);
      const [there, running] = await Promise.all([
        SessionAPI.listRunning(settings),
        KernelAPI.listRunning(settings),
      ]);
      const told = [[...sessions.running()], [...kernels.running()]] as const;
      const text = (models: readonly { id: string; name: string; type?: string; path?: string }[]) =>
        JSON.stringify(models.map(({ id, name, type, path }) => [id, name, type, path]).sort());
      if (text(told[0]) === text(there) && text(told[1]) === text(running))
        return { sessions: told[0], kernels: told[1] };
      await setTimeout(100);
    }
  }

  /** A session without what is different each time. */
  const told = ({ id, name, path: where, type, kernel }: Session.IModel) => {
    assert.match(id, /^[0-9a-f-]{36}$/);
    return { name, where, type, kernel: kernel?.name };
  };

  it("the same kernels are there", async () => {
    const specs = await same(async ({ settings }) => {
      const manager = new KernelSpecManager({ serverSettings: settings });
      await manager.ready;
      const found = Object.values(manager.specs!.kernelspecs).map((spec) => ({
        name: spec!.name,
        language: spec!.language,
        title: spec!.display_name,
        resources: Object.keys(spec!.resources).sort(),
        metadata: spec!.metadata,
      }));
      manager.dispose();
      return found.sort((a, b) => a.name.localeCompare(b.name));
    });
    assert.deepEqual(
      specs.map(({ name }) => name),
      ["python3", "tilewright"],
    );
  });

  it("a session has its kernel in the notebook's folder, and can be renamed, moved to another kernel and ended", async () => {
    const seen = await same((server) =>
      withManagers(server, async (sessions, kernels) => {
        mkdirSync(path.join(server.folder, "sub"), { recursive: true });
        const done: unknown[] = [];
        const session = await sessions.startNew({
          path: "sub/a.ipynb",
          name: "a",
          type: "notebook",
          kernel: { name: "tilewright" },
        });
        done.push(told(session.model), await run(session.kernel!, "process.cwd().split('/').at(-1)"));
        // A second one for the same notebook is the first.
        const again = await sessions.startNew({
          path: "sub/a.ipynb",
          name: "x",
          type: "notebook",
          kernel: { name: "python3" },
        });
        done.push(again.id === session.id, again.kernel!.id === session.kernel!.id);
        await session.setPath("sub/b.ipynb");
        await session.setName("b");
        await session.setType("console");
        done.push((await known(server, sessions, kernels)).sessions.map(told));
        const before = session.kernel!.id;
        await session.changeKernel({ name: "python3" });
        done.push(await run(session.kernel!, "import os; print(os.path.basename(os.getcwd()))"));
        done.push(
          (await known(server, sessions, kernels)).kernels.map(({ name }) => name),
          session.kernel!.id !== before,
        );
        done.push(
          Boolean(await sessions.findByPath("sub/b.ipynb")),
          Boolean(await sessions.findByPath("sub/a.ipynb")),
        );
        await session.shutdown();
        const left = await known(server, sessions, kernels);
        done.push(left.sessions.length, left.kernels.length);
        return done;
      }),
    );
    assert.match(JSON.stringify(seen), /'sub'.*sub\\n/);
  });

  it("a session ends with its kernel, and a kernel can be given to a session", async () => {
    await same((server) =>
      withManagers(server, async (sessions, kernels) => {
        const kernel = await kernels.startNew({ name: "tilewright" });
        const options = { path: "c.ipynb", name: "", type: "notebook", kernel: { id: kernel.id } };
        const session = await sessions.startNew(options as Session.ISessionOptions);
        const done: unknown[] = [told(session.model), session.kernel!.id === kernel.id];
        await kernel.shutdown();
        done.push(
          (await known(server, sessions, kernels)).sessions.length,
          await sessions.findById(session.id),
        );
        const gone = [
          "api/sessions/00000000-0000-0000-0000-000000000000",
          "api/kernels/00000000-0000-0000-0000-000000000000",
        ];
        for (const at of gone)
          for (const method of ["GET", "DELETE"]) done.push((await server.request(at, { method })).status);
        const bad = ["{}", '{"path":"x"}', "[]"];
        for (const body of bad)
          done.push((await server.request("api/sessions", { method: "POST", body })).status >= 400);
        const unknown = JSON.stringify({
          path: "d.ipynb",
          type: "notebook",
          kernel: { name: "no-such-kernel" },
        });
        const refused = await server.request("api/sessions", { method: "POST", body: unknown });
        done.push(refused.status, Object.keys(await refused.json()).includes("short_message"));
        return done;
      }),
    );
  });

  for (const name of ["tilewright", "python3"]) {
    it(`${name}: cells, questions, completion, comms with bytes, interrupts, restarts`, async () => {
      const python = name === "python3";
      const seen = await same((server) =>
        withManagers(server, async (_, kernels) => {
          const kernel = await kernels.startNew({ name });
          const done: unknown[] = [(await kernel.info).language_info.name, kernel.name];
          done.push(await run(kernel, python ? "print('out')\n6 * 7" : "console.log('out');\n6 * 7"));
          done.push((await run(kernel, python ? "1 / 0" : "throw new RangeError('far')")).status);
          done.push(await run(kernel, python ? "input('name? ')" : "await prompt('name? ')", "Ada"));
          const completed = (await kernel.requestComplete({ code: "kernel_value = 1; kern", cursor_pos: 22 }))
            .content;
          done.push(completed.status);
          done.push((await kernel.requestIsComplete({ code: python ? "if 1:" : "if (1) {" })).content.status);

          // A comm to a target that does not exist is closed by the kernel; its buffers travel in both framings.
          const comm = kernel.createComm("no-such-target");
          const closed = new Promise((resolve) => (comm.onClose = () => resolve("closed")));
          comm.open({ a: 1 }, {}, [new Uint8Array([1, 2, 3]).buffer, new Uint8Array(0).buffer]);
          done.push(await closed);

          await run(kernel, python ? "kept = 'kept'" : "let kept = 'kept';");
          const taken = takenUp(kernel);
          const loop = run(kernel, python ? "while True: pass" : "while (true);");
          await taken;
          await setTimeout(500);
          await kernel.interrupt();
          done.push((await loop).status, await run(kernel, "kept"));

          await kernel.restart();
          done.push((await run(kernel, "kept")).status, (await run(kernel, "1 + 1")).shown);
          // Another client of the same kernel hears what the first one does.
          const other = kernels.connectTo({ model: kernel.model });
          const heard = new Promise<string>((resolve) => {
            other.anyMessage.connect((_sender, { msg }) => {
              if (msg.header.msg_type === "execute_result") resolve(JSON.stringify(msg.content));
            });
          });
          await other.info;
          await run(kernel, "40 + 2");
          done.push((await heard).includes("42"));
          other.dispose();
          await kernel.shutdown();
          done.push(kernel.status);
          return done;
        }),
      );
      assert.match(JSON.stringify(seen), /42.*Ada.*closed.*kept/);
    });
  }

  it("a kernel that dies comes back, and says so", async () => {
    await same((server) =>
      withManagers(server, async (_, kernels) => {
        const kernel = await kernels.startNew({ name: "tilewright" });
        await run(kernel, "let kept = 1;");
        const restarting = new Promise<string>((resolve) => {
          kernel.statusChanged.connect((_sender, status) => {
            if (/restarting/.test(status)) resolve(status);
          });
        });
        kernel.requestExecute({ code: "process.kill(process.ppid, 'SIGKILL')" }).done.catch(() => undefined);
        const status = await restarting;
        // The client opens another websocket by itself.
        while (kernel.connectionStatus !== "connected") await setTimeout(100);
        const after = await run(kernel, "1 + 1");
        return [/restarting/.test(status), after, (await run(kernel, "kept")).status];
      }),
    );
  });
});
