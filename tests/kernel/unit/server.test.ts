// The server's parts that need no server: both framings, the way to a file, who is admitted, names of new files.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { Gate } from "../../../kernel/server/access/gate.ts";
import { isInside, Root } from "../../../kernel/server/contents/confine.ts";
import { contentType, mimeType } from "../../../kernel/server/contents/mime.ts";
import { copyStem, freeName } from "../../../kernel/server/contents/names.ts";
import { HttpError } from "../../../kernel/server/errors.ts";
import { type Framing, legacy, v1 } from "../../../kernel/server/kernels/framing.ts";
import { findSpecs } from "../../../kernel/server/kernels/specs.ts";
import { basePath, isLoopback, type Settings } from "../../../kernel/server/settings.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 8;

describe("server: framing", () => {
  const json = fc.dictionary(fc.string(), fc.jsonValue());
  const header = fc.record({ msg_id: fc.string(), msg_type: fc.string(), session: fc.string() });
  const messages = fc.record({
    channel: fc.constantFrom("shell", "iopub", "stdin", "control"),
    header,
    rest: fc.tuple(json, json, json),
    buffers: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
  });
  const framings: { [name: string]: Framing } = { v1, legacy };
  for (const [name, framing] of Object.entries(framings)) {
    it(`${name}: what is encoded is decoded to the same message`, () => {
      fc.assert(
        fc.property(messages, ({ channel, header, rest, buffers }) => {
          const objects = [header, ...rest];
          const parts = objects.map((part) => Buffer.from(JSON.stringify(part))) as never;
          const sent = framing.encode(channel, { parts, buffers });
          const back = framing.decode(Buffer.from(sent as string), typeof sent !== "string");
          assert.equal(back.channel, channel);
          const same = back.message.parts.map((part) => JSON.parse(Buffer.from(part).toString()));
          assert.deepEqual(same, JSON.parse(JSON.stringify(objects)));
          assert.deepEqual(
            back.message.buffers.map((one) => [...one]),
            buffers.map((one) => [...one]),
          );
        }),
        { seed, numRuns: 100 },
      );
    });
    it(`${name}: bytes that are no message are an error, and nothing else`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, isBinary) => {
          try {
            framing.decode(Buffer.from(bytes), isBinary);
          } catch (error) {
            assert.ok(error instanceof Error && !(error instanceof RangeError), String(error));
          }
        }),
        { seed, numRuns: 300 },
      );
    });
  }
});

