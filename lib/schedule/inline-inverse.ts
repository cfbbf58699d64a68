/** Solving `indices(axes) = values` for the axes of a block. */
import { detectIterMap, inverseIterMap, linearForm, provablyEqual, prove, simplify } from "../arith/index.ts";
import {
  type BlockAxis,
  constant,
  constInt,
  type Expr,
  loopRange,
  ops,
  type Ranges,
  substExpr,
  usesVar,
} from "../ir/index.ts";
import { converted } from "./compute-at-regions.ts";

/** floormod(floordiv(axis, lower), extent) = value; `extent` is absent for the highest digit. */
interface Digit {
  readonly lower: number;
  readonly extent?: number;
  readonly value: Expr;
}

/**
 * The axes in terms of the values, as `invertDigits` finds them, or by the inverse of an iterator map: where the indices
 * together are one to one in the axes, and take every combination of the values.
 */
export function invert(
  axes: readonly BlockAxis[],
  indices: readonly Expr[],
  values: readonly Expr[],
  ranges: Ranges,
): ReadonlyMap<number, Expr> | string {
  const found = invertDigits(axes, indices, values, ranges);
  if (typeof found !== "string") return found;
  const iters = axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent }));
  const map = detectIterMap(indices, iters, { ranges });
  const inverse = typeof map === "string" ? undefined : inverseIterMap(map, values, ranges);
  const hit = inverse && indices.every((e, k) => provablyEqual(substExpr(e, inverse), values[k], ranges));
  return hit ? inverse : found;
}

/**
 * The axes in terms of the values, when each index is an axis plus a constant, a digit of an axis (all digits
 * together give it back), or a number whose digits are axes. A phrase that says why not otherwise. `ranges`: of the
 * variables in the values.
 */
function invertDigits(
  axes: readonly BlockAxis[],
  indices: readonly Expr[],
  values: readonly Expr[],
  ranges: Ranges,
): Map<number, Expr> | string {
  const known = new Map(ranges);
  // An axis of extent 1 must not be folded away: where it stands, the value may be something else than 0.
  for (const a of axes) {
    const r = loopRange(constant(0), a.extent, ranges);
    known.set(a.v.id, r.max > r.min ? r : { min: 0, max: 1 });
  }
  const ids = new Set(axes.map((a) => a.v.id));
  const digits = new Map<number, Digit[]>();
  const add = (id: number, d: Digit): void => {
    digits.set(id, [...(digits.get(id) ?? []), d]);
  };
  for (const [i, index] of indices.entries()) {
    const value = values[i];
    if (!usesVar(index, ids)) {
      if (!provablyEqual(index, value, known)) return "at a fixed index of a dimension that has more";
      continue;
    }
    const form = linearForm(simplify(index, known), known);
    const terms = form && [...form.terms.values()].filter((t) => usesVar(t.atom, ids));
    if (!form || !terms || terms.length === 0) return "at an index that is not affine";
    let rest: Expr = simplify(index, known);
    for (const t of terms) rest = ops.sub(rest, ops.mul(t.atom, constant(t.coef, index.dtype)));
    const net = simplify(ops.sub(value, rest), known);
    if (terms.length === 1 && Math.abs(terms[0].coef) === 1) {
      const d = digitOf(terms[0].atom);
      if (!d) return "at an index that is not affine";
      add(d.id, { ...d, value: terms[0].coef === 1 ? net : ops.sub(0, net) });
      continue;
    }
    // i·8 + j: the axes are the digits of the value.
    terms.sort((a, b) => a.coef - b.coef);
    let room = 1;
    for (const [k, t] of terms.entries()) {
      const axis =
        t.atom.kind === "var" ? axes.find((a) => a.v.id === (t.atom as { id: number }).id) : undefined;
      const extent = axis && constInt(axis.extent);
      if (!axis || t.coef !== room || (extent === undefined && k < terms.length - 1)) {
        return "at an index that is not affine in one axis";
      }
      const high = ops.floordiv(net, room);
      const last = k === terms.length - 1;
      add(axis.v.id, { lower: 1, value: last ? high : ops.floormod(high, extent as number) });
      room *= extent ?? 1;
    }
  }
  const out = new Map<number, Expr>();
  for (const a of axes) {
    const e = compose(digits.get(a.v.id) ?? [], a, known);
    if (typeof e === "string") return e;
    out.set(a.v.id, converted(simplify(e, known), a.v.dtype));
  }
  return out;
}

function digitOf(e: Expr): { id: number; lower: number; extent?: number } | undefined {
  if (e.kind === "var") return { id: e.id, lower: 1 };
  const by = e.kind === "binary" ? constInt(e.b) : undefined;
  if (e.kind !== "binary" || by === undefined || by <= 0) return undefined;
  const inner = digitOf(e.a);
  if (!inner || inner.extent !== undefined) return undefined;
  if (e.op === "floordiv") return { id: inner.id, lower: inner.lower * by };
  if (e.op === "floormod") return { id: inner.id, lower: inner.lower, extent: by };
  return undefined;
}

/** The axis from its digits, which have to follow each other without a gap. */
function compose(digits: readonly Digit[], a: BlockAxis, known: Ranges): Expr | string {
  if (digits.length === 0) {
    return constInt(a.extent) === 1
      ? constant(0, a.v.dtype)
      : `at indices that do not tell its axis ${a.v.name}`;
  }
  const sorted = [...digits].sort((x, y) => x.lower - y.lower);
  let next = 1;
  let e: Expr | undefined;
  for (const [i, d] of sorted.entries()) {
    if (d.lower !== next) return `at indices that do not tell its axis ${a.v.name}`;
    const part = ops.mul(d.value, constant(d.lower, d.value.dtype));
    e = e ? ops.add(part, e) : part;
    if (d.extent === undefined) {
      if (i < sorted.length - 1) return `at indices that tell its axis ${a.v.name} twice`;
      continue;
    }
    const fits =
      prove(ops.ge(d.value, 0), known) && prove(ops.lt(d.value, constant(d.extent, d.value.dtype)), known);
    if (!fits) return `at a remainder by ${d.extent}, where the producer's index goes further`;
    next = d.lower * d.extent;
  }
  const top = sorted[sorted.length - 1];
  if (top.extent !== undefined) {
    const whole = prove(ops.le(a.extent, constant(next, a.extent.dtype)), known);
    if (!whole) return `at indices that do not tell its axis ${a.v.name}`;
  }
  return e as Expr;
}
