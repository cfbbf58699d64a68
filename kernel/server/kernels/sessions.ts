// Which kernel belongs to which notebook.
import { randomUUID } from "node:crypto";
import { isObject, type JsonObject } from "../../protocol/messages.ts";
import { HttpError } from "../errors.ts";
import type { Kernels } from "./manager.ts";

interface Session {
  id: string;
  path: string;
  name: string;
  type: string;
  kernelId: string;
}

/** The sessions of a server; they last as long as it. Failures are `HttpError`s. */
export class Sessions {
  readonly #kernels: Kernels;
  readonly #sessions = new Map<string, Session>();
  /** Starts under way, by path: two requests for one notebook get one session. */
  readonly #starting = new Map<string, Promise<JsonObject>>();

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  list(): JsonObject[] {
    this.#forgetEnded();
    return [...this.#sessions.values()].map((session) => this.#model(session));
  }

  get(id: string): JsonObject {
    return this.#model(this.#find(id));
  }

  /** The session of a path: the one there is, or a new one with the kernel that the body names. */
  async create(body: JsonObject): Promise<JsonObject> {
    const { path, type, name } = withNotebook(body);
    if (typeof path !== "string") throw new HttpError(400, "Missing field in JSON data: path");
    if (typeof type !== "string") throw new HttpError(400, "Missing field in JSON data: type");
    this.#forgetEnded();
    const existing = [...this.#sessions.values()].find((session) => session.path === path);
    if (existing) return this.#model(existing);
    const under = this.#starting.get(path);
    if (under) return under;
    const kernel = isObject(body.kernel) ? body.kernel : {};
    const created = this.#kernelFor(kernel, path).then((kernelId) => {
      const session = { id: randomUUID(), path, type, name: text(name), kernelId };
      this.#sessions.set(session.id, session);
      return this.#model(session);
    });
    this.#starting.set(path, created);
    try {
      return await created;
    } finally {
      this.#starting.delete(path);
    }
  }

  /** Changes path, name, type or kernel; the kernel that was there before is shut down. */
  async update(id: string, body: JsonObject): Promise<JsonObject> {
    const session = this.#find(id);
    const { path, type, name } = withNotebook(body);
    const before = session.kernelId;
    let kernelId = before;
    if (isObject(body.kernel)) {
      if (typeof body.kernel.id === "string" && !this.#kernels.has(body.kernel.id))
        throw new HttpError(400, `No such kernel: ${body.kernel.id}`);
      if (typeof body.kernel.id === "string" || typeof body.kernel.name === "string")
        kernelId = await this.#kernelFor(body.kernel, typeof path === "string" ? path : session.path);
    }
    if (typeof path === "string") session.path = path;
    if (typeof type === "string") session.type = type;
    if (typeof name === "string") session.name = name;
    session.kernelId = kernelId;
    if (kernelId !== before && this.#kernels.has(before)) await this.#kernels.shutdown(before);
    return this.#model(session);
  }

  /** Ends a session and its kernel. */
  async delete(id: string): Promise<void> {
    const { kernelId } = this.#find(id);
    this.#sessions.delete(id);
    if (this.#kernels.has(kernelId)) await this.#kernels.shutdown(kernelId);
  }

  async #kernelFor({ id, name, of_notebook }: JsonObject, path: string): Promise<string> {
    if (typeof id === "string" && this.#kernels.has(id)) return id;
    // Not Jupyter's: a page that has not read the notebook yet leaves it to the server to look.
    if (of_notebook === true) return this.#kernels.start(await this.#kernels.namedBy(path), path);
    return this.#kernels.start(typeof name === "string" ? name : undefined, path);
  }

  #find(id: string): Session {
    this.#forgetEnded();
    const session = this.#sessions.get(id);
    if (!session) throw new HttpError(404, `Session not found: session_id='${id}'`);
    return session;
  }

  #forgetEnded(): void {
    for (const session of this.#sessions.values()) {
      if (!this.#kernels.has(session.kernelId)) this.#sessions.delete(session.id);
    }
  }

  #model({ id, path, name, type, kernelId }: Session): JsonObject {
    const model = { id, path, name, type, kernel: this.#kernels.model(kernelId) };
    // The form of older clients.
    return type === "notebook" ? { ...model, notebook: { path, name } } : model;
  }
}

/** Older clients put the path into a field of its own. */
function withNotebook(body: JsonObject): JsonObject {
  const { notebook } = body;
  return isObject(notebook) && "path" in notebook ? { ...body, path: notebook.path, type: "notebook" } : body;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
