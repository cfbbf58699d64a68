/** Hearing of every search, whoever began it: what a panel beside the notebook draws while one runs. */
import type { Progress } from "./progress.ts";

type Watcher = (progress: Progress) => void;

/** Under a name that everybody knows, so that a host of cells can hear searches before this library is loaded. */
const watchers: Set<Watcher> = ((globalThis as { [name: symbol]: Set<Watcher> | undefined })[
  Symbol.for("tilewright.searches")
] ??= new Set());

/** Calls `watcher` after every candidate of every search from now on; gives a function that ends this. */
export function watchSearches(watcher: Watcher): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Tells the watchers. One that throws hears nothing more: it is no business of the search. */
export function tellWatchers(progress: Progress): void {
  for (const watcher of watchers) {
    try {
      watcher(progress);
    } catch {
      watchers.delete(watcher);
    }
  }
}
