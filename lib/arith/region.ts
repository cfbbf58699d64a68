/**
 * Which parts of buffers a statement touches: regions derived from the program text, relaxed over the loops inside.
 * A region is never too small; it may be too large (a whole dimension) where an index is not understood.
 */
import {
  type Block,
  type BlockAxis,
  type Buffer,
  constant,
  constInt,
  type Expr,
  intervalOf,
  loopRange,
  ops,
  type Range,
  type Ranges,
  type Region,
  type Stmt,
  substExpr,
  type Var,
  type VarMap,
  varsOf,
  visitExpr,
} from "../ir/index.ts";
import { differenceOf, linearForm, simplify } from "./simplify.ts";
import { sumToExpr } from "./sum.ts";

/** A variable and the values it takes: min … min + extent - 1. */
export interface VarDomain {
  readonly v: Var;
  readonly min: Expr;
  readonly extent: Expr;
}

export interface Accesses {
  /** In the order of first access in the program; one region for each buffer. */
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
}

/** The range of `index` when the variables in `inner` take all their values; undefined when it is not understood. */
export function relaxIndex(
  index: Expr,
  inner: readonly VarDomain[],
  ranges: Ranges = new Map(),
): Range | undefined {
  return index.kind === "const"
    ? { min: index, extent: constant(1) }
    : relaxed(index, inner, withDomains(inner, ranges));
}

/** `known`: with the values of the inner variables. */
function relaxed(index: Expr, inner: readonly VarDomain[], known: Ranges): Range | undefined {
  const used = varsOf(index);
  const moving = inner.filter((d) => used.has(d.v.id));
  if (moving.length === 0) return { min: simplify(index, known), extent: constant(1) };
  const form = linearForm(index, known);
  if (!form) return undefined;

  let min: Expr = constant(form.constant, index.dtype);
  let extent: Expr = constant(1, index.dtype);
  const fixed = new Map(form.terms);
  for (const [key, t] of form.terms) {
    const atomVars = varsOf(t.atom);
    const inside = inner.filter((d) => atomVars.has(d.v.id));
    if (inside.length === 0) continue;
    fixed.delete(key);
    const r = rangeOfAtom(t.atom, inside, known);
    if (!r) return undefined;
    // coef · [min, min + extent): its lowest value is at one end, its length coef · (extent - 1) + 1.
    const steps = ops.sub(r.extent, 1);
    const low = t.coef > 0 ? r.min : ops.add(r.min, steps);
    min = ops.add(min, ops.mul(low, t.coef));
    extent = ops.add(extent, ops.mul(steps, Math.abs(t.coef)));
  }
  const rest = sumToExpr({ terms: fixed, constant: 0 }, index.dtype);
  return { min: simplify(ops.add(rest, min), known), extent: simplify(extent, known) };
}

function rangeOfAtom(atom: Expr, inner: readonly VarDomain[], known: Ranges): Range | undefined {
  if (atom.kind === "var") {
    const d = inner.find((x) => x.v.id === atom.id);
    return d && { min: d.min, extent: d.extent };
  }
  // A quotient by a constant moves over floor((extent + divisor - 2) / divisor) + 1 values at most.
  const divisor = atom.kind === "binary" ? constInt(atom.b) : undefined;
  if (atom.kind === "binary" && atom.op === "floordiv" && divisor !== undefined && divisor > 0) {
    const onlyInner = [...varsOf(atom).keys()].every((id) => inner.some((d) => d.v.id === id));
    const x = relaxIndex(atom.a, inner, known);
    if (x && !onlyInner) {
      const extent = ops.add(ops.floordiv(ops.add(x.extent, divisor - 2), divisor), 1);
      return { min: simplify(ops.floordiv(x.min, divisor), known), extent: simplify(extent, known) };
    }
  }
  const all = intervalOf(atom, known);
  if (!Number.isFinite(all.min) || !Number.isFinite(all.max)) return undefined;
  return { min: constant(all.min, atom.dtype), extent: constant(all.max - all.min + 1, atom.dtype) };
}

