// One older state of each file, kept where Jupyter keeps it: in the folder .ipynb_checkpoints beside the file.
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { saveBytes } from "../../notebook/save.ts";
import { fileError, HttpError } from "../errors.ts";
import type { Root } from "./confine.ts";

/** What a client is told of a checkpoint. */
export interface CheckpointModel {
  id: string;
  last_modified: string;
}

/** There is one checkpoint a file, and this is its name. */
const id = "checkpoint";

/** The folder in which checkpoints lie. */
export const checkpointFolder = ".ipynb_checkpoints";

/** The checkpoints of the files below a root. Paths are those of the interface; failures are `HttpError`s. */
export class Checkpoints {
  readonly #root: Root;

  constructor(root: Root) {
    this.#root = root;
  }

  async list(apiPath: string): Promise<CheckpointModel[]> {
    const info = await stat(await this.#file(apiPath)).catch(() => undefined);
    return info ? [{ id, last_modified: info.mtime.toISOString() }] : [];
  }

  async create(apiPath: string): Promise<CheckpointModel> {
    const file = await this.#file(apiPath);
    try {
      const bytes = await readFile(await this.#root.resolve(apiPath));
      await mkdir(path.dirname(file), { recursive: true });
      await saveBytes(file, bytes);
    } catch (error) {
      throw fileError(error, apiPath);
    }
    return (await this.list(apiPath))[0]!;
  }

  async restore(apiPath: string, checkpoint: string): Promise<void> {
    const file = await this.#existing(apiPath, checkpoint);
    const target = await this.#root.resolve(apiPath);
    try {
      await saveBytes(target, await readFile(file));
    } catch (error) {
      throw fileError(error, apiPath);
    }
  }

  async delete(apiPath: string, checkpoint: string): Promise<void> {
    await rm(await this.#existing(apiPath, checkpoint));
  }

  /** Takes a file's checkpoint along to its new name; none is fine. */
  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [await this.#file(from), await this.#file(to)];
    if (!(await stat(source).catch(() => undefined))) return;
    await mkdir(path.dirname(target), { recursive: true });
    await rename(source, target);
  }

  /** Forgets a file's checkpoint; none is fine. */
  async deleteAll(apiPath: string): Promise<void> {
    await rm(await this.#file(apiPath), { force: true });
  }

  async #existing(apiPath: string, checkpoint: string): Promise<string> {
    const file = await this.#file(apiPath);
    if (checkpoint !== id || !(await stat(file).catch(() => undefined)))
      throw new HttpError(404, `Checkpoint does not exist: ${apiPath}@${checkpoint}`);
    return file;
  }

  async #file(apiPath: string): Promise<string> {
    const file = await this.#root.resolve(apiPath);
    const { dir, name, ext } = path.parse(file);
    return this.#root.confine(path.join(dir, checkpointFolder, `${name}-${id}${ext}`), apiPath);
  }
}
