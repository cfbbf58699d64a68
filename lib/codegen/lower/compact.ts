/**
 * Compaction: an allocated buffer shrinks to the part that is used under the lowest statement that contains all its
 * uses, and is allocated there. A tile computed under outer loops thus needs a tile of memory, packed, and its
 * indices lose the outer loops.
 *
 * Indices are shifted by the least index used (`min`, in terms of the loops outside). That is right only while what
 * an iteration of those loops reads was written in the same iteration, because the same element lies elsewhere in
 * the next one: where the written part does not cover what is read, or a read comes first, the dimension keeps its
 * full size.
 */
import { differenceOf, relaxIndex, unionRange, type VarDomain } from "../../arith/index.ts";
import {
  type AccessPtr,
  type Buffer,
  block,
  childStmts,
  constant,
  constInt,
  type Expr,
  type Interval,
  intervalOf,
  loopRange,
  mapStmt,
  ops,
  ownExprs,
  type Range,
  type Region,
  rewriteExpr,
  type Stmt,
  usesVar,
  variable,
  varsOf,
  visitExpr,
} from "../../ir/index.ts";
import { conjuncts, cutOff } from "./guarded.ts";
import type { PassContext } from "./pass.ts";

export function compactBuffers(s: Stmt, c: PassContext): Stmt {
  const buffers = new Map<number, Buffer>();
  const bare = dropAllocs(s, buffers);
  const placed = new Map<Stmt, Buffer[]>();
  const layouts = new Map<number, Layout>();
  for (const b of buffers.values()) {
    const path = commonPath(bare, b.id);
    if (!path) continue;
    const at = path[path.length - 1];
    const layout = layoutOf(b, path, c);
    layouts.set(b.id, layout);
    placed.set(at, [...(placed.get(at) ?? []), layout.buffer]);
  }
  return rebuild(bare, layouts, placed);
}

/** Allocating blocks become their bodies. */
function dropAllocs(s: Stmt, into: Map<number, Buffer>): Stmt {
  const go = (x: Stmt): Stmt => {
    if (x.kind !== "block") return mapStmt(x, { stmt: go });
    for (const b of x.allocs) into.set(b.id, b);
    return go(x.body);
  };
  return go(s);
}

/** The statements from the root to the lowest one that contains every use of a buffer. */
function commonPath(root: Stmt, id: number): Stmt[] | undefined {
  const path: Stmt[] = [];
  let at: Stmt | undefined = uses(root, id) ? root : undefined;
  if (!at) return undefined;
  while (at) {
    path.push(at);
    const here: Stmt = at;
    if (ownUse(here, id)) break;
    const below: Stmt[] = childStmts(here).filter((x) => uses(x, id));
    at = below.length === 1 ? below[0] : undefined;
  }
  return path;
}

const usesCache = new WeakMap<Stmt, ReadonlySet<number>>();

/** Buffers used in a statement. */
function usedBuffers(s: Stmt): ReadonlySet<number> {
  let known = usesCache.get(s);
  if (!known) {
    const out = new Set<number>();
    for (const e of ownExprs(s)) {
      visitExpr(e, (x) => {
        if (x.kind === "load") out.add(x.buffer.id);
      });
    }
    if (s.kind === "store") out.add(s.buffer.id);
    for (const { buffer } of partsOf(s)) out.add(buffer.id);
    for (const x of childStmts(s)) for (const id of usedBuffers(x)) out.add(id);
    known = out;
    usesCache.set(s, known);
  }
  return known;
}
const uses = (s: Stmt, id: number): boolean => usedBuffers(s).has(id);

/** Parts of buffers that a statement passes to a kernel. */
function partsOf(s: Stmt): readonly (Region & Pick<AccessPtr, "access">)[] {
  if (s.kind !== "extern") return [];
  return s.args.flatMap((a) => (a.kind === "accessPtr" ? [{ ...a.region, access: a.access }] : []));
}

function ownUse(s: Stmt, id: number): boolean {
  if (s.kind === "store" && s.buffer.id === id) return true;
  if (partsOf(s).some((p) => p.buffer.id === id)) return true;
  let found = false;
  for (const e of ownExprs(s)) {
    visitExpr(e, (x) => {
      if (x.kind === "load" && x.buffer.id === id) found = true;
    });
  }
  return found;
}

interface Layout {
  readonly buffer: Buffer;
  /** What is taken off each index. */
  readonly min: readonly Expr[];
}

