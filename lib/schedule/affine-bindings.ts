/**
 * Whether bindings are quasi-affine in the field's sense: together they map the points of the loop nest to instances
 * of the block without two loops, or two digits of one loop, contributing to the same part of a binding.
 *
 * A loop is a number whose digits (in mixed radix) are taken by `floordiv` and `floormod`. A binding is a sum of
 * scaled digits. Each digit may be used once, and in each sum the scales must leave room for the digits below:
 * `i·8 + j` needs j < 8. A sum that is divided itself (after a fuse and a split that does not follow the old borders)
 * becomes a number of its own, whose digits are counted in turn.
 */
import { exprKey, simplify } from "../arith/index.ts";
import { constInt, type Expr, type For, intervalOf, type Ranges } from "../ir/index.ts";

/** A number with digits: a loop variable, or a sum of digits of others. */
interface Mark {
  readonly extent: number;
  readonly offset: boolean;
  readonly used: Digit[];
  /** A loop divided by a symbolic size is split there, and nowhere else. */
  border?: { readonly key: string; readonly div: Mark; readonly mod: Mark };
}

/** floordiv(mark, lower) mod extent. Extents are Infinity where they are symbolic. */
interface Digit {
  readonly mark: Mark;
  readonly lower: number;
  readonly extent: number;
  /** The number it became part of, when it is not used by a binding itself. */
  readonly into?: Mark;
}

interface Term {
  readonly digit: Digit;
  readonly coef: number;
}

interface Sum {
  readonly terms: readonly Term[];
  /** True when something that is no multiple of a digit is added: a constant or a variable from outside. */
  readonly offset: boolean;
}

/**
 * True when the bindings are quasi-affine in `loops`. Variables of other loops and sizes count as constants. A
 * predicate may bound sums: uneven tiles of uneven tiles overlap without it.
 */
export function areAffine(
  bindings: readonly Expr[],
  loops: readonly For[],
  ranges: Ranges,
  predicate?: Expr,
): boolean {
  try {
    return new Detector(loops, ranges, predicate).all(bindings);
  } catch (e) {
    if (e === NOT_AFFINE) return false;
    throw e;
  }
}

/**
 * The loops whose iterations repeat the same instances, wholly or in part: a digit of theirs is in no binding.
 * Undefined when the bindings are not quasi-affine.
 */
export function repeatingLoops(
  bindings: readonly Expr[],
  loops: readonly For[],
  ranges: Ranges,
  predicate?: Expr,
): For[] | undefined {
  try {
    const d = new Detector(loops, ranges, predicate);
    return d.all(bindings) ? loops.filter((l) => d.repeats(l)) : undefined;
  } catch (e) {
    if (e === NOT_AFFINE) return undefined;
    throw e;
  }
}

const NOT_AFFINE = Symbol("not affine");
const fail = (): never => {
  throw NOT_AFFINE;
};

class Detector {
  private readonly loops = new Map<number, Mark>();
  private readonly sums = new Map<string, Mark>();
  private readonly marks: Mark[] = [];
  private readonly ranges: Ranges;

  /** Sums known to stay below a number. */
  private readonly limits: { readonly terms: readonly Term[]; readonly below: number }[] = [];
  /** While the predicate is read: no number may be made that no binding asks for. */
  private reading = false;

  constructor(loops: readonly For[], ranges: Ranges, predicate?: Expr) {
    this.ranges = ranges;
    for (const l of loops) {
      const extent = intervalOf(l.extent, ranges).max;
      this.loops.set(l.v.id, this.mark(Math.max(extent, 1), constInt(l.min) !== 0));
    }
    this.reading = true;
    if (predicate) this.readLimits(simplify(predicate, ranges));
    this.reading = false;
  }

  private readLimits(e: Expr): void {
    if (e.kind !== "binary") return;
    const below = e.op === "lt" ? constInt(e.b) : undefined;
    if (e.op === "and") {
      this.readLimits(e.a);
      this.readLimits(e.b);
    } else if (below !== undefined) {
      try {
        const s = this.sum(e.a);
        if (!s.offset) this.limits.push({ terms: s.terms, below });
      } catch (x) {
        // A condition that is not understood bounds nothing.
        if (x !== NOT_AFFINE) throw x;
      }
    }
  }

  all(bindings: readonly Expr[]): boolean {
    for (const b of bindings) this.use(this.sum(simplify(b, this.ranges)));
    return this.marks.every((m) => disjoint(m.used) && !(m.border && m.used.length > 0));
  }

  /** Whether a digit of the loop is used nowhere. */
  repeats(l: For): boolean {
    const mark = this.loops.get(l.v.id);
    return mark !== undefined && mark.extent !== 1 && !this.isUsedUp(mark);
  }

  private isUsedUp(m: Mark): boolean {
    if (m.border) return m.border.div.used.length > 0 && m.border.mod.used.length > 0;
    let covered = 1;
    for (const d of [...m.used].sort((x, y) => x.lower - y.lower)) {
      if (d.lower !== covered || (d.into && !this.isUsedUp(d.into))) return false;
      covered *= d.extent;
    }
    return covered >= m.extent;
  }

  private mark(extent: number, offset = false): Mark {
    const m: Mark = { extent, offset, used: [] };
    this.marks.push(m);
    return m;
  }

