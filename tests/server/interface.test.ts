// What of our server's interface the comparison with jupyter_server does not reach.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { WorkbenchServer } from "../../kernel/server/server.ts";
import type { Settings } from "../../kernel/server/settings.ts";

const token = "only-for-this-test";

/** What a server of a test has in place of the user's folders. */
const userFolders = [
  "HOME",
  "XDG_DATA_HOME",
  "JUPYTER_DATA_DIR",
  "JUPYTER_CONFIG_DIR",
  "JUPYTER_RUNTIME_DIR",
];

describe("server: its interface", function () {
  this.timeout(30_000);
  const before_ = new Map(userFolders.map((name) => [name, process.env[name]]));
  let home: string;
  let folder: string;
  let server: WorkbenchServer;

  before(async () => {
    home = realpathSync(mkdtempSync(path.join(os.tmpdir(), "tilewright-interface-")));
    folder = path.join(home, "notebooks");
    mkdirSync(folder);
    mkdirSync(path.join(home, "page", "assets"), { recursive: true });
    writeFileSync(path.join(home, "page", "index.html"), "<!doctype html><title>The page</title>");
    const script = path.join(home, "page", "assets", "index-Ab12Cd34.js");
    const text = "a".repeat(4000);
    writeFileSync(script, text);
    writeFileSync(`${script}.gz`, gzipSync(text));
    for (const name of userFolders) process.env[name] = path.join(home, name.toLowerCase());
    server = await WorkbenchServer.start(settings());
  });
  after(async () => {
    await server.close();
    for (const [name, value] of before_) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(home, { recursive: true, force: true });
  });

  function settings(more: Partial<Settings> = {}): Settings {
    return {
      root: folder,
      ip: "127.0.0.1",
      port: 0,
      portRetries: 0,
      token,
      base: "/",
      allowHosts: [],
      allowOrigins: [],
      allowHidden: false,
      maxBody: 100 * 1024 * 1024,
      cullIdle: 0,
      cullConnected: false,
      trySeconds: 60,
      page: path.join(home, "page"),
      ...more,
    };
  }

  const ask = (to: string, init: RequestInit = {}, of = server) =>
    fetch(of.url + to, { ...init, headers: { authorization: `token ${token}`, ...init.headers } });
  const put = (to: string, body: unknown, headers: { [name: string]: string } = {}) =>
    ask(`api/contents/${to}`, { method: "PUT", body: JSON.stringify(body), headers });
  const file = (content: string) => ({ type: "file", format: "text", content });
  const read = (name: string) => readFileSync(path.join(folder, name), "utf8");

  it("tells when a file has changed on disk: by its date, by its hash, and when it is to be replaced", async () => {
    await put("shared.txt", file("first"));
    const model = async () => (await ask("api/contents/shared.txt?content=0&hash=1")).json();
    const opened = await model();
    assert.equal(opened.hash, createHash("sha256").update("first").digest("hex"));
    assert.deepEqual([opened.hash_algorithm, opened.content], ["sha256", null]);
    writeFileSync(path.join(folder, "shared.txt"), "by somebody else");
    const changed = await model();
    assert.ok(changed.hash !== opened.hash && changed.last_modified > opened.last_modified);
    const refused = await put("shared.txt", file("mine"), { "if-match": `"${opened.hash}"` });
    assert.equal(refused.status, 412);
    assert.match((await refused.json()).message, /has changed on disk/);
    assert.equal(read("shared.txt"), "by somebody else");
    assert.equal((await put("shared.txt", file("mine"), { "if-match": `"${changed.hash}"` })).status, 200);
    assert.equal(read("shared.txt"), "mine");
    assert.equal((await put("new.txt", file(""), { "if-match": '"x"' })).status, 412);
    const folderModel = await (await ask("api/contents/?hash=1")).json();
    assert.equal(folderModel.hash, null);
  });

  it("of many saves of one file at the same time, each is whole, and a conflict is seen by all but one", async () => {
    await put("raced.txt", file("start"));
    const { hash } = await (await ask("api/contents/raced.txt?content=0&hash=1")).json();
    const contents = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(100_000));
    const saved = await Promise.all(
      contents.map((text) => put("raced.txt", file(text), { "if-match": `"${hash}"` })),
    );
    assert.deepEqual(saved.map(({ status }) => status).sort(), [200, ...Array(7).fill(412)]);
    assert.ok(contents.includes(read("raced.txt")));
    const made = await Promise.all(
      contents.map(async () =>
        (await ask("api/contents", { method: "POST", body: '{"type":"notebook"}' })).json(),
      ),
    );
    assert.equal(new Set(made.map(({ name }) => name)).size, 8, "eight names");
  });

  it("takes large files in parts, which appear as a whole", async () => {
    const part = (chunk: number, text: string) =>
      put("large.bin", {
        type: "file",
        format: "base64",
        content: Buffer.from(text).toString("base64"),
        chunk,
      });
    assert.equal((await part(1, "one ")).status, 201);
    assert.ok(!readdirSync(folder).includes("large.bin"));
    await part(2, "two ");
    assert.equal((await part(-1, "three")).status, 201);
    assert.equal(read("large.bin"), "one two three");
    await part(1, "again ");
    assert.equal((await part(3, "out of turn")).status, 400);
    assert.equal((await part(-1, "end")).status, 400);
    assert.equal(read("large.bin"), "one two three");
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(".~")),
      [],
    );
  });

  it("refuses to save what is no notebook as one, and keeps what was there", async () => {
    const good = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] };
    await put("kept.ipynb", { type: "notebook", content: good });
    const text = read("kept.ipynb");
    for (const content of [
      null,
      "x",
      [],
      {},
      { ...good, nbformat: 3 },
      { ...good, cells: [{ cell_type: "odd" }] },
    ]) {
      const response = await put("kept.ipynb", { type: "notebook", content });
      assert.equal(response.status, 400);
      assert.match((await response.json()).message, /kept\.ipynb/);
    }
    assert.equal(read("kept.ipynb"), text);
    writeFileSync(path.join(folder, "merge.ipynb"), "<<<<<<< HEAD\n{}");
    const broken = await ask("api/contents/merge.ipynb");
    assert.equal(broken.status, 400);
    assert.match((await broken.json()).message, /conflict marks of a merge/);
    assert.equal(
      (await ask("api/contents/merge.ipynb?type=file")).status,
      200,
      "it can still be opened as text",
    );
  });

  it("saving through a link keeps the link", async () => {
    writeFileSync(path.join(folder, "target.txt"), "old");
    symlinkSync("target.txt", path.join(folder, "alias.txt"));
    assert.equal((await put("alias.txt", file("new"))).status, 200);
    assert.equal(read("target.txt"), "new");
  });

  it("puts what is deleted into the trash, folders with all they hold", async () => {
    mkdirSync(path.join(folder, "old", "deep"), { recursive: true });
    writeFileSync(path.join(folder, "old", "deep", "text.txt"), "precious");
    assert.equal((await ask("api/contents/old", { method: "DELETE" })).status, 204);
    assert.ok(!readdirSync(folder).includes("old"));
    const trash = path.join(process.env.XDG_DATA_HOME!, "Trash");
    assert.equal(readFileSync(path.join(trash, "files", "old", "deep", "text.txt"), "utf8"), "precious");
    assert.match(
      readFileSync(path.join(trash, "info", "old.trashinfo"), "utf8"),
      /^\[Trash Info\]\nPath=.*\/old\nDeletionDate=/,
    );
  });

  it("gives parts of files, and says when they have not changed", async () => {
    writeFileSync(path.join(folder, "bytes.bin"), "0123456789");
    const part = async (range: string) => {
      const response = await ask("files/bytes.bin", { headers: { range } });
      return [response.status, await response.text(), response.headers.get("content-range")];
    };
    assert.deepEqual(await part("bytes=2-4"), [206, "234", "bytes 2-4/10"]);
    assert.deepEqual(await part("bytes=7-"), [206, "789", "bytes 7-9/10"]);
    assert.deepEqual(await part("bytes=-3"), [206, "789", "bytes 7-9/10"]);
    assert.deepEqual(await part("bytes=20-"), [416, "", "bytes */10"]);
    const whole = await ask("files/bytes.bin?download=1");
    assert.equal(await whole.text(), "0123456789");
    assert.equal(whole.headers.get("content-disposition"), "attachment; filename*=UTF-8''bytes.bin");
    const again = await ask("files/bytes.bin", { headers: { "if-none-match": whole.headers.get("etag")! } });
    assert.equal(again.status, 304);
    writeFileSync(path.join(folder, "empty.txt"), "");
    assert.equal(await (await ask("files/empty.txt")).text(), "");
    assert.equal((await ask("files/bytes.bin", { method: "HEAD" })).headers.get("content-length"), "10");
  });

  it("serves the page compressed, with its hashed files kept by the browser", async () => {
    const page = await ask("");
    assert.match(await page.text(), /The page/);
    assert.equal(page.headers.get("cache-control"), "no-cache");
    const hashed = "assets/index-Ab12Cd34.js";
    const script = await ask(hashed, { headers: { "accept-encoding": "gzip, br" } });
    assert.equal(script.headers.get("content-encoding"), "gzip");
    for (const refused of ["identity", "gzip;q=0, br"]) {
      const plain = await ask(hashed, { headers: { "accept-encoding": refused } });
      assert.equal(plain.headers.get("content-encoding"), null);
      assert.match(await plain.text(), /aaaa/);
    }
    assert.match(script.headers.get("cache-control")!, /immutable/);
    assert.match(await script.text(), /aaaa/);
    assert.equal((await ask("", { headers: { "if-none-match": page.headers.get("etag")! } })).status, 304);
    writeFileSync(path.join(home, "page", "index.html"), "<!doctype html><title>A new build</title>");
    assert.match(await (await ask("")).text(), /A new build/);
    assert.equal((await ask("no/such/file.js")).status, 404);
  });

  it("gives a notebook as one page, by the address of Jupyter's servers", async () => {
    assert.deepEqual(await (await ask("api/nbconvert")).json(), { html: { output_mimetype: "text/html" } });
    const cells = [
      { cell_type: "markdown", id: "a", metadata: {}, source: "# A <title>\n\n<script>x()</script>" },
    ];
    mkdirSync(path.join(folder, "sub"), { recursive: true });
    const notebook = JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });
    writeFileSync(path.join(folder, "sub", "a b.ipynb"), notebook);
    writeFileSync(path.join(folder, "broken.ipynb"), "{}");
    writeFileSync(path.join(home, "outside.ipynb"), notebook);
    const answer = await ask("nbconvert/html/sub/a%20b.ipynb?download=true");
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-disposition")!, /attachment; filename\*=UTF-8''a%20b\.html/);
    assert.match(answer.headers.get("content-security-policy")!, /sandbox/);
    const page = await answer.text();
    assert.match(page, /<h1 id="[^"]*">A /);
    assert.doesNotMatch(page, /x\(\)/);
    const status = async (to: string) => (await ask(`nbconvert/html/${to}`)).status;
    assert.equal(await status("gone.ipynb"), 404);
    assert.equal(await status("broken.ipynb"), 400);
    assert.equal(await status("shared.txt"), 400);
    assert.equal(await status("..%2foutside.ipynb"), 404);
    const stranger = await fetch(`${server.url}nbconvert/html/sub/a%20b.ipynb`);
    assert.ok(stranger.status === 403 || /login/.test(stranger.url), `${stranger.status} ${stranger.url}`);
    assert.doesNotMatch(await stranger.text(), /<h1 id=/);
  });

  it("keeps settings of clients, merged when they are patched", async () => {
    const config = (method: string, body?: unknown) =>
      ask("api/config/notebook", { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    assert.deepEqual(await (await config("GET")).json(), {});
    assert.equal((await config("PUT", { a: { b: 1, c: 2 } })).status, 204);
    assert.deepEqual(await (await config("PATCH", { a: { b: null, d: [3] } })).json(), {
      a: { c: 2, d: [3] },
    });
    assert.deepEqual(await (await config("GET")).json(), { a: { c: 2, d: [3] } });
  });

  it("works behind a prefix, under another name, and for a page elsewhere, where that is wished", async () => {
    const origin = "https://pages.example";
    const more = {
      base: "/user/ada/",
      allowHosts: ["hub.example"],
      allowOrigins: [origin],
      allowHidden: true,
    };
    const other = await WorkbenchServer.start(settings({ ...more, page: path.join(home, "nothing") }));
    try {
      assert.match(other.url, /\/user\/ada\/$/);
      writeFileSync(path.join(folder, ".dotted"), "");
      const listed = await ask("api/contents", {}, other);
      assert.ok((await listed.json()).content.some(({ name }: { name: string }) => name === ".dotted"));
      const { kernelspecs } = await (await ask("api/kernelspecs", {}, other)).json();
      assert.equal(
        kernelspecs.tilewright.resources["logo-svg"],
        "/user/ada/kernelspecs/tilewright/logo-svg.svg",
      );
      assert.match(await (await ask("kernelspecs/tilewright/logo-svg.svg", {}, other)).text(), /^<svg/);
      const root = await fetch(other.url.replace("user/ada/", "api/contents"), {
        headers: { authorization: `token ${token}` },
      });
      assert.equal(root.status, 404, "nothing outside the prefix");
      assert.match(await (await ask("", {}, other)).text(), /not built yet/);
      const preflight = await fetch(`${other.url}api/contents`, { method: "OPTIONS", headers: { origin } });
      assert.deepEqual(
        [preflight.status, preflight.headers.get("access-control-allow-origin")],
        [204, origin],
      );
      const made = await ask("api/contents", { method: "POST", headers: { origin } }, other);
      assert.deepEqual([made.status, made.headers.get("access-control-allow-origin")], [201, origin]);
      assert.equal(made.headers.get("location")?.startsWith("/user/ada/api/contents/untitled"), true);
    } finally {
      await other.close();
    }
  });

  it("works behind a proxy that lets the reader in and adds the token, and sets no cookies then", async () => {
    const behind = await WorkbenchServer.start(settings({ allowHosts: ["*"] }));
    try {
      const headers = { host: "hub.example", origin: "https://hub.example", "x-forwarded-proto": "https" };
      const through = (method: string, to: string, more: http.OutgoingHttpHeaders = {}) =>
        new Promise<http.IncomingMessage>((resolve, reject) => {
          const options = { port: behind.settings.port, host: "127.0.0.1", method, path: to };
          http
            .request(
              { ...options, headers: { authorization: `token ${token}`, ...headers, ...more } },
              (response) => {
                response.resume();
                resolve(response);
              },
            )
            .on("error", reject)
            .end();
        });
      const page = await through("GET", "/", { accept: "text/html" });
      assert.deepEqual([page.statusCode, page.headers["set-cookie"]], [200, undefined]);
      assert.equal((await through("POST", "/api/contents")).statusCode, 201);
      assert.equal(
        (await through("POST", "/api/contents", { origin: "https://evil.example" })).statusCode,
        403,
      );
    } finally {
      await behind.close();
    }
  });

  it("takes the next port when one is taken, or says that it is", async () => {
    const { port } = server.settings;
    await assert.rejects(WorkbenchServer.start(settings({ port })), /port \d+ is taken: choose another/);
    // 192.0.2.0/24 is for documentation: nobody has it (RFC 5737).
    await assert.rejects(
      WorkbenchServer.start(settings({ ip: "192.0.2.1" })),
      /no address 192\.0\.2\.1: choose one of its own with --ip/,
    );
    const next = await WorkbenchServer.start(settings({ port, portRetries: 20 }));
    assert.ok(next.settings.port > port && next.settings.port <= port + 20);
    await next.close();
  });
});