interface Access {
  readonly indices: readonly Expr[];
  readonly isStore: boolean;
  /**
   * Of a store: it happens in some iteration of the loops outside, as the init of a reduction over one of them does;
   * the others read what that one wrote.
   */
  readonly once: boolean;
  /** Loops around it, below the common statement. */
  readonly inner: readonly VarDomain[];
  /** Conditions around it that all hold. */
  readonly tests: readonly Expr[];
  /** Variables bound by lets below the common statement. */
  readonly lets: ReadonlySet<number>;
}

function layoutOf(b: Buffer, path: readonly Stmt[], c: PassContext): Layout {
  const unchanged: Layout = { buffer: b, min: b.shape.map(() => constant(0)) };
  if (b.strides || b.shape.length === 0) return unchanged;
  const ranges = new Map<number, Interval>(c.sizes);
  const outer = new Set<number>();
  const shared: VarDomain[] = [];
  for (const s of path.slice(0, -1)) {
    if (s.kind === "for") {
      ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
      if (c.sharedOver?.(b, s)) shared.push({ v: s.v, min: s.min, extent: s.extent });
      else outer.add(s.v.id);
    }
    if (s.kind === "let") ranges.set(s.v.id, intervalOf(s.value, ranges));
  }
  const own = collect(path[path.length - 1], b.id, ranges, outer);
  const accesses = own.map((a) => ({ ...a, inner: [...shared, ...a.inner] }));
  const found = b.shape.map((size, d) => dimension(size, d, accesses, ranges, outer));
  // An element read in another iteration than it was written in is another one once a dimension was shifted between
  // them, whichever dimension it was that was not covered.
  const covered = found.every((x) => x.covered);
  const dims = found.map(({ part }) => (part && (covered || !part.moves) ? part : undefined));
  if (dims.every((x) => x === undefined)) return unchanged;
  return {
    buffer: { ...b, shape: b.shape.map((size, d) => dims[d]?.extent ?? size) },
    min: dims.map((x) => x?.min ?? constant(0)),
  };
}

function collect(
  root: Stmt,
  id: number,
  ranges: Map<number, Interval>,
  outer: ReadonlySet<number>,
): Access[] {
  const out: Access[] = [];
  const walk = (
    s: Stmt,
    inner: readonly VarDomain[],
    lets: ReadonlySet<number>,
    once: boolean,
    tests: readonly Expr[],
  ): void => {
    for (const e of ownExprs(s)) {
      visitExpr(e, (x) => {
        if (x.kind === "load" && x.buffer.id === id) {
          out.push({ indices: x.indices, isStore: false, once, inner, lets, tests });
        }
      });
    }
    if (s.kind === "store" && s.buffer.id === id) {
      out.push({ indices: s.indices, isStore: true, once, inner, lets, tests });
    }
    for (const p of partsOf(s)) {
      if (p.buffer.id !== id) continue;
      // Every element of the part, as loops over it would touch it.
      const over = p.ranges.map((r): VarDomain => {
        const v = variable("part", r.min.dtype);
        ranges.set(v.id, loopRange(constant(0, v.dtype), r.extent, ranges));
        return { v, min: constant(0, v.dtype), extent: r.extent };
      });
      const indices = p.ranges.map((r, d) => ops.add(r.min, over[d].v));
      const touch = { indices, once, inner: [...inner, ...over], lets, tests };
      if (p.access !== "w") out.push({ ...touch, isStore: false });
      if (p.access !== "r") out.push({ ...touch, isStore: true });
    }
    let below = inner;
    let bound = lets;
    if (s.kind === "for") {
      below = [...inner, { v: s.v, min: s.min, extent: s.extent }];
      ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
    }
    if (s.kind === "let") {
      bound = new Set([...lets, s.v.id]);
      ranges.set(s.v.id, intervalOf(s.value, ranges));
    }
    const some = once || (s.kind === "if" && picksIteration(s.cond, outer));
    for (const x of childStmts(s)) {
      const holds = s.kind === "if" && x === s.then ? [...tests, ...conjuncts(s.cond)] : tests;
      walk(x, below, bound, some, holds);
    }
  };
  walk(root, [], new Set(), false, []);
  return out;
}

/**
 * Whether a condition compares a variable from outside for equality, or offers an alternative to what holds of one (the
 * first iteration makes all, others what is new). Bounds of tiles do neither: they guard both sides.
 */
function picksIteration(cond: Expr, outer: ReadonlySet<number>): boolean {
  let found = false;
  visitExpr(cond, (e) => {
    if (e.kind === "binary" && (e.op === "eq" || e.op === "or") && usesVar(e, outer)) found = true;
  });
  return found;
}

