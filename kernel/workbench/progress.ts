// How far a reader is in each chapter. It stays in the reader's browser.
import { remember, remembered } from "./memory.ts";

/** A reader's progress in one notebook. */
export interface Progress {
  /** Ids of the code cells that ran well at least once. */
  ran: string[];
  /** How many code cells there are. */
  of: number;
}

const name = (path: string) => `progress:${path}`;

/** How far the reader is; undefined when the notebook was never opened. */
export function progressOf(path: string): Progress | undefined {
  return remembered<Progress>(name(path));
}

/** Notes which code cells there are now, and that one of them ran well. */
export function noteProgress(path: string, cells: readonly string[], ran?: string): Progress {
  const before = progressOf(path)?.ran ?? [];
  const known = new Set(ran === undefined ? before : [...before, ran]);
  const progress = { ran: cells.filter((id) => known.has(id)), of: cells.length };
  remember(name(path), progress);
  return progress;
}

/** Progress in words. */
export function progressText(progress: Progress | undefined): string {
  if (!progress) return "";
  const { ran, of } = progress;
  if (of > 0 && ran.length === of) return "done";
  return ran.length === 0 ? "opened" : `${ran.length} of ${of}`;
}
