// "Try it": models come in, are worked on in processes of their own, and leave nothing behind.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import type { TryEvent } from "../../kernel/server/try-it/events.ts";
import { fromOnnx } from "../../lib/frontend/onnx/index.ts";
import { type NDArray, ndarray, numbersOf } from "../../lib/ir/index.ts";
import { releaseGpu } from "../../lib/runtime/webgpu/device.ts";
import { runInNode, withFolder } from "../lib/deploy/support.ts";
import { oracle } from "../lib/runtime/vm-support.ts";
import { model, tensor } from "../support/onnx-model.ts";
import { smallCnn } from "../support/small-cnn.ts";
import { requireGpu } from "../support/system.ts";
import { unzip } from "../support/unzip.ts";
import { type RunningServer, startWorkbench } from "../support/workbench.ts";

const all = "api/tilewright/try-it";
/** y = x in the shape that the input s says. */
const reshaped = model({
  inputs: { x: ["f32", [6]], s: ["i64", [2]] },
  outputs: ["y"],
  nodes: [{ op: "Reshape", in: ["x", "s"], out: ["y"] }],
});
/** Products of large matrices, one after the other: nothing that is done soon. */
const endless = model({
  inputs: { x: ["f32", [3000, 3000]] },
  outputs: ["y"],
  nodes: Array.from({ length: 30 }, (_, i) => ({
    op: "MatMul",
    in: [i === 0 ? "x" : `v${i}`, "x"],
    out: [i === 29 ? "y" : `v${i + 1}`],
  })),
});

