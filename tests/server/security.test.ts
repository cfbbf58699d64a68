// Who may not do what: every request that is not the reader's own is refused.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import path from "node:path";
import { WebSocket } from "ws";
import { type RunningServer, startWorkbench } from "../support/workbench.ts";

const secret = "what nobody may read";

/** An answer, with its path sent as it is written: no client has resolved dots or changed the Host header. */
interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

describe("server: what is refused", function () {
  this.timeout(60_000);
  let server: RunningServer;
  let other: RunningServer;
  let outside: string;

  before(async () => {
    [server, other] = await Promise.all([startWorkbench(["--max-body", "1"]), startWorkbench()]);
    outside = path.join(path.dirname(server.folder), "outside");
    mkdirSync(outside);
    writeFileSync(path.join(outside, "secret.txt"), secret);
    writeFileSync(path.join(server.folder, "open.txt"), "for all");
    writeFileSync(path.join(server.folder, ".hidden.txt"), secret);
    mkdirSync(path.join(server.folder, ".folder"));
    writeFileSync(path.join(server.folder, ".folder", "in.txt"), secret);
    symlinkSync(path.join(outside, "secret.txt"), path.join(server.folder, "link.txt"));
    symlinkSync(outside, path.join(server.folder, "linked"));
    symlinkSync(path.join(outside, "not yet.txt"), path.join(server.folder, "dangling.txt"));
    symlinkSync(path.join(server.folder, "open.txt"), path.join(server.folder, "inner.txt"));
  });
  after(async () => {
    await Promise.all([server.stop(), other.stop()]);
  });

  function ask(
    method: string,
    to: string,
    { headers = {}, body = "" }: { headers?: http.OutgoingHttpHeaders; body?: string | Buffer } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        { host: "127.0.0.1", port: server.port, method, path: to, headers, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }
  const withToken = (headers: http.OutgoingHttpHeaders = {}) => ({
    headers: { authorization: `token ${server.token}`, ...headers },
  });

  /** Opens a websocket; gives the status that refuses it, or 101. */
  function openSocket(to: string, headers: { [name: string]: string } = {}): Promise<number> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${to}`, { headers });
      socket.once("open", () => {
        socket.terminate();
        resolve(101);
      });
      socket.once("unexpected-response", (_request, response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      socket.once("error", () => undefined);
    });
  }

  /** The cookies of a browser that opened the address with the token. */
  async function cookies(of: RunningServer = server): Promise<{ cookie: string; xsrf: string }> {
    const response = await fetch(`${of.url}?token=${of.token}`, {
      headers: { accept: "text/html" },
      redirect: "manual",
    });
    const set = response.headers.getSetCookie().map((line) => line.split(";")[0]!);
    return {
      cookie: set.join("; "),
      xsrf: set.find((one) => one.startsWith("_xsrf="))!.slice("_xsrf=".length),
    };
  }

  function assertRefused({ status, text }: Answer, what: string, wanted = 403): void {
    assert.equal(status, wanted, `${what}: ${text}`);
    const { message, reason } = JSON.parse(text);
    assert.ok(typeof message === "string" && message !== "" && reason !== undefined, what);
  }

  it("requests without the token, or with a wrong one", async () => {
    const routes = [
      ["GET", "/api/contents"],
      ["PUT", "/api/contents/new.txt"],
      ["DELETE", "/api/contents/open.txt"],
      ["GET", "/api/contents/open.txt/checkpoints"],
      ["GET", "/api/kernels"],
      ["POST", "/api/kernels"],
      ["GET", "/api/sessions"],
      ["POST", "/api/sessions"],
      ["GET", "/api/kernelspecs"],
      ["GET", "/api/me"],
      ["GET", "/api/status"],
      ["GET", "/api/config/notebook"],
      ["PATCH", "/api/config/notebook"],
      ["POST", "/api/shutdown"],
      ["POST", "/api/events"],
      ["GET", "/files/open.txt"],
      ["GET", "/kernelspecs/tilewright/logo-svg.svg"],
      ["GET", "/assets/index.js"],
      ["GET", "/"],
    ] as const;
    const proofs: http.OutgoingHttpHeaders[] = [
      {},
      { authorization: "token wrong" },
      { authorization: `token ${server.token}x` },
      { authorization: `Basic ${Buffer.from(`:${server.token}`).toString("base64")}` },
      { cookie: `tilewright-${server.port}=${server.token}; _xsrf=a`, "x-xsrftoken": "a" },
    ];
    for (const [method, to] of routes) {
      for (const headers of proofs) assertRefused(await ask(method, to, { headers }), `${method} ${to}`);
      assertRefused(await ask(method, `${to}?token=wrong`), `${method} ${to}?token=wrong`);
    }
    assert.ok(existsSync(path.join(server.folder, "open.txt")));
    for (const to of ["/api/events/subscribe", "/api/kernels/x/channels"]) {
      assert.equal(await openSocket(to), 403);
      assert.equal(await openSocket(`${to}?token=wrong`), 403);
    }
    assert.equal(await openSocket(`/api/events/subscribe?token=${server.token}`), 101);
    // A browser is asked for the token instead.
    const page = await ask("GET", "/a?b=c", { headers: { accept: "text/html" } });
    assert.deepEqual([page.status, page.headers.location], [302, "/login?next=%2Fa%3Fb%3Dc"]);
  });

  it("a second user's token and cookie", async () => {
    assertRefused(
      await ask("GET", "/api/contents", { headers: { authorization: `token ${other.token}` } }),
      "token",
    );
    const theirs = await cookies(other);
    assertRefused(await ask("GET", "/api/contents", { headers: { cookie: theirs.cookie } }), "cookie");
    const renamed = theirs.cookie.replace(`tilewright-${other.port}`, `tilewright-${server.port}`);
    assert.notEqual(renamed, theirs.cookie);
    assertRefused(
      await ask("GET", "/api/contents", { headers: { cookie: renamed } }),
      "cookie under our name",
    );
    assert.equal(await openSocket("/api/events/subscribe", { cookie: renamed }), 403);
  });

  it("changes with the cookie alone, without its twin in a header", async () => {
    const { cookie, xsrf } = await cookies();
    const body = JSON.stringify({ type: "file", format: "text", content: "" });
    const put = (headers: http.OutgoingHttpHeaders) =>
      ask("PUT", "/api/contents/by-cookie.txt", { headers: { cookie, ...headers }, body });
    assert.equal((await ask("GET", "/api/contents", { headers: { cookie } })).status, 200);
    for (const headers of [
      {},
      { "x-xsrftoken": "" },
      { "x-xsrftoken": `${xsrf}0` },
      { "x-xsrftoken": "undefined" },
    ])
      assertRefused(await put(headers), JSON.stringify(headers));
    const session = cookie.split("; ").find((one) => one.startsWith("tilewright"))!;
    assertRefused(await put({ cookie: session, "x-xsrftoken": "" }), "no _xsrf cookie");
    assert.ok(!existsSync(path.join(server.folder, "by-cookie.txt")));
    assert.equal((await put({ "x-xsrftoken": xsrf })).status, 201);
  });

  it("requests and websockets from pages of other origins", async () => {
    const { cookie, xsrf } = await cookies();
    const origins = [
      "http://evil.example",
      "null",
      `http://127.0.0.1:${other.port}`,
      "http://127.0.0.1",
      `http://127.0.0.1:${server.port}.evil.example`,
      `https://evil.example/?127.0.0.1:${server.port}`,
      "not an origin",
    ];
    for (const origin of origins) {
      const proofs = [withToken({ origin }), { headers: { origin, cookie, "x-xsrftoken": xsrf } }];
      for (const proof of proofs) assertRefused(await ask("POST", "/api/contents", proof), origin);
      assert.equal(await openSocket(`/api/events/subscribe?token=${server.token}`, { origin }), 403, origin);
      assert.equal(await openSocket("/api/events/subscribe", { origin, cookie }), 403, origin);
      // What they may ask for they cannot read: no answer allows it.
      const read = await ask("GET", "/api/contents", withToken({ origin }));
      assert.equal(read.headers["access-control-allow-origin"], undefined);
      assert.equal(read.headers["cross-origin-resource-policy"], "same-origin");
    }
    const own = `http://127.0.0.1:${server.port}`;
    assert.equal(await openSocket("/api/events/subscribe", { origin: own, cookie }), 101);
    assert.equal((await ask("POST", "/api/contents", withToken({ origin: own }))).status, 201);
  });

  it("requests by a name that somebody pointed here (DNS rebinding)", async () => {
    const { cookie } = await cookies();
    const hosts = [
      "evil.example",
      `evil.example:${server.port}`,
      `127.0.0.1.evil.example:${server.port}`,
      `localhost.evil.example:${server.port}`,
      "192.0.2.7",
    ];
    for (const host of hosts) {
      assertRefused(await ask("GET", "/api", { headers: { host } }), host);
      assertRefused(await ask("GET", "/api/contents", withToken({ host })), host);
      assertRefused(await ask("GET", "/", { headers: { host, cookie, accept: "text/html" } }), host);
      assert.equal(await openSocket(`/api/events/subscribe?token=${server.token}`, { host }), 403, host);
    }
    assert.equal((await ask("GET", "/api", { headers: { host: "127.0.0.1@evil.example" } })).status, 400);
    for (const host of [
      `localhost:${server.port}`,
      `127.0.0.1:${server.port}`,
      `[::1]:${server.port}`,
      "127.0.0.1",
    ])
      assert.equal((await ask("GET", "/api/contents", withToken({ host }))).status, 200, host);
  });

  it("paths that lead out of the folder, or to what is hidden", async () => {
    const up = ["..", "%2e%2e", ".%2e", "%2E%2E", "%252e%252e", "..%00", "...."];
    const paths = [
      ...up.flatMap((dots) => [`${dots}/outside/secret.txt`, `a/${dots}/${dots}/outside/secret.txt`]),
      ...["..%2foutside%2fsecret.txt", "..%252foutside%252fsecret.txt", "..\\outside\\secret.txt"],
      ...["..%5coutside%5csecret.txt", "%c0%ae%c0%ae/outside/secret.txt"],
      ...[`/${outside}/secret.txt`, encodeURIComponent(`${outside}/secret.txt`), `${outside}/secret.txt`],
      ...["link.txt", "linked/secret.txt", "linked", "linked/../link.txt", "dangling.txt", "linked/new.txt"],
      ...[".hidden.txt", ".folder/in.txt", "%2ehidden.txt", ".folder", "./.hidden.txt"],
    ];
    const before = readdirSync(server.folder).sort();
    const file = { type: "file", format: "text", content: "written" };
    for (const at of paths) {
      const read = [
        await ask("GET", `/api/contents/${at}`, withToken()),
        await ask("GET", `/files/${at}`, withToken()),
      ];
      const checkpoint = [
        await ask("POST", `/api/contents/${at}/checkpoints`, withToken()),
        await ask("POST", `/api/contents/${at}/checkpoints/checkpoint`, withToken()),
        await ask("DELETE", `/api/contents/${at}/checkpoints/checkpoint`, withToken()),
      ];
      const removed = await ask("DELETE", `/api/contents/${at}`, withToken());
      for (const answer of [...read, ...checkpoint, removed]) {
        assert.ok(answer.status >= 400 && answer.status < 500, `${at}: ${answer.status} ${answer.text}`);
        assert.ok(!answer.text.includes(secret), at);
      }
      const plain = decodeURIComponent(at.replace("%c0%ae%c0%ae", ".."));
      const posts = [
        await ask("POST", "/api/contents", { ...withToken(), body: JSON.stringify({ copy_from: plain }) }),
        await ask("PATCH", `/api/contents/${at}`, {
          ...withToken(),
          body: JSON.stringify({ path: "taken.txt" }),
        }),
      ];
      for (const { status, text } of posts)
        assert.ok(status >= 400 && status < 500, `${at}: ${status} ${text}`);
      // A doubly encoded path is the name of a new file; everything else is refused.
      if (!/%25|\.{4}|\\|%5c/.test(at) && !at.includes(outside) && !at.includes("%2F")) {
        const put = await ask("PUT", `/api/contents/${at}`, { ...withToken(), body: JSON.stringify(file) });
        assert.ok(put.status >= 400 && put.status < 500, `PUT ${at}: ${put.status} ${put.text}`);
        const to = JSON.stringify({ path: plain });
        const moved = await ask("PATCH", "/api/contents/open.txt", { ...withToken(), body: to });
        assert.ok(moved.status >= 400 && moved.status < 500, `to ${at}: ${moved.status} ${moved.text}`);
      }
    }
    assert.deepEqual(readdirSync(outside), ["secret.txt"]);
    assert.equal(readFileSync(path.join(outside, "secret.txt"), "utf8"), secret);
    assert.deepEqual(readdirSync(server.folder).sort(), before);
    assert.equal(
      (await ask("GET", "/files/inner.txt", withToken())).text,
      "for all",
      "a link that stays inside",
    );
    const { content } = JSON.parse((await ask("GET", "/api/contents", withToken())).text);
    const names = content.map(({ name }: { name: string }) => name);
    assert.ok(
      names.includes("inner.txt") && !names.some((name: string) => /link|dangling|^\./.test(name)),
      names,
    );
  });

  it("paths of the page, of kernels' pictures and of settings that lead elsewhere", async () => {
    for (const at of [
      "/../package.json",
      "/%2e%2e/package.json",
      "/..%2fpackage.json",
      "/assets/..%2f..%2f..%2fpackage.json",
      "/kernelspecs/tilewright/..%2f..%2fpackage.json",
      "/kernelspecs/..%2f..%2f/kernel.json",
      "/kernelspecs/python3/kernel.json",
      "/kernelspecs/python3/..%2fpython3%2fkernel.json",
      "/api/config/..%2f..%2fpackage",
    ]) {
      const { status, text } = await ask("GET", at, withToken());
      assert.ok(status >= 400 && status < 500, `${at}: ${status}`);
      assert.doesNotMatch(text, /"version"|argv/);
    }
  });

  it("bodies and messages that are too large", async () => {
    const content = "x".repeat(2 * 1024 * 1024);
    const body = JSON.stringify({ type: "file", format: "text", content });
    const sized = await ask("PUT", "/api/contents/big.txt", {
      ...withToken({ "content-length": body.length }),
      body,
    });
    assertRefused(sized, "with a length", 413);
    const chunked = await new Promise<number>((resolve, reject) => {
      const request = http.request(
        {
          host: "127.0.0.1",
          port: server.port,
          method: "PUT",
          path: "/api/contents/big.txt",
          ...withToken(),
        },
        (response) => {
          response.resume();
          resolve(response.statusCode!);
        },
      );
      request.on("error", reject);
      for (let at = 0; at < body.length; at += 65536) request.write(body.slice(at, at + 65536));
      request.end();
    });
    assert.equal(chunked, 413);
    assert.ok(!existsSync(path.join(server.folder, "big.txt")));
    const { id } = JSON.parse((await ask("POST", "/api/kernels", withToken())).text);
    const socket = new WebSocket(
      `ws://127.0.0.1:${server.port}/api/kernels/${id}/channels?token=${server.token}`,
    );
    const code = await new Promise((resolve) => {
      socket.once("open", () => socket.send(content));
      socket.once("close", resolve);
    });
    assert.equal(code, 1009);
    assert.equal((await ask("DELETE", `/api/kernels/${id}`, withToken())).status, 204);
  });

  it("a login with a wrong token, and a login that leads to another site", async () => {
    const form = (token: string, next: string) => ({ body: new URLSearchParams({ token, next }).toString() });
    assert.equal((await ask("POST", "/login", form("wrong", "/"))).status, 401);
    for (const next of [
      "https://evil.example/",
      "//evil.example/",
      "/\\evil.example",
      "javascript:alert(1)",
    ]) {
      const { status, headers } = await ask("POST", "/login", form(server.token, next));
      assert.deepEqual([status, headers.location], [303, "/"], next);
    }
    const { headers } = await ask("GET", `//evil.example/?token=${server.token}`, {
      headers: { accept: "text/html" },
    });
    assert.ok(!headers.location?.startsWith("//"), headers.location);
    const shown = await ask("GET", `/login?next=${encodeURIComponent('/"><script>alert(1)</script>')}`);
    assert.ok(!shown.text.includes("<script>"));
  });

  it("answers that a browser would guess at, frame or share", async () => {
    const { cookie } = await cookies();
    const page = await ask("GET", "/", { headers: { cookie, accept: "text/html" } });
    assert.equal(page.status, 200);
    const expected = {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "credentialless",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    };
    writeFileSync(path.join(server.folder, "page.html"), "<script>parent.alert(1)</script>");
    const file = await ask("GET", "/files/page.html", withToken());
    const api = await ask("GET", "/api/contents", withToken());
    for (const { headers } of [page, file, api]) {
      for (const [name, value] of Object.entries(expected)) assert.equal(headers[name], value);
    }
    const policy = ({ headers }: Answer) => String(headers["content-security-policy"]);
    assert.match(policy(file), /sandbox allow-scripts$/);
    assert.match(policy(api), /default-src 'none'/);
    const scripts = /script-src ([^;]*)/.exec(policy(page))![1]!;
    assert.doesNotMatch(scripts, /unsafe-inline|\*|https?:/);
    assert.match(policy(page), /frame-ancestors 'self'/);
  });

  it("other users of the machine: what is left for Jupyter's tools is the reader's alone", async () => {
    const runtime = server.env.JUPYTER_RUNTIME_DIR!;
    await ask("POST", "/api/kernels", withToken());
    const files = readdirSync(runtime).map((name) => path.join(runtime, name));
    assert.equal(files.length, 2);
    for (const file of files) assert.equal(statSync(file).mode & 0o077, 0, file);
    const word = JSON.parse(readFileSync(files.find((file) => file.includes("jpserver"))!, "utf8"));
    assert.deepEqual([word.port, word.token, word.root_dir], [server.port, server.token, server.folder]);
  });
});