interface Dimension {
  /** Whether what an iteration of the loops outside reads was written in it, as far as this dimension tells. */
  readonly covered: boolean;
  /** What is used, with a constant extent; undefined for all of it. `moves`: it starts elsewhere in other iterations. */
  readonly part?: { readonly min: Expr; readonly extent: Expr; readonly moves: boolean };
}

const ALL: Dimension = { covered: false };

/** The part of dimension `d` that is used. */
function dimension(
  size: Expr,
  d: number,
  accesses: readonly Access[],
  ranges: ReadonlyMap<number, Interval>,
  outer: ReadonlySet<number>,
): Dimension {
  let whole: Range | undefined;
  let written: Range | undefined;
  let read: Range | undefined;
  for (const a of accesses) {
    const r = relaxed(a, d, ranges);
    if (!r) return ALL;
    whole = whole ? unionRange(whole, r, ranges) : r;
    if (!whole) return ALL;
    if (a.isStore && !a.once) written = written ? unionRange(written, r, ranges) : r;
    if (!a.isStore) read = read ? unionRange(read, r, ranges) : r;
  }
  if (!whole) return ALL;
  const moves = [...varsOf(whole.min).keys()].some((id) => outer.has(id));
  const first = accesses[0];
  const covered = !read || (first.isStore && !first.once && covers(written, read, ranges));
  const extent = intervalOf(whole.extent, ranges).max;
  const full = constInt(size);
  if (!Number.isFinite(extent) || (full !== undefined && extent >= full)) return { covered };
  return { covered, part: { min: whole.min, extent: constant(extent, size.dtype), moves } };
}

/** The values one index takes over the loops inside; undefined when they cannot be told from outside. */
function relaxed(a: Access, d: number, ranges: ReadonlyMap<number, Interval>): Range | undefined {
  const whole = relaxIndex(a.indices[d], a.inner, ranges);
  if (!whole) return undefined;
  const r = cutOff(a.indices[d], whole, a.tests, ranges);
  const inside = new Set(a.inner.map((x) => x.v.id));
  const used = [...varsOf(r.min).keys()];
  if (used.some((id) => inside.has(id) || a.lets.has(id)) || hasLoad(r.min)) return undefined;
  // The length may vary with loops inside (a triangle): its bound counts.
  const length = intervalOf(r.extent, ranges).max;
  return Number.isFinite(length) ? { min: r.min, extent: constant(length) } : undefined;
}

function covers(written: Range | undefined, read: Range, ranges: ReadonlyMap<number, Interval>): boolean {
  if (!written) return false;
  const lead = differenceOf(read.min, written.min, ranges);
  const w = constInt(written.extent);
  const r = constInt(read.extent);
  return lead !== undefined && w !== undefined && r !== undefined && lead >= 0 && lead + r <= w;
}

function hasLoad(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "load") found = true;
  });
  return found;
}

/** Puts allocations where they belong and shifts the indices of what changed. */
function rebuild(
  root: Stmt,
  layouts: ReadonlyMap<number, Layout>,
  placed: ReadonlyMap<Stmt, readonly Buffer[]>,
): Stmt {
  const shift = (indices: readonly Expr[], l: Layout): Expr[] => indices.map((e, d) => ops.sub(e, l.min[d]));
  const expr = (e: Expr): Expr =>
    rewriteExpr(e, (x) => {
      const l = x.kind === "load" ? layouts.get(x.buffer.id) : undefined;
      return x.kind === "load" && l ? { ...x, buffer: l.buffer, indices: shift(x.indices, l) } : x;
    });
  const go = (s: Stmt): Stmt => {
    let out = mapStmt(s, { stmt: go, expr });
    if (out.kind === "store") {
      const l = layouts.get(out.buffer.id);
      if (l) out = { ...out, buffer: l.buffer, indices: shift(out.indices, l) };
    }
    if (out.kind === "extern") {
      const args = out.args.map((a): AccessPtr | Expr => {
        const l = a.kind === "accessPtr" ? layouts.get(a.region.buffer.id) : undefined;
        if (a.kind !== "accessPtr" || !l) return a;
        const starts = shift(
          a.region.ranges.map((r) => r.min),
          l,
        );
        const ranges = a.region.ranges.map((r, d) => ({ min: starts[d], extent: r.extent }));
        return { ...a, region: { buffer: l.buffer, ranges } };
      });
      out = { ...out, args };
    }
    const allocs = placed.get(s);
    return allocs ? block({ name: "scope", body: out, allocs }) : out;
  };
  return go(root);
}