/** `ranges` with the constant bounds of the domains added, outermost domain first. */
export function withDomains(domains: readonly VarDomain[], ranges: Ranges): Ranges {
  const out = new Map(ranges);
  for (const d of domains) out.set(d.v.id, loopRange(d.min, d.extent, out));
  return out;
}

/** The smallest range found that contains both; undefined when they cannot be compared. */
export function unionRange(a: Range, b: Range, ranges: Ranges = new Map()): Range | undefined {
  const d = differenceOf(b.min, a.min, ranges);
  const ea = constInt(simplify(a.extent, ranges));
  const eb = constInt(simplify(b.extent, ranges));
  if (d !== undefined && ea !== undefined && eb !== undefined) {
    const low = Math.min(0, d);
    const high = Math.max(ea, d + eb);
    return { min: d < 0 ? b.min : a.min, extent: constant(high - low) };
  }
  if (d === 0 && differenceOf(a.extent, b.extent, ranges) === 0) return a;
  return undefined;
}

export const wholeBuffer = (b: Buffer): Region => ({
  buffer: b,
  ranges: b.shape.map((extent) => ({ min: constant(0), extent })),
});

/** Both regions in one (they belong to the same buffer), dimension by dimension. */
export function unionRegion(a: Region, b: Region, ranges: Ranges = new Map()): Region {
  return {
    buffer: a.buffer,
    ranges: a.ranges.map(
      (r, i) => unionRange(r, b.ranges[i], ranges) ?? { min: constant(0), extent: a.buffer.shape[i] },
    ),
  };
}

/** A region (in terms of variables) when the `inner` variables take all their values. */
export function relaxRegion(region: Region, inner: readonly VarDomain[], ranges: Ranges = new Map()): Region {
  const known = withDomains(inner, ranges);
  return {
    buffer: region.buffer,
    ranges: region.ranges.map((r, i) => {
      const min = relaxed(r.min, inner, known);
      const used = varsOf(r.extent);
      const fixedExtent = !inner.some((d) => used.has(d.v.id));
      if (!min || !fixedExtent) return { min: constant(0), extent: region.buffer.shape[i] };
      return { min: min.min, extent: simplify(ops.add(ops.sub(min.extent, 1), r.extent), known) };
    }),
  };
}

/**
 * What `s` reads and writes, in terms of the variables that are free in it: relaxed over the loops and blocks inside.
 * Buffers allocated inside are left out.
 */
export function accessesOf(s: Stmt, ranges: Ranges = new Map()): Accesses {
  const c = new Collector(ranges);
  c.stmt(s, [], new Map());
  return { reads: [...c.reads.values()], writes: [...c.writes.values()] };
}

const cache = new WeakMap<Block, Accesses>();

/**
 * The regions of one instance of a block, in terms of its axes: those it states, otherwise what its body (and init)
 * touches. A buffer that the init writes is not counted as read, although the update reads it: the block makes the
 * value itself. Buffers allocated inside are left out.
 */
export function regionsOf(b: Block): Accesses {
  const known = cache.get(b);
  if (known) return known;
  const c = new Collector(axisRanges(b.axes));
  c.inside(b, [], new Map());
  const own = new Set<number>();
  if (b.init) for (const w of accessesOf(b.init).writes) own.add(w.buffer.id);
  const out: Accesses = {
    reads: (b.reads ?? [...c.reads.values()]).filter((r) => !own.has(r.buffer.id)),
    writes: b.writes ?? [...c.writes.values()],
  };
  cache.set(b, out);
  return out;
}

/** Constant ranges of block axes. */
export function axisRanges(axes: readonly BlockAxis[]): Ranges {
  return withDomains(
    axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent })),
    new Map(),
  );
}

class Collector {
  readonly reads = new Map<number, Region>();
  readonly writes = new Map<number, Region>();
  private readonly local = new Set<number>();
  private readonly ranges: Ranges;

