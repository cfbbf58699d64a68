// The notebooks of the served folder, with their titles and their text.
import type { Contents } from "@jupyterlab/services";
import { remember, remembered } from "./memory.ts";

/** A notebook of the folder. */
export interface Chapter {
  path: string;
  title: string;
  /** How many exercises it has. */
  exercises: number;
}

/** A place where a text was found. */
export interface Found {
  chapter: Chapter;
  /** The cell's place in the notebook. */
  cell: number;
  before: string;
  match: string;
  after: string;
}

interface Known {
  modified: string;
  title: string;
  exercises?: number;
}

interface Text {
  source: string;
  isExercise: boolean;
}

/** How deep notebooks are looked for. */
const depth = 3;
/** How many places are shown of one notebook, and of all. */
const perChapter = 6;
const atMost = 60;

/** The order of chapters. */
export const inOrder = (a: { path: string }, b: { path: string }): number =>
  a.path.localeCompare(b.path, undefined, { numeric: true });

/** Lists notebooks and searches them. */
export class Library {
  readonly #contents: Contents.IManager;
  readonly #texts = new Map<string, Promise<Text[]>>();
  #models: Contents.IModel[] = [];

  constructor(contents: Contents.IManager) {
    this.#contents = contents;
  }

  /** The notebooks by path; titles that are not known yet are made from the file's name. */
  async list(): Promise<Chapter[]> {
    this.#models = await this.#notebooks("", depth);
    return this.#chapters();
  }

  /** The same with the titles read from the notebooks that changed since. */
  async titled(): Promise<Chapter[]> {
    const known = titles();
    const unknown = this.#models.filter(
      ({ path, last_modified }) =>
        known[path]?.modified !== last_modified || known[path].exercises === undefined,
    );
    for (const { path, last_modified } of unknown) {
      const cells = await this.#cells(path).catch(() => []);
      const heading = cells
        .map(({ source }) => /^#\s+(.+)$/m.exec(source)?.[1])
        .find((found) => found !== undefined);
      const title = heading?.replace(/[`*_]/g, "") ?? nameTitle(path);
      const exercises = cells.filter(({ isExercise }) => isExercise).length;
      known[path] = { modified: last_modified, title, exercises };
    }
    remember("titles", known);
    return this.#chapters();
  }

  /** Where a text stands in the notebooks, upper and lower case alike. */
  async search(text: string): Promise<Found[]> {
    const wanted = text.trim().toLowerCase();
    if (wanted.length < 2) return [];
    const found: Found[] = [];
    for (const chapter of this.#chapters()) {
      const cells = await this.#cells(chapter.path).catch(() => []);
      let here = 0;
      for (const [cell, { source }] of cells.entries()) {
        const at = source.toLowerCase().indexOf(wanted);
        if (at < 0 || here === perChapter) continue;
        here += 1;
        const start = Math.max(source.lastIndexOf("\n", at) + 1, at - 30);
        const line = source.slice(at + wanted.length).split("\n", 1)[0]!;
        const match = source.slice(at, at + wanted.length);
        found.push({ chapter, cell, before: source.slice(start, at), match, after: line.slice(0, 60) });
        if (found.length === atMost) return found;
      }
    }
    return found;
  }

  /** Makes the next search read a notebook again. */
  forget(path: string): void {
    this.#texts.delete(path);
  }

  #chapters(): Chapter[] {
    const known = titles();
    return this.#models.map(({ path }) => {
      const { title = nameTitle(path), exercises = 0 } = known[path] ?? {};
      return { path, title, exercises };
    });
  }

  async #notebooks(folder: string, left: number): Promise<Contents.IModel[]> {
    const listed = await this.#contents.get(folder, { type: "directory", content: true });
    const models = listed.content as Contents.IModel[];
    const inner =
      left > 1 ? models.filter(({ type, name }) => type === "directory" && name !== "node_modules") : [];
    const below = await Promise.all(inner.map(({ path }) => this.#notebooks(path, left - 1).catch(() => [])));
    return [...models.filter(({ type }) => type === "notebook"), ...below.flat()].sort(inOrder);
  }

  /** The sources of a notebook's cells. */
  #cells(path: string): Promise<Text[]> {
    const reading =
      this.#texts.get(path) ??
      this.#contents
        .get(path, { type: "notebook", content: true })
        .then(({ content }) => (content.cells as StoredCell[]).map(textOf));
    this.#texts.set(path, reading);
    return reading;
  }
}

interface StoredCell {
  source: string | string[];
  metadata: { tags?: unknown };
}

function textOf({ source, metadata: { tags } }: StoredCell): Text {
  return {
    source: [source].flat().join(""),
    isExercise: Array.isArray(tags) && tags.includes("exercise"),
  };
}

function titles(): { [path: string]: Known } {
  return remembered<{ [path: string]: Known }>("titles") ?? {};
}

function nameTitle(path: string): string {
  return path.replace(/\.ipynb$/, "").replace(/[-_]/g, " ");
}
