// The server: Jupyter's interface and the page, on one port.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { bodyLimit } from "hono/body-limit";
import { configFolder, runtimeFolder, userDataFolder } from "../jupyter-paths.ts";
import { packageVersion } from "../paths.ts";
import { Gate, queryOf } from "./access/gate.ts";
import { apiPolicy, commonHeaders } from "./access/headers.ts";
import { configRoutes } from "./config.ts";
import { Root } from "./contents/confine.ts";
import { Contents } from "./contents/contents.ts";
import { fileAnswer } from "./contents/files.ts";
import { contentsRoutes } from "./contents/routes.ts";
import { TrustStore } from "./contents/trust.ts";
import { HttpError } from "./errors.ts";
import { askedBy, type Ctx, errorAnswer, newRoutes, pathAfter, type Routes } from "./http.ts";
import { cullIdleKernels } from "./kernels/cull.ts";
import { Kernels } from "./kernels/manager.ts";
import { kernelRoutes } from "./kernels/routes.ts";
import { Sessions } from "./kernels/sessions.ts";
import { login, loginPage } from "./page/login.ts";
import { Page } from "./page/page.ts";
import type { Settings } from "./settings.ts";
import { WebSockets } from "./websockets.ts";

/** The version of Jupyter's server interface that this one follows, which clients look at. */
const interfaceVersion = "2.14.0";

/** A running server. */
export class WorkbenchServer {
  readonly settings: Settings;
  readonly kernels: Kernels;
  readonly #contents: Contents;
  readonly #http: HttpServer;
  readonly #sockets: WebSockets;
  readonly #stopCulling: () => void;
  readonly #page: Page;
  readonly #started = new Date();
  readonly #runtimeFile: string;
  /** Called when a client asks the server to end. */
  onShutdown: (() => void) | undefined;

  private constructor(settings: Settings) {
    this.settings = settings;
    const root = new Root(settings.root, settings.allowHidden);
    const runtime = runtimeFolder();
    this.#runtimeFile = path.join(runtime, `jpserver-${process.pid}.json`);
    this.#contents = new Contents(root, new TrustStore(path.join(userDataFolder(), "tilewright", "trust")));
    this.kernels = new Kernels(root, runtime);
    this.#page = new Page(settings.page);
    const gate = new Gate(settings);
    this.#http = createAdaptorServer({ fetch: this.#routes(root, gate).fetch }) as HttpServer;
    this.#sockets = new WebSockets(this.#http, gate, this.kernels, settings);
    this.#stopCulling = cullIdleKernels(this.kernels, settings);
  }

