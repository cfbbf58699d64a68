/**
 * Which line of one program became which line of the other. Lines are compared without their indentation, so that a
 * body which only moved a loop deeper stays "the same"; a closing bracket is compared together with what it closes.
 */
import { diffArrays } from "diff";
import { type Line, nodeKey } from "./lines.ts";
import { similarity } from "./words.ts";

/** `a` and `b` are 0-based line indices. `moved`: the same line at another place in the order. */
export type Pair =
  | { readonly op: "same" | "change"; readonly a: number; readonly b: number }
  | { readonly op: "remove"; readonly a: number }
  | { readonly op: "add"; readonly b: number }
  | { readonly op: "moveOut" | "moveIn"; readonly a: number; readonly b: number };

/** After this long (in ms) a diff of two very unlike programs gives up and calls everything replaced. */
const PATIENCE = 400;
/** Lines less alike than this are shown as one removed and one added. */
const ALIKE = 0.35;
/** Largest product of removed and added lines of a hunk that are matched by the best total likeness. */
const MATCH_LIMIT = 2500;

/** The pairs in reading order: removals before additions within a hunk. */
export function align(a: readonly Line[], b: readonly Line[]): Pair[] {
  const [keysA, keysB] = [keys(a), keys(b)];
  const hunks = split(keysA, keysB);
  const moves = movesByText(hunks, keysA, keysB, a, b);
  const placed: Pair[][] = hunks.map((h) => {
    if (h.same) return h.a.map((x, i): Pair => ({ op: "same", a: x, b: h.b[i] }));
    const freeA = h.a.filter((x) => !moves.fromA.has(x));
    const freeB = h.b.filter((x) => !moves.fromB.has(x));
    return matchHunk(freeA, freeB, a, b, h, moves);
  });
  return tidyBrackets(movesByNode(placed.flat(), a, b), a, b);
}

interface Hunk {
  readonly same: boolean;
  readonly a: number[];
  readonly b: number[];
}

interface Moves {
  readonly fromA: Map<number, number>;
  readonly fromB: Map<number, number>;
}

function keys(lines: readonly Line[]): string[] {
  const out = lines.map((l) => l.text.trim());
  lines.forEach((l, i) => {
    if (l.close !== undefined && l.close > i && l.close < out.length) out[l.close] += ` of ${l.text.trim()}`;
  });
  return out;
}

function split(a: readonly string[], b: readonly string[]): Hunk[] {
  // Numbers are compared faster than lines.
  const numbers = new Map<string, number>();
  const number = (key: string): number => {
    const n = numbers.get(key) ?? numbers.size;
    numbers.set(key, n);
    return n;
  };
  const changes = diffArrays(a.map(number), b.map(number), { timeout: PATIENCE }) ?? [
    { removed: true, added: false, count: a.length },
    { removed: false, added: true, count: b.length },
  ];
  const out: Hunk[] = [];
  let [i, j] = [0, 0];
  const range = (from: number, n: number) => Array.from({ length: n }, (_, k) => from + k);
  for (const c of changes) {
    const n = c.count ?? 0;
    if (!c.removed && !c.added) {
      out.push({ same: true, a: range(i, n), b: range(j, n) });
      i += n;
      j += n;
      continue;
    }
    let last = out.at(-1);
    if (!last || last.same) out.push((last = { same: false, a: [], b: [] }));
    if (c.removed) {
      last.a.push(...range(i, n));
      i += n;
    } else {
      last.b.push(...range(j, n));
      j += n;
    }
  }
  return out;
}

