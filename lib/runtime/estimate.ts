/**
 * What a program will cost, estimated from its text: work, traffic and working sets. The model, all sizes in bytes:
 *
 * - **FLOPs**: `countFlops`.
 * - **Touched**: how much of the buffers one execution of a part of the program reads or writes, each element once:
 *   the regions of lib/arith, relaxed over all loops inside the part, clipped to the buffer; a union is the smallest
 *   box around both. Never too small; too large where accesses leave gaps, as strides do.
 * - **Moved**: traffic between memory and one fully associative cache of `cache` bytes with perfect replacement within
 *   a part and no memory between parts. A part whose touched bytes fit moves each of its regions once: what it reads
 *   in (unless it writes that before), what it writes out, buffers it allocates itself not at all. A loop that does
 *   not fit moves its iterations' traffic one after another; a sequence likewise; a store by itself always fits.
 * - Predicates and `init` count by the share of iterations in which they run; branches always run.
 */

import { accessesOf, unionRange } from "../arith/index.ts";
import { evalSize, type SizeMap } from "../codegen/index.ts";
import {
  type Block,
  type Buffer,
  BYTES,
  blocksIn,
  childStmts,
  type Expr,
  type Interval,
  intervalOf,
  loopRange,
  ownExprs,
  type PrimFunc,
  type Range,
  type Region,
  rewriteStmt,
  type Stmt,
  unreachable,
  varsOf,
  visitExpr,
} from "../ir/index.ts";
import { countFlops } from "./flops.ts";

export interface EstimateOptions {
  /** Bytes of the cache that traffic is counted into (32 KiB, a usual first-level data cache). */
  readonly cache?: number;
  /** Symbolic sizes by name. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** One loop. Outer loops stand still. */
export interface LoopEstimate {
  readonly name: string;
  /** The id of its variable. */
  readonly id: number;
  /** Loops around it. */
  readonly depth: number;
  readonly extent: number;
  /** How often its body runs in one call. */
  readonly iterations: number;
  /** Bytes one iteration touches: what must fit for its data to be used again. */
  readonly workingSet: number;
  /** Bytes all its iterations touch, once through. */
  readonly touched: number;
}

/** Sizes are in bytes; NaN where a size is not known. */
export interface Estimate {
  readonly flops?: number;
  /** Buffers touched by one call, each element once; intermediates included. */
  readonly touched: number;
  /** Traffic between memory and a cache of `cache` bytes. */
  readonly moved: number;
  /** FLOPs for each byte moved. */
  readonly intensity?: number;
  readonly cache: number;
  /** In program order. */
  readonly loops: readonly LoopEstimate[];
}

/** Nests outside all loops, by the size of the cache. */
const nests = new WeakMap<
  Stmt,
  Map<number, { readonly cost: Cost; readonly loops: readonly LoopEstimate[] }>
>();

const CACHE = 32 * 1024;
const cached = new WeakMap<PrimFunc, Estimate>();

/** The estimate of one call of a function. */
export function estimate(func: PrimFunc, options: EstimateOptions = {}): Estimate {
  const plain = options.cache === undefined && options.sizes === undefined;
  const known = plain ? cached.get(func) : undefined;
  if (known) return known;
  const { cache = CACHE, sizes = {} } = options;
  const flops = countFlops(func, sizes);
  const model = new Model(func, sizes, cache);
  const root = model.part(func.body, [], 1);
  const out: Estimate = {
    ...(flops === undefined ? {} : { flops }),
    touched: root.touched,
    moved: root.moved,
    ...(flops === undefined || !(root.moved > 0) ? {} : { intensity: flops / root.moved }),
    cache,
    loops: model.loops,
  };
  if (plain) cached.set(func, out);
  return out;
}

interface Cost {
  readonly touched: number;
  readonly moved: number;
}

/** A loop around the part being looked at. */
interface Around {
  readonly id: number;
  readonly extent: number;
}

class Model {
  readonly loops: LoopEstimate[] = [];
  private readonly ranges: Map<number, Interval>;
  private readonly sizes: SizeMap;
  private readonly cache: number;
  private depth = 0;

  constructor(f: PrimFunc, named: Readonly<Record<string, number>>, cache: number) {
    this.cache = cache;
    const sizes = new Map<number, number>();
    for (const p of f.params) {
      const vars = p.kind === "var" ? [p] : p.shape.flatMap((e) => [...varsOf(e).values()]);
      for (const v of vars) if (Object.hasOwn(named, v.name)) sizes.set(v.id, named[v.name]);
    }
    this.sizes = sizes;
    this.ranges = new Map([...sizes].map(([id, n]) => [id, { min: n, max: n }]));
  }

