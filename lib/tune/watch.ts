/** Hearing of every search, whoever began it: what a panel beside the notebook draws while one runs. */
import type { Progress } from "./progress.ts";

type Watcher = (progress: Progress) => void;

const watchers = new Set<Watcher>();

/** Calls `watcher` after every candidate of every search from now on; gives a function that ends this. */
export function watchSearches(watcher: Watcher): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Tells the watchers. One that throws is no business of the search. */
export function tellWatchers(progress: Progress): void {
  for (const watcher of watchers) {
    try {
      watcher(progress);
    } catch {
      watchers.delete(watcher);
    }
  }
}