/** Runs of lines removed at one place and added, equal up to indentation, at another. */
function movesByText(
  hunks: readonly Hunk[],
  keysA: readonly string[],
  keysB: readonly string[],
  a: readonly Line[],
  b: readonly Line[],
): Moves {
  const removed = new Set(hunks.flatMap((h) => (h.same ? [] : h.a)));
  const added = new Set(hunks.flatMap((h) => (h.same ? [] : h.b)));
  const where = new Map<string, number[]>();
  for (const j of added) where.set(keysB[j], [...(where.get(keysB[j]) ?? []), j]);
  const moves: Moves = { fromA: new Map(), fromB: new Map() };
  const [openerA, openerB] = [openers(a), openers(b)];
  const run = (i: number, j: number): number => {
    let n = 0;
    while (
      removed.has(i + n) &&
      added.has(j + n) &&
      !moves.fromA.has(i + n) &&
      !moves.fromB.has(j + n) &&
      keysA[i + n] === keysB[j + n]
    )
      n++;
    return n;
  };
  for (const i of removed) {
    if (moves.fromA.has(i)) continue;
    let [best, length] = [-1, 0];
    for (const j of where.get(keysA[i]) ?? []) {
      const n = run(i, j);
      // A bracket alone says nothing; it moved if what it closes moved there too.
      const significant = a.slice(i, i + n).some((l) => /\w{2}/.test(l.text));
      const closes = openerA.get(i);
      const follows = closes !== undefined && moves.fromA.get(closes) === openerB.get(j);
      if (n > length && (significant || (follows && closes !== undefined))) [best, length] = [j, n];
    }
    for (let n = 0; n < length; n++) {
      moves.fromA.set(i + n, best + n);
      moves.fromB.set(best + n, i + n);
    }
  }
  return moves;
}

/** Closing line → the line it closes. */
function openers(lines: readonly Line[]): Map<number, number> {
  const out = new Map<number, number>();
  lines.forEach((l, i) => {
    if (l.close !== undefined) out.set(l.close, i);
  });
  return out;
}

/** Pairs the remaining lines of a hunk, in order, so that the total likeness is greatest. */
function matchHunk(
  as: readonly number[],
  bs: readonly number[],
  a: readonly Line[],
  b: readonly Line[],
  hunk: Hunk,
  moves: Moves,
): Pair[] {
  const partner = new Map<number, number>();
  if (as.length * bs.length <= MATCH_LIMIT) {
    const like = as.map((i) => bs.map((j) => likeness(a[i], b[j])));
    // best[i][j]: greatest total over as[i…] and bs[j…].
    const best = Array.from({ length: as.length + 1 }, () => new Float64Array(bs.length + 1));
    for (let i = as.length - 1; i >= 0; i--)
      for (let j = bs.length - 1; j >= 0; j--)
        best[i][j] = Math.max(
          best[i + 1][j],
          best[i][j + 1],
          like[i][j] >= ALIKE ? like[i][j] + best[i + 1][j + 1] : 0,
        );
    for (let i = 0, j = 0; i < as.length && j < bs.length; ) {
      if (like[i][j] >= ALIKE && best[i][j] === like[i][j] + best[i + 1][j + 1])
        partner.set(as[i++], bs[j++]);
      else if (best[i][j] === best[i + 1][j]) i++;
      else j++;
    }
  } else if (as.length === bs.length) {
    as.forEach((i, n) => {
      if (likeness(a[i], b[bs[n]]) >= ALIKE) partner.set(i, bs[n]);
    });
  }
  return interleave(hunk, partner, moves, a, b);
}

/** The lines of a hunk in reading order: everything before a pair stands before it. */
function interleave(
  hunk: Hunk,
  partner: Map<number, number>,
  moves: Moves,
  a: readonly Line[],
  b: readonly Line[],
): Pair[] {
  const out: Pair[] = [];
  let next = 0;
  const addUntil = (stop: number) => {
    for (; next < hunk.b.length && hunk.b[next] < stop; next++) {
      const j = hunk.b[next];
      const from = moves.fromB.get(j);
      out.push(from === undefined ? { op: "add", b: j } : { op: "moveIn", a: from, b: j });
    }
  };
  for (const i of hunk.a) {
    const j = partner.get(i);
    const to = moves.fromA.get(i);
    if (j !== undefined) {
      addUntil(j);
      out.push({ op: a[i].text.trim() === b[j].text.trim() ? "same" : "change", a: i, b: j });
      next++;
    } else out.push(to === undefined ? { op: "remove", a: i } : { op: "moveOut", a: i, b: to });
  }
  addUntil(Number.POSITIVE_INFINITY);
  return out;
}

