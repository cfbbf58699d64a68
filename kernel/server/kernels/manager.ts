// All kernels of a server, and the clients that speak with them.
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { WebSocket } from "ws";
import { kernelName } from "../../install.ts";
import { isAlive } from "../../notebook/save.ts";
import { isObject, type JsonObject } from "../../protocol/messages.ts";
import type { Root } from "../contents/confine.ts";
import { HttpError } from "../errors.ts";
import { KernelChannels } from "./client.ts";
import { legacy, v1, v1Protocol } from "./framing.ts";
import { ManagedKernel } from "./kernel.ts";
import { findSpecs, type Spec } from "./specs.ts";

/** What is started when no kernel is named. */
export const defaultKernel = kernelName;

/** Starts, finds and ends kernels. Failures are `HttpError`s. */
export class Kernels {
  readonly #root: Root;
  readonly #runtime: string;
  readonly #kernels = new Map<string, ManagedKernel>();
  readonly #clients = new Map<string, Map<string, KernelChannels>>();
  #closed = false;
  /** A kernel of ours in the served folder, started ahead of the first who asks for one. Nobody knows of it. */
  #spare: ManagedKernel | undefined;

  /** `runtime` is the folder for connection files. */
  constructor(root: Root, runtime: string) {
    this.#root = root;
    this.#runtime = runtime;
    sweepConnectionFiles(runtime);
  }

  /** The specifications there are now: one that was installed a moment ago counts. */
  specs(): Map<string, Spec> {
    return findSpecs();
  }

