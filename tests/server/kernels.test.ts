// Kernels of our server: that die, that are many, whose clients come and go.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { KernelManager } from "@jupyterlab/services";
import { WebSocket } from "ws";
import { skipBecause } from "../../scripts/skip.ts";
import { type RunningServer, startWorkbench } from "../support/workbench.ts";

/** Kernels started and stopped, and how many of them at once. */
const many = 50;
const atOnce = 10;

/** All processes that carry a variable in their environment, from the process table of Linux. */
function processesWith(mark: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const pid = Number(name);
      return readFileSync(`/proc/${name}/environ`, "utf8").includes(mark) ? [pid] : [];
    } catch {
      return [];
    }
  });
}

/** Makes the kernels' start-up snapshot when there is none: the first kernel would, in a process that outlives it. */
function makeSnapshot(): void {
  execFileSync(process.execPath, [path.resolve("dist/kernel/session/language/prepare.js")], {
    stdio: "ignore",
  });
}

async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await setTimeout(50)) {
    if (await holds()) return;
  }
  assert.fail(`waited ${seconds} s: ${what}`);
}

describe("server: kernels", function () {
  this.timeout(90_000);
  const mark = `TILEWRIGHT_TEST_MARK=${process.pid}-${Date.now()}`;
  let server: RunningServer;

  before(async function () {
    if (process.platform !== "linux") skipBecause(this, "processes are counted under /proc");
    makeSnapshot();
    const [name, value] = mark.split("=") as [string, string];
    server = await startWorkbench([], { [name]: value });
  });
  after(() => server?.stop());

  const json = async (method: string, to: string, body?: unknown) => {
    const response = await server.request(to, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${to}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const state = async (id: string) => (await json("GET", `api/kernels/${id}`)).execution_state;
  /** A websocket to a kernel; `hear` hears all of its messages, from the first one on. */
  const socketTo = async (
    id: string,
    session: string,
    hear: (data: Buffer, isBinary: boolean) => void = () => undefined,
    protocols: string[] = [],
  ) => {
    const url = `ws://127.0.0.1:${server.port}/api/kernels/${id}/channels?session_id=${session}&token=${server.token}`;
    const socket = new WebSocket(url, protocols);
    socket.on("message", hear);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return socket;
  };
  const request = (session: string, type: string, content: object, id = `${type}-${Math.random()}`) => ({
    channel: "shell",
    header: {
      msg_id: id,
      msg_type: type,
      session,
      username: "",
      date: new Date().toISOString(),
      version: "5.3",
    },
    parent_header: {},
    metadata: {},
    content,
  });
  const execute = (code: string) => ({
    code,
    silent: false,
    store_history: true,
    allow_stdin: false,
    stop_on_error: true,
  });

  it("the first kernel in the served folder was started ahead: listed from then on, and for that notebook", async () => {
    await until("there is one more", () => processesWith(mark).length > 1);
    assert.deepEqual(await json("GET", "api/kernels"), []);
    assert.deepEqual(await json("GET", "api/sessions"), []);
    const kernelspec = { name: "tilewright", display_name: "Tilewright", language: "typescript" };
    const notebook = { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells: [] };
    mkdirSync(path.join(server.folder, "below"));
    for (const name of ["one.ipynb", "below/two.ipynb"])
      writeFileSync(path.join(server.folder, name), JSON.stringify(notebook));
    // Elsewhere, it cannot be had.
    for (const file of ["below/two.ipynb", "one.ipynb"]) {
      const session = { path: file, name: file, type: "notebook", kernel: { of_notebook: true } };
      const { id, kernel } = await json("POST", "api/sessions", session);
      assert.equal(kernel.name, "tilewright");
      assert.equal((await json("GET", "api/kernels")).length, 1);
      const heard = new Promise<string>((resolve) => {
        const hear = (data: Buffer) => {
          const { header, content } = JSON.parse(String(data));
          if (header.msg_type === "execute_result") resolve(content.data["text/plain"]);
        };
        void socketTo(kernel.id, `s-${file}`, hear).then((socket) =>
          socket.send(
            JSON.stringify(
              request(
                `s-${file}`,
                "execute_request",
                execute("[process.env.JPY_SESSION_NAME, process.cwd()].join(' in ')"),
              ),
            ),
          ),
        );
      });
      const at = path.join(server.folder, file);
      assert.equal(await heard, `'${at} in ${path.dirname(at)}'`);
      await json("DELETE", `api/sessions/${id}`);
    }
    await until("only the server's process is left", () => processesWith(mark).length === 1);
    const missing = { path: "no.ipynb", name: "no.ipynb", type: "notebook", kernel: { of_notebook: true } };
    const answer = await server.request("api/sessions", { method: "POST", body: JSON.stringify(missing) });
    assert.equal(answer.status, 404);
  });

  it(`${many} kernels started and stopped leave no process and no file`, async () => {
    for (let done = 0; done < many; done += atOnce) {
      const kernels: { id: string }[] = await Promise.all(
        Array.from({ length: atOnce }, () => json("POST", "api/kernels", { name: "tilewright" })),
      );
      // Some are stopped while they start, the others when they answer.
      await Promise.all(
        kernels.map(async ({ id }, index) => {
          if (index % 2 === 0) await until(`${id} answers`, async () => (await state(id)) === "idle");
          await json("DELETE", `api/kernels/${id}`);
        }),
      );
    }
    assert.deepEqual(await json("GET", "api/kernels"), []);
    await until("only the server's process is left", () => processesWith(mark).length === 1);
    assert.deepEqual(readdirSync(server.env.TMPDIR!), []);
    assert.deepEqual(readdirSync(server.env.JUPYTER_RUNTIME_DIR!), [`jpserver-${server.process.pid}.json`]);
  });

  it("is busy until its cell is through, whatever it answers meanwhile; says again what was sent but not heard", async () => {
    const { id } = await json("POST", "api/kernels", { name: "tilewright" });
    const heard: { id: string; type: string; text: string }[] = [];
    const hear = (data: Buffer) => {
      const { header, content } = JSON.parse(String(data));
      heard.push({
        id: header.msg_id,
        type: header.msg_type,
        text: content.text ?? content.execution_state ?? "",
      });
    };
    const has = (text: string) => heard.some((one) => one.text.includes(text));
    const socket = await socketTo(id, "again", hear);
    const code = "for (const n of [1, 2, 3]) console.log('line', n); await new Promise(() => undefined)";
    socket.send(JSON.stringify(request("again", "execute_request", execute(code))));
    await until("it runs", () => has("line 3"));
    const completion = { code: "Math.sqr", cursor_pos: 8 };
    socket.send(JSON.stringify(request("again", "complete_request", completion)));
    await until("it has completed", () => heard.some(({ type }) => type === "complete_reply"));
    await until("it has said so", () => has("idle"));
    assert.equal(await state(id), "busy");

    // A client whose line broke after the first line, as far as it knows.
    const before = heard.splice(0);
    const at = before.findIndex(({ text }) => text.includes("line 1"));
    const second = await socketTo(id, `again&heard=${before[at]!.id}`, hear);
    await until("it has heard the rest", () => heard.length >= before.length - at - 1);
    assert.deepEqual(heard, before.slice(at + 1));
    // A message that nobody knows, and none: nothing comes again.
    for (const session of ["again&heard=unknown", "again"]) {
      heard.length = 0;
      const third = await socketTo(id, session, hear);
      await json("POST", `api/kernels/${id}/interrupt`);
      third.send(JSON.stringify(request("again", "execute_request", execute("console.log('line 4')"))));
      await until("the cell was stopped, and the next one ran", () => has("line 4"));
      assert.ok(!has("line 2"));
    }
    assert.notEqual(second.readyState, WebSocket.OPEN);
    await until("it is idle", async () => (await state(id)) === "idle");
    await json("DELETE", `api/kernels/${id}`);
  });

  it("a kernel that dies again and again is dead, says so, and can be restarted", async () => {
    const folder = path.join(server.env.JUPYTER_DATA_DIR!, "kernels", "fragile");
    mkdirSync(folder, { recursive: true });
    const script = path.join(folder, "kernel.mjs");
    const argv = [process.execPath, script, "{connection_file}"];
    writeFileSync(
      path.join(folder, "kernel.json"),
      JSON.stringify({ argv, display_name: "Fragile", language: "x" }),
    );
    writeFileSync(script, "process.exit(1);");
    const { id } = await json("POST", "api/kernels", { name: "fragile" });
    const states: string[] = [];
    const results: string[] = [];
    const socket = await socketTo(id, "s1", (data) => {
      const { header, content } = JSON.parse(String(data));
      if (header.msg_type === "status") states.push(content.execution_state);
      if (header.msg_type === "execute_result") results.push(content.data["text/plain"]);
    });
    await until("it is dead", async () => (await state(id)) === "dead");
    await until("the client knows", () => states.at(-1) === "dead");
    assert.ok(states.filter((one) => one === "restarting").length <= 5);
    let said = "";
    const late = await socketTo(id, "s2", (data) => {
      said ||= JSON.parse(String(data)).content.execution_state;
    });
    await until("one who comes late is told", () => said === "dead");
    const refused = await server.request(`api/kernels/${id}/interrupt`, { method: "POST" });
    assert.equal(refused.status, 500);
    assert.match((await refused.json()).message, /dead: restart it/);

    const main = path.resolve("dist/kernel/jupyter/main.js");
    writeFileSync(
      script,
      `import { runKernel } from ${JSON.stringify(main)};\nawait runKernel(process.argv[2]);`,
    );
    assert.equal((await json("POST", `api/kernels/${id}/restart`)).execution_state, "idle");
    socket.send(JSON.stringify(request("s1", "execute_request", execute("6 * 7"))));
    await until("the websocket that was there before still works", () => results.length > 0);
    assert.deepEqual(results, ["42"]);
    socket.close();
    late.close();
    await json("DELETE", `api/kernels/${id}`);
  });

  it("a kernel whose program is not there is an error that names it", async () => {
    const folder = path.join(server.env.JUPYTER_DATA_DIR!, "kernels", "missing");
    mkdirSync(folder, { recursive: true });
    const spec = { argv: ["/no/such/program"], display_name: "Missing", language: "x" };
    writeFileSync(path.join(folder, "kernel.json"), JSON.stringify(spec));
    const response = await server.request("api/kernels", { method: "POST", body: '{"name":"missing"}' });
    assert.equal(response.status, 500);
    assert.match((await response.json()).message, /cannot start the kernel missing.*\/no\/such\/program/);
    assert.deepEqual(await json("GET", "api/kernels"), []);
  });

  it("a client that comes back hears what it missed, with buffers, in the framing it asks for then", async () => {
    const { id } = await json("POST", "api/kernels");
    const code =
      "const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));\n" +
      "console.log('one'); await wait(1500);\nconsole.log('two');\n'three'";
    const heard: string[] = [];
    const note = (type: string, content: { text?: string; data?: { [mime: string]: string } }) =>
      heard.push(type === "stream" ? content.text!.trim() : (content.data?.["text/plain"] ?? type));
    const first = await socketTo(id, "reader", (data) => {
      const { header, content, channel } = JSON.parse(String(data));
      if (channel === "iopub" && /stream|result/.test(header.msg_type)) note(header.msg_type, content);
    });
    first.send(JSON.stringify(request("reader", "execute_request", execute(code), "the-cell")));
    await until("the first output", () => heard.length > 0);
    first.terminate();
    await until(
      "nobody is connected",
      async () => (await json("GET", `api/kernels/${id}`)).connections === 0,
    );
    await until("the cell is done", async () => (await state(id)) === "idle");
    let reply = "";
    const hear = (data: Buffer) => {
      const offsets = Array.from({ length: Number(data.readBigUInt64LE(0)) }, (_, i) =>
        Number(data.readBigUInt64LE(8 * (i + 1))),
      );
      const [channel, header, parent, , content] = offsets
        .slice(0, -1)
        .map((from, i) => data.subarray(from, offsets[i + 1]).toString());
      const type = JSON.parse(header!).msg_type;
      if (channel === "iopub" && /stream|result/.test(type)) note(type, JSON.parse(content!));
      if (channel === "shell" && JSON.parse(parent!).msg_id === "the-cell")
        reply = JSON.parse(content!).status;
    };
    const second = await socketTo(id, "reader", hear, ["v1.kernel.websocket.jupyter.org"]);
    assert.equal(second.protocol, "v1.kernel.websocket.jupyter.org");
    await until("the reply", () => reply !== "");
    assert.equal(reply, "ok");
    assert.deepEqual(heard, ["one", "two", "'three'"]);
    second.close();
    await json("DELETE", `api/kernels/${id}`);
  });

  it("bytes reach the kernel and come back, in both framings", async () => {
    const manager = new KernelManager({ serverSettings: server.settings });
    const kernel = await manager.startNew({ name: "tilewright" });
    const code =
      "import { acceptComm } from 'tilewright/notebook';\n" +
      "acceptComm('echo', (comm) => { comm.onMessage = ({ data, buffers }) => comm.send(data, { buffers }); });";
    const registered = await kernel.requestExecute({ code }).done;
    assert.equal(registered.content.status, "ok", JSON.stringify(registered.content));
    const sent = [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array(70_000).fill(7)];
    const comm = kernel.createComm("echo");
    const back = new Promise<Uint8Array[]>((resolve) => {
      comm.onMsg = ({ buffers = [] }) =>
        resolve(buffers.map((one) => new Uint8Array(ArrayBuffer.isView(one) ? one.buffer : one)));
    });
    await comm.open({}).done;
    comm.send({}, {}, sent);
    assert.deepEqual(
      (await back).map((one) => [...one]),
      sent.map((one) => [...one]),
    );

    let answer: Buffer[] = [];
    const socket = await socketTo(kernel.id, "legacy", (data, isBinary) => {
      if (!isBinary) return;
      const offsets = Array.from({ length: data.readUInt32BE(0) }, (_, i) => data.readUInt32BE(4 * (i + 1)));
      answer = offsets.slice(1).map((from, i) => data.subarray(from, offsets[i + 2] ?? data.length));
    });
    assert.equal(socket.protocol, "");
    const open = request("legacy", "comm_open", { comm_id: "c2", target_name: "echo", data: {} });
    socket.send(JSON.stringify(open));
    const parts = [
      Buffer.from(JSON.stringify(request("legacy", "comm_msg", { comm_id: "c2", data: {} }))),
      ...sent,
    ];
    const head = Buffer.alloc(4 * (parts.length + 1));
    head.writeUInt32BE(parts.length, 0);
    let at = head.length;
    for (const [index, part] of parts.entries()) {
      head.writeUInt32BE(at, 4 * (index + 1));
      at += part.length;
    }
    socket.send(Buffer.concat([head, ...parts]));
    await until("the answer", () => answer.length > 0);
    assert.deepEqual(
      answer.map((one) => [...one]),
      sent.map((one) => [...one]),
    );
    socket.close();
    await kernel.shutdown();
    manager.dispose();
  });

  it("what is no message closes that connection, and no other", async () => {
    const { id } = await json("POST", "api/kernels");
    let answered = false;
    const good = await socketTo(id, "good", () => {
      answered = true;
    });
    for (const [data, protocols] of [
      ["{", []],
      ["[]", []],
      [Buffer.from([0, 0]), []],
      [Buffer.alloc(64, 255), []],
      [Buffer.alloc(64, 255), ["v1.kernel.websocket.jupyter.org"]],
      ["text", ["v1.kernel.websocket.jupyter.org"]],
    ] as [string | Buffer, string[]][]) {
      const bad = await socketTo(id, "bad", undefined, protocols);
      const code = new Promise((resolve) => bad.once("close", resolve));
      bad.send(data);
      assert.equal(await code, 1007);
    }
    good.send(JSON.stringify(request("good", "kernel_info_request", {})));
    await until("the other connection still works", () => answered);
    good.close();
    await json("DELETE", `api/kernels/${id}`);
  });
});

describe("server: its end", function () {
  this.timeout(60_000);
  before(function () {
    if (process.platform !== "linux") skipBecause(this, "processes are counted under /proc");
    makeSnapshot();
  });

  /** A server with two kernels, one of which runs an endless loop. */
  async function busyServer(options: string[] = []) {
    const mark = `TILEWRIGHT_TEST_MARK=end-${process.pid}-${Math.random()}`;
    const [name, value] = mark.split("=") as [string, string];
    const server = await startWorkbench(options, { [name]: value });
    const manager = new KernelManager({ serverSettings: server.settings });
    const [busy] = await Promise.all([
      manager.startNew({ name: "tilewright" }),
      manager.startNew({ name: "tilewright" }),
    ]);
    await busy.requestExecute({ code: "1" }).done;
    busy.requestExecute({ code: "while (true);" }).done.catch(() => undefined);
    await until("it is busy", () => busy.status === "busy");
    const ended = new Promise<number | null>((resolve) => server.process.once("exit", resolve));
    return { server, mark, manager, ended };
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} ends kernels, also busy ones, and leaves nothing`, async () => {
      const { server, mark, manager, ended } = await busyServer();
      assert.ok(processesWith(mark).length > 3);
      server.process.kill(signal);
      assert.equal(await ended, 0);
      manager.dispose();
      assert.deepEqual(processesWith(mark), []);
      assert.deepEqual(readdirSync(server.env.JUPYTER_RUNTIME_DIR!), []);
      assert.deepEqual(readdirSync(server.env.TMPDIR!), []);
      await server.stop();
    });
  }

  it("kernels of a server that was killed end by themselves, and the next server removes their files", async () => {
    const { server, mark, manager, ended } = await busyServer();
    server.process.kill("SIGKILL");
    await ended;
    manager.dispose();
    await until("all processes have ended", () => processesWith(mark).length === 0, 15);
    const runtime = server.env.JUPYTER_RUNTIME_DIR!;
    assert.ok(readdirSync(runtime).length > 0);
    const next = await startWorkbench([], { JUPYTER_RUNTIME_DIR: runtime });
    const ofOthers = readdirSync(runtime).filter((name) => !name.includes(`-${next.process.pid}`));
    assert.deepEqual(ofOthers, []);
    await next.stop();
    await server.stop();
  });

  it("a client may end it", async () => {
    const server = await startWorkbench();
    const ended = new Promise((resolve) => server.process.once("exit", resolve));
    assert.equal((await server.request("api/shutdown", { method: "POST" })).status, 200);
    assert.equal(await ended, 0);
    await server.stop();
  });

  it("idle kernels are culled where that is wished, connected ones are not", async () => {
    const server = await startWorkbench(["--cull-idle", "1"]);
    const manager = new KernelManager({ serverSettings: server.settings });
    const connected = await manager.startNew({ name: "tilewright" });
    await connected.info;
    const alone = await (await server.request("api/kernels", { method: "POST" })).json();
    const list = async () =>
      (await (await server.request("api/kernels")).json()).map(({ id }: { id: string }) => id);
    assert.ok((await list()).includes(alone.id));
    await until("the idle one is gone", async () => !(await list()).includes(alone.id));
    assert.deepEqual(await list(), [connected.id]);
    manager.dispose();
    await server.stop();
  });
});
