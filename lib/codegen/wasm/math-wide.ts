/**
 * Functions of four f32 that are computed in doubles and rounded once: within 0.6 ulp, measured by the tests. Arguments that
 * the formulas are not for (infinities, say) are left to the host, four lanes at a time; where nothing is said of any,
 * there are none.
 */
import type { IntrinsicName } from "../../ir/index.ts";
import type { Graph, Value } from "./graph.ts";
import { vectorLanes } from "./half-float.ts";
import {
  type Arithmetic,
  arithmetic,
  byDoubles,
  exp2Any,
  horner,
  log2,
  narrowed,
  widened,
} from "./math-double.ts";
import { byHost } from "./math-trig.ts";

interface Wide {
  /** The value for two doubles. */
  readonly value: (g: Graph, d: Arithmetic, x: Value) => Value;
  /** For which lanes of an f32x4 that is right; for all where nothing is said. */
  readonly holds?: (f: (op: string, ...args: Value[]) => Value, lit: (x: number) => Value, x: Value) => Value;
}

const abs = (g: Graph, x: Value): Value => g.make("f64x2.abs", [x]);
const sqrt = (g: Graph, x: Value): Value => g.make("f64x2.sqrt", [x]);
const select = (g: Graph, cond: Value, a: Value, b: Value): Value => g.make("v128.bitselect", [a, b, cond]);
/** The magnitude of the first with the sign of the second. */
function signed(g: Graph, d: Arithmetic, magnitude: Value, x: Value): Value {
  return select(g, d.lit(-0), x, magnitude);
}
const ln = (g: Graph, d: Arithmetic, x: Value): Value => d.f("mul", log2(g, x), d.lit(Math.LN2));

/** exp(x) - 1: near 0, where the 1 would take the digits away, Taylor's polynomial of degree 6. */
function expm1(g: Graph, d: Arithmetic, x: Value): Value {
  const near = d.f("mul", x, horner(d, x, [1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1]));
  const far = d.f("sub", exp2Any(g, d.f("mul", x, d.lit(Math.LOG2E))), d.lit(1));
  return select(g, d.f("lt", abs(g, x), d.lit(2 ** -6)), near, far);
}

/** tan(pi/8): beyond it the arc of (t - 1) / (t + 1) is taken, which is pi/4 less. */
const EIGHTH = Math.SQRT2 - 1;
/** atan(u) / u in u^2 for |u| <= tan(pi/8): the series to u^22. */
const ATAN = [23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1].map((n) => (n % 4 === 1 ? 1 : -1) / n);

/** Of the reciprocal beyond 1, so that infinity is 0. */
function atan(g: Graph, d: Arithmetic, x: Value): Value {
  const t = abs(g, x);
  const beyond = d.f("gt", t, d.lit(1));
  const u = select(g, beyond, d.f("div", d.lit(1), t), t);
  const half = d.f("gt", u, d.lit(EIGHTH));
  const v = select(g, half, d.f("div", d.f("sub", u, d.lit(1)), d.f("add", u, d.lit(1))), u);
  const series = d.f("mul", v, horner(d, d.f("mul", v, v), ATAN));
  const arc = d.f("add", series, select(g, half, d.lit(Math.PI / 4), d.lit(0)));
  return signed(g, d, select(g, beyond, d.f("sub", d.lit(Math.PI / 2), arc), arc), x);
}

/** An odd function: near 0 `x · series(x^2)`, elsewhere that of the magnitude with the sign. */
function odd(g: Graph, d: Arithmetic, x: Value, series: readonly number[], far: (t: Value) => Value): Value {
  const near = d.f("mul", x, horner(d, d.f("mul", x, x), series));
  const t = abs(g, x);
  return select(g, d.f("lt", t, d.lit(2 ** -9)), near, signed(g, d, far(t), x));
}

