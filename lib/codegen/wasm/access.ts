/**
 * Addresses. The byte address of an access is a polynomial; its terms are added in the order of the loops they vary
 * in, so that each partial sum is computed once in the outermost loop where it can be (the graph hoists it). In an
 * innermost loop the address becomes a pointer that advances, shared by all accesses that differ by a constant only:
 * constants go into the offset of the memory instruction.
 */
import { type Buffer, BYTES, type Expr, intervalOf } from "../../ir/index.ts";
import { linearIndex as linear } from "../lower/access.ts";
import { type Poly, scalePoly, type Term } from "../lower/poly.ts";
import type { Context, LoopFrame } from "./context.ts";
import type { Value } from "./graph.ts";

export interface Address {
  readonly addr: Value;
  /** Constant bytes for the instruction's own offset. */
  readonly offset: number;
}

/** The index of an element in its buffer's memory, counted in elements. */
export function linearIndex(c: Context, buffer: Buffer, indices: readonly Expr[]): Poly {
  return linear(buffer, indices, c.known);
}

/** Offsets stay below this, far from the end of what the instruction can hold. */
const MAX_OFFSET = 2 ** 30;

/** The address of the element at `index`. */
export function address(c: Context, buffer: Buffer, index: Poly): Address {
  const place = c.places.get(buffer.id);
  if (!place) throw new Error(`buffer ${buffer.name} has no place in memory`);
  const bytes = scalePoly(index, BYTES[buffer.dtype]);
  const constant = bytes.get("")?.coef ?? 0;
  const terms = [...bytes.values()].filter((t) => t.atoms.length > 0);
  // The instruction adds its offset without wrapping: what is left without it must not be negative.
  const fits = constant >= 0 && constant + place.offset < MAX_OFFSET && terms.every((t) => isNatural(c, t));
  const offset = place.offset + (fits ? constant : 0);
  const start = fits ? place.base : c.g.make("i32.add", [place.base, c.g.i32(constant)]);
  return { addr: sum(c, start, terms), offset };
}

function isNatural(c: Context, t: Term): boolean {
  return t.coef > 0 && t.atoms.every((a) => intervalOf(a, c.ranges).min >= 0);
}

interface Factored {
  readonly term: Term;
  readonly values: readonly Value[];
  readonly level: number;
}

function sum(c: Context, start: Value, terms: readonly Term[]): Value {
  const factored = terms.map((term): Factored => {
    const values = term.atoms.map((a) => index32(c, a)).sort((a, b) => a.level - b.level);
    return { term, values, level: Math.max(0, ...values.map((v) => v.level)) };
  });
  factored.sort((a, b) => a.level - b.level);
  const loop = c.loops[c.loops.length - 1];
  const inner = loop?.innermost ? factored.filter((t) => t.level >= loop.depth) : [];
  const rates = inner.map((t) => rateOf(c, t, loop));
  const outer =
    inner.length > 0 && rates.every((r) => r !== undefined) ? factored.slice(0, -inner.length) : factored;
  let at = start;
  for (const t of outer) at = c.g.make("i32.add", [at, product(c, t.term.coef, t.values)]);
  if (outer === factored) return at;
  let rate = c.g.i32(0);
  for (const r of rates) if (r) rate = c.g.make("i32.add", [rate, r]);
  return pointer(c, loop, at, rate);
}

/** Bytes the term changes by when the loop variable goes up by one; undefined when it is not linear in it. */
function rateOf(c: Context, t: Factored, loop: LoopFrame): Value | undefined {
  const own = c.vars.get(loop.v.id);
  const rest = t.values.filter((v) => v !== own);
  if (rest.length !== t.values.length - 1 || rest.some((v) => v.level >= loop.depth)) return undefined;
  return product(c, t.term.coef, rest);
}

function pointer(c: Context, loop: LoopFrame, at: Value, rate: Value): Value {
  const { g } = c;
  const key = `${at.id}+${rate.id}`;
  let p = loop.pointers.get(key);
  if (!p) {
    const first = g.make("i32.add", [at, g.make("i32.mul", [rate, loop.first])]);
    const local = g.local("i32", "p");
    g.setBefore(loop.depth, local, first);
    p = { local, step: g.make("i32.mul", [rate, g.i32(loop.step)]) };
    loop.pointers.set(key, p);
  }
  return g.get(p.local, loop.depth);
}

function product(c: Context, coef: number, values: readonly Value[]): Value {
  let p: Value | undefined;
  // The coefficient goes with the outermost factor, where it costs least.
  for (const v of values) {
    const x = p === undefined ? c.g.make("i32.mul", [v, c.g.i32(coef)]) : v;
    p = p === undefined ? x : c.g.make("i32.mul", [p, x]);
  }
  return p ?? c.g.i32(coef);
}

/** An index as the 32 bits that addresses have. */
export function index32(c: Context, e: Expr): Value {
  const v = c.scalar(e);
  return e.dtype === "i64" ? c.g.make("i32.wrap_i64", [v]) : v;
}
