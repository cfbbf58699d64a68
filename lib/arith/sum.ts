/**
 * Linear form of an index expression: constant + Σ coefficient · atom. An atom is a variable or an expression that is
 * not linear (a floor division, a modulus, a minimum, a product of variables). Terms keep the order in which they
 * were first met, so that simplified programs read like the original.
 *
 * Index arithmetic is taken not to overflow, as everywhere in the field.
 */
import { constant, type DType, type Expr, ops } from "../ir/index.ts";
import { exprKey } from "./key.ts";

export interface Term {
  readonly atom: Expr;
  readonly coef: number;
}

export interface Sum {
  readonly terms: ReadonlyMap<string, Term>;
  readonly constant: number;
}

export const constSum = (c: number): Sum => ({ terms: new Map(), constant: c });

export function atomSum(atom: Expr, coef = 1): Sum {
  return { terms: new Map([[exprKey(atom), { atom, coef }]]), constant: 0 };
}

/** a + k·b. Terms that cancel are dropped. */
export function addScaled(a: Sum, b: Sum, k: number): Sum {
  if (k === 0) return a;
  if (b.terms.size === 0) return { terms: a.terms, constant: a.constant + k * b.constant };
  if (a.terms.size === 0 && k === 1) return { terms: b.terms, constant: a.constant + b.constant };
  const terms = new Map(a.terms);
  for (const [key, t] of b.terms) {
    const coef = (terms.get(key)?.coef ?? 0) + k * t.coef;
    if (coef === 0) terms.delete(key);
    else terms.set(key, { atom: t.atom, coef });
  }
  return { terms, constant: a.constant + k * b.constant };
}

export const scale = (a: Sum, k: number): Sum => addScaled(constSum(0), a, k);
export const isConst = (s: Sum): boolean => s.terms.size === 0;

/** The terms `keep` accepts, and the others. Constants are left out of both. */
export function partition(s: Sum, keep: (t: Term) => boolean): [Sum, Sum] {
  const yes = new Map<string, Term>();
  const no = new Map<string, Term>();
  for (const [key, t] of s.terms) (keep(t) ? yes : no).set(key, t);
  return [
    { terms: yes, constant: 0 },
    { terms: no, constant: 0 },
  ];
}

/** Every coefficient and the constant divided by `d`, which must divide them all. */
export function divideExactly(s: Sum, d: number): Sum {
  const terms = new Map<string, Term>();
  for (const [key, t] of s.terms) terms.set(key, { atom: t.atom, coef: t.coef / d });
  return { terms, constant: s.constant / d };
}

/** The expression again: positive terms first, so that no negation is needed where one can be avoided. */
export function sumToExpr(s: Sum, dtype: DType): Expr {
  const all = [...s.terms.values()];
  let e: Expr | undefined;
  for (const t of all.filter((x) => x.coef > 0)) {
    const x = ops.mul(t.atom, constant(t.coef, dtype));
    e = e ? ops.add(e, x) : x;
  }
  const negative = all.filter((x) => x.coef < 0);
  if (!e && negative.length > 0) {
    e = constant(s.constant, dtype);
    for (const t of negative) e = ops.sub(e, ops.mul(t.atom, constant(-t.coef, dtype)));
    return e;
  }
  for (const t of negative) e = ops.sub(e as Expr, ops.mul(t.atom, constant(-t.coef, dtype)));
  if (!e) return constant(s.constant, dtype);
  if (s.constant < 0) return ops.sub(e, constant(-s.constant, dtype));
  return ops.add(e, constant(s.constant, dtype));
}

export function gcd(a: number, b: number): number {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y) [x, y] = [y, x % y];
  return x;
}
