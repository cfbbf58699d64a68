/**
 * Sine and cosine of four f32 at once. The argument is reduced by multiples of pi/2 in doubles, where the remainder is
 * right to more bits than f32 has; numbers of 2^20 and more, infinities and NaN are left to the host. At most 1.5 ulp,
 * measured by the tests.
 */
import type { Graph, Value } from "./graph.ts";
import { vectorLanes } from "./half-float.ts";

/** pi/2 in two parts: products of the first (33 bits) with whole numbers of 20 bits are exact. */
const PIO2_HIGH = 1.5707963267341256;
const PIO2_LOW = 6.077100506506192e-11;
/** 1.5 * 2^52: what is added to it is rounded to a whole number, which stands in its low bits. */
const ROUNDER = 6755399441055744;
const LIMIT = 2 ** 20;

/** Minimax polynomials on [-pi/4, pi/4] (Cephes, sinf.c): (sin x - x) / x^3 and (cos x - 1 + x^2 / 2) / x^4, in x^2. */
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

function shuffle(g: Graph, a: Value, b: Value, words: readonly number[]): Value {
  return g.make(
    "i8x16.shuffle",
    [a, b],
    new Uint8Array(words.flatMap((w) => [0, 1, 2, 3].map((i) => 4 * w + i))),
  );
}

function doubles(g: Graph, x: number): Value {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, x, true);
  view.setFloat64(8, x, true);
  return g.const("v128", bytes);
}

/** Two lanes: the remainder as f32 in the low words, and the number of quarter turns in the low word of each double. */
function reduced(g: Graph, x: Value): { rest: Value; turns: Value } {
  const f = (op: string, a: Value, b: Value): Value => g.make(`f64x2.${op}`, [a, b]);
  const y = g.make("f64x2.promote_low_f32x4", [x]);
  const turns = f("add", f("mul", y, doubles(g, 2 / Math.PI)), doubles(g, ROUNDER));
  const n = f("sub", turns, doubles(g, ROUNDER));
  const high = f("sub", y, f("mul", n, doubles(g, PIO2_HIGH)));
  const rest = f("sub", high, f("mul", n, doubles(g, PIO2_LOW)));
  return { rest: g.make("f32x4.demote_f64x2_zero", [rest]), turns };
}

function fast(g: Graph, x: Value, ahead: 0 | 1): Value {
  const l = vectorLanes(g);
  const [low, high] = [reduced(g, x), reduced(g, shuffle(g, x, x, [2, 3, 2, 3]))];
  const r = shuffle(g, low.rest, high.rest, [0, 1, 4, 5]);
  const q = l.i("add", shuffle(g, low.turns, high.turns, [0, 2, 4, 6]), l.int(ahead));
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

function byHost(g: Graph, name: string, x: Value): Value {
  return [0, 1, 2, 3].reduce((out, lane) => {
    const wide = g.make("f64.promote_f32", [g.make("f32x4.extract_lane", [x], { lane })]);
    const y = g.make("f32.demote_f64", [g.call(name, [wide], "f64")]);
    return g.make("f32x4.replace_lane", [out, y], { lane });
  }, x);
}

/** `sin` or `cos` of every lane. */
export function vectorTrig(g: Graph, name: "sin" | "cos", x: Value): Value {
  const l = vectorLanes(g);
  const small = l.f("lt", l.f("abs", x), l.float(LIMIT));
  return g.choose(
    g.make("i32x4.all_true", [small]),
    "v128",
    () => fast(g, x, name === "sin" ? 0 : 1),
    () => byHost(g, name, x),
  );
}
