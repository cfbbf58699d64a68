/**
 * Inverses of index maps. The new indices are sums of digits of the old ones; each equation `sum = new index` is taken
 * apart by its scales (mixed radix), and an old index is put together from its digits once all of them are known.
 *
 * The new shape may have elements that no old index goes to (14 elements in 4 rows of 4): `padding` is the condition
 * under which an element is one of them. Nothing is taken on trust: that the inverse undoes the map is proven, or
 * tried for every index where the sizes are small.
 */
import {
  constant,
  constInt,
  type Expr,
  intervalOf,
  not,
  ops,
  type Ranges,
  substExpr,
  type Var,
  variable,
  varsOf,
} from "../ir/index.ts";
import { evalInt } from "./evaluate.ts";
import { applyIndexMap, domainsOf, type IndexMap, indexMap, mapShape } from "./index-map.ts";
import { exprKey } from "./key.ts";
import { withDomains } from "./region.ts";
import { linearForm, provablyEqual, prove, simplify } from "./simplify.ts";

export interface IndexMapInverse {
  /** From new indices to old ones. In padding it gives something outside the old shape, or another element's index. */
  readonly map: IndexMap;
  /** The new shape. */
  readonly shape: readonly Expr[];
  /** Over the variables of `map`: whether the element is padding. Absent when the map is bijective. */
  readonly padding?: Expr;
}

/** Up to this many elements are tried one by one where a proof fails. */
const MAX_TRIED = 1 << 14;

/** The inverse of a map on a shape; a phrase that says why there is none otherwise. */
export function inverseIndexMap(
  m: IndexMap,
  shape: readonly Expr[],
  sizes: Ranges = new Map(),
): IndexMapInverse | string {
  const to = mapShape(m, shape, sizes);
  if (typeof to === "string") return to;
  const ranges = withDomains(domainsOf(m, shape), sizes);
  const vars = to.map((s, k) => variable(`${"xyzuvw"[k] ?? `x${k}`}`, s.dtype));
  const known = withDomains(
    vars.map((v, k) => ({ v, min: constant(0, v.dtype), extent: to[k] })),
    sizes,
  );
  const solver = new Solver(m.vars, ranges, known);
  const why = solver.run(m.results.map((e, k) => ({ expr: simplify(e, ranges), value: vars[k] })));
  if (why !== undefined) return why;
  const map = indexMap(
    vars,
    m.vars.map((v) => simplify(solver.found.get(v.id) as Expr, known)),
  );

  const back = applyIndexMap(map, applyIndexMap(m, m.vars, ranges), ranges);
  const proven = back.every((e, i) => provablyEqual(e, m.vars[i], ranges));
  if (!proven && !tried(m, map, shape)) return "two elements may get the same indices";

  const again = applyIndexMap(m, map.results, known);
  const conds = [
    ...map.results.flatMap((e, i) => [ops.ge(e, 0), ops.lt(e, simplify(shape[i], sizes))]),
    ...again.map((e, k) => ops.eq(e, vars[k])),
  ].filter((c) => !prove(c, known));
  return { map, shape: to, ...(conds.length > 0 ? { padding: negated(conds, known) } : {}) };
}

/** "Not all of the conditions", with the comparisons turned round. */
function negated(conds: readonly Expr[], known: Ranges): Expr {
  const flip = (c: Expr): Expr => {
    if (c.kind !== "binary") return not(c);
    const by = { ge: ops.lt, lt: ops.ge, eq: ops.ne }[c.op as "ge" | "lt" | "eq"];
    return by ? by(c.a, c.b) : not(c);
  };
  return conds.map((c) => simplify(flip(c), known)).reduce((a, b) => ops.or(a, b));
}

/** Whether the inverse undoes the map for every index of a small shape. */
function tried(m: IndexMap, back: IndexMap, shape: readonly Expr[]): boolean {
  const extents = shape.map(constInt);
  const total = extents.reduce<number>((n, x) => n * (x ?? Number.POSITIVE_INFINITY), 1);
  if (!(total <= MAX_TRIED)) return false;
  for (let n = 0; n < total; n++) {
    const env = new Map<number, number>();
    let rest = n;
    m.vars.forEach((v, i) => {
      const size = extents[i] as number;
      env.set(v.id, rest % size);
      rest = Math.floor(rest / size);
    });
    const there = new Map(back.vars.map((v, k) => [v.id, evalInt(m.results[k], env)]));
    if (back.results.some((e, i) => evalInt(e, there) !== env.get(m.vars[i].id))) return false;
  }
  return true;
}

interface Equation {
  readonly expr: Expr;
  readonly value: Expr;
}

/** floormod(floordiv(base, lower), extent) = value; `extent` is absent for the highest digit. */
interface Digit {
  readonly lower: number;
  readonly extent?: number;
  readonly value: Expr;
}

class Solver {
  readonly found = new Map<number, Expr>();
  private readonly digits = new Map<string, { base: Expr; list: Digit[] }>();
  private readonly vars: readonly Var[];
  private readonly ranges: Ranges;
  private readonly known: Ranges;