const WIDE = {
  log1p: {
    // 1 + x is exact from 2^-28 on.
    value: (g, d, x) => {
      const tiny = d.f("lt", abs(g, x), d.lit(2 ** -28));
      return select(g, tiny, x, ln(g, d, d.f("add", x, d.lit(1))));
    },
    holds: (f, lit, x) => f("and", f("gt", x, lit(-1)), f("lt", x, lit(Number.POSITIVE_INFINITY))),
  },
  expm1: { value: expm1 },
  sinh: {
    value: (g, d, x) => {
      const e = expm1(g, d, abs(g, x));
      const sum = d.f("add", e, d.f("div", e, d.f("add", e, d.lit(1))));
      return signed(g, d, d.f("mul", sum, d.lit(0.5)), x);
    },
  },
  cosh: {
    value: (g, d, x) => {
      const e = exp2Any(g, d.f("mul", x, d.lit(Math.LOG2E)));
      return d.f("mul", d.f("add", e, d.f("div", d.lit(1), e)), d.lit(0.5));
    },
  },
  asinh: {
    value: (g, d, x) =>
      odd(g, d, x, [3 / 40, -1 / 6, 1], (t) => {
        const root = sqrt(g, d.mulAdd(t, t, d.lit(1)));
        return ln(g, d, d.f("add", t, root));
      }),
    holds: (f, lit, x) => f("lt", f("abs", x), lit(Number.POSITIVE_INFINITY)),
  },
  acosh: {
    value: (g, d, x) => {
      const t = d.f("sub", x, d.lit(1));
      return ln(g, d, d.f("add", x, sqrt(g, d.f("mul", t, d.f("add", x, d.lit(1))))));
    },
    holds: (f, lit, x) => f("and", f("ge", x, lit(1)), f("lt", x, lit(Number.POSITIVE_INFINITY))),
  },
  atanh: {
    value: (g, d, x) =>
      odd(g, d, x, [1 / 5, 1 / 3, 1], (t) => {
        const quotient = d.f("div", d.f("add", d.lit(1), t), d.f("sub", d.lit(1), t));
        return d.f("mul", ln(g, d, quotient), d.lit(0.5));
      }),
    holds: (f, lit, x) => f("lt", f("abs", x), lit(1)),
  },
  atan: { value: atan },
  // Beyond 1 the roots are NaN.
  asin: {
    value: (g, d, x) => {
      const square = d.f("mul", d.f("sub", d.lit(1), x), d.f("add", d.lit(1), x));
      return atan(g, d, d.f("div", x, sqrt(g, square)));
    },
  },
  acos: {
    value: (g, d, x) => {
      const root = sqrt(g, d.f("div", d.f("sub", d.lit(1), x), d.f("add", d.lit(1), x)));
      return d.f("mul", atan(g, d, root), d.lit(2));
    },
  },
} as const satisfies Partial<Record<IntrinsicName, Wide>>;

export type WideName = keyof typeof WIDE;

/** A function of the table for every lane. */
export function vectorWide(g: Graph, name: WideName, x: Value): Value {
  const { value, holds }: Wide = WIDE[name];
  const d = arithmetic(g);
  const wide = (): Value => byDoubles(g, x, (y) => value(g, d, y));
  if (!holds) return wide();
  const l = vectorLanes(g);
  const f = (op: string, ...args: Value[]): Value =>
    op === "and" ? l.i("and", args[0], args[1]) : l.f(op, ...args);
  const all = g.make("i32x4.all_true", [holds(f, l.float, x)]);
  return g.choose(all, "v128", wide, () => byHost(g, name, [x]));
}

/**
 * x^y: for finite x that are not 0 and finite y as 2^(y log2 |x|), with the sign of x where y is odd and NaN where it is not
 * whole.
 */
export function vectorPow(g: Graph, x: Value, y: Value): Value {
  const l = vectorLanes(g);
  const d = arithmetic(g);
  const infinity = l.float(Number.POSITIVE_INFINITY);
  const size = l.f("abs", x);
  const plain = [l.f("gt", size, l.float(0)), l.f("lt", size, infinity), l.f("lt", l.f("abs", y), infinity)];
  const power = (half: "low" | "high"): Value =>
    exp2Any(g, d.f("mul", widened(g, y, half), log2(g, widened(g, size, half))));
  return g.choose(
    g.make("i32x4.all_true", [plain.reduce((a, b) => l.i("and", a, b))]),
    "v128",
    () => {
      const value = narrowed(g, power("low"), power("high"));
      const isWhole = (v: Value): Value => l.f("eq", l.f("trunc", v), v);
      const even = isWhole(l.f("mul", y, l.float(0.5)));
      const sign = l.i("and", x, l.i("xor", l.int(-0x80000000), l.i("and", even, l.int(-0x80000000))));
      const mirrored = l.i("or", value, sign);
      const defined = l.i("or", isWhole(y), l.f("gt", x, l.float(0)));
      return l.select(defined, mirrored, l.float(Number.NaN));
    },
    () => byHost(g, "pow", [x, y]),
  );
}
