/**
 * Loop partition: a loop whose body asks in every iteration whether it is still inside becomes several, one after another:
 * where the question is always answered with yes (no question is left there), before that, and after it. What is left at
 * an edge often runs once or not at all: of a split that does not come out even, the last part becomes a loop over what is
 * left, in vectors where the others are. (The pass of this name in TVM, and "loop splitting" elsewhere.)
 *
 * Taken are comparisons of whole numbers that are linear in the loop's variable: conditions of ifs, and of selects that
 * keep a load inside its buffer, as padding does. The range in which one holds is a range of numbers: it holds there
 * whatever the loops around and inside it are at. Loops with symbolic bounds are left to `versions.ts`. A parallel loop
 * stays one, so that threads are called once: its body asks once in which part it is.
 *
 * Copies cost code. A loop is partitioned where they stay below `MAX_COPIED` stores, and all those of a function below
 * `MAX_ADDED`.
 */
import { boundsOf } from "../../arith/index.ts";
import {
  constInt,
  type Expr,
  type For,
  type Interval,
  ifThen,
  intervalOf,
  loop,
  loopRange,
  mapStmt,
  ops,
  ownExprs,
  type Stmt,
  seq,
  substStmt,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { accessesIn, isUnrolledVector } from "./access.ts";
import { conjuncts } from "./guarded.ts";
import { hasParallel } from "./parallel.ts";
import type { PassContext } from "./pass.ts";
import { polyOf } from "./poly.ts";
import { isNothing, simplifyStmt } from "./simplify.ts";

/** Stores (of vectors, unrolled loops written out) that the parts of one loop may have beyond the loop itself. */
const MAX_COPIED = 600;
/** And all loops of a function together. */
const MAX_ADDED = 2400;
/** With more places to cut at, only the longest part without conditions is cut out. */
const MAX_CUTS = 4;

export function partitionLoops(root: Stmt, c: PassContext): Stmt {
  const ranges = new Map<number, Interval>(c.sizes);
  let left = MAX_ADDED;
  const go = (s: Stmt): Stmt => {
    if (s.kind === "let") ranges.set(s.v.id, intervalOf(s.value, ranges));
    if (s.kind !== "for") return mapStmt(s, { stmt: go });
    const cuts = cutsOf(s, ranges);
    const parts = cuts.length > 0 ? partsAt(s, cuts, { ...c, sizes: ranges }) : [];
    const added = parts.reduce((n, p) => n + weightOf(p), 0) - weightOf(s);
    if (parts.length === 0 || added > Math.min(left, MAX_COPIED)) {
      ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
      return mapStmt(s, { stmt: go });
    }
    left -= Math.max(0, added);
    // A part has no condition left that another cut would decide; what is in it may.
    const done = parts.map((p) => {
      if (p.kind !== "for" || p.v.id !== s.v.id) return go(p);
      ranges.set(p.v.id, loopRange(p.min, p.extent, ranges));
      return mapStmt(p, { stmt: go });
    });
    return s.loopKind === "parallel" ? oneOf(s, cuts, done) : seq(done);
  };
  return go(root);
}

/** Where a loop is to be cut: first iterations of the parts after the first. */
function cutsOf(s: For, outer: ReadonlyMap<number, Interval>): readonly number[] {
  const min = constInt(s.min);
  const extent = constInt(s.extent);
  if (min === undefined || extent === undefined || extent < 2 || s.thread) return [];
  // Unrolled loops are written out: each copy knows its iteration anyway.
  if (s.loopKind === "unrolled" || (s.loopKind !== "parallel" && hasParallel(s))) return [];
  const own = { min, max: min + extent - 1 };
  const held = decided(s, own, outer);
  const all = new Set(held.flatMap((d) => [d.holds, d.fails].flatMap((r) => endsIn(r, own))));
  if (all.size <= MAX_CUTS) return [...all].sort((a, b) => a - b);
  // What most loops spend most of their time in: the part where everything holds.
  const core = held.reduce((x, d) => {
    const both = common(x, d.holds);
    return isEmpty(both) ? x : both;
  }, own);
  return endsIn(core, own);
}

interface Decided {
  /** Iterations in which a condition holds, whatever else varies, and in which it does not. */
  readonly holds: Interval;
  readonly fails: Interval;
}

const isEmpty = (r: Interval): boolean => r.min > r.max;
const common = (a: Interval, b: Interval): Interval => ({
  min: Math.max(a.min, b.min),
  max: Math.min(a.max, b.max),
});

/** The cuts that make a range a part of its own. */
function endsIn(r: Interval, own: Interval): number[] {
  const x = common(r, own);
  return isEmpty(x) ? [] : [x.min, x.max + 1].filter((at) => at > own.min && at <= own.max);
}

/** What is known of the conditions in the body of `s` that its variable decides. */
function decided(s: For, own: Interval, outer: ReadonlyMap<number, Interval>): readonly Decided[] {
  const ranges = new Map(outer);
  ranges.set(s.v.id, own);
  const out: Decided[] = [];
  const ask = (cond: Expr): void => {
    for (const e of conjuncts(cond)) {
      const d = decide(e, s.v.id, ranges);
      if (d && !(isEmpty(common(d.holds, own)) && isEmpty(common(d.fails, own)))) out.push(d);
    }
  };
  // Sums are kept in whole vectors; what is only copied may go in vectors of any length.
  const selects = s.loopKind !== "vectorized" || !updates(s.body);
  const read = (e: Expr): void =>
    visitExpr(e, (x) => {
      if (selects && x.kind === "select" && (loads(x.a) || loads(x.b))) ask(x.cond);
    });
  visitStmt(s.body, {
    stmt: (x) => {
      if (x.kind === "for") ranges.set(x.v.id, loopRange(x.min, x.extent, ranges));
      if (x.kind === "let") ranges.set(x.v.id, intervalOf(x.value, ranges));
      if (x.kind === "if") ask(x.cond);
      if (x.kind === "let" || x.kind === "store") for (const e of ownExprs(x)) read(e);
    },
  });
  return out;
}

/** Whether some store of `s` goes to a buffer that it loads from. */
function updates(s: Stmt): boolean {
  const accesses = accessesIn(s);
  const stored = new Set(accesses.filter((a) => a.isStore).map((a) => a.buffer.id));
  return accesses.some((a) => !a.isStore && stored.has(a.buffer.id));
}

function loads(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "load") found = true;
    return !found;
  });
  return found;
}

