/**
 * Sine, cosine and tangent of four f32 at once. The argument is reduced by multiples of pi/2 in doubles, where the remainder is
 * right to more bits than f32 has; numbers of 2^20 and more, infinities and NaN are left to the host. At most 1.5 ulp,
 * measured by the tests; the tangent stays in doubles and is within 0.6.
 */
import type { Graph, Value } from "./graph.ts";
import { vectorLanes } from "./half-float.ts";
import { arithmetic, byDoubles, horner, longs, narrowed, widened, words } from "./math-double.ts";

/** pi/2 in two parts: products of the first (33 bits) with whole numbers of 20 bits are exact. */
const PIO2_HIGH = 1.5707963267341256;
const PIO2_LOW = 6.077100506506192e-11;
/** 1.5 * 2^52: what is added to it is rounded to a whole number, which stands in its low bits. */
const ROUNDER = 6755399441055744;
const LIMIT = 2 ** 20;

/** Minimax polynomials on [-pi/4, pi/4] (Cephes, sinf.c): (sin x - x) / x^3 and (cos x - 1 + x^2 / 2) / x^4, in x^2. */
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/** Two doubles less their quarter turns, whose number is in the low word of each. */
function reduced(g: Graph, y: Value): { rest: Value; turns: Value } {
  const { f, lit } = arithmetic(g);
  const turns = f("add", f("mul", y, lit(2 / Math.PI)), lit(ROUNDER));
  const n = f("sub", turns, lit(ROUNDER));
  const high = f("sub", y, f("mul", n, lit(PIO2_HIGH)));
  return { rest: f("sub", high, f("mul", n, lit(PIO2_LOW))), turns };
}

function fast(g: Graph, x: Value, ahead: 0 | 1): Value {
  const l = vectorLanes(g);
  const [low, high] = (["low", "high"] as const).map((half) => reduced(g, widened(g, x, half)));
  const r = narrowed(g, low.rest, high.rest);
  const q = l.i("add", words(g, low.turns, high.turns, [0, 2, 4, 6]), l.int(ahead));
  const z = l.f("mul", r, r);
  const poly = (cs: readonly number[]): Value =>
    cs.slice(1).reduce((p, c) => l.mulAdd(p, z, l.float(c)), l.float(cs[0]));
  const sine = l.mulAdd(l.f("mul", r, z), poly(SIN), r);
  // So close to 0 the sine is its argument, whose sign it keeps.
  const sin = l.select(l.f("lt", l.f("abs", r), l.float(2 ** -12)), r, sine);
  const cos = l.mulAdd(l.f("mul", z, z), poly(COS), l.mulAdd(z, l.float(-0.5), l.float(1)));
  const odd = l.shift("shr_s", l.shift("shl", q, 31), 31);
  const sign = l.shift("shl", l.i("and", q, l.int(2)), 30);
  return l.i("xor", l.select(odd, cos, sin), sign);
}

/** (sin r) / r and cos r for |r| <= pi/4, in r^2: Taylor's polynomials to r^10 and r^12. */
const SIN_SERIES = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1];
const COS_SERIES = [1 / 479001600, -1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2, 1];

/** The tangent of two doubles, as the quotient of sine and cosine; after odd quarter turns, of the negative cosine and the sine. */
function tangent(g: Graph, y: Value): Value {
  const d = arithmetic(g);
  const { rest, turns } = reduced(g, y);
  const z = d.f("mul", rest, rest);
  const [sin, cos] = [d.f("mul", rest, horner(d, z, SIN_SERIES)), horner(d, z, COS_SERIES)];
  const odd = g.make("i64x2.ne", [g.make("v128.and", [turns, longs(g, 1n)]), longs(g, 0n)]);
  const pick = (a: Value, b: Value): Value => g.make("v128.bitselect", [a, b, odd]);
  return d.f("div", pick(g.make("f64x2.neg", [cos]), sin), pick(sin, cos));
}

/** Every lane by the host's function, which rounds once. */
export function byHost(g: Graph, name: string, args: readonly Value[]): Value {
  return [0, 1, 2, 3].reduce((out, lane) => {
    const wide = args.map((x) => g.make("f64.promote_f32", [g.make("f32x4.extract_lane", [x], { lane })]));
    const y = g.make("f32.demote_f64", [g.call(name, wide, "f64")]);
    return g.make("f32x4.replace_lane", [out, y], { lane });
  }, args[0]);
}

/** `sin`, `cos` or `tan` of every lane. */
export function vectorTrig(g: Graph, name: "sin" | "cos" | "tan", x: Value): Value {
  const l = vectorLanes(g);
  const small = l.f("lt", l.f("abs", x), l.float(LIMIT));
  return g.choose(
    g.make("i32x4.all_true", [small]),
    "v128",
    () => (name === "tan" ? byDoubles(g, x, (y) => tangent(g, y)) : fast(g, x, name === "sin" ? 0 : 1)),
    () => byHost(g, name, [x]),
  );
}