  constructor(ranges: Ranges) {
    this.ranges = ranges;
  }

  /** `inner`: loops entered so far; `bound`: axes and lets of what was entered, in terms of loops. */
  stmt(s: Stmt, inner: readonly VarDomain[], bound: VarMap): void {
    switch (s.kind) {
      case "for": {
        const min = substExpr(s.min, bound);
        const extent = substExpr(s.extent, bound);
        this.exprs([min, extent], inner);
        this.stmt(s.body, [...inner, { v: s.v, min, extent }], bound);
        return;
      }
      case "seq":
        for (const x of s.stmts) this.stmt(x, inner, bound);
        return;
      case "if":
        this.exprs([substExpr(s.cond, bound)], inner);
        this.stmt(s.then, inner, bound);
        if (s.else) this.stmt(s.else, inner, bound);
        return;
      case "let": {
        const value = substExpr(s.value, bound);
        this.exprs([value], inner);
        this.stmt(s.body, inner, new Map(bound).set(s.v.id, value));
        return;
      }
      case "store": {
        const indices = s.indices.map((i) => substExpr(i, bound));
        this.exprs([...indices, substExpr(s.value, bound)], inner);
        this.add(this.writes, s.buffer, indices, inner);
        return;
      }
      case "extern":
        for (const a of s.args) {
          if (a.kind !== "accessPtr") {
            this.exprs([substExpr(a, bound)], inner);
            continue;
          }
          const region = substRegion(a.region, bound);
          if (a.access !== "w") this.addRegion(this.reads, region, inner);
          if (a.access !== "r") this.addRegion(this.writes, region, inner);
        }
        return;
      case "block": {
        const axes = new Map(bound);
        const bindings = s.axes.map((a) => substExpr(a.binding, bound));
        this.exprs(bindings, inner);
        if (s.predicate) this.exprs([substExpr(s.predicate, bound)], inner);
        s.axes.forEach((a, i) => {
          axes.set(a.v.id, bindings[i]);
        });
        this.inside(s, inner, axes);
        return;
      }
    }
  }

  /** The inside of a block whose axes are bound (or left free). */
  inside(b: Block, inner: readonly VarDomain[], bound: VarMap): void {
    for (const x of b.allocs) this.local.add(x.id);
    if (b.reads || b.writes) {
      for (const [to, stated] of [
        [this.reads, b.reads],
        [this.writes, b.writes],
      ] as const) {
        for (const r of stated ?? []) this.addRegion(to, substRegion(r, bound), inner);
      }
      if (b.reads && b.writes) return;
    }
    if (b.init) this.stmt(b.init, inner, bound);
    this.stmt(b.body, inner, bound);
  }

  private exprs(es: readonly Expr[], inner: readonly VarDomain[]): void {
    for (const e of es) {
      visitExpr(e, (x) => {
        if (x.kind === "load") this.add(this.reads, x.buffer, x.indices, inner);
      });
    }
  }

  private add(
    to: Map<number, Region>,
    buffer: Buffer,
    indices: readonly Expr[],
    inner: readonly VarDomain[],
  ): void {
    const point = { buffer, ranges: indices.map((min) => ({ min, extent: constant(1) })) };
    this.addRegion(to, point, inner);
  }

  private addRegion(to: Map<number, Region>, region: Region, inner: readonly VarDomain[]): void {
    const b = region.buffer;
    if (this.local.has(b.id)) return;
    const relaxed = relaxRegion(region, inner, this.ranges);
    const before = to.get(b.id);
    to.set(b.id, before ? unionRegion(before, relaxed, this.ranges) : relaxed);
  }
}

export function substRegion(r: Region, map: VarMap): Region {
  return {
    buffer: r.buffer,
    ranges: r.ranges.map((x) => ({ min: substExpr(x.min, map), extent: substExpr(x.extent, map) })),
  };
}
