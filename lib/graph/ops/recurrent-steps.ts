/**
 * The steps of recurrent layers as tensor programs: a serial loop over time in which the state is multiplied with its
 * weight and the gates are applied. All of the input's part (`x`, [directions, steps, batch, gates]) is there already.
 */
import {
  type Buffer,
  buffer,
  type Expr,
  load,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  select,
  seq,
  store,
} from "../../ir/index.ts";
import type { OpArgs, TypedCall } from "../op.ts";
import type { Size } from "../shape.ts";
import { applyActivation, type NamedActivation } from "./activation-name.ts";
import { argumentBuffers, bufferOf, nest } from "./prim.ts";

/** What the steps of one direction work with. */
export interface Direction {
  readonly c: TypedCall;
  /** Which direction, and whether time runs backwards in it. */
  readonly d: number;
  readonly reversed: boolean;
  readonly activations: readonly NamedActivation[];
  readonly x: Buffer;
  /** Weight of the state, [directions, hidden, gates]. */
  readonly r: Buffer;
  readonly bias: Buffer;
  /** Lengths of the sequences, where they differ. */
  readonly lengths: Buffer | undefined;
  readonly y: Buffer;
  readonly h: Buffer;
  readonly steps: Size;
  readonly batch: Size;
  readonly hidden: Size;
}

/** What one direction of a layer does. */
export interface Cell {
  /** Memory for one step. */
  readonly allocs: readonly Buffer[];
  /** What is set before the first step, beside h. */
  readonly start: readonly Stmt[];
  readonly step: (s: Expr) => readonly Stmt[];
}

/** The arguments and results by name. */
export type Buffers = Readonly<Record<string, Buffer>>;

export const directionsOf = (c: OpArgs): readonly boolean[] =>
  ({ forward: [false], reverse: [true], bidirectional: [false, true] })[c.str("direction")] ??
  c.refuse(`direction "${c.str("direction")}" is none of forward, reverse, bidirectional`);

/** Activations of a direction: `count` for each. */
function activationsOf(c: OpArgs, count: number, d: number): readonly NamedActivation[] {
  const all = c.attrs.activations as unknown as readonly NamedActivation[];
  return all.slice(d * count, (d + 1) * count);
}

/** The value an activation is applied to, within the bounds of `clip` where it is not 0. */
export function activated(q: Direction, k: number, x: Expr): Expr {
  const clip = q.c.num("clip");
  const bounded = clip > 0 ? ops.max(ops.min(x, ops.toExpr(clip, x.dtype)), ops.toExpr(-clip, x.dtype)) : x;
  return applyActivation(q.activations[k], bounded);
}

/** Whether a sequence of the batch is still running at step `s`. */
export const running = (q: Direction, b: Expr, s: Expr): Expr | undefined =>
  q.lengths && ops.lt(s, load(q.lengths, [b]));

/** The time of step `s`: sequences that run backwards start at their own end. */
export function timeOf(q: Direction, b: Expr, s: Expr): Expr {
  if (!q.reversed) return s;
  if (!q.lengths) return ops.sub(ops.sub(q.steps, 1), s);
  const length = load(q.lengths, [b]);
  return select(ops.lt(s, length), ops.sub(ops.sub(length, 1), s), s);
}

/** The input's part of gate `g` (in units of the hidden size) at element `j`. */
export const inputPart = (q: Direction, b: Expr, s: Expr, g: number, j: Expr): Expr =>
  load(q.x, [ops.toExpr(q.d), timeOf(q, b, s), b, ops.add(ops.mul(q.hidden, g), j)]);

/**
 * into[b, g] = bias + Σ_k state(b, k) · r[k, first + g], for `count` gates. In a block of its own, within which nobody
 * writes the state: so the product can be scheduled like any other.
 */
