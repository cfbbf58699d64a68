/**
 * Which box the instances of a block fill, and whether they fill it without gaps.
 *
 * The indices of a write, in terms of loops, are sums of scaled digits of loops (a loop itself, or what floordiv and
 * floormod take from it; a divided sum is a number with digits of its own). The box is filled when in each dimension
 * the scales leave no gap (1, then at most the values reached so far), when no digit is used twice, and when the
 * digits of one number are independent: they divide its extent. A predicate is understood when each of its conditions
 * bounds a dimension, bounds a divided number, or has nothing to do with the indices.
 */
import {
  exprKey,
  linearForm,
  prove,
  relaxIndex,
  simplify,
  type VarDomain,
  withDomains,
} from "../arith/index.ts";
import {
  type BinaryOp,
  constInt,
  type Expr,
  intervalOf,
  ops,
  type Ranges,
  type Region,
  substExpr,
  usesVar,
} from "../ir/index.ts";

/** One dimension: from the largest of `starts` up to, not including, the smallest of `ends`. */
export interface Span {
  readonly starts: readonly Expr[];
  readonly ends: readonly Expr[];
}

/** The conditions joined by `and` in a predicate. */
export function conditionsOf(predicate: Expr | undefined): Expr[] {
  if (!predicate) return [];
  if (predicate.kind === "binary" && predicate.op === "and") {
    return [...conditionsOf(predicate.a), ...conditionsOf(predicate.b)];
  }
  return [predicate];
}

/** Excess of a condition: it holds exactly when this is not positive. Undefined when it is no inequality. */
function excess(cond: Expr): Expr | undefined {
  if (cond.kind !== "binary" || (cond.a.dtype !== "i32" && cond.a.dtype !== "i64")) return undefined;
  const by: Partial<Record<BinaryOp, Expr>> = {
    lt: ops.add(ops.sub(cond.a, cond.b), 1),
    le: ops.sub(cond.a, cond.b),
    gt: ops.add(ops.sub(cond.b, cond.a), 1),
    ge: ops.sub(cond.b, cond.a),
  };
  return by[cond.op];
}

/** What a condition says about `index`, in terms free of the `inner` variables: index >= start, or index < end. */
export function boundOn(
  cond: Expr,
  index: Expr,
  inner: ReadonlySet<number>,
  known: Ranges,
): { start?: Expr; end?: Expr } {
  const over = excess(cond);
  if (!over) return {};
  const above = simplify(ops.sub(over, index), known);
  if (!usesVar(above, inner)) return { end: simplify(ops.sub(1, above), known) };
  const below = simplify(ops.add(over, index), known);
  if (!usesVar(below, inner)) return { start: below };
  return {};
}

/**
 * The box that `region` (in terms of loops) fills when the `inner` loops run and where the predicate holds; undefined
 * when it may leave gaps, or when that is not understood.
 */
export function dense(
  region: Region,
  predicate: Expr | undefined,
  inner: readonly VarDomain[],
  ranges: Ranges,
): Span[] | undefined {
  const known = withDomains(inner, ranges);
  const conditions = conditionsOf(predicate);
  const reader = new DigitReader(inner, known, conditions);
  const spans: { starts: Expr[]; ends: Expr[] }[] = [];
  for (const r of region.ranges) {
    const count = reader.dimension(r.min, constInt(r.extent));
    const range = relaxIndex(r.min, inner, ranges);
    if (count === undefined || !range || reader.moves(r.extent)) return undefined;
    const extent = Number.isFinite(count) ? count : ops.sub(ops.add(range.extent, r.extent), 1);
    spans.push({ starts: [range.min], ends: [simplify(ops.add(range.min, extent), known)] });
  }
  if (!reader.independent()) return undefined;
  for (const c of conditions) {
    if (reader.spent.has(c)) continue;
    let used = false;
    region.ranges.forEach((r, i) => {
      const { start, end } = boundOn(c, r.min, reader.inner, known);
      if (start) spans[i].starts.push(start);
      if (end) spans[i].ends.push(simplify(ops.sub(ops.add(end, r.extent), 1), known));
      if (start || end) used = true;
    });
    if (!used && !reader.irrelevant(c)) return undefined;
  }
  return spans;
}

/** A number with digits: a loop, or a sum that is divided. */
interface Source {
  readonly extent: number;
  readonly vars: ReadonlySet<number>;
  readonly digits: Digit[];
}

/** floordiv(source, lower) mod extent; `ragged` when the division leaves a rest. */
interface Digit {
  readonly source: Source;
  readonly lower: number;
  readonly extent: number;
  readonly ragged: boolean;
}

class DigitReader {
  readonly inner: ReadonlySet<number>;
  /** Conditions that went into the extent of a divided number. */
  readonly spent = new Set<Expr>();
  private readonly sources = new Map<string, Source>();
  private readonly domains: readonly VarDomain[];
  private readonly known: Ranges;
  private readonly conditions: readonly Expr[];