/** Alike in words; the same loop or block is more alike than anything, two different survivors are not alike. */
function likeness(x: Line, y: Line): number {
  const [p, q] = [identities(x), identities(y)];
  if (p.size > 0 && q.size > 0) {
    for (const k of p) if (q.has(k)) return 2 + similarity(x.text, y.text);
  }
  return similarity(x.text.trim(), y.text.trim());
}

const identities = (l: Line): Set<string> =>
  new Set(l.nodes.map((n) => nodeKey(n)).filter((k) => k !== undefined));

/** A loop or block that was removed here and added there, with other words, moved as well. */
function movesByNode(pairs: readonly Pair[], a: readonly Line[], b: readonly Line[]): Pair[] {
  const added = new Map<string, number>();
  for (const p of pairs) {
    if (p.op !== "add") continue;
    const ids = identities(b[p.b]);
    if (ids.size === 1) for (const k of ids) added.set(k, p.b);
  }
  const [toB, toA] = [new Map<number, number>(), new Map<number, number>()];
  for (const p of pairs) {
    if (p.op !== "remove") continue;
    const ids = identities(a[p.a]);
    if (ids.size !== 1) continue;
    const j = added.get([...ids][0]);
    if (j === undefined || toA.has(j)) continue;
    toB.set(p.a, j);
    toA.set(j, p.a);
  }
  return pairs.map((p): Pair => {
    if (p.op === "remove" && toB.has(p.a)) return { op: "moveOut", a: p.a, b: toB.get(p.a)! };
    if (p.op === "add" && toA.has(p.b)) return { op: "moveIn", a: toA.get(p.b)!, b: p.b };
    return p;
  });
}

/**
 * Which of several closing brackets in a row is new nobody can tell: within such a run they are paired in order, so
 * that a loop that changed places does not drag its bracket through the diff.
 */
function tidyBrackets(pairs: readonly Pair[], a: readonly Line[], b: readonly Line[]): Pair[] {
  const bare = (p: Pair): boolean =>
    (!("a" in p) || !/\w/.test(a[p.a].text)) && (!("b" in p) || !/\w/.test(b[p.b].text));
  const out: Pair[] = [];
  for (let i = 0; i < pairs.length; ) {
    let end = i;
    while (end < pairs.length && bare(pairs[end])) end++;
    out.push(...(end > i ? pairInOrder(pairs.slice(i, end), a, b) : [pairs[i]]));
    i = Math.max(end, i + 1);
  }
  return out;
}

function pairInOrder(run: readonly Pair[], a: readonly Line[], b: readonly Line[]): readonly Pair[] {
  const left = run.flatMap((p) => ("a" in p && p.op !== "moveIn" ? [p.a] : []));
  const right = run.flatMap((p) => ("b" in p && p.op !== "moveOut" ? [p.b] : []));
  // A bracket that came from or went to another run belongs to both.
  const whole = run.every(
    (p) => !p.op.startsWith("move") || ("a" in p && "b" in p && left.includes(p.a) && right.includes(p.b)),
  );
  if (!whole) return run;
  const texts = (ids: readonly number[], lines: readonly Line[]) => ids.map((n) => lines[n].text.trim());
  let [x, y] = [0, 0];
  return diffArrays(texts(left, a), texts(right, b)).flatMap((c) =>
    c.value.map((): Pair => {
      if (c.removed) return { op: "remove", a: left[x++] };
      if (c.added) return { op: "add", b: right[y++] };
      return { op: "same", a: left[x++], b: right[y++] };
    }),
  );
}
