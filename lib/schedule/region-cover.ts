/**
 * Region cover: what a stage reads is written by its producers before, within one iteration of the loops around both.
 *
 * What is read may be over-estimated; what is written may not. So a written region counts only when the producer's
 * instances are known to fill it without gaps (`region-cover-dense.ts`), and the bounds of both sides are kept as
 * lists: a read region ends at the smallest of its `ends` (loops, axis domain, buffer), a written one likewise, and
 * each end of the written one has to reach some end of the read one.
 */
import {
  axisRanges,
  exprKey,
  prove,
  relaxIndex,
  simplify,
  substRegion,
  type VarDomain,
  withDomains,
} from "../arith/index.ts";
import {
  type Block,
  constant,
  type Expr,
  type For,
  type Interval,
  intervalOf,
  ops,
  type PrimFunc,
  type Range,
  type Ranges,
  type Region,
  type Stmt,
  substExpr,
} from "../ir/index.ts";
import { findBlock, type Located, rangesOf } from "./lookup.ts";
import { boundOn, conditionsOf, dense, type Span } from "./region-cover-dense.ts";

/** The loops on a path from position `from` on, as domains. */
export function domainsFrom(path: Located<Block>["path"], from: number): VarDomain[] {
  return path
    .slice(from)
    .filter((s): s is For => s.kind === "for")
    .map((l) => ({ v: l.v, min: l.min, extent: l.extent }));
}

/** A region of a block in terms of the loops around it. */
export function atLoops(b: Block, region: Region): Region {
  return substRegion(region, new Map(b.axes.map((a) => [a.v.id, a.binding])));
}

/** Why the producers do not cover what the consumer reads of one buffer; undefined when they do. */
export function whyNotCovered(
  f: PrimFunc,
  producers: readonly Block[],
  consumer: Block,
  read: Region,
): string | undefined {
  const c = findBlock(f, consumer.id);
  const boxes: (readonly Interval[])[] = [];
  let need: readonly Interval[] | undefined;
  let unknown = false;
  for (const producer of producers) {
    const p = findBlock(f, producer.id);
    const common = commonDepth(p.path, c.path);
    const pair = pairOf(p, c, common);
    if (pair.has(read)) return undefined;
    const known = rangesOf(f, c.path.slice(0, common));
    const reads = readSpans(c, read, common, known);
    const inner = domainsFrom(p.path, common);
    const written = writtenSpans(p, read.buffer.id, inner, known);
    if (!written) {
      unknown = true;
      continue;
    }
    const all = withDomains(inner, known);
    if (written.every((w, i) => spanCovers(w, reads[i], all))) {
      pair.add(read);
      return undefined;
    }
    // Several producers that fill a part each: only constant boxes are put together.
    boxes.push(written.map((w) => constantSpan(w, known, "inner")));
    need ??= reads.map((r) => constantSpan(r, known, "outer"));
  }
  if (boxes.length > 1 && need && filled(need, boxes)) return undefined;
  const names = producers.map((p) => p.name).join(" and ");
  const what = unknown ? "may leave gaps in what they fill" : "do not fill";
  return `${consumer.name} reads parts of ${read.buffer.name} that ${names} ${what} before`;
}

/**
 * Regions that one producer covers, by all that the answer depends on: the two blocks, and the values of the loops around
 * them. One step of a schedule changes little of a program, and asks about all of it again.
 */
const covered = new WeakMap<Block, WeakMap<Block, Map<string, WeakSet<Region>>>>();

function pairOf(p: Located<Block>, c: Located<Block>, common: number): WeakSet<Region> {
  const byConsumer = entryOf(covered, p.node, () => new WeakMap<Block, Map<string, WeakSet<Region>>>());
  const byValues = entryOf(byConsumer, c.node, () => new Map<string, WeakSet<Region>>());
  const [around, ofProducer, ofConsumer] = [
    p.path.slice(0, common),
    p.path.slice(common),
    c.path.slice(common),
  ];
  const text = [around, ofProducer, ofConsumer].map((path) => path.map(valuesText).join("")).join("|");
  return entryOf(byValues, text, () => new WeakSet<Region>());
}

/** The values that the variables of a loop or block take, as text. */
function valuesText(s: Stmt): string {
  if (s.kind === "for") return `${s.v.id}:${exprKey(s.min)}:${exprKey(s.extent)},`;
  return s.kind === "block" ? s.axes.map((a) => `${a.v.id}:${exprKey(a.extent)},`).join("") : "";
}

interface Entries<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

function entryOf<K, V>(map: Entries<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** How many statements two paths share from the root on. */
export function commonDepth(a: Located<Block>["path"], b: Located<Block>["path"]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

function readSpans(c: Located<Block>, read: Region, depth: number, known: Ranges): Span[] {
  const inner = domainsFrom(c.path, depth);
  const loops = atLoops(c.node, read);
  const domain = c.node.axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent }));
  const ids = new Set(inner.map((d) => d.v.id));
  const all = withDomains(inner, known);
  return read.ranges.map((axes, i) => {
    const starts: Expr[] = [constant(0)];
    const ends: Expr[] = [read.buffer.shape[i]];
    const add = (r: Range | undefined, extent: Expr): void => {
      if (!r) return;
      starts.push(r.min);
      ends.push(ops.sub(ops.add(ops.add(r.min, r.extent), extent), 1));
    };
    const here = loops.ranges[i];
    add(relaxIndex(here.min, inner, known), here.extent);
    add(relaxIndex(axes.min, domain, axisRanges(c.node.axes)), axes.extent);
    // A predicate over exactly this index bounds it.
    for (const cond of conditionsOf(c.node.predicate)) {
      const { start, end } = boundOn(cond, here.min, ids, all);
      if (start) starts.push(start);
      if (end) ends.push(ops.sub(ops.add(end, here.extent), 1));
    }
    return { starts, ends };
  });
}