  /** Counts the digits of a sum as used; the digits may not overlap in the result. */
  private use(s: Sum, into?: Mark): void {
    const terms = [...s.terms].sort((x, y) => Math.abs(x.coef) - Math.abs(y.coef));
    let room = 0;
    for (const [i, t] of terms.entries()) {
      if (Math.abs(t.coef) < room) fail();
      room = Math.min(Math.abs(t.coef) * t.digit.extent, this.limitOf(terms.slice(0, i + 1)));
      t.digit.mark.used.push(into ? { ...t.digit, into } : t.digit);
    }
  }

  /** What the predicate says a sum stays below. */
  private limitOf(terms: readonly Term[]): number {
    const unit = terms[0].coef;
    const limits = this.limits.filter(
      (l) =>
        l.terms.length === terms.length &&
        l.terms.every((x) => terms.some((t) => sameDigit(x.digit, t.digit) && t.coef === x.coef * unit)),
    );
    return Math.min(Number.POSITIVE_INFINITY, ...limits.map((l) => l.below * Math.abs(unit)));
  }

  private sum(e: Expr): Sum {
    if (e.kind === "const") return { terms: [], offset: e.value !== 0 };
    if (e.kind === "var") {
      const mark = this.loops.get(e.id);
      if (!mark) return { terms: [], offset: true };
      const terms = mark.extent === 1 ? [] : [{ digit: { mark, lower: 1, extent: mark.extent }, coef: 1 }];
      return { terms, offset: mark.offset };
    }
    if (e.kind === "cast" && (e.dtype === "i32" || e.dtype === "i64")) return this.sum(e.value);
    if (e.kind !== "binary") return this.invariant(e);
    const a = this.sum(e.a);
    switch (e.op) {
      case "add":
      case "sub": {
        const b = this.sum(e.b);
        const sign = e.op === "add" ? 1 : -1;
        const terms = [...a.terms, ...b.terms.map((t) => ({ digit: t.digit, coef: sign * t.coef }))];
        return { terms, offset: a.offset || b.offset };
      }
      case "mul": {
        const by = constInt(e.b);
        if (by === undefined) return this.invariant(e);
        return { terms: a.terms.map((t) => ({ digit: t.digit, coef: t.coef * by })), offset: a.offset };
      }
      case "floordiv":
      case "floormod": {
        if (a.terms.length === 0 && this.sum(e.b).terms.length === 0) return { terms: [], offset: true };
        const by = constInt(e.b);
        if (by === undefined) return this.symbolicDigit(a, e.b, e.op);
        return by > 0 ? this.digit(a, by, e.op) : fail();
      }
      default:
        return this.invariant(e);
    }
  }

  /** Anything is fine that mentions no loop of the nest. */
  private invariant(e: Expr): Sum {
    const free = (x: Expr): boolean =>
      x.kind === "const" ||
      (x.kind === "var" && !this.loops.has(x.id)) ||
      (x.kind === "binary" && free(x.a) && free(x.b));
    return free(e) ? { terms: [], offset: true } : fail();
  }

  private digit(s: Sum, by: number, op: "floordiv" | "floormod"): Sum {
    const { mark, lower, extent } = this.single(s);
    // Only the highest digit may be divided unevenly: nothing lies above that could overlap.
    if (extent % by !== 0 && lower * extent < mark.extent) fail();
    const digit: Digit =
      op === "floordiv"
        ? { mark, lower: lower * by, extent: Math.ceil(extent / by) }
        : { mark, lower, extent: by };
    return { terms: [{ digit, coef: 1 }], offset: false };
  }

  private symbolicDigit(s: Sum, by: Expr, op: "floordiv" | "floormod"): Sum {
    if (this.sum(by).terms.length > 0) fail();
    const { mark, lower } = this.single(s);
    if (lower !== 1 || this.reading) fail();
    const key = exprKey(by);
    mark.border ??= {
      key,
      div: this.mark(Number.POSITIVE_INFINITY),
      mod: this.mark(Number.POSITIVE_INFINITY),
    };
    if (mark.border.key !== key) fail();
    const part = op === "floordiv" ? mark.border.div : mark.border.mod;
    return { terms: [{ digit: { mark: part, lower: 1, extent: part.extent }, coef: 1 }], offset: false };
  }

  /** A sum as one digit: the digit it consists of, or a new number made of several. */
  private single(s: Sum): Digit {
    if (s.offset) fail();
    if (s.terms.length === 1 && s.terms[0].coef === 1) return s.terms[0].digit;
    const key = s.terms
      .map((t) => `${t.coef}*${this.marks.indexOf(t.digit.mark)}/${t.digit.lower}%${t.digit.extent}`)
      .sort()
      .join("+");
    let mark = this.sums.get(key);
    if (!mark) {
      if (this.reading) fail();
      if (s.terms.some((t) => t.coef < 0)) fail();
      const extent = s.terms.reduce((n, t) => n + t.coef * (t.digit.extent - 1), 1);
      mark = this.mark(extent);
      this.use(s, mark);
      this.sums.set(key, mark);
    }
    return { mark, lower: 1, extent: mark.extent };
  }
}

const sameDigit = (a: Digit, b: Digit): boolean =>
  a.mark === b.mark && a.lower === b.lower && a.extent === b.extent;

function disjoint(digits: readonly Digit[]): boolean {
  const sorted = [...digits].sort((x, y) => x.lower - y.lower);
  for (let i = 1; i < sorted.length; i++) {
    const below = sorted[i - 1].lower * sorted[i - 1].extent;
    if (sorted[i].lower % below !== 0) return false;
  }
  return true;
}