  constructor(domains: readonly VarDomain[], known: Ranges, conditions: readonly Expr[]) {
    this.domains = domains;
    this.known = known;
    this.conditions = conditions;
    this.inner = new Set(domains.map((d) => d.v.id));
  }

  moves(e: Expr): boolean {
    return usesVar(e, this.inner);
  }

  /** How many neighbouring values an index takes; undefined when there may be gaps, Infinity when symbolic. */
  dimension(index: Expr, extent: number | undefined): number | undefined {
    const form = linearForm(simplify(index, this.known), this.known);
    if (!form) return this.moves(index) ? undefined : (extent ?? Number.POSITIVE_INFINITY);
    const moving = [...form.terms.values()].filter((t) => this.moves(t.atom));
    moving.sort((a, b) => Math.abs(a.coef) - Math.abs(b.coef));
    if (extent === undefined && moving.length > 0) return undefined;
    let count = extent ?? Number.POSITIVE_INFINITY;
    for (const t of moving) {
      const digit = this.digit(t.atom);
      if (!digit || Math.abs(t.coef) > count || count === Number.POSITIVE_INFINITY) return undefined;
      digit.source.digits.push(digit);
      count += Math.abs(t.coef) * (digit.extent - 1);
    }
    return count;
  }

  private digit(e: Expr): Digit | undefined {
    if (e.kind === "var") {
      const source = this.loop(e.id);
      return source && { source, lower: 1, extent: source.extent, ragged: false };
    }
    const by = e.kind === "binary" ? constInt(e.b) : undefined;
    const divides = e.kind === "binary" && (e.op === "floordiv" || e.op === "floormod");
    if (!divides || by === undefined || by <= 0) return undefined;
    const x = this.digit(e.a) ?? this.number(e.a);
    if (!x || !Number.isFinite(x.extent)) return undefined;
    if (e.op === "floormod" && x.extent <= by) return x;
    const ragged = x.ragged || x.extent % by !== 0;
    return e.op === "floordiv"
      ? { source: x.source, lower: x.lower * by, extent: Math.ceil(x.extent / by), ragged }
      : { source: x.source, lower: x.lower, extent: by, ragged };
  }

  private loop(id: number): Source | undefined {
    const key = `v${id}`;
    const before = this.sources.get(key);
    if (before) return before;
    const d = this.domains.find((x) => x.v.id === id);
    if (!d || this.moves(d.min) || this.moves(d.extent)) return undefined;
    const n = intervalOf(d.extent, this.known);
    const extent = n.min === n.max ? n.max : Number.POSITIVE_INFINITY;
    const source: Source = { extent, vars: new Set([id]), digits: [] };
    this.sources.set(key, source);
    return source;
  }

  /** A sum that is divided: a number of its own, if it runs from 0 on without gaps. */
  private number(e: Expr): Digit | undefined {
    const key = exprKey(e);
    let source = this.sources.get(key);
    if (!source) {
      const inside = new DigitReader(this.domains, this.known, []);
      const count = inside.dimension(e, 1);
      const range = relaxIndex(e, this.domains, this.known);
      if (count === undefined || !inside.independent() || !range || constInt(range.min) !== 0)
        return undefined;
      let extent = count;
      for (const c of this.conditions) {
        const end = boundOn(c, e, this.inner, this.known).end;
        const n = end && constInt(end);
        if (n === undefined) continue;
        extent = Math.min(extent, n);
        this.spent.add(c);
      }
      const vars = new Set([...inside.sources.values()].flatMap((s) => [...s.vars]));
      source = { extent, vars, digits: [] };
      this.sources.set(key, source);
    }
    return { source, lower: 1, extent: source.extent, ragged: false };
  }

  /** Whether all digits may take their values independently of each other. */
  independent(): boolean {
    const seen = new Set<number>();
    for (const s of this.sources.values()) {
      if (s.digits.length === 0) continue;
      for (const v of s.vars) {
        if (seen.has(v)) return false;
        seen.add(v);
      }
      const sorted = [...s.digits].sort((a, b) => a.lower - b.lower);
      if (sorted.length > 1 && sorted.some((d) => d.ragged || !Number.isFinite(d.extent))) return false;
      for (let i = 1; i < sorted.length; i++) {
        if (sorted[i].lower < sorted[i - 1].lower * sorted[i - 1].extent) return false;
      }
    }
    return true;
  }

  /** Whether a condition holds in one of the instances of each written element, the same of all conditions. */
  irrelevant(cond: Expr): boolean {
    const used = new Set([...this.sources.values()].flatMap((s) => (s.digits.length > 0 ? [...s.vars] : [])));
    // Loops that the element does not depend on may stand at their first value, where reductions begin.
    const first = this.domains.filter((d) => !used.has(d.v.id));
    const at = substExpr(cond, new Map(first.map((d) => [d.v.id, d.min] as const)));
    return prove(at, this.known);
  }
}