  list(): JsonObject[] {
    return [...this.#kernels.keys()].map((id) => this.model(id));
  }

  has(id: string): boolean {
    return this.#kernels.has(id);
  }

  all(): ManagedKernel[] {
    return [...this.#kernels.values()];
  }

  get(id: string): ManagedKernel {
    const kernel = this.#kernels.get(id);
    if (!kernel) throw new HttpError(404, `Kernel does not exist: ${id}`);
    return kernel;
  }

  model(id: string): JsonObject {
    return this.get(id).model(this.connections(id));
  }

  /** How many clients are connected to a kernel. */
  connections(id: string): number {
    return [...(this.#clients.get(id)?.values() ?? [])].filter((client) => client.isAttached).length;
  }

  /** Starts a kernel in the folder that a path of the interface names, or lies in. Gives its id. */
  async start(name: string | undefined, apiPath: string | undefined): Promise<string> {
    if (this.#closed) throw new HttpError(503, "The server is shutting down");
    const spec = this.specs().get((name || defaultKernel).toLowerCase());
    if (!spec) {
      throw new HttpError(
        501,
        `The '${name}' kernel is not available. Install it, or pick another one.`,
        null,
        {
          short_message: `${name} not found`,
        },
      );
    }
    const { cwd, notebook } = await this.#placeFor(apiPath);
    const spare = this.#takeSpare(spec, cwd);
    if (spare) {
      this.#kernels.set(spare.id, spare);
      await spare.adopt(notebook);
      return spare.id;
    }
    const kernel = new ManagedKernel(spec, { id: randomUUID(), cwd, runtime: this.#runtime, notebook });
    this.#kernels.set(kernel.id, kernel);
    try {
      await kernel.start();
    } catch (error) {
      this.#kernels.delete(kernel.id);
      throw new HttpError(500, error instanceof Error ? error.message : String(error));
    }
    return kernel.id;
  }

  /** The name of the kernel that a notebook names, if it does; throws a 404 or 400 `HttpError` for what is no notebook. */
  async namedBy(apiPath: string): Promise<string | undefined> {
    const file = await this.#root.resolve(apiPath);
    let notebook: unknown;
    try {
      notebook = JSON.parse(await readFile(file, "utf8"));
    } catch {
      throw new HttpError(existsSync(file) ? 400 : 404, `There is no notebook ${apiPath}`);
    }
    const metadata = isObject(notebook) && isObject(notebook.metadata) ? notebook.metadata : {};
    const name = isObject(metadata.kernelspec) ? metadata.kernelspec.name : undefined;
    return typeof name === "string" ? name : undefined;
  }

  /**
   * Starts a kernel that the first to ask for one of ours in the served folder will get: it is ready by then. Only the first
   * one waits for a whole page beside the kernel, so there is no second.
   */
  startSpare(): void {
    const spec = this.specs().get(defaultKernel);
    if (!spec) return;
    const place = { id: randomUUID(), cwd: this.#root.folder, runtime: this.#runtime, notebook: undefined };
    const spare = new ManagedKernel(spec, place);
    this.#spare = spare;
    spare.start().catch(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  /** Ends the kernel that was started ahead, if nobody has taken it and it has been there since `before` (a time in ms). */
  async endSpare(before = Number.POSITIVE_INFINITY): Promise<void> {
    const spare = this.#spare;
    if (!spare || spare.lastActivity.getTime() >= before) return;
    this.#spare = undefined;
    await spare.shutdown();
  }

  /** Ends a kernel and forgets it. */
  async shutdown(id: string): Promise<void> {
    const kernel = this.get(id);
    this.#kernels.delete(id);
    await kernel.shutdown();
    for (const client of this.#clients.get(id)?.values() ?? []) client.close("the kernel was shut down");
    this.#clients.delete(id);
  }

  /** Connects a websocket to a kernel. Sessions that come back hear what they missed; `heard` is the last they know. */
  connect(id: string, sessionId: string | undefined, heard: string | undefined, socket: WebSocket): void {
    const kernel = this.#kernels.get(id);
    if (!kernel) return socket.close(1000, `kernel does not exist: ${id}`);
    const clients = this.#clients.get(id) ?? new Map<string, KernelChannels>();
    this.#clients.set(id, clients);
    const session = sessionId || randomUUID();
    const client = clients.get(session) ?? new KernelChannels(kernel, session);
    clients.set(session, client);
    client.attach(socket, socket.protocol === v1Protocol ? v1 : legacy, heard, () => {
      // Only the one who left last may find again what it missed.
      for (const other of clients.values()) {
        if (other === client || other.isAttached) continue;
        other.close();
        clients.delete(other.sessionId);
      }
    });
  }

  /** Ends all kernels; waits for that. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.endSpare(), ...[...this.#kernels.keys()].map((id) => this.shutdown(id))]);
  }

  /** Ends all kernels without asking; for a process that has no more time. */
  kill(): void {
    for (const kernel of this.#kernels.values()) kernel.kill();
    this.#spare?.kill();
  }

  /** The kernel that was started ahead, when it is of this kind and in this folder; it is nobody else's then. */
  #takeSpare({ name }: Spec, cwd: string): ManagedKernel | undefined {
    const spare = this.#spare;
    if (!spare || name !== spare.spec.name || cwd !== this.#root.folder) return undefined;
    if (spare.state === "dead") return undefined;
    this.#spare = undefined;
    return spare;
  }

  async #placeFor(apiPath: string | undefined): Promise<{ cwd: string; notebook: string | undefined }> {
    if (!apiPath) return { cwd: this.#root.folder, notebook: undefined };
    const file = await this.#root.resolve(apiPath).catch(() => this.#root.folder);
    const isFolder = (at: string) => statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
    const notebook = isFolder(file) ? undefined : file;
    let cwd = file;
    while (!isFolder(cwd)) cwd = path.dirname(cwd);
    return { cwd, notebook };
  }
}

/** Removes what servers left behind that were killed. */
function sweepConnectionFiles(runtime: string): void {
  let names: string[];
  try {
    names = readdirSync(runtime);
  } catch {
    return;
  }
  for (const name of names) {
    const pid = /^(?:kernel-tilewright|jpserver)-(\d+)(?:-[\w-]+)?\.json$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(path.join(runtime, name), { force: true });
  }
}
