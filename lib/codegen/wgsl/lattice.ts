/**
 * Positions as numbers in mixed radix. In `co·784 + (b mod 7)·28 + tx·7 + 3·196 + 2` every variable, or digit of one, has
 * its own place: the position tells them all, whatever the rest is, when the rest lies in the gaps between the places.
 */
import { exprKey, linearForm } from "../../arith/index.ts";
import { constInt, type Expr, type Interval, intervalOf, type Ranges, usesVar } from "../../ir/index.ts";

/** floormod(floordiv(v, lower), extent); a variable itself is its own digit. */
interface Digit {
  readonly of: number;
  readonly lower: number;
  readonly extent: number;
}

/** The digit of one of the variables that an atom is; undefined when it is something else. */
function digitOf(e: Expr, extents: ReadonlyMap<number, number>): Digit | undefined {
  if (e.kind === "var") {
    const extent = extents.get(e.id);
    return extent === undefined ? undefined : { of: e.id, lower: 1, extent };
  }
  if (e.kind === "cast") return digitOf(e.value, extents);
  if (e.kind !== "binary" || !["floordiv", "floormod", "truncdiv", "truncmod"].includes(e.op))
    return undefined;
  const by = constInt(e.b);
  const d = digitOf(e.a, extents);
  if (!d || by === undefined || by <= 0) return undefined;
  const div = e.op === "floordiv" || e.op === "truncdiv";
  if (div) return { of: d.of, lower: d.lower * by, extent: Math.ceil(d.extent / by) };
  if (by >= d.extent) return d;
  // A digit of a digit is one of the variable where the borders meet; the topmost has none.
  const top = d.lower * d.extent >= (extents.get(d.of) ?? 0);
  return top || d.extent % by === 0 ? { ...d, extent: by } : undefined;
}

const keyOf = (d: Digit): string => `${d.of} ${d.lower} ${d.extent}`;

/** Whether digits, each known, give the variable. */
function determines(digits: readonly Digit[], extent: number): boolean {
  let known = 1;
  for (const d of [...digits].sort((a, b) => a.lower - b.lower)) {
    if (d.lower > known) return false;
    known = Math.max(known, d.lower * d.extent);
  }
  return known >= extent;
}

interface Parts {
  readonly places: ReadonlyMap<string, { readonly digit: Digit; readonly step: number }>;
  /** Steps and greatest values of the rest, from 0, and its constant part. */
  readonly rest: readonly { readonly step: number; readonly most: number }[];
  readonly constant: number;
}

function partsOf(
  e: Expr,
  extents: ReadonlyMap<number, number>,
  ids: ReadonlySet<number>,
  ranges: Ranges,
): Parts | undefined {
  const form = linearForm(e, ranges);
  if (!form) return undefined;
  const places = new Map<string, { digit: Digit; step: number }>();
  const rest: { step: number; most: number }[] = [];
  let { constant } = form;
  for (const { atom, coef } of form.terms.values()) {
    const digit = digitOf(atom, extents);
    if (digit) {
      if (coef <= 0) return undefined;
      places.set(keyOf(digit), { digit, step: coef });
      continue;
    }
    if (usesVar(atom, ids)) return undefined;
    const { min, max }: Interval = intervalOf(atom, ranges);
    if (!Number.isFinite(max - min)) return undefined;
    rest.push({ step: Math.abs(coef), most: max - min });
    constant += coef > 0 ? coef * min : coef * max;
  }
  return { places, rest, constant };
}

/** The digits that a position tells, when all touches have the same ones in the same places. */
function told(all: readonly Parts[]): readonly Digit[] {
  const [first] = all;
  const text = (p: Parts): string =>
    [...p.places]
      .map(([k, x]) => `${k}:${x.step}`)
      .sort()
      .join();
  if (first.places.size === 0 || all.some((p) => text(p) !== text(first))) return [];
  const places = [...first.places.values()].sort((a, b) => a.step - b.step);
  for (let i = 0; i + 1 < places.length; i++) {
    const [a, b] = [places[i], places[i + 1]];
    if (b.step % a.step !== 0 || a.step * a.digit.extent > b.step) return [];
  }
  const least = Math.min(...all.map((p) => p.constant));
  return all.every((p) => fits(p, places, p.constant - least)) ? places.map((p) => p.digit) : [];
}

/** Whether the rest of a position, constant part included, lies in the gaps between the places. */
function fits(p: Parts, places: readonly { digit: Digit; step: number }[], constant: number): boolean {
  // Gap 0 is below the first place; gap i + 1 between place i and the next.
  const used = [0, ...places.map(() => 0)];
  const put = (step: number, most: number): boolean => {
    if (most === 0) return true;
    const above = places.findLastIndex((x) => x.step <= step);
    if (above >= 0 && step % (places[above].step * places[above].digit.extent) !== 0) return false;
    used[above + 1] += step * most;
    return true;
  };
  for (const r of p.rest) if (!put(r.step, r.most)) return false;
  let left = constant;
  for (let i = places.length - 1; i >= -1; i--) {
    const unit = i < 0 ? 1 : places[i].step;
    const part = left - (left % unit);
    left -= part;
    if (i >= 0 && part % (unit * places[i].digit.extent) !== 0) return false;
    used[i + 1] += part;
  }
  return used.every((most, i) => {
    const end = places[i]?.step ?? Number.POSITIVE_INFINITY;
    const own = i === 0 ? 0 : places[i - 1].step * (places[i - 1].digit.extent - 1);
    return most + own < end;
  });
}

/**
 * Whether the indices of an access tell the values of all the variables, for every pair of the accesses. `extents`: the
 * numbers of values of the variables, from 0.
 */
export function tellApart(
  indices: readonly (readonly Expr[])[],
  extents: ReadonlyMap<number, number>,
  ranges: Ranges,
): boolean {
  const ids = new Set(extents.keys());
  const distinct = [...new Map(indices.map((x) => [x.map(exprKey).join(), x])).values()];
  const known = new Map<string, Digit>();
  for (let d = 0; d < distinct[0].length; d++) {
    const parts = distinct.map((x) => partsOf(x[d], extents, ids, ranges));
    if (parts.includes(undefined)) continue;
    for (const digit of told(parts as Parts[])) known.set(keyOf(digit), digit);
  }
  return [...extents].every(([id, extent]) =>
    determines(
      [...known.values()].filter((d) => d.of === id),
      extent,
    ),
  );
}
