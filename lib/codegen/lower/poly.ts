/**
 * Index expressions as polynomials: a sum of integer coefficients times products of atoms. An atom is a variable or a
 * sub-expression that is neither a sum, a difference nor a product (a division, a load, …). Index arithmetic is a ring
 * (also when it wraps), so expanding it changes no value; what is gained is that equal addresses look equal, that
 * the stride along a loop can be read off, and that terms can be grouped by the loop they vary in.
 */
import { exprKey } from "../../arith/index.ts";
import { constInt, type Expr } from "../../ir/index.ts";

export interface Term {
  readonly coef: number;
  /** Sorted by key; a repeated atom is a power. */
  readonly atoms: readonly Expr[];
}
/** Keyed by the atoms of the term; the constant term has the key "". No term has coefficient 0. */
export type Poly = ReadonlyMap<string, Term>;

export const constPoly = (n: number): Poly => (n === 0 ? ZERO : new Map([["", { coef: n, atoms: [] }]]));
const ZERO: Poly = new Map();

/** The polynomial of an integer expression. `known` gives variables that stand for a number. */
export function polyOf(e: Expr, known?: ReadonlyMap<number, number>): Poly {
  const n = constInt(e);
  if (n !== undefined) return constPoly(n);
  switch (e.kind) {
    case "var": {
      const value = known?.get(e.id);
      return value === undefined ? atom(e) : constPoly(value);
    }
    case "binary":
      if (e.op === "add") return addPoly(polyOf(e.a, known), polyOf(e.b, known));
      if (e.op === "sub") return addPoly(polyOf(e.a, known), polyOf(e.b, known), -1);
      if (e.op === "mul") return mulPoly(polyOf(e.a, known), polyOf(e.b, known));
      return atom(e);
    case "unary":
      return e.op === "neg" ? scalePoly(polyOf(e.a, known), -1) : atom(e);
    case "cast":
      // Widening an index changes nothing: the address wraps to 32 bits in the end, and so does every term.
      return isIndex(e) && isIndex(e.value) ? polyOf(e.value, known) : atom(e);
    default:
      return atom(e);
  }
}

const isIndex = (e: Expr): boolean => e.dtype === "i32" || e.dtype === "i64";
const atom = (e: Expr): Poly => new Map([[exprKey(e), { coef: 1, atoms: [e] }]]);

/** `a + scale * b`. */
export function addPoly(a: Poly, b: Poly, scale = 1): Poly {
  if (b.size === 0 || scale === 0) return a;
  if (a.size === 0 && scale === 1) return b;
  const out = new Map(a);
  for (const [key, t] of b) {
    const coef = (out.get(key)?.coef ?? 0) + scale * t.coef;
    if (coef === 0) out.delete(key);
    else out.set(key, { coef, atoms: t.atoms });
  }
  return out;
}

export function scalePoly(a: Poly, n: number): Poly {
  return addPoly(ZERO, a, n);
}

export function mulPoly(a: Poly, b: Poly): Poly {
  const [m, n] = [polyConst(a), polyConst(b)];
  if (n !== undefined) return n === 1 ? a : scalePoly(a, n);
  if (m !== undefined) return m === 1 ? b : scalePoly(b, m);
  let out: Poly = ZERO;
  for (const x of a.values()) {
    const row = new Map<string, Term>();
    for (const y of b.values()) {
      const atoms = [...x.atoms, ...y.atoms]
        .map((e) => [exprKey(e), e] as const)
        .sort(([p], [q]) => (p < q ? -1 : p > q ? 1 : 0));
      row.set(atoms.map(([k]) => k).join("*"), { coef: x.coef * y.coef, atoms: atoms.map(([, e]) => e) });
    }
    out = addPoly(out, row);
  }
  return out;
}

/** The value of a polynomial without atoms, otherwise undefined. */
export function polyConst(p: Poly): number | undefined {
  if (p.size === 0) return 0;
  return p.size === 1 ? p.get("")?.coef : undefined;
}

/** `a - b` when it is a number. */
export const distance = (a: Poly, b: Poly): number | undefined => polyConst(addPoly(a, b, -1));
