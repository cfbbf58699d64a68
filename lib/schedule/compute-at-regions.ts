/**
 * From regions to axes: which values the axes of a moved block take in one iteration of the loop it is moved under.
 *
 * For `computeAt` the block has to produce at least what its consumers under the loop read: a larger domain is
 * wasteful but right. For `reverseComputeAt` it may consume only what is there, and has to be run for all of it:
 * the domain is exact, or there is none (`undefined`).
 */
import {
  axisRanges,
  linearForm,
  prove,
  relaxIndex,
  simplify,
  unionRange,
  wholeBuffer,
} from "../arith/index.ts";
import {
  type Block,
  cast,
  constant,
  constInt,
  type DType,
  type Expr,
  intervalOf,
  loopRange,
  ops,
  type Range,
  type Ranges,
  type Region,
  usesVar,
  type Var,
} from "../ir/index.ts";

/** A region of a buffer in terms of the axes of the moved block, and the part of it that is wanted or there. */
export interface Match {
  readonly provided: Region;
  readonly required: Region;
}

/** Values of an axis by axis id; an axis that is missing takes all its values. */
export type Domains = Map<number, Range>;

/** Domains in which the block covers all of the required regions. */
export function coveringDomains(block: Block, matches: readonly Match[], ranges: Ranges): Domains {
  const all: Domains = new Map();
  matches.forEach((m, i) => {
    const own = solve(block, m, ranges, false).domains;
    for (const a of block.axes) {
      const id = a.v.id;
      const here = own.get(id);
      const before = all.get(id);
      if (i === 0 && here) all.set(id, here);
      else if (before) {
        const both = here && unionRange(before, here, ranges);
        if (both) all.set(id, both);
        else all.delete(id);
      }
    }
  });
  return all;
}

/** Domains of the instances that find all they read in the required regions; a reason where there is no such box. */
export function exactDomains(block: Block, matches: readonly Match[], ranges: Ranges): Domains | string {
  const all: Domains = new Map();
  for (const m of matches) {
    const own = solve(block, m, ranges, true);
    if (own.problem) return own.problem;
    for (const [id, here] of own.domains) {
      const before = all.get(id);
      const smaller = before ? innerOf(before, here, ranges) : here;
      const name = block.axes.find((a) => a.v.id === id)?.v.name;
      if (!smaller) return `the buffers that ${block.name} reads are ready for different values of ${name}`;
      all.set(id, smaller);
    }
  }
  return all;
}

/** The one of two ranges that lies in the other. */
function innerOf(a: Range, b: Range, ranges: Ranges): Range | undefined {
  const inside = (x: Range, y: Range): boolean =>
    prove(ops.ge(x.min, y.min), ranges) &&
    prove(ops.le(ops.add(x.min, x.extent), ops.add(y.min, y.extent)), ranges);
  return inside(a, b) ? a : inside(b, a) ? b : undefined;
}