/** When `coef · v + rest` is below what a comparison wants: for all values of the rest, and for none. */
function decide(e: Expr, id: number, ranges: ReadonlyMap<number, Interval>): Decided | undefined {
  if (e.kind !== "binary" || (e.a.dtype !== "i32" && e.a.dtype !== "i64")) return undefined;
  if (e.op !== "lt" && e.op !== "le" && e.op !== "gt" && e.op !== "ge") return undefined;
  const [less, more] = e.op === "lt" || e.op === "le" ? [e.a, e.b] : [e.b, e.a];
  const most = e.op === "lt" || e.op === "gt" ? -1 : 0;
  let coef = 0;
  let rest: Interval = { min: 0, max: 0 };
  for (const t of polyOf(ops.sub(less, more)).values()) {
    const [atom] = t.atoms;
    if (t.atoms.length === 1 && atom.kind === "var" && atom.id === id) {
      coef = t.coef;
      continue;
    }
    if (t.atoms.length > 1) return undefined;
    let own = false;
    if (atom) visitExpr(atom, (x) => void (x.kind === "var" && x.id === id && (own = true)));
    if (own) return undefined;
    const b = atom ? boundsOf(atom, ranges) : { min: 1, max: 1 };
    const ends = [t.coef * b.min, t.coef * b.max];
    rest = { min: rest.min + Math.min(...ends), max: rest.max + Math.max(...ends) };
  }
  if (coef === 0) return undefined;
  // coef · v <= most - rest
  const sure = (most - rest.max) / coef;
  const possible = (most - rest.min) / coef;
  return coef > 0
    ? { holds: upTo(Math.floor(sure)), fails: from(Math.floor(possible) + 1) }
    : { holds: from(Math.ceil(sure)), fails: upTo(Math.ceil(possible) - 1) };
}

const upTo = (max: number): Interval => ({ min: Number.NEGATIVE_INFINITY, max });
const from = (min: number): Interval => ({ min, max: Number.POSITIVE_INFINITY });

/** The loop's parts, simplified; parts that do nothing are left out, except those of parallel loops. */
function partsAt(s: For, cuts: readonly number[], c: PassContext): Stmt[] {
  const min = constInt(s.min) ?? 0;
  const end = min + (constInt(s.extent) ?? 0);
  const starts = [min, ...cuts];
  const parts = starts.map((first, i): Stmt => {
    const n = (starts[i + 1] ?? end) - first;
    // Vectors are counted from 0, as accumulators want them.
    const whole =
      s.loopKind === "vectorized" && first !== 0
        ? { ...s, min: ops.toExpr(0, s.v.dtype), body: movedBy(s, first) }
        : { ...s, min: ops.toExpr(first, s.v.dtype) };
    // Buffers keep their ids: an iteration may read what one before it, in another part, has written.
    return simplifyStmt({ ...whole, extent: ops.toExpr(n, s.v.dtype) }, c);
  });
  return s.loopKind === "parallel" ? parts : parts.filter((p) => !isNothing(p));
}

const movedBy = (s: For, by: number): Stmt =>
  substStmt(s.body, new Map([[s.v.id, ops.add(s.v, ops.toExpr(by, s.v.dtype))]]));

/** One loop over all parts of a parallel one: each iteration does what its part does. */
function oneOf(s: For, cuts: readonly number[], parts: readonly Stmt[]): Stmt {
  const bodies = parts.map((p) => (p.kind === "for" && p.v.id === s.v.id ? p.body : p));
  const body = bodies.reduceRight((rest, b, i) => ifThen(ops.lt(s.v, cuts[i]), b, rest));
  return loop(s.v, s.extent, body, { ...s, min: s.min });
}

/** Stores that code will have: those of unrolled loops as often as they run, those of vectors once for each. */
function weightOf(s: Stmt): number {
  switch (s.kind) {
    case "for": {
      const n = constInt(s.extent) ?? 1;
      const times = s.loopKind === "unrolled" ? n : isUnrolledVector(s) ? Math.ceil(n / 4) : 1;
      return times * weightOf(s.body);
    }
    case "seq":
      return s.stmts.reduce((n, x) => n + weightOf(x), 0);
    case "if":
      return weightOf(s.then) + (s.else ? weightOf(s.else) : 0);
    case "let":
    case "block":
      return weightOf(s.body);
    default:
      return 1;
  }
}