/**
 * What the instances of `p` under the `inner` loops fill of a buffer; undefined when they may leave gaps in the box
 * around it.
 */
export function writtenSpans(
  p: Located<Block>,
  buffer: number,
  inner: readonly VarDomain[],
  known: Ranges,
): Span[] | undefined {
  const region = writtenRegion(p.node, buffer);
  if (!region) return undefined;
  return dense(atLoops(p.node, region), p.node.predicate, inner, known);
}

function writtenRegion(b: Block, buffer: number): Region | undefined {
  if (b.writes) return b.writes.find((w) => w.buffer.id === buffer);
  return exactWrites(b.init ?? b.body, buffer) ?? exactWrites(b.body, buffer);
}

/** The region that a statement surely fills: a store that always runs, alone or in loops without conditions. */
function exactWrites(s: Block["body"], buffer: number): Region | undefined {
  const inner: VarDomain[] = [];
  const outer = new Map<number, Expr>();
  let at = s;
  for (;;) {
    if (at.kind === "for") {
      inner.push({ v: at.v, min: substExpr(at.min, outer), extent: substExpr(at.extent, outer) });
      at = at.body;
    } else if (at.kind === "let") {
      outer.set(at.v.id, substExpr(at.value, outer));
      at = at.body;
    } else if (at.kind === "block" && !at.predicate) {
      for (const a of at.axes) outer.set(a.v.id, substExpr(a.binding, outer));
      at = at.init ?? at.body;
    } else break;
  }
  const own = exactOf(at, buffer);
  if (!own) return undefined;
  const region = substRegion(own, outer);
  if (inner.length === 0) return region;
  const known = withDomains(inner, new Map());
  const spans = dense(region, undefined, inner, new Map());
  if (!spans) return undefined;
  return {
    buffer: region.buffer,
    ranges: spans.map(({ starts, ends }) => ({
      min: starts[0],
      extent: simplify(ops.sub(ends[0], starts[0]), known),
    })),
  };
}

/** Of a statement that is neither loop nor block nor let. */
function exactOf(s: Stmt, buffer: number): Region | undefined {
  switch (s.kind) {
    case "seq":
      // Any statement of a sequence that fills the region by itself will do.
      for (const c of s.stmts) {
        const r = exactWrites(c, buffer);
        if (r) return r;
      }
      return undefined;
    case "extern":
      for (const a of s.args) {
        if (a.kind === "accessPtr" && a.access !== "r" && a.region.buffer.id === buffer) return a.region;
      }
      return undefined;
    case "store":
      if (s.buffer.id !== buffer) return undefined;
      return { buffer: s.buffer, ranges: s.indices.map((min) => ({ min, extent: constant(1) })) };
    default:
      return undefined;
  }
}

/** Every start of `w` is at or before some start of `r`, and every end at or after some end. */
function spanCovers(w: Span, r: Span, ranges: Ranges): boolean {
  return (
    w.starts.every((a) => r.starts.some((b) => prove(ops.le(a, b), ranges))) &&
    w.ends.every((a) => r.ends.some((b) => prove(ops.ge(a, b), ranges)))
  );
}

/** Constant bounds of a span, in every iteration (`inner`) or in any (`outer`). Inclusive. */
function constantSpan(s: Span, known: Ranges, side: "inner" | "outer"): Interval {
  const starts = s.starts.map((e) => intervalOf(e, known));
  const ends = s.ends.map((e) => intervalOf(e, known));
  return side === "inner"
    ? { min: Math.max(...starts.map((x) => x.max)), max: Math.min(...ends.map((x) => x.min)) - 1 }
    : { min: Math.max(...starts.map((x) => x.min)), max: Math.min(...ends.map((x) => x.max)) - 1 };
}

/** Whether boxes of whole numbers together fill `need`. */
function filled(need: readonly Interval[], boxes: readonly (readonly Interval[])[]): boolean {
  if (need.some((d) => d.min > d.max)) return true;
  const [box, ...rest] = boxes;
  if (!box) return false;
  if (box.some((b, i) => b.max < need[i].min || b.min > need[i].max)) return filled(need, rest);
  // The parts of `need` beside the box, cut off one dimension after the other.
  const left = [...need];
  for (let i = 0; i < need.length; i++) {
    const d = left[i];
    const parts = [
      { min: d.min, max: box[i].min - 1 },
      { min: box[i].max + 1, max: d.max },
    ];
    for (const part of parts) {
      if (part.min > part.max) continue;
      if (!filled([...left.slice(0, i), part, ...left.slice(i + 1)], rest)) return false;
    }
    left[i] = { min: Math.max(d.min, box[i].min), max: Math.min(d.max, box[i].max) };
  }
  return true;
}
