// The way from a path of the interface to one of the file system, which never leaves the root.
import { lstat, realpath } from "node:fs/promises";
import path from "node:path";
import { isAside } from "../../notebook/save.ts";
import { fileError, HttpError } from "../errors.ts";

/** The folder that is served, and what of it may be seen. */
export class Root {
  readonly folder: string;
  readonly #allowHidden: boolean;

  /** `folder` is absolute and has its links resolved. */
  constructor(folder: string, allowHidden: boolean) {
    this.folder = folder;
    this.#allowHidden = allowHidden;
  }

  /**
   * The file that a path of the interface ("a/b.ipynb", slashes around it do not count) stands for; it need not exist.
   * Throws a 404 `HttpError` for a path that leads out of the root (also through a link), or to something hidden; for
   * hidden ones `hiddenStatus` can choose another status.
   */
  async resolve(apiPath: string, hiddenStatus: 400 | 404 = 404): Promise<string> {
    const parts = pathParts(apiPath);
    if (!this.#allowHidden && parts.some((part) => part.startsWith("."))) {
      throw new HttpError(hiddenStatus, `file or directory does not exist, or is hidden: ${apiPath}`);
    }
    return this.confine(path.join(this.folder, ...parts), apiPath);
  }

  /** The same file, after making sure that no link in its path leads out of the root. */
  async confine(file: string, apiPath: string): Promise<string> {
    const real = await this.#realpath(file, apiPath);
    if (!isInside(real, this.folder))
      throw new HttpError(404, `${apiPath} is outside root contents directory`);
    return file;
  }

  /** Whether a folder's entry of this name is shown. */
  shows(name: string): boolean {
    return this.#allowHidden ? !isAside(name) : !name.startsWith(".");
  }

  /** The path of the interface for a file below the root. */
  apiPath(file: string): string {
    return path.relative(this.folder, file).split(path.sep).join("/");
  }

  /** Resolves the links of the longest part of the path that exists. */
  async #realpath(file: string, apiPath: string): Promise<string> {
    let rest = "";
    for (let at = file; ; at = path.dirname(at)) {
      try {
        return path.join(await realpath(at), rest);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "ENOENT" && code !== "ENOTDIR") throw fileError(error, apiPath);
        // A link that leads nowhere now may lead out of the root once its target is made.
        if (await lstat(at).catch(() => undefined)) throw new HttpError(404, `${apiPath} is a broken link`);
        rest = path.join(path.basename(at), rest);
      }
    }
  }
}

/** The names that a path of the interface is made of. Throws for names that no file has here, or that lead elsewhere. */
function pathParts(apiPath: string): string[] {
  const parts = apiPath.split("/").filter((part) => part !== "");
  for (const part of parts) {
    const foreign = process.platform === "win32" && /[\\:<>"|?*]/.test(part);
    if (part === "." || part === ".." || part.includes("\0") || foreign) {
      throw new HttpError(404, `${apiPath} is outside root contents directory`);
    }
  }
  return parts;
}

/** Whether a file is the folder or below it; both absolute, links resolved. */
export function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return (
    relative === "" ||
    (!relative.startsWith(`..${path.sep}`) && relative !== ".." && !path.isAbsolute(relative))
  );
}