  /** Starts a server; resolves when it listens. `settings.port` is then the port it has. */
  static async start(settings: Settings): Promise<WorkbenchServer> {
    const server = new WorkbenchServer(settings);
    settings.port = await listen(server.#http, settings);
    server.#leaveWord();
    void server.#page.warm().catch(() => undefined);
    return server;
  }

  /** The address of the page, without the token. */
  get url(): string {
    const { ip, port, base } = this.settings;
    const host = ip === "0.0.0.0" || ip === "::" ? os.hostname() : ip;
    return `http://${host.includes(":") ? `[${host}]` : host}:${port}${base}`;
  }

  /** Ends all kernels, finishes what is being saved, closes all connections and removes what was made for them. */
  async close(): Promise<void> {
    this.#stopCulling();
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    await this.kernels.close();
    this.#sockets.close();
    await this.#contents.close();
    this.#http.closeAllConnections();
    await closed;
    rmSync(this.#runtimeFile, { force: true });
  }

  /** Ends what would live on, without waiting for anything. */
  kill(): void {
    this.kernels.kill();
    rmSync(this.#runtimeFile, { force: true });
  }

  #routes(root: Root, gate: Gate): Routes {
    const { base, maxBody } = this.settings;
    const app = newRoutes();
    app.onError((error, c) => errorAnswer(c, error));
    app.notFound((c) => c.json({ message: "Not Found", reason: null }, 404));
    app.use(async (c, next) => {
      for (const [name, value] of Object.entries(commonHeaders)) c.header(name, value);
      await next();
    });
    app.use((c, next) => admit(c, gate, base, next));
    const tooLarge = () => {
      throw new HttpError(413, `The request is larger than ${maxBody} bytes`);
    };
    app.use(bodyLimit({ maxSize: maxBody, onError: tooLarge }));

    const inner = base === "/" ? app : app.basePath(base.slice(0, -1));
    inner.use("/api/*", async (c, next) => {
      c.header("Content-Security-Policy", apiPolicy);
      c.header("Cache-Control", "no-store");
      await next();
    });
    this.#miscellaneous(inner);
    inner.route("/", configRoutes(path.join(configFolder(), "serverconfig")));
    inner.route("/", contentsRoutes(this.#contents, base));
    inner.route("/", kernelRoutes(this.kernels, new Sessions(this.kernels), base));
    inner.get("/files/*", (c) => fileAnswer(c, root, pathAfter(c, `${base}files/`)));
    inner.get("/login", (c) => loginPage(c, base));
    inner.post("/login", (c) => login(c, gate, base));
    // Where Jupyter's own pages are, and some clients look whether they are let in.
    for (const known of ["/tree", "/lab"]) {
      inner.get(known, async (c) => (await this.#page.answer(c, "")) ?? c.notFound());
    }
    inner.get("/*", async (c) => {
      const answer = await this.#page.answer(c, pathAfter(c, base));
      return answer ?? c.notFound();
    });
    return app;
  }

  #miscellaneous(app: Routes): void {
    app.get("/api", (c) => c.json({ version: interfaceVersion, tilewright: packageVersion() }));
    app.get("/api/status", (c) => {
      const kernels = this.kernels.all();
      const active = kernels.map(({ lastActivity }) => lastActivity.getTime());
      return c.json({
        started: this.#started.toISOString(),
        last_activity: new Date(Math.max(this.#started.getTime(), ...active)).toISOString(),
        connections: kernels.reduce((sum, { id }) => sum + this.kernels.connections(id), 0),
        kernels: kernels.length,
      });
    });
    const { username } = userInfo();
    const identity = {
      username,
      name: username,
      display_name: username,
      initials: username.slice(0, 1).toUpperCase(),
      avatar_url: null,
      color: null,
    };
    app.get("/api/me", (c) => c.json({ identity, permissions: {} }));
    // Clients may tell of events; nobody listens to theirs.
    app.post("/api/events", (c) => c.body(null, 204));
    app.get("/api/nbconvert", (c) => c.json({}));
    app.get("/api/terminals", () => {
      throw new HttpError(404, "This server has no terminals");
    });
    app.post("/api/shutdown", (c) => {
      setImmediate(() => this.onShutdown?.());
      return c.body(null, 200);
    });
  }

  /** Tells of the server where Jupyter's tools look for running ones. */
  #leaveWord(): void {
    const { ip, port, token, base, root } = this.settings;
    const word = {
      base_url: base,
      hostname: ip,
      password: false,
      pid: process.pid,
      port,
      root_dir: root,
      secure: false,
      sock: "",
      token,
      url: this.url,
      version: interfaceVersion,
    };
    mkdirSync(path.dirname(this.#runtimeFile), { recursive: true, mode: 0o700 });
    writeFileSync(this.#runtimeFile, JSON.stringify(word, null, 2), { mode: 0o600 });
  }
}

/** Lets a request in, sends a browser that may not to the login, and takes the token out of a page's address. */
async function admit(c: Ctx, gate: Gate, base: string, next: () => Promise<void>): Promise<Response | void> {
  const asked = askedBy(c);
  const path = asked.url.split("?", 1)[0]!;
  const foreign = gate.foreignOrigin(asked);
  if (foreign !== undefined) {
    c.header("Access-Control-Allow-Origin", foreign);
    c.header("Cross-Origin-Resource-Policy", "cross-origin");
    c.header("Vary", "Origin");
    if (c.req.method === "OPTIONS") {
      c.header("Access-Control-Allow-Methods", "GET, PUT, POST, PATCH, DELETE, OPTIONS");
      c.header("Access-Control-Allow-Headers", "accept, content-type, authorization, x-xsrftoken, if-match");
      return c.body(null, 204);
    }
  }
  const isPage = c.req.method === "GET" && (c.req.header("accept") ?? "").includes("text/html");
  const isOpen = path === `${base}login` || path === `${base}api` || path === `${base}api/`;
  const proof = gate.admit(asked, isOpen || isPage);
  if (isPage && !isOpen && proof === "none")
    return c.redirect(`${base}login?next=${encodeURIComponent(asked.url)}`, 302);
  const query = queryOf(asked.url);
  // A proxy that adds the token to each request needs no cookies, and may have its own.
  if (isPage && proof === "token" && query.has("token") && !path.startsWith(`${base}api/`)) {
    for (const cookie of gate.loginCookies(asked)) c.header("Set-Cookie", cookie, { append: true });
    query.delete("token");
    // A path that began with two slashes would be another site's.
    return c.redirect(`${path.replace(/^\/+/, "/")}${query.size > 0 ? `?${query}` : ""}`, 302);
  }
  await next();
}

function userInfo(): { username: string } {
  try {
    return os.userInfo();
  } catch {
    // A container's user may have no name.
    return { username: "reader" };
  }
}

/** Listens on the port, or on one of those after it; gives the one that was free. */
async function listen(http: HttpServer, { ip, port, portRetries }: Settings): Promise<number> {
  for (let tried = 0; ; tried++) {
    try {
      return await listenOn(http, ip, port === 0 ? 0 : port + tried);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && port !== 0 && tried < portRetries) continue;
      if (code === "EADDRINUSE") throw new Error(`port ${port} is taken: choose another one with --port`);
      throw error;
    }
  }
}

function listenOn(http: HttpServer, ip: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, ip, () => {
      http.off("error", reject);
      resolve((http.address() as { port: number }).port);
    });
  });
}
