// How far a reader is in each chapter. It stays in the reader's browser.
import { remember, remembered } from "./memory.ts";

/** A reader's progress in one notebook. */
export interface Progress {
  /** Ids of the code cells that ran well at least once. */
  ran: string[];
  /** How many code cells there are. */
  of: number;
  /** Of the exercises: how many there are, and how many checks were passed. */
  exercises?: { solved: number; of: number };
}

const name = (path: string) => `progress:${path}`;

/** How far the reader is; undefined when the notebook was never opened. */
export function progressOf(path: string): Progress | undefined {
  return remembered<Progress>(name(path));
}

/** Notes which code cells and exercises there are now, and that one of the cells ran well. */
export function noteProgress(
  path: string,
  cells: readonly string[],
  exercises: { solved: number; of: number },
  ran?: string,
): Progress {
  const before = progressOf(path);
  const known = new Set(ran === undefined ? before?.ran : [...(before?.ran ?? []), ran]);
  // What was solved once stays solved: outputs may be cleared.
  const solved = Math.min(exercises.of, Math.max(exercises.solved, before?.exercises?.solved ?? 0));
  const progress: Progress = {
    ran: cells.filter((id) => known.has(id)),
    of: cells.length,
    ...(exercises.of > 0 ? { exercises: { solved, of: exercises.of } } : {}),
  };
  remember(name(path), progress);
  return progress;
}

/** Takes the progress along when a notebook is renamed. */
export function moveProgress(from: string, to: string): void {
  remember(name(to), progressOf(from));
}

/** Progress in words: exercises count by their checks, other chapters by the cells that ran well. */
export function progressText(progress: Progress | undefined): string {
  if (!progress) return "";
  const { ran, of, exercises } = progress;
  if (exercises)
    return exercises.solved === exercises.of ? "done" : `${exercises.solved} of ${exercises.of} solved`;
  if (of > 0 && ran.length === of) return "done";
  return ran.length === 0 ? "opened" : `${ran.length} of ${of}`;
}