  /** `runs`: how often the part runs in one call; `around`: the loops around it. */
  part(s: Stmt, around: readonly Around[], runs: number): Cost {
    // As for regions: outside all loops a part costs what it cost in the program before.
    const key = this.depth === 0 && this.sizes.size === 0 && s.kind === "for" ? s : undefined;
    const known = key && nests.get(key)?.get(this.cache);
    if (known) {
      this.loops.push(...known.loops);
      return known.cost;
    }
    const at = this.loops.length;
    const own = this.bytesOf(s);
    const inner = this.inner(s, around, runs, own);
    const cost = { touched: own.touched, moved: own.touched <= this.cache ? own.moved : inner };
    if (key) {
      const of = nests.get(key) ?? new Map();
      nests.set(key, of.set(this.cache, { cost, loops: this.loops.slice(at) }));
    }
    return cost;
  }

  private inner(s: Stmt, around: readonly Around[], runs: number, own: Cost): number {
    switch (s.kind) {
      case "for": {
        const extent = this.size(s.extent);
        const iterations = runs * extent;
        this.ranges.set(s.v.id, loopRange(s.min, s.extent, this.ranges));
        const at = this.loops.length;
        const { name, id } = s.v;
        const row = { name, id, depth: this.depth, extent, iterations, touched: own.touched, workingSet: 0 };
        this.loops.push(row);
        this.depth++;
        const body = this.part(s.body, [...around, { id, extent }], iterations);
        this.depth--;
        this.loops[at] = { ...row, workingSet: body.touched };
        return extent * body.moved;
      }
      case "seq":
        return s.stmts.reduce((n, x) => n + this.part(x, around, runs).moved, 0);
      case "block": {
        for (const a of s.axes) this.ranges.set(a.v.id, intervalOf(a.binding, this.ranges));
        const share = this.share(s, around);
        const body = this.part(s.body, [], runs * share).moved;
        const init = s.init ? this.part(s.init, [], runs).moved * this.firsts(s) : 0;
        return share * (body + init);
      }
      case "if": {
        const then = this.part(s.then, around, runs).moved;
        const other = s.else ? this.part(s.else, around, runs).moved : 0;
        return own.moved === 0 ? 0 : Math.max(then, other);
      }
      case "let":
        return this.part(s.body, around, runs).moved;
      case "store":
      case "extern":
        return own.moved;
      default:
        return unreachable(s);
    }
  }

  /** The share of iterations in which the predicate of a block holds, if it only cuts tiles at the borders. */
  private share(b: Block, around: readonly Around[]): number {
    if (!b.predicate) return 1;
    const used = new Set(b.axes.flatMap((a) => [...varsOf(a.binding).keys()]));
    const all = around.reduce((n, l) => (used.has(l.id) ? n * l.extent : n), 1);
    const wanted = b.axes.reduce((n, a) => n * this.size(a.extent), 1);
    return Math.min(1, wanted / all);
  }

  /** The share of instances that run the init: those in which every reduce axis is at its first value. */
  private firsts(b: Block): number {
    return b.axes.reduce((n, a) => (a.type === "R" ? n / Math.max(1, this.size(a.extent)) : n), 1);
  }

  /** Bytes one execution touches, and moves when all of it fits. */
  private bytesOf(s: Stmt): Cost {
    if (s.kind === "store") return storeCost(s);
    const { reads, writes, hidden } = this.regions(s);
    const byBuffer = (rs: readonly Region[]): number[] => {
      const groups = new Map<number, Region[]>();
      for (const r of rs) {
        const group = groups.get(r.buffer.id);
        if (group) group.push(r);
        else groups.set(r.buffer.id, [r]);
      }
      return [...groups.values()].map((g) => this.regionBytes(g));
    };
    const sum = (ns: readonly number[]): number => ns.reduce((n, x) => n + x, 0);
    const outside = (rs: readonly Region[]): Region[] => rs.filter((r) => !hidden.has(r.buffer.id));
    return {
      touched: sum(byBuffer([...reads, ...writes])),
      moved:
        sum(byBuffer(outside(reads).filter((r) => !madeIn(s).has(r.buffer.id)))) +
        sum(byBuffer(outside(writes))),
    };
  }

  /** What a part touches, as lists: regions of one buffer may stand in it several times. */
  private regions(s: Stmt): Regions {
    // Outside all loops nothing but the statement itself has a say, and most of a program survives most steps.
    const top = this.depth === 0 && this.sizes.size === 0;
    const known = top ? regionCache.get(s) : undefined;
    if (known) return known;
    const parts =
      s.kind === "seq" ? s.stmts : s.kind === "block" && s.axes.length === 0 && !s.init ? [s.body] : [];
    const inner = parts.map((x) => this.regions(x));
    const own = parts.length > 0 ? undefined : accessesOf(bare(s), this.ranges);
    const out: Regions = {
      reads: own ? own.reads : inner.flatMap((r) => r.reads),
      writes: own ? own.writes : inner.flatMap((r) => r.writes),
      hidden: own
        ? allocsIn(s)
        : new Set([
            ...(s.kind === "block" ? s.allocs.map((b) => b.id) : []),
            ...inner.flatMap((r) => [...r.hidden]),
          ]),
    };
    if (top) regionCache.set(s, out);
    return out;
  }

