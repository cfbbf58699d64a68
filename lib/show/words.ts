/** Differences within a line, in words and signs. */
import { diffArrays } from "diff";

/** From character `from` up to `to`. */
export type Span = readonly [from: number, to: number];

const wordsOf = (text: string): string[] => text.match(/\w+|\s+|[^\w\s]/gu) ?? [];

/** The parts of `a` that are not in `b` and the other way round; indentation is no difference. */
export function wordDiff(a: string, b: string): { a: Span[]; b: Span[] } {
  const out: { a: Span[]; b: Span[] } = { a: [], b: [] };
  let i = indent(a);
  let j = indent(b);
  for (const c of diffArrays(wordsOf(a.slice(i)), wordsOf(b.slice(j)))) {
    const length = c.value.reduce((n, w) => n + w.length, 0);
    if (c.removed) extend(out.a, i, length, a);
    else if (c.added) extend(out.b, j, length, b);
    if (!c.added) i += length;
    if (!c.removed) j += length;
  }
  return out;
}

export const indent = (text: string): number => text.length - text.trimStart().length;

/** Adds a span, joined to the last one when only blanks lie between them. */
function extend(spans: Span[], at: number, length: number, text: string): void {
  const last = spans.at(-1);
  if (last && text.slice(last[1], at).trim() === "") spans[spans.length - 1] = [last[0], at + length];
  else spans.push([at, at + length]);
}

/** How much two lines have in common, 0 to 1: words in both (as often as they are in both) against all words. */
export function similarity(a: string, b: string): number {
  if (a === b) return 1;
  const count = new Map<string, number>();
  const [x, y] = [wordsOf(a), wordsOf(b)].map((ws) => ws.filter((w) => /\S/.test(w)));
  for (const w of x) count.set(w, (count.get(w) ?? 0) + 1);
  let common = 0;
  for (const w of y) {
    const n = count.get(w) ?? 0;
    if (n === 0) continue;
    count.set(w, n - 1);
    common += weight(w);
  }
  const total = [...x, ...y].reduce((n, w) => n + weight(w), 0);
  return total === 0 ? 0 : (2 * common) / total;
}

/** Brackets and commas are in every line: they say little about likeness. */
const weight = (w: string): number => (/\w/.test(w) ? 1 : 0.2);