export function stateSums(
  q: Direction,
  name: string,
  into: Buffer,
  state: (b: Expr, k: Expr) => Expr,
  first: number,
  count: number,
): Stmt {
  const d = ops.toExpr(q.d);
  const gates = ops.mul(q.hidden, count);
  const gate = (g: Expr): Expr => ops.add(ops.mul(q.hidden, first), g);
  const sums = nest(
    `${name}_sum`,
    [
      ["b", "S", q.batch],
      ["g", "S", gates],
      ["k", "R", q.hidden],
    ],
    (b, g, k) => {
      const product = ops.mul(state(b, k), load(q.r, [d, k, gate(g)]));
      return {
        init: store(into, [b, g], load(q.bias, [d, gate(g)])),
        body: store(into, [b, g], ops.add(load(into, [b, g]), product)),
      };
    },
  );
  return nest(name, [], () => sums);
}

/** A memory for gates of one step. */
export const gateBuffer = (q: Direction, name: string, gates: number): Buffer =>
  buffer(name, [q.batch, ops.mul(q.hidden, gates)], q.x.dtype);

export const stateAt = (q: Direction, of: Buffer, b: Expr, j: Expr): Expr =>
  load(of, [ops.toExpr(q.d), b, j]);

/** The new value of a state; sequences that have ended keep the old one. */
export function setState(q: Direction, of: Buffer, b: Expr, s: Expr, j: Expr, value: Expr): Stmt {
  const at = [ops.toExpr(q.d), b, j];
  const runs = running(q, b, s);
  return store(of, at, runs ? select(runs, value, load(of, at)) : value);
}

/** The result at the time of step `s`: the new state, 0 after the end of a sequence. */
export function emitState(q: Direction, b: Expr, s: Expr, j: Expr, value: Expr): Stmt {
  const runs = running(q, b, s);
  const at = [timeOf(q, b, s), ops.toExpr(q.d), b, j];
  return store(q.y, at, runs ? select(runs, value, ops.toExpr(0, q.y.dtype)) : value);
}

/** A block over the elements of a state. */
export const overState = (
  q: Direction,
  name: string,
  body: (b: Expr, j: Expr) => Stmt | readonly Stmt[],
): Stmt =>
  nest(
    name,
    [
      ["b", "S", q.batch],
      ["j", "S", q.hidden],
    ],
    body,
  );

/** The copy of an initial state. */
export const copyState = (q: Direction, from: Buffer, to: Buffer, name: string): Stmt =>
  overState(q, name, (b, j) => store(to, [ops.toExpr(q.d), b, j], stateAt(q, from, b, j)));

/**
 * The whole program, with the arguments and results of the given names; among them are `x`, `r`, `bias`, `h0`, `y`, `h`
 * and perhaps `lengths`.
 */
export function recurrentProgram(
  c: TypedCall,
  names: { readonly args: readonly string[]; readonly results: readonly string[] },
  activations: number,
  cell: (q: Direction, of: Buffers) => Cell,
): PrimFunc {
  const args = argumentBuffers(c, names.args);
  const results = names.results.map((n, k) => bufferOf(c.out(k), n));
  const of: Buffers = Object.fromEntries([...args, ...results].map((b) => [b.name, b]));
  const { x, r, bias, h0, lengths, y, h } = of;
  const [steps, , batch, hidden] = y.shape;
  const allocs: Buffer[] = [];
  const stmts = directionsOf(c).flatMap((reversed, d): Stmt[] => {
    const own = activationsOf(c, activations, d);
    const q: Direction = {
      c,
      d,
      reversed,
      activations: own,
      x,
      r,
      bias,
      lengths,
      y,
      h,
      steps,
      batch,
      hidden,
    };
    const made = cell(q, of);
    allocs.push(...made.allocs);
    // Time is no axis that may be reordered.
    const loop = nest(`step${d}`, [["s", "O", steps]], (s) => seq(made.step(s)));
    return [copyState(q, h0, h, `start_h${d}`), ...made.start, loop];
  });
  return primFunc([...args, ...results], seq(stmts), { allocs });
}
