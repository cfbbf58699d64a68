// The server: Jupyter's interface and the page, on one port.

import { rmSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { bodyLimit } from "hono/body-limit";
import { configFolder, runtimeFolder, userDataFolder } from "../jupyter-paths.ts";
import { admit } from "./access/admit.ts";
import { Gate } from "./access/gate.ts";
import { apiPolicy, commonHeaders } from "./access/headers.ts";
import { configRoutes } from "./config.ts";
import { Root } from "./contents/confine.ts";
import { Contents } from "./contents/contents.ts";
import { exportRoutes } from "./contents/export.ts";
import { fileAnswer } from "./contents/files.ts";
import { contentsRoutes } from "./contents/routes.ts";
import { TrustStore } from "./contents/trust.ts";
import { HttpError } from "./errors.ts";
import { errorAnswer, newRoutes, pathAfter, type Routes } from "./http.ts";
import { infoRoutes, leaveWord } from "./info.ts";
import { cullIdleKernels } from "./kernels/cull.ts";
import { Kernels } from "./kernels/manager.ts";
import { kernelRoutes } from "./kernels/routes.ts";
import { Sessions } from "./kernels/sessions.ts";
import { listen } from "./listen.ts";
import { login, loginPage } from "./page/login.ts";
import { Page } from "./page/page.ts";
import type { Settings } from "./settings.ts";
import { tryRoutes } from "./try-it/routes.ts";
import { Tries } from "./try-it/tries.ts";
import { WebSockets } from "./websockets.ts";

/** A running server. */
export class WorkbenchServer {
  readonly settings: Settings;
  readonly kernels: Kernels;
  readonly #contents: Contents;
  readonly #http: HttpServer;
  readonly #sockets: WebSockets;
  readonly #stopCulling: () => void;
  readonly #page: Page;
  readonly #tries: Tries;
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
    this.#tries = new Tries(settings.trySeconds);
    const gate = new Gate(settings);
    this.#http = createAdaptorServer({ fetch: this.#routes(root, gate).fetch }) as HttpServer;
    this.#sockets = new WebSockets(this.#http, gate, this.kernels, settings);
    this.#stopCulling = cullIdleKernels(this.kernels, settings);
  }

  /** Starts a server; resolves when it listens. `settings.port` is then the port it has. */
  static async start(settings: Settings): Promise<WorkbenchServer> {
    const server = new WorkbenchServer(settings);
    server.kernels.startSpare();
    try {
      settings.port = await listen(server.#http, settings);
    } catch (error) {
      server.#stopCulling();
      await server.kernels.close();
      throw error;
    }
    leaveWord(server.#runtimeFile, server.url, settings);
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
    await Promise.all([this.kernels.close(), this.#tries.close()]);
    this.#sockets.close();
    await this.#contents.close();
    this.#http.closeAllConnections();
    await closed;
    rmSync(this.#runtimeFile, { force: true });
  }

  /** Ends what would live on, without waiting for anything. */
  kill(): void {
    this.kernels.kill();
    this.#tries.kill();
    rmSync(this.#runtimeFile, { force: true });
  }

  #routes(root: Root, gate: Gate): Routes {
    const { base, maxBody, trySeconds } = this.settings;
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
    inner.route(
      "/",
      infoRoutes(this.kernels, () => this.onShutdown?.()),
    );
    inner.route("/", configRoutes(path.join(configFolder(), "serverconfig")));
    inner.route("/", contentsRoutes(this.#contents, base));
    inner.route("/", exportRoutes(root, base));
    inner.route("/", tryRoutes(this.#tries, this.#contents, { maxBody, seconds: trySeconds }));
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
}