function solve(
  block: Block,
  m: Match,
  ranges: Ranges,
  exact: boolean,
): { domains: Domains; problem?: string } {
  const domains: Domains = new Map();
  const quotients = new Set<number>();
  const axes = new Map(block.axes.map((a) => [a.v.id, a] as const));
  const ids = new Set(axes.keys());
  const known = new Map(ranges);
  for (const a of block.axes) {
    // An axis of extent 1 is not folded away: the region may hold other indices than its 0.
    const r = loopRange(constant(0), a.extent, ranges);
    known.set(a.v.id, r.max > r.min ? r : { min: 0, max: 1 });
  }
  const problem = (i: number): { domains: Domains; problem: string } => ({
    domains,
    problem: `what ${block.name} reads in dimension ${i} of ${m.provided.buffer.name} is not produced in one piece there`,
  });
  const dims = m.provided.ranges.map((r) => ({ form: linearForm(simplify(r.min, known), known), r }));

  for (const [i, { form, r }] of dims.entries()) {
    const want = m.required.ranges[i];
    if (!usesVar(r.min, ids)) continue;
    if (exact && coversAll(want, r, m, i, known)) continue;
    if (exact && isPartOf(r.min, quotients)) continue;
    if (exact && !staysInside(block, m.provided, i)) {
      const text = `${block.name} also runs where it does not read ${m.provided.buffer.name} (dimension ${i}), as for a border; no iteration produces for that`;
      return { domains, problem: text };
    }
    const terms = form && [...form.terms.values()].filter((t) => usesVar(t.atom, ids));
    const top = terms?.sort((x, y) => Math.abs(y.coef) - Math.abs(x.coef))[0];
    if (!form || !top) {
      if (exact) return problem(i);
      continue;
    }
    // index = coef · atom + rest, where the rest moves over `slack` values from `base` on.
    const coef = top.coef;
    const rest = simplify(ops.sub(r.min, ops.mul(top.atom, constant(coef, r.min.dtype))), known);
    const others = [...form.terms.values()].filter((t) => t !== top && usesVar(t.atom, ids));
    const moving = others.length === 0 ? { min: 0, max: 0 } : restInterval(others, known);
    const fixed = others.reduce((e, t) => ops.sub(e, ops.mul(t.atom, constant(t.coef, e.dtype))), rest);
    const size = constInt(r.extent);
    if (size === undefined || !Number.isFinite(moving.max - moving.min) || r.min.dtype !== want.min.dtype) {
      if (exact) return problem(i);
      continue;
    }
    const base = simplify(ops.add(fixed, moving.min), known);
    const slack = moving.max - moving.min + size;
    const low = simplify(ops.sub(want.min, base), known);
    const high = simplify(ops.sub(ops.add(low, want.extent), 1), known);
    if (exact && slack > 1 && !aligned(low, want.extent, Math.abs(coef), slack, known)) return problem(i);
    const value = atomRange(scaled(low, high, coef, slack, known), known);
    const atom = top.atom;
    if (atom.kind === "var") {
      if (!domains.has(atom.id)) domains.set(atom.id, value);
      else if (exact) return problem(i);
      continue;
    }
    const by = atom.kind === "binary" && atom.op === "floordiv" ? constInt(atom.b) : undefined;
    if (atom.kind !== "binary" || atom.a.kind !== "var" || !by || domains.has(atom.a.id)) {
      if (exact) return problem(i);
      continue;
    }
    const { range, remainder } = dividedRange(value, atom.a, by, dims, m, known);
    domains.set(atom.a.id, range);
    quotients.add(atom.a.id);
    if (exact && !wholeDigits(atom.a, [i, remainder], dims, m, known)) return problem(i);
  }
  return { domains };
}

/**
 * Whether all instances of a block access the buffer inside its bounds. If not, a condition in the body avoids the
 * access, and the instance does not depend on what is there.
 */
export function staysInside(block: Block, region: Region, dim: number): boolean {
  const axes = block.axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent }));
  const known = axisRanges(block.axes);
  const r = relaxIndex(region.ranges[dim].min, axes);
  if (!r) return false;
  const end = ops.sub(ops.add(ops.add(r.min, r.extent), region.ranges[dim].extent), 1);
  return prove(ops.ge(r.min, 0), known) && prove(ops.le(end, region.buffer.shape[dim]), known);
}

/** A remainder of an axis whose quotient has been solved, and checked together with it. */
function isPartOf(e: Expr, quotients: ReadonlySet<number>): boolean {
  return e.kind === "binary" && e.op === "floormod" && e.a.kind === "var" && quotients.has(e.a.id);
}

interface Dim {
  readonly form: ReturnType<typeof linearForm>;
  readonly r: Range;
}

/**
 * The axis behind floordiv(axis, by). Where the quotient is one value and the remainder is wanted in part, that part
 * (and the dimension it came from).
 */
function dividedRange(
  value: Range,
  axis: Var,
  by: number,
  dims: readonly Dim[],
  m: Match,
  known: Ranges,
): { range: Range; remainder: number } {
  const low = simplify(ops.mul(value.min, by), known);
  const i = dims.findIndex(({ r }) => isRemainder(r.min, axis, by));
  if (i >= 0 && constInt(value.extent) === 1) {
    const part = m.required.ranges[i];
    return { range: { min: simplify(ops.add(low, part.min), known), extent: part.extent }, remainder: i };
  }
  return { range: { min: low, extent: simplify(ops.mul(value.extent, by), known) }, remainder: -1 };
}

const isRemainder = (e: Expr, axis: Var, by: number): boolean =>
  e.kind === "binary" &&
  e.op === "floormod" &&
  e.a.kind === "var" &&
  e.a.id === axis.id &&
  constInt(e.b) === by;

/** Whether the dimensions in which the axis occurs, except those that are `done`, are there as a whole. */
function wholeDigits(
  axis: Var,
  done: readonly number[],
  dims: readonly Dim[],
  m: Match,
  known: Ranges,
): boolean {
  const id = new Set([axis.id]);
  return dims.every(
    ({ r }, k) => done.includes(k) || !usesVar(r.min, id) || coversAll(m.required.ranges[k], r, m, k, known),
  );
}

