import type { JsonObject } from "../../protocol/messages.ts";
import { libraryViews } from "./library-views.ts";

/** Least time between two pictures of a search, in milliseconds. */
const interval = 500;

/** What a search tells: the part of lib/tune's `Progress` that is needed here. */
interface Progress {
  trials: number;
  total: number;
  history: readonly { measured?: number }[];
  done: boolean;
}

/** Hears the searches of a scope, and draws them at most every half second and at their end. */
export class LiveSearches {
  /** Whether anybody looks. */
  isWanted = false;
  readonly #scope: object;
  readonly #tell: (live: JsonObject) => void;
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(scope: object, tell: (live: JsonObject) => void) {
    this.#scope = scope;
    this.#tell = tell;
    const name = Symbol.for("tilewright.searches");
    const watchers = (Reflect.get(scope, name) as Set<(progress: Progress) => void>) ?? new Set();
    Reflect.set(scope, name, watchers);
    watchers.add((progress) => this.#hear(progress));
  }

  #hear({ trials, total, history, done }: Progress): void {
    const now = performance.now();
    if (!this.isWanted || (!done && now - this.#drawn < interval)) return;
    const plot = libraryViews(this.#scope)?.tuningCurve(history);
    if (!plot || !history.some(({ measured }) => measured !== undefined)) return;
    this.#drawn = now;
    const data = { "application/vnd.vegalite.v5+json": plot.toJSON(), "text/plain": plot.text };
    this.#tell({ view: "tuning", title: "Tuning curve", trials, total, done, data });
  }
}
