// Files, notebooks and folders below the root, as Jupyter's contents interface has them.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { asideOf, putInPlace, saveBytes, sweepAsides } from "../../notebook/save.ts";
import type { JsonObject } from "../../protocol/messages.ts";
import { fileError, HttpError } from "../errors.ts";
import { assertUnchanged, fileBytes, startOf, unfinished } from "./bodies.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Root } from "./confine.ts";
import { type ContentsModel, contentsModel, type Wanted } from "./model.ts";
import { copyStem, freeName, untitled } from "./names.ts";
import { savedNotebook } from "./notebooks.ts";
import { discard } from "./trash.ts";
import type { TrustStore } from "./trust.ts";
import { Uploads } from "./uploads.ts";

const bare: Wanted = { content: false, hash: false };

/** The operations of the interface. Paths are relative to the root, with slashes; failures are `HttpError`s. */
export class Contents {
  readonly root: Root;
  readonly checkpoints: Checkpoints;
  readonly #trust: TrustStore;
  readonly #uploads = new Uploads();
  /** The last piece of work on each path: what changes a file waits for what changed it before. */
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #swept = new Set<string>();

  constructor(root: Root, trust: TrustStore) {
    this.root = root;
    this.checkpoints = new Checkpoints(root);
    this.#trust = trust;
  }