describe("server: Try it", function () {
  this.timeout(300_000);
  let server: RunningServer;
  before(async () => {
    server = await startWorkbench(["--max-body", "1"]);
  });
  after(() => server.stop());
  after(releaseGpu);

  /** The folders of models that the server keeps. */
  const kept = (of = server) => {
    const temporary = of.env.TMPDIR!;
    return readdirSync(temporary)
      .filter((name) => name.startsWith("tilewright-try-"))
      .flatMap((name) => {
        try {
          return readdirSync(path.join(temporary, name));
        } catch (error) {
          // The server removes its folders while this looks.
          if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
          throw error;
        }
      });
  };
  /** Processes that work on models of a server. */
  const workers = (of = server): string[] =>
    execFileSync("ps", ["-eo", "pid=,stat=,args="], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(of.env.TMPDIR!) && !/^\s*\d+\s+Z/.test(line));
  /** Waits until something holds. The test's own limit of time ends it. */
  const until = async (holds: () => boolean) => {
    while (!holds()) await setTimeout(50);
  };

  async function send(bytes: Uint8Array, name = "small.onnx", to = server): Promise<string> {
    const response = await to.request(`${all}?name=${encodeURIComponent(name)}`, {
      method: "POST",
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    assert.equal(response.status, 201, await response.clone().text());
    return ((await response.json()) as { id: string }).id;
  }
  const post = (id: string, what: string, options: object, more: RequestInit = {}, to = server) =>
    to.request(`${all}/${id}/${what}`, { method: "POST", body: JSON.stringify(options), ...more });
  /** The events of a piece of work, to its end. */
  async function work(id: string, options: object = {}, to = server): Promise<TryEvent[]> {
    const response = await post(id, "work", options, {}, to);
    assert.equal(response.status, 200, response.ok ? "" : await response.text());
    const lines = (await response.text()).trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line) as TryEvent);
  }
  /** The status of a request to take a model in of which only the headers are sent. */
  const statusOf = (headers: http.OutgoingHttpHeaders): Promise<number> =>
    new Promise((resolve, reject) => {
      const { port, token } = server;
      const request = http.request({
        ...{ host: "127.0.0.1", port, method: "POST", path: `/${all}?name=x.onnx`, agent: false },
        headers: { authorization: `token ${token}`, ...headers },
      });
      request.on("response", (response) => {
        resolve(response.statusCode!);
        request.destroy();
      });
      request.on("error", reject);
      request.flushHeaders();
    });
  const one = <Name extends TryEvent["event"]>(events: TryEvent[], name: Name) =>
    events.find((e): e is Extract<TryEvent, { event: Name }> => e.event === name);
  /** Starts work and reads until an event comes; gives what ends the connection. */
  async function begin(id: string, reached: (e: TryEvent) => boolean, to = server) {
    const leaving = new AbortController();
    const response = await post(id, "work", {}, { signal: leaving.signal }, to);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ; ) {
      const { value, done } = await reader.read();
      assert.ok(!done, `it ended early: ${text}`);
      text += value;
      const lines = text.split("\n").slice(0, -1);
      if (lines.some((line) => reached(JSON.parse(line) as TryEvent))) break;
    }
    return { leave: () => leaving.abort(), reader };
  }
  const isCompiling = (e: TryEvent) => e.event === "step" && e.step === "compile" && e.state === "began";

  it("says what there is to choose from", async () => {
    const terms = (await (await server.request(all)).json()) as {
      maxBody: number;
      seconds: number;
      machine: { passes: { name: string; brings: string }[]; threads: number };
    };
    assert.equal(terms.maxBody, 2 ** 20);
    assert.equal(terms.seconds, 900);
    assert.ok(terms.machine.threads >= 1);
    assert.ok(terms.machine.passes.some(({ name, brings }) => name === "fuseOps" && brings !== ""));
  });

  it("asks for open sizes, then imports, compiles, measures and bundles", async () => {
    const id = await send(smallCnn());
    const asked = await work(id);
    assert.deepEqual(one(asked, "summary")?.summary.open, { batch: ["x"] });
    assert.deepEqual(one(asked, "needs")?.sizes, ["batch"]);
    assert.deepEqual(asked.at(-1), { event: "end", ok: true });
    assert.equal(one(asked, "measured"), undefined);

    const done = await work(id, { sizes: { batch: 2 }, skip: ["winogradConv2d"] });
    const steps = done.flatMap((e) => (e.event === "step" && e.state === "done" ? [e.step] : []));
    assert.deepEqual(steps, ["read", "import", "compile", "measure", "bundle"]);
    const views = done.flatMap((e) => (e.event === "view" ? [e.view] : []));
    assert.deepEqual(views.sort(), ["graph", "kernels", "memory", "passes", "profile"]);
    assert.ok(one(done, "measured")!.median > 0);
    assert.ok(one(done, "measured")!.flops > 0);
    assert.deepEqual(done.at(-1), { event: "end", ok: true });

    const made = one(done, "bundle")!;
    const response = await server.request(`${all}/${id}/bundle.zip`);
    assert.match(response.headers.get("content-disposition")!, /attachment; filename="small-bundle\.zip"/);
    const archive = Buffer.from(await response.arrayBuffer());
    assert.equal(archive.length, made.zip);
    const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-zip-"));
    try {
      const files = unzip(archive);
      assert.deepEqual(
        [...files].map(([name, { length }]) => [name, length]),
        made.files.map(({ name, bytes }) => [name, bytes]),
      );
      for (const [name, bytes] of files) writeFileSync(path.join(folder, name), bytes);
      const x = Array.from({ length: 2 * 4 * 8 * 8 }, (_, i) => Math.cos(i));
      const got = await runInNode(folder, { x: { data: x, shape: [2, 4, 8, 8], array: "Float32Array" } });
      const given = ndarray("f32", [2, 4, 8, 8], new Uint8Array(Float32Array.from(x).buffer));
      const expected = oracle(fromOnnx(smallCnn(2)), [given]) as NDArray[];
      for (const [k, name] of ["scores", "gates"].entries()) {
        const { data, shape } = got[name]!;
        assert.deepEqual(shape, expected[k]!.shape);
        const want = numbersOf(expected[k]!);
        assert.ok(
          data.every((v, i) => Math.abs(v - want[i]!) < 1e-5),
          `${name}: ${data}`,
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    await server.request(`${all}/${id}`, { method: "DELETE" });
    assert.equal((await server.request(`${all}/${id}/bundle.zip`)).status, 404);
    assert.deepEqual(kept(), []);
    assert.deepEqual(workers(), []);
  });

  it("compiles for WebGPU, and the bundle gives the interpreter's answer in Node", async function () {
    await requireGpu(this);
    const id = await send(smallCnn(1));
    const done = await work(id, { target: "webgpu" });
    assert.equal(one(done, "error"), undefined);
    assert.deepEqual(done.at(-1), { event: "end", ok: true });
    assert.ok(one(done, "measured")!.median > 0);
    const response = await server.request(`${all}/${id}/bundle.zip`);
    const files = unzip(Buffer.from(await response.arrayBuffer()));
    assert.match(files.get("kernels.wgsl")!.toString(), /@compute/);
    await withFolder(async (folder) => {
      for (const [name, bytes] of files) writeFileSync(path.join(folder, name), bytes);
      const x = Array.from({ length: 4 * 8 * 8 }, (_, i) => Math.cos(i));
      const given = { x: { data: x, shape: [1, 4, 8, 8], array: "Float32Array" } };
      const got = await runInNode(folder, given, { webgpu: true });
      const input = ndarray("f32", [1, 4, 8, 8], new Uint8Array(Float32Array.from(x).buffer));
      for (const [k, want] of (oracle(fromOnnx(smallCnn(1)), [input]) as NDArray[]).entries()) {
        const { data, shape } = got[["scores", "gates"][k]!]!;
        const numbers = numbersOf(want);
        assert.deepEqual(shape, want.shape);
        assert.ok(
          data.every((v, i) => Math.abs(v - numbers[i]!) < 1e-4),
          `${data}, must be ${numbers}`,
        );
      }
    });
    await server.request(`${all}/${id}`, { method: "DELETE" });
  });

  it("searches, keeps what it found, and measures again", async () => {
    const id = await send(smallCnn(1));
    const events = await work(id, { trials: 6 });
    assert.equal(one(events, "error"), undefined);
    const last = events.filter((e) => e.event === "tuning").at(-1);
    assert.ok(last?.event === "tuning" && last.trials >= 6, JSON.stringify(last?.text));
    assert.deepEqual(
      events.flatMap((e) => (e.event === "measured" ? [e.tuned] : [])),
      [false, true],
    );
    await server.request(`${all}/${id}`, { method: "DELETE" });
  });

  it("asks for the elements of inputs that decide sizes, and fixes them", async () => {
    const id = await send(reshaped);
    assert.deepEqual(one(await work(id), "needs")?.values, ["s"]);
    const events = await work(id, { values: { s: [2, 3] } });
    assert.deepEqual(one(events, "bundle")?.fixed, ["s"]);
    const wrong = await work(id, { values: { s: [2, 4] } });
    assert.match(one(wrong, "error")!.message, /Reshape/);
    assert.deepEqual(wrong.at(-1), { event: "end", ok: false });
    await server.request(`${all}/${id}`, { method: "DELETE" });
  });

  it("files that are no models, damaged ones and unsupported nodes are the library's clear errors", async () => {
    const junk = one(await work(await send(Buffer.from("not a model at all"))), "error")!;
    assert.equal(junk.name, "OnnxError");
    assert.equal(junk.step, "read");
    const whole = smallCnn(1);
    const torn = one(await work(await send(whole.subarray(0, whole.length / 2))), "error")!;
    assert.equal(torn.name, "OnnxError");
    const strange = model({
      inputs: { x: ["f32", [2]] },
      outputs: ["y"],
      nodes: [
        { op: "Relu", in: ["x"], out: ["a"] },
        { op: "Frobnicate", in: ["a"], out: ["b"], name: "<b>first</b>" },
        { op: "Defenestrate", in: ["b"], out: ["y"], domain: "com.example" },
      ],
    });
    const { problems } = one(await work(await send(strange)), "error")!;
    assert.deepEqual(
      problems!.map(({ where }) => where),
      ['node 1 (Frobnicate "<b>first</b>")', "node 2 (Defenestrate)"],
    );
  });

  it("names from a model are escaped in what is shown", async () => {
    const name = "<img src=x onerror=alert(1)>";
    const bytes = model({
      inputs: { [name]: ["f32", [4]] },
      outputs: ["<script>y"],
      nodes: [{ op: "Relu", in: [name], out: ["<script>y"], name: "<script>alert(1)</script>" }],
    });
    const events = await work(await send(bytes, "<script>.onnx"));
    assert.equal(one(events, "error"), undefined);
    for (const e of events) if (e.event === "view") assert.doesNotMatch(e.html, /<img|<script/i, e.view);
  });

  it("data files that come with a model are read, those that are missing are named", async () => {
    const at = { key: "location", value: "weights/w.bin" };
    const w = { ...tensor("f32", [2, 2], []), dataLocation: 1, externalData: [at] };
    const bytes = model({
      inputs: { x: ["f32", [1, 2]] },
      outputs: ["y"],
      weights: { w },
      nodes: [{ op: "MatMul", in: ["x", "w"], out: ["y"] }],
    });
    const id = await send(bytes);
    assert.match(one(await work(id), "error")!.message, /choose or drop w\.bin together with the model/);
    const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const put = await server.request(`${all}/${id}/data/w.bin`, { method: "PUT", body: data });
    assert.equal(put.status, 204);
    assert.equal(one(await work(id), "error"), undefined);
    for (const bad of ["..", "%2e%2e%2fmodel.onnx", "a%2f..%2f..%2fb"]) {
      const answer = await server.request(`${all}/${id}/data/${bad}`, { method: "PUT", body: data });
      assert.ok([204, 400, 404].includes(answer.status), `${bad}: ${answer.status}`);
    }
    // Whatever their names, they are in the model's own folder.
    const [folder] = readdirSync(server.env.TMPDIR!).filter((n) => n.startsWith("tilewright-try-"));
    const strays = readdirSync(path.join(server.env.TMPDIR!, folder!)).filter((n) => !n.startsWith("model-"));
    assert.deepEqual(strays, []);
    // The notebook has the model and its data beside it.
    const response = await post(id, "notebook", {});
    assert.equal(response.status, 201, await response.clone().text());
    assert.ok(existsSync(path.join(server.folder, "models", "w.bin")));
    await server.request(`${all}/${id}`, { method: "DELETE" });
  });

  it("a notebook has a name of its own, beside the model, and overwrites nothing", async () => {
    mkdirSync(path.join(server.folder, "models"), { recursive: true });
    writeFileSync(path.join(server.folder, "models", "taken.ipynb"), "mine");
    writeFileSync(path.join(server.folder, "models", "taken.onnx"), "mine too");
    const id = await send(smallCnn(), "taken.onnx");
    const make = async () => {
      const response = await post(id, "notebook", { sizes: { batch: 1 } });
      assert.equal(response.status, 201, await response.clone().text());
      return response.json();
    };
    assert.deepEqual(await make(), { notebook: "models/taken-1.ipynb", model: "models/taken-1.onnx" });
    // The same model is there already.
    assert.deepEqual(await make(), { notebook: "models/taken-2.ipynb", model: "models/taken-1.onnx" });
    assert.equal(readFileSync(path.join(server.folder, "models", "taken.ipynb"), "utf8"), "mine");
    assert.equal(readFileSync(path.join(server.folder, "models", "taken.onnx"), "utf8"), "mine too");
    assert.deepEqual(
      readFileSync(path.join(server.folder, "models", "taken-1.onnx")),
      Buffer.from(smallCnn()),
    );
    const strange = await send(smallCnn(), "../..//.hidden $(x)`\u0000.onnx");
    const made = (await (await post(strange, "notebook", {})).json()) as { notebook: string };
    assert.equal(made.notebook, "models/hidden-x.ipynb");
    rmSync(path.join(server.folder, "models"), { recursive: true });
    writeFileSync(path.join(server.folder, "models"), "a file");
    assert.equal((await post(id, "notebook", {})).status, 409);
    rmSync(path.join(server.folder, "models"));
    for (const each of [id, strange]) await server.request(`${all}/${each}`, { method: "DELETE" });
  });

  it("refuses what is too large, options that cannot be meant, unknown models, and whoever has no token", async () => {
    assert.equal(await statusOf({ "content-length": 2 ** 20 + 1 }), 413);
    // A body whose length nobody says.
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(300_000));
      },
    });
    const chunked = await server
      .request(`${all}?name=x.onnx`, { method: "POST", body: stream, duplex: "half" } as RequestInit)
      .catch(() => undefined);
    assert.ok(chunked === undefined || chunked.status === 413, String(chunked?.status));
    assert.equal((await server.request(`${all}?name=x.onnx`, { method: "POST" })).status, 400);
    assert.equal((await server.request(all, { method: "POST", body: "x" })).status, 400);
    const id = await send(smallCnn(1));
    for (const wrong of [
      { target: "quantum" },
      { threads: 0 },
      { threads: "2" },
      { trials: -1 },
      { trials: 1.5 },
      { sizes: { batch: -1 } },
      { sizes: [] },
      { values: { s: ["x"] } },
      { skip: "fuseOps" },
      [],
    ])
      assert.equal((await post(id, "work", wrong)).status, 400, JSON.stringify(wrong));
    assert.equal((await post("0".repeat(32), "work", {})).status, 404);
    for (const [method, to] of [
      ["GET", ""],
      ["POST", "?name=x"],
      ["POST", `/${id}/work`],
      ["GET", `/${id}/bundle.zip`],
      ["POST", `/${id}/notebook`],
      ["DELETE", `/${id}`],
    ] as const)
      assert.equal((await fetch(`${server.url}${all}${to}`, { method })).status, 403, `${method} ${to}`);
    const foreign = await server.request(`${all}/${id}/work`, {
      method: "POST",
      body: "{}",
      headers: { Origin: "https://example.org" },
    });
    assert.equal(foreign.status, 403);
    // Stages that are none, or that cannot be left out, are not left out.
    const events = await work(id, { skip: ["legalizeOps", "nothing"] });
    assert.equal(one(events, "error"), undefined);
    await server.request(`${all}/${id}`, { method: "DELETE" });
    await until(() => kept().every((name) => name.startsWith("model-")));
  });

  it("work ends when the client goes, when it is started again, and when the model is given back", async () => {
    const id = await send(endless, "endless.onnx");
    const first = await begin(id, isCompiling);
    assert.equal(workers().length > 0, true);
    first.leave();
    await until(() => workers().length === 0);

    const second = await begin(id, isCompiling);
    const third = await begin(id, isCompiling);
    // The second was told that it ended.
    for (let text = ""; ; ) {
      const { value, done } = await second.reader.read();
      text += value ?? "";
      if (done) {
        assert.match(text, /started again/);
        assert.match(text, /"event":"end","ok":false/);
        break;
      }
    }
    await server.request(`${all}/${id}`, { method: "DELETE" });
    await until(() => workers().length === 0);
    while (!(await third.reader.read()).done);
    assert.equal((await post(id, "work", {})).status, 404);
  });

  it("two models at a time, no more; the oldest of many is given up", async () => {
    const ids = await Promise.all([1, 2, 3].map((n) => send(endless, `${n}.onnx`)));
    const running = [await begin(ids[0]!, isCompiling), await begin(ids[1]!, isCompiling)];
    const refused = await post(ids[2]!, "work", {});
    assert.equal(refused.status, 429);
    assert.match(await refused.text(), /wait for one of them/);
    for (const { leave } of running) leave();
    await until(() => workers().length === 0);
    // Those that are idle make room.
    const more: string[] = [];
    for (let i = 0; i < 9; i++) more.push(await send(smallCnn(1), `${i}.onnx`));
    await until(() => kept().length <= 8);
    const answers = await Promise.all(more.map((id) => server.request(`${all}/${id}/bundle.zip`)));
    const messages = await Promise.all(answers.map((answer) => answer.text()));
    assert.match(messages[8]!, /no bundle of this model yet/);
    assert.ok(messages.some((text) => /no longer here/.test(text)));
  });

  it("a limit of time, and one of memory", async () => {
    const strict = await startWorkbench(["--try-limit", "3"]);
    try {
      const late = await work(await send(endless, "endless.onnx", strict), {}, strict);
      assert.match(one(late, "error")!.message, /longer than 3 s/);
      assert.deepEqual(late.at(-1), { event: "end", ok: false });
      assert.deepEqual(workers(strict), []);
    } finally {
      await strict.stop();
    }
    const narrow = await startWorkbench([], { TILEWRIGHT_MEMORY_LIMIT: "700M" });
    try {
      // Half a gigabyte for its input alone.
      const huge = model({
        inputs: { x: ["f32", ["n"]] },
        outputs: ["y"],
        nodes: [{ op: "Relu", in: ["x"], out: ["y"] }],
      });
      const id = await send(huge, "huge.onnx", narrow);
      const events = await work(id, { sizes: { n: 125_000_000 } }, narrow);
      assert.match(one(events, "error")!.message, /memory/);
      assert.deepEqual(events.at(-1), { event: "end", ok: false });
      assert.deepEqual(workers(narrow), []);
      // The server is as it was.
      assert.equal((await narrow.request("api/status")).status, 200);
    } finally {
      await narrow.stop();
    }
  });

  it("nothing is left when the server ends, in order or not", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const other = await startWorkbench();
      const temporary = other.env.TMPDIR!;
      try {
        await begin(await send(endless, "endless.onnx", other), isCompiling, other);
        assert.ok(workers(other).length > 0);
        other.process.kill(signal);
        await until(() => workers(other).length === 0);
        if (signal === "SIGTERM") await until(() => kept(other).length === 0);
        else {
          // What a killed server could not remove is removed by the next one that takes a model in.
          assert.ok(existsSync(temporary) && kept(other).length > 0);
          mkdirSync(temporary, { recursive: true });
          const next = await startWorkbench([], { TMPDIR: temporary });
          try {
            await send(smallCnn(1), "small.onnx", next);
            assert.equal(kept(other).length, 1);
          } finally {
            await next.stop();
          }
        }
      } finally {
        await other.stop();
      }
    }
  });
});
