import { session } from "./session.ts";

/** Least time between two drawings, in milliseconds: a plot takes some ten to draw. */
const interval = 400;

/**
 * A display that follows what is told, in its place: `tuneTir(mod, { onProgress: live((p) => tuningCurve(p.history)) })`.
 * Draws the first value at once, later ones at most every 0.4 s, and at once again what says `done: true`. Nothing is
 * drawn for a value for which `show` gives undefined.
 */
export function live<Value>(show: (value: Value) => object | undefined): (value: Value) => void {
  const { displays } = session();
  let id: string | undefined;
  let drawn = Number.NEGATIVE_INFINITY;
  return (value) => {
    const now = performance.now();
    if (now - drawn < interval && !isDone(value)) return;
    const picture = show(value);
    if (picture === undefined) return;
    drawn = now;
    if (id === undefined) id = displays.display(picture).id;
    else displays.display(picture, { id, update: true });
  };
}

const isDone = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "done" in value && value.done === true;