  constructor(vars: readonly Var[], ranges: Ranges, known: Ranges) {
    this.vars = vars;
    this.ranges = ranges;
    this.known = known;
  }

  /** Solves for every variable; otherwise the reason. */
  run(equations: readonly Equation[]): string | undefined {
    const work = [...equations];
    for (;;) {
      for (let e = work.pop(); e; e = work.pop()) {
        const why = this.takeApart(e, work);
        if (why !== undefined) return why;
      }
      const whole = this.completed();
      if (whole.length === 0) break;
      work.push(...whole);
    }
    for (const v of this.vars) {
      if (this.found.has(v.id)) continue;
      const r = intervalOf(v, this.ranges);
      if (r.min !== 0 || r.max !== 0) return `the new indices do not tell ${v.name}`;
      this.found.set(v.id, constant(0, v.dtype));
    }
    return undefined;
  }

  /** One equation: a variable is found, a digit noted, or a sum split into its terms. */
  private takeApart({ expr, value }: Equation, work: Equation[]): string | undefined {
    if (varsOf(expr).size === 0) return undefined;
    if (expr.kind === "var") {
      if (!this.found.has(expr.id)) this.found.set(expr.id, value);
      return undefined;
    }
    const digit = this.digitOf(expr);
    if (digit) {
      const key = exprKey(digit.base);
      const entry = this.digits.get(key) ?? { base: digit.base, list: [] };
      entry.list.push({ lower: digit.lower, extent: digit.extent, value });
      this.digits.set(key, entry);
      return undefined;
    }
    const form = linearForm(expr, this.ranges);
    if (!form) return "an index is not affine";
    const terms = [...form.terms.values()].sort((a, b) => Math.abs(a.coef) - Math.abs(b.coef));
    if (terms.length === 1 && terms[0].atom === expr) return "an index is not affine";
    // Each term counted from its lowest value, so that all terms are sums of non-negative digits.
    let net: Expr = ops.sub(value, constant(form.constant, value.dtype));
    const parts = terms.map((t) => {
      const r = intervalOf(t.atom, this.ranges);
      const from = t.coef > 0 ? r.min : r.max;
      if (Number.isFinite(from) && from !== 0) net = ops.sub(net, constant(from * t.coef, value.dtype));
      return { ...t, from, size: r.max - r.min + 1, scale: Math.abs(t.coef) };
    });
    for (const [i, p] of parts.entries()) {
      const next = parts[i + 1]?.scale;
      const room = next === undefined ? 1 : next / p.scale;
      const fits = Number.isInteger(room) && p.size <= room;
      if (!Number.isFinite(p.from) || (next !== undefined && !fits)) return "the terms of an index overlap";
      let part = ops.floordiv(net, constant(p.scale, value.dtype));
      if (next !== undefined) part = ops.floormod(part, constant(room, value.dtype));
      part = p.coef > 0 ? ops.add(part, constant(p.from, value.dtype)) : ops.sub(p.from, part);
      work.push({ expr: p.atom, value: simplify(part, this.known) });
    }
    return undefined;
  }

  private digitOf(e: Expr): { base: Expr; lower: number; extent?: number } | undefined {
    const by = e.kind === "binary" ? constInt(e.b) : undefined;
    if (e.kind !== "binary" || by === undefined || by <= 0) return undefined;
    if (e.op !== "floordiv" && e.op !== "floormod") return undefined;
    const inner = this.digitOf(e.a);
    if (e.op === "floormod") {
      return inner && inner.extent === undefined
        ? { ...inner, extent: by }
        : { base: e.a, lower: 1, extent: by };
    }
    return inner && inner.extent === undefined
      ? { base: inner.base, lower: inner.lower * by }
      : { base: e.a, lower: by };
  }

  /** Equations for bases all of whose digits are known. */
  private completed(): Equation[] {
    const out: Equation[] = [];
    for (const [key, { base, list }] of this.digits) {
      const sorted = [...list].sort((a, b) => a.lower - b.lower);
      const top = intervalOf(base, this.ranges);
      if (top.min < 0) continue;
      let next = 1;
      let value: Expr = constant(0, base.dtype);
      let closed = false;
      for (const d of sorted) {
        if (closed || d.lower !== next) break;
        // The highest digit first, as one would write it.
        value = ops.add(ops.mul(d.value, constant(d.lower, base.dtype)), value);
        if (d.extent === undefined) closed = true;
        else {
          next = d.lower * d.extent;
          closed = next > top.max;
        }
      }
      if (!closed) continue;
      this.digits.delete(key);
      out.push({ expr: base, value: simplify(value, this.known) });
    }
    return out;
  }
}

/** A map after another: the new indices of the second for the old ones of the first. */
export function composeIndexMaps(first: IndexMap, then: IndexMap): IndexMap {
  const map = new Map(then.vars.map((v, k) => [v.id, first.results[k]] as const));
  return indexMap(
    first.vars,
    then.results.map((e) => simplify(substExpr(e, map))),
  );
}
