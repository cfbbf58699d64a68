/** How large a display may become. What is beyond is left out, and the display says so. */

export const BOUNDS = {
  /** Lines of a program or of generated code. */
  lines: 1500,
  /** Characters of one line. */
  lineLength: 400,
  /** Characters of a name, label or caption within a picture. */
  label: 60,
  /** Characters of the HTML of one display (a notebook with many of them must still open). */
  html: 1_000_000,
  /** Characters of `text/plain`. */
  text: 20_000,
  /** Loops and blocks of a loop tree. */
  treeNodes: 300,
  /** Rows and columns at each end of a table of values. */
  edge: 4,
  /** Cells of a heat map in one direction. */
  heatCells: 48,
  /** Pictures of an image grid. */
  images: 100,
  /** Pixels of the composed picture of an image grid. */
  pixels: 400_000,
  /** Bars or points of a plot. */
  points: 5000,
} as const;

/** `text` cut to `max` characters, the last of them "…" when something was cut. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = max - 1;
  // Never between the halves of a surrogate pair.
  const c = text.charCodeAt(end - 1);
  return `${text.slice(0, c >= 0xd800 && c <= 0xdbff ? end - 1 : end)}…`;
}

/** The first `max` of `items` and how many were left out. */
export function take<X>(items: readonly X[], max: number): { shown: readonly X[]; left: number } {
  return items.length <= max
    ? { shown: items, left: 0 }
    : { shown: items.slice(0, max), left: items.length - max };
}

/** Text bounded to `BOUNDS.text` characters, with a last line that says how much is missing. */
export function boundText(text: string): string {
  if (text.length <= BOUNDS.text) return text;
  const end = text.lastIndexOf("\n", BOUNDS.text);
  const kept = cut(text, BOUNDS.text).slice(0, end > 0 ? end : BOUNDS.text);
  return `${kept}\n… ${count(text.length - kept.length, "more character")} left out`;
}

/** "1 line", "2 lines", "1,500 lines". */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? noun : plural}`;
}