/** Whether the required range holds everything that any instance of the block touches in this dimension. */
function coversAll(want: Range, touched: Range, m: Match, dim: number, known: Ranges): boolean {
  const end = ops.add(want.min, want.extent);
  const whole = wholeBuffer(m.provided.buffer).ranges[dim];
  const all = (lo: Expr, hi: Expr): boolean =>
    prove(ops.le(want.min, lo), known) && prove(ops.ge(end, hi), known);
  if (all(whole.min, whole.extent)) return true;
  const r = intervalOf(touched.min, known);
  const size = constInt(touched.extent);
  if (size === undefined || !Number.isFinite(r.min) || !Number.isFinite(r.max)) return false;
  return all(constant(r.min), constant(r.max + size));
}

function restInterval(
  others: readonly { atom: Expr; coef: number }[],
  known: Ranges,
): { min: number; max: number } {
  let min = 0;
  let max = 0;
  for (const t of others) {
    const r = intervalOf(t.atom, known);
    min += t.coef * (t.coef > 0 ? r.min : r.max);
    max += t.coef * (t.coef > 0 ? r.max : r.min);
  }
  return { min, max };
}

/** Tiles of `slack` elements at multiples of `step` lie inside or outside the wanted range, never across its ends. */
function aligned(low: Expr, extent: Expr, step: number, slack: number, known: Ranges): boolean {
  const multiple = (e: Expr): boolean => prove(ops.eq(ops.floormod(e, step), 0), known);
  return slack === step && multiple(low) && multiple(extent);
}

/** The x for which [coef·x, coef·x + slack) meets [low, high], as its first and last value. */
function scaled(low: Expr, high: Expr, coef: number, slack: number, known: Ranges): [Expr, Expr] {
  const c = Math.abs(coef);
  const first = ops.floordiv(ops.add(ops.sub(low, slack), c), c);
  const last = ops.floordiv(high, c);
  if (coef > 0) return [simplify(first, known), simplify(last, known)];
  // -c·x: count from the other side.
  const from = ops.floordiv(ops.add(ops.sub(0, high), c - 1), c);
  const to = ops.floordiv(ops.sub(slack - 1, low), c);
  return [simplify(from, known), simplify(to, known)];
}

function atomRange([first, last]: [Expr, Expr], known: Ranges): Range {
  return { min: first, extent: simplify(ops.add(ops.sub(last, first), 1), known) };
}

/** What an axis runs over under the target loop, and on which sides its binding may leave the axis. */
export interface Iteration {
  readonly min: Expr;
  readonly extent: Expr;
  readonly guardStart: boolean;
  readonly guardEnd: boolean;
}

/**
 * The values of an axis cut to the axis itself. Where that is not possible once for all iterations, the loops run
 * over the whole range and a guard is needed. `exact`: the extent may depend on outer loops; otherwise its largest
 * value is taken, so that the new loops are rectangular.
 */
export function iterationOf(
  domain: Range | undefined,
  extent: Expr,
  ranges: Ranges,
  exact: boolean,
): Iteration {
  const dtype = extent.dtype;
  const zero = constant(0, dtype);
  if (!domain) return { min: zero, extent, guardStart: false, guardEnd: false };
  let min = converted(domain.min, dtype);
  let count = converted(domain.extent, dtype);
  if (!exact && constInt(count) === undefined) {
    const most = intervalOf(count, ranges).max;
    const constantExtent =
      Number.isFinite(most) && [...ranges.keys()].some((id) => usesVar(count, new Set([id])));
    if (constantExtent) count = constant(Math.max(most, 1), dtype);
  }
  const proves = (cond: Expr): boolean => prove(cond, ranges);
  const end = (): Expr => ops.add(min, count);
  if (proves(ops.le(min, zero)) && proves(ops.ge(end(), extent))) {
    return { min: zero, extent, guardStart: false, guardEnd: false };
  }
  // Cut a side that sticks out in every iteration, if the loop stays as long in all of them.
  const shorter = simplify(end(), ranges);
  if (!proves(ops.ge(min, zero)) && proves(ops.le(min, zero)) && constInt(shorter) !== undefined) {
    count = shorter;
    min = zero;
  }
  const rest = simplify(ops.sub(extent, min), ranges);
  if (!proves(ops.le(end(), extent)) && proves(ops.ge(end(), extent)) && constInt(rest) !== undefined) {
    count = rest;
  }
  return {
    min,
    extent: count,
    guardStart: !proves(ops.ge(min, zero)),
    guardEnd: !proves(ops.le(end(), extent)),
  };
}

/** An index expression in another integer dtype. */
export function converted(e: Expr, dtype: DType): Expr {
  if (e.dtype === dtype) return e;
  const n = constInt(e);
  return n === undefined ? cast(e, dtype) : constant(n, dtype);
}
