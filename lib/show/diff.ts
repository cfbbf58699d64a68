/** What changed between two programs, as data: the JSON twin of the views in `diff-view.ts`. */
import type { Attrs, For } from "../ir/index.ts";
import { align, type Pair } from "./align.ts";
import { isBlock, isLoop, type Line, linesOf, nodeKey, type Program } from "./lines.ts";
import { type Span, wordDiff } from "./words.ts";

/** One line on one side of a diff. */
export interface DiffSide {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
  /** What differs from the other side, for changed lines. */
  readonly changed?: readonly Span[];
}

/**
 * `same` counts lines that only changed their indentation. `moveOut` is a line at its old place (`b` says where it
 * went), `moveIn` the same line at its new place (`a` says where it came from). `notes` name changes that the words
 * may hide, such as a loop's kind.
 */
export interface DiffRow {
  readonly op: Pair["op"];
  readonly a?: DiffSide;
  readonly b?: DiffSide;
  readonly notes?: readonly string[];
}

export interface DiffStats {
  /** Lines that are new, changed lines included. */
  readonly added: number;
  /** Lines that are gone, changed lines included. */
  readonly removed: number;
  readonly moved: number;
}

/** The rows of a diff of two programs, in reading order. */
export function programDiff(a: Program, b: Program): DiffRow[] {
  return a === b ? lineDiff(linesOf(a), linesOf(a)) : lineDiff(linesOf(a), linesOf(b));
}

/** The same for printed lines. */
export function lineDiff(a: readonly Line[], b: readonly Line[]): DiffRow[] {
  const before = loopsById(a);
  return align(a, b).map((p): DiffRow => {
    if (p.op === "remove") return { op: p.op, a: { line: p.a + 1, text: a[p.a].text } };
    if (p.op === "add") {
      const notes = changesOf(undefined, b[p.b], before);
      return { op: p.op, b: { line: p.b + 1, text: b[p.b].text }, ...(notes.length > 0 ? { notes } : {}) };
    }
    const [x, y] = [a[p.a], b[p.b]];
    const notes = p.op === "moveOut" ? [] : changesOf(x, y, before);
    const changed = x.text.trim() === y.text.trim() ? undefined : wordDiff(x.text, y.text);
    return {
      op: p.op === "same" && notes.length > 0 ? "change" : p.op,
      a: { line: p.a + 1, text: x.text, ...(changed ? { changed: changed.a } : {}) },
      b: { line: p.b + 1, text: y.text, ...(changed ? { changed: changed.b } : {}) },
      ...(notes.length > 0 ? { notes } : {}),
    };
  });
}

const loopsById = (lines: readonly Line[]): Map<number, For> =>
  new Map(lines.flatMap((l) => l.nodes.filter(isLoop)).map((l) => [l.v.id, l]));

export function diffStats(rows: readonly DiffRow[]): DiffStats {
  let [added, removed, moved] = [0, 0, 0];
  for (const r of rows) {
    if (r.op === "add" || r.op === "change") added++;
    if (r.op === "remove" || r.op === "change") removed++;
    if (r.op === "moveIn") moved++;
  }
  return { added, removed, moved };
}

/**
 * Changes of kind, thread and annotations of the loops and blocks of a line, wherever they stood `before`. Programs
 * from elsewhere share no ids: then loops are matched with those of the line `x`, by their place in it.
 */
function changesOf(x: Line | undefined, y: Line, before: ReadonlyMap<number, For>): string[] {
  const [loopsX, loopsY] = [x?.nodes.filter(isLoop) ?? [], y.nodes.filter(isLoop)];
  const known = loopsY.some((l) => before.has(l.v.id));
  const out: string[] = [];
  loopsY.forEach((now, n) => {
    const was = known ? before.get(now.v.id) : loopsX.length === loopsY.length ? loopsX[n] : undefined;
    if (!was || was === now) return;
    const [p, q] = [kindOf(was), kindOf(now)];
    if (p !== q) out.push(`${now.v.name}: ${p} → ${q}`);
    out.push(...attrChanges(now.v.name, was.annotations, now.annotations));
  });
  for (const now of y.nodes.filter(isBlock)) {
    const was = x?.nodes.find((n) => nodeKey(n) === nodeKey(now));
    if (was && isBlock(was)) out.push(...attrChanges(now.name, was.annotations, now.annotations));
  }
  return out;
}

const kindOf = (l: { loopKind: string; thread?: string }): string => l.thread ?? l.loopKind;

function attrChanges(name: string, a: Attrs, b: Attrs): string[] {
  const out: string[] = [];
  for (const k of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [p, q] = [a[k], b[k]].map((v) => (v === undefined ? "none" : JSON.stringify(v)));
    if (p !== q) out.push(`${name}: ${k} ${p} → ${q}`);
  }
  return out;
}