  get(apiPath: string, wanted: Wanted): Promise<ContentsModel> {
    return contentsModel(this.root, apiPath, wanted, this.#trust);
  }

  /** What is at a path: a folder, something else, or nothing. Hidden things throw, with this status. */
  async kindOf(apiPath: string, hiddenStatus: 400 | 404 = 404): Promise<"directory" | "file" | undefined> {
    const info = await stat(await this.root.resolve(apiPath, hiddenStatus)).catch(() => undefined);
    return info && (info.isDirectory() ? "directory" : "file");
  }

  /**
   * Saves a model's content, and gives the new model without content. `expected` is the hash that the file must still
   * have: another is a 412.
   */
  async save(apiPath: string, model: JsonObject, expected?: string): Promise<ContentsModel> {
    const file = await this.root.resolve(apiPath, 400);
    if (file === this.root.folder) throw new HttpError(400, "The root is no file");
    return this.#alone(file, async () => {
      if (expected !== undefined) await assertUnchanged(file, apiPath, expected);
      try {
        return await this.#write(file, this.root.apiPath(file), model);
      } catch (error) {
        throw fileError(error, apiPath);
      }
    });
  }

  /** Makes a new file, notebook or folder whose name the server chooses. */
  async newUntitled(folder: string, type: unknown, ext: unknown): Promise<ContentsModel> {
    await this.#requireFolder(folder, `No such directory: ${folder}`);
    const { kind, stem, suffix, insert } = untitled(type, ext);
    return this.#create(folder, stem, suffix, insert, (apiPath) => this.save(apiPath, startOf(kind)));
  }

  /** Saves a new notebook in a folder, as "stem.ipynb" or with the first number behind the stem that is free. */
  async addNotebook(folder: string, stem: string, content: JsonObject): Promise<ContentsModel> {
    return this.#create(folder, stem, ".ipynb", "-", (apiPath) =>
      this.save(apiPath, { type: "notebook", content }),
    );
  }

  /** Makes a folder where there is none. Throws a 409 when something else has its name. */
  async ensureFolder(apiPath: string): Promise<void> {
    const kind = await this.kindOf(apiPath);
    if (kind === "file") throw new HttpError(409, `There is a file where the folder ${apiPath} would be`);
    if (kind === undefined) await mkdir(await this.root.resolve(apiPath, 400), { recursive: true });
  }

  /**
   * Copies a file from outside of the root into a folder, and gives the name it has there. One of the same bytes that is
   * there already is left as it is; beside another the copy gets a number, or, if it has to keep its name, is a 409.
   */
  async addFile(folder: string, name: string, source: string, keepsName: boolean): Promise<string> {
    const { name: stem, ext } = path.parse(name);
    const at = await this.root.resolve(folder);
    return this.#alone(`${at}\0new`, async () => {
      for (let i = 0; ; i++) {
        const chosen = i === 0 ? name : `${stem}-${i}${ext}`;
        const apiPath = path.posix.join(folder, chosen);
        const target = await this.root.resolve(apiPath, 400);
        try {
          const there = await stat(target).catch(() => undefined);
          if (!there) {
            const aside = asideOf(target);
            await copyFile(source, aside);
            await putInPlace(aside, target).catch(async (error) => {
              await rm(aside, { force: true });
              throw error;
            });
            return chosen;
          }
          if (there.isFile() && (await sameBytes(source, target))) return chosen;
        } catch (error) {
          throw fileError(error, apiPath);
        }
        if (keepsName)
          throw new HttpError(409, `${apiPath} is there already, and is another file: move it away first`);
      }
    });
  }

  /** Copies a file into a folder, or to a path of its own. */
  async copy(from: string, to: string): Promise<ContentsModel> {
    const source = await this.root.resolve(from);
    const kind = await this.kindOf(from);
    if (kind === undefined) throw new HttpError(404, `file or directory does not exist: ${from}`);
    if (kind === "directory") throw new HttpError(400, "Can't copy directories");
    const write = async (apiPath: string) => {
      try {
        const target = await this.root.resolve(apiPath, 400);
        await saveBytes(target, await readFile(source));
      } catch (error) {
        throw fileError(error, apiPath);
      }
      return this.get(apiPath, bare);
    };
    if ((await this.kindOf(to)) === "directory") {
      const { stem, suffix } = copyStem(path.basename(source));
      return this.#create(to, stem, suffix, "-Copy", write);
    }
    const parent = path.posix.dirname(to);
    await this.#requireFolder(
      parent === "." ? "" : parent,
      `No such parent directory: ${parent} to copy file in`,
    );
    return write(to);
  }

  /** Renames or moves; a 409 when something is there already. Checkpoints go along. */
  async rename(from: string, to: string): Promise<ContentsModel> {
    const [source, target] = [await this.root.resolve(from, 400), await this.root.resolve(to, 400)];
    if (source !== target) {
      if (source === this.root.folder || target === this.root.folder)
        throw new HttpError(400, "Can't rename the root");
      await this.#alone(source, () =>
        this.#alone(target, async () => {
          try {
            const there = await stat(target).catch(() => undefined);
            const old = await stat(source);
            // On a file system that ignores case the two may be one.
            if (there && !(there.ino === old.ino && there.dev === old.dev))
              throw new HttpError(409, `File already exists: ${to}`);
            await rename(source, target);
            if (!old.isDirectory()) await this.checkpoints.rename(from, to);
          } catch (error) {
            throw fileError(error, from);
          }
        }),
      );
    }
    return this.get(to, bare);
  }

  /** Deletes a file or folder, into the user's trash where there is one, and its checkpoints. */
  async delete(apiPath: string): Promise<void> {
    const file = await this.root.resolve(apiPath, 400);
    if (file === this.root.folder) throw new HttpError(400, "Can't delete root");
    await this.#alone(file, async () => {
      try {
        await discard(file, apiPath);
        await this.checkpoints.deleteAll(apiPath);
      } catch (error) {
        throw fileError(error, apiPath);
      }
    });
  }

  /** Waits for what is being written, and removes the parts of uploads that never came to their end. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
    await this.#uploads.close();
  }

  async #write(file: string, apiPath: string, model: JsonObject): Promise<ContentsModel> {
    const { type, content, format, chunk } = model;
    if (typeof type !== "string") throw new HttpError(400, "No file type provided");
    if (type === "directory") {
      const kind = await this.kindOf(apiPath);
      if (kind === "file") throw new HttpError(400, `Not a directory: ${apiPath}`);
      if (kind === undefined) await mkdir(file);
      return this.get(apiPath, bare);
    }
    if (content === undefined) throw new HttpError(400, "No file content provided");
    if ((await this.kindOf(apiPath)) === "directory") throw new HttpError(400, `${apiPath} is a directory`);
    this.#sweep(path.dirname(file));
    if (type === "notebook") {
      const { notebook, text } = savedNotebook(content, apiPath);
      await saveBytes(file, text);
      this.#trust.sawSaved(notebook);
      if ((await this.checkpoints.list(apiPath)).length === 0) await this.checkpoints.create(apiPath);
      return this.get(apiPath, { ...bare, type: "notebook" });
    }
    if (type !== "file") throw new HttpError(400, `Unhandled contents type: ${type}`);
    const bytes = fileBytes(content, format);
    if (chunk === undefined || chunk === null) {
      await saveBytes(file, bytes);
    } else if (!(await this.#uploads.add(file, chunk, bytes))) {
      return unfinished(apiPath, bytes.length);
    }
    return this.get(apiPath, bare);
  }

  /** Finds a free name and makes something there; two at once get two names. */
  async #create(
    folder: string,
    stem: string,
    suffix: string,
    insert: string,
    make: (apiPath: string) => Promise<ContentsModel>,
  ): Promise<ContentsModel> {
    const file = await this.root.resolve(folder);
    return this.#alone(`${file}\0new`, async () => {
      const name = await freeName(file, stem, suffix, insert);
      return make(path.posix.join(this.root.apiPath(file), name));
    });
  }

  async #requireFolder(apiPath: string, otherwise: string): Promise<void> {
    if ((await this.kindOf(apiPath)) !== "directory") throw new HttpError(404, otherwise);
  }

  async #alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#busy.get(key) ?? Promise.resolve()).then(work, work);
    this.#busy.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(key) === mine) this.#busy.delete(key);
    }
  }

  #sweep(folder: string): void {
    if (this.#swept.has(folder)) return;
    this.#swept.add(folder);
    try {
      sweepAsides(folder);
    } catch {
      // A folder that is not there: saving says so.
    }
  }
}

/** Whether two files are the same, as far as sizes and SHA-256 tell. */
async function sameBytes(a: string, b: string): Promise<boolean> {
  const [x, y] = await Promise.all([stat(a), stat(b)]);
  if (x.size !== y.size) return false;
  const digest = async (file: string) => {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(file)) hash.update(chunk);
    return hash.digest("hex");
  };
  const [p, q] = await Promise.all([digest(a), digest(b)]);
  return p === q;
}