describe("server: the way to a file", () => {
  let folder: string;
  let root: Root;
  before(() => {
    const home = realpathSync(mkdtempSync(path.join(os.tmpdir(), "tilewright-confine-")));
    folder = path.join(home, "root");
    mkdirSync(path.join(folder, "sub"), { recursive: true });
    writeFileSync(path.join(home, "outside.txt"), "");
    symlinkSync("..", path.join(folder, "up"));
    symlinkSync(path.join(folder, "sub"), path.join(folder, "in"));
    root = new Root(folder, false);
  });
  after(() => rmSync(path.dirname(folder), { recursive: true, force: true }));

  it("never leads out of the root, whatever the path is made of", async () => {
    const piece = fc.constantFrom(
      "..",
      ".",
      "",
      "sub",
      "up",
      "in",
      "outside.txt",
      "a b",
      "\0",
      "%2e%2e",
      "\\",
      "/",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        try {
          const file = await root.resolve(pieces.join("/"));
          assert.ok(isInside(file, folder) && path.relative(folder, file).split(path.sep)[0] !== "up", file);
        } catch (error) {
          assert.ok(error instanceof HttpError && error.status < 500, String(error));
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  it("leads to files inside, through links inside, and to files that are yet to be made", async () => {
    assert.equal(await root.resolve("/sub/new/deep.txt/"), path.join(folder, "sub/new/deep.txt"));
    assert.equal(await root.resolve("in/x.txt"), path.join(folder, "in/x.txt"));
    assert.equal(await root.resolve(""), folder);
    await assert.rejects(root.resolve("up/outside.txt"), { status: 404 });
    await assert.rejects(root.resolve(".hidden", 400), { status: 400 });
    assert.equal(await new Root(folder, true).resolve(".hidden"), path.join(folder, ".hidden"));
  });
});

describe("server: who is admitted", () => {
  const settings = {
    ip: "127.0.0.1",
    port: 8878,
    token: "the token",
    base: "/",
    allowHosts: [],
    allowOrigins: [],
  };
  const gate = (more: Partial<Settings> = {}) => new Gate({ ...settings, ...more } as unknown as Settings);
  const ask = (headers: { [name: string]: string }, url = "/api/contents", method = "GET") => ({
    method,
    url,
    header: (name: string) => ({ host: "localhost:8878", ...headers })[name],
    isWebSocket: false,
  });

  it("the token counts in a header or the query, and only the whole of it", () => {
    assert.equal(gate({ token: "t" }).admit(ask({ authorization: "Bearer t" })), "token");
    assert.equal(gate({ token: "t" }).admit(ask({ authorization: "token t" })), "token");
    assert.equal(gate().admit(ask({}, "/?a=b&token=the%20token")), "token");
    for (const given of ["", "the", "the token ", "THE TOKEN", "the%2520token"])
      assert.throws(() => gate().admit(ask({}, `/?token=${given}`)), { status: 403 }, given);
  });

  it("a server for the network is reached by address, by other names only where they are allowed", () => {
    const open = gate({ ip: "0.0.0.0", token: "t" });
    const by = (host: string, who = open) => who.admit(ask({ host, authorization: "token t" }));
    for (const host of ["192.0.2.1:8878", "[2001:db8::1]:8878", "localhost"])
      assert.equal(by(host), "token", host);
    assert.throws(() => by("rebound.example"), /--allow-host rebound\.example/);
    assert.equal(by("Hub.Example", gate({ token: "t", allowHosts: ["hub.example"] })), "token");
    assert.equal(by("any.example", gate({ token: "t", allowHosts: ["*"] })), "token");
  });

  it("tells loopback addresses and prefixes", () => {
    for (const host of ["localhost", "127.0.0.1", "127.8.9.10", "::1"]) assert.ok(isLoopback(host), host);
    for (const host of ["127.0.0.1.example", "0.0.0.0", "10.0.0.1", "::", ""])
      assert.ok(!isLoopback(host), host);
    assert.deepEqual(["", "/", "a", "/a/b/"].map(basePath), ["/", "/", "/a/", "/a/b/"]);
  });
});

describe("server: names and kernels", () => {
  it("numbers new files and copies as Jupyter does", async () => {
    assert.deepEqual(copyStem("a.b.ipynb"), { stem: "a.b", suffix: ".ipynb" });
    assert.deepEqual(copyStem("a-Copy3.tar.gz"), { stem: "a", suffix: ".tar.gz" });
    assert.deepEqual(copyStem("plain"), { stem: "plain", suffix: "" });
    const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-names-"));
    for (const name of ["a.txt", "a1.txt"]) writeFileSync(path.join(folder, name), "");
    assert.equal(await freeName(folder, "a", ".txt", ""), "a2.txt");
    assert.equal(await freeName(folder, "b", ".txt", ""), "b.txt");
    rmSync(folder, { recursive: true });
  });

  it("knows what files are", () => {
    assert.deepEqual(["a.md", "b.TS", "c.tar.gz", "d.svg.gz", "e"].map(mimeType), [
      "text/markdown",
      "text/x-typescript",
      "application/x-tar",
      "image/svg+xml",
      undefined,
    ]);
    assert.equal(contentType("c.tgz"), "application/gzip");
    assert.equal(contentType("a.html"), "text/html; charset=UTF-8");
  });

  it("finds kernels in Jupyter's order of folders, ours always, broken ones never", () => {
    const home = mkdtempSync(path.join(os.tmpdir(), "tilewright-specs-"));
    const add = (data: string, name: string, text: string) => {
      const folder = path.join(home, data, "kernels", name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, "kernel.json"), text);
      for (const file of ["logo-64x64.png", "kernel.js", "secret.txt"])
        writeFileSync(path.join(folder, file), "");
    };
    const spec = (title: string) =>
      JSON.stringify({ argv: ["x"], display_name: title, language: "l", env: { A: 1 } });
    add("first", "Same", spec("first"));
    add("second", "same", spec("second"));
    add("second", "broken", "{");
    add("second", "tilewright", spec("somebody else's"));
    add("second", "bad name!", spec("bad"));
    const folders = ["first", "second"].map((name) => path.join(home, name)).join(path.delimiter);
    const specs = findSpecs({ JUPYTER_PATH: folders, HOME: home });
    assert.equal(specs.get("same")?.spec.display_name, "first");
    assert.deepEqual(specs.get("same")?.env, { A: "1" });
    assert.deepEqual(specs.get("same")?.resources, {
      "logo-64x64": "logo-64x64.png",
      "kernel.js": "kernel.js",
    });
    assert.ok(!specs.has("broken") && !specs.has("bad name!"));
    assert.match(String(specs.get("tilewright")?.argv[1]), /cli\.js$/);
    rmSync(home, { recursive: true });
  });
});