  /** Bytes of the smallest box around regions of one buffer, as far as it lies in the buffer. */
  private regionBytes(rs: readonly Region[]): number {
    const { buffer } = rs[0];
    return buffer.shape.reduce((n, e, d) => {
      const whole = this.size(e);
      const span = this.span(rs.map((r) => r.ranges[d]));
      return n * Math.min(whole, Number.isNaN(span) ? whole : span);
    }, BYTES[buffer.dtype]);
  }

  /** The length of the smallest range found that contains all. */
  private span(rs: readonly Range[]): number {
    let joined: Range | undefined = rs[0];
    for (const r of rs.slice(1)) {
      if (!joined) break;
      // Most are at the same place.
      joined =
        sameExpr(r.min, joined.min) && sameExpr(r.extent, joined.extent)
          ? joined
          : unionRange(joined, r, this.ranges);
    }
    if (joined) return this.size(joined.extent);
    const bounds = rs.map((r) => intervalOf(r.min, this.ranges));
    return (
      Math.max(...rs.map((r, n) => bounds[n].max + this.size(r.extent))) -
      Math.min(...bounds.map((b) => b.min))
    );
  }

  /** The largest value of a size. */
  private size(e: Expr): number {
    const value = evalSize(e, this.sizes);
    if (value !== undefined) return value;
    const { max } = intervalOf(e, this.ranges);
    return Number.isFinite(max) ? max : Number.NaN;
  }
}

const sameExpr = (a: Expr, b: Expr): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

const made = new WeakMap<Stmt, ReadonlySet<number>>();

/** Buffers that a part writes before it reads them: nothing of them is brought in. */
function madeIn(s: Stmt): ReadonlySet<number> {
  const known = made.get(s);
  if (known) return known;
  const seen = new Set<number>();
  const written = new Set<number>();
  const inside = new Set<number>();
  const read = (e: Expr): void =>
    visitExpr(e, (x) => {
      if (x.kind === "load") seen.add(x.buffer.id);
    });
  const within = (e: Expr): boolean => [...varsOf(e).keys()].every((id) => inside.has(id));
  const go = (x: Stmt): void => {
    for (const e of ownExprs(x)) read(e);
    if (x.kind === "for") inside.add(x.v.id);
    if (x.kind === "store" && !seen.has(x.buffer.id)) {
      seen.add(x.buffer.id);
      written.add(x.buffer.id);
    }
    if (x.kind !== "block") {
      childStmts(x).forEach(go);
      return;
    }
    for (const a of x.axes) if (within(a.binding)) inside.add(a.v.id);
    // A reduction that began outside the part is read.
    if (x.init && x.axes.every((a) => a.type !== "R" || within(a.binding))) go(x.init);
    go(x.body);
  };
  go(s);
  made.set(s, written);
  return written;
}

interface Regions {
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
  /** Ids of buffers that live inside. */
  readonly hidden: ReadonlySet<number>;
}

const regionCache = new WeakMap<Stmt, Regions>();

function allocsIn(s: Stmt): Set<number> {
  return new Set(blocksIn(s).flatMap((b) => b.allocs.map((x) => x.id)));
}

/** A store by itself: every element it loads, each once, and the one it stores. */
function storeCost(s: Extract<Stmt, { kind: "store" }>): Cost {
  const element = (b: Buffer, indices: readonly Expr[]): string => `${b.id} ${JSON.stringify(indices)}`;
  const loads = new Map<string, number>();
  for (const e of [...s.indices, s.value]) {
    visitExpr(e, (x) => {
      if (x.kind === "load") loads.set(element(x.buffer, x.indices), BYTES[x.buffer.dtype]);
    });
  }
  const bytes = [...loads.values()].reduce((n, x) => n + x, 0);
  const own = BYTES[s.buffer.dtype];
  const again = loads.has(element(s.buffer, s.indices));
  return { touched: bytes + (again ? 0 : own), moved: bytes + own };
}

const bares = new WeakMap<Stmt, Stmt>();

/** The statement with the allocations of its blocks left out: their buffers count as touched too. */
function bare(s: Stmt): Stmt {
  let out = bares.get(s);
  if (!out) {
    const none: readonly Buffer[] = [];
    out = rewriteStmt(s, {
      stmt: (x) => (x.kind === "block" && x.allocs.length > 0 ? { ...x, allocs: none } : x),
    });
    bares.set(s, out);
  }
  return out;
}
