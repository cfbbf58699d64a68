/** What changed between two programs, as data: the JSON twin of the views in `diff-view.ts`. */
import type { Attrs, Stmt } from "../ir/index.ts";
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
  return align(a, b).map((p): DiffRow => {
    if (p.op === "remove") return { op: p.op, a: { line: p.a + 1, text: a[p.a].text } };
    if (p.op === "add") return { op: p.op, b: { line: p.b + 1, text: b[p.b].text } };
    const [x, y] = [a[p.a], b[p.b]];
    const notes = changesOf(x, y);
    const changed = x.text.trim() === y.text.trim() ? undefined : wordDiff(x.text, y.text);
    return {
      op: p.op === "same" && notes.length > 0 ? "change" : p.op,
      a: { line: p.a + 1, text: x.text, ...(changed ? { changed: changed.a } : {}) },
      b: { line: p.b + 1, text: y.text, ...(changed ? { changed: changed.b } : {}) },
      ...(notes.length > 0 ? { notes } : {}),
    };
  });
}

export function diffStats(rows: readonly DiffRow[]): DiffStats {
  let [added, removed, moved] = [0, 0, 0];
  for (const r of rows) {
    if (r.op === "add" || r.op === "change") added++;
    if (r.op === "remove" || r.op === "change") removed++;
    if (r.op === "moveIn") moved++;
  }
  return { added, removed, moved };
}

/** Changes of kind, thread and annotations of the loops and blocks that two lines share. */
function changesOf(x: Line, y: Line): string[] {
  const [loopsX, loopsY] = [x.nodes.filter(isLoop), y.nodes.filter(isLoop)];
  const out: string[] = [];
  const byId = new Map(loopsX.map((l) => [l.v.id, l]));
  const shared = loopsY.some((l) => byId.has(l.v.id));
  loopsY.forEach((now, n) => {
    // Programs from elsewhere share no ids: then loops are matched by their place in the line.
    const was = shared ? byId.get(now.v.id) : loopsX.length === loopsY.length ? loopsX[n] : undefined;
    if (!was) return;
    const [p, q] = [kindOf(was), kindOf(now)];
    if (p !== q) out.push(`${now.v.name}: ${p} → ${q}`);
    out.push(...attrChanges(now.v.name, was.annotations, now.annotations));
  });
  for (const now of y.nodes.filter(isBlock)) {
    const was = x.nodes.find((n) => nodeKey(n) === nodeKey(now as Stmt));
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
