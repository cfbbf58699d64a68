/**
 * Scalar replacement. A loop that updates the same few elements of a buffer in every iteration (the accumulators of a
 * reduction, one or a whole unrolled tile) keeps them in a small local buffer: loaded before the loop, stored after
 * it. The local buffer is indexed by constants, so code generation keeps it in registers.
 *
 * Legal when within the loop the buffer is touched at those elements only, each of them at least once in every
 * iteration (so loading and storing it is an access the program makes anyway), or always under one condition that the
 * loop does not change (under which it is then loaded and stored); and when the elements are apart by constants that
 * show they do not overlap. Different buffers never overlap.
 */

import { exprKey } from "../../arith/index.ts";
import {
  type Buffer,
  block,
  buffer,
  constant,
  constInt,
  type Expr,
  type For,
  ifThen,
  load,
  loop,
  mapStmt,
  ops,
  rewriteExpr,
  type Stmt,
  seq,
  store,
  substExpr,
  variable,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { accessesIn, type BufferAccess, isUnrolledVector, linearIndex, splitLane } from "./access.ts";
import { vectorLanesOf } from "./lanes.ts";
import { hasParallel } from "./parallel.ts";
import { distance, type Poly } from "./poly.ts";
import { planRegisters } from "./registers.ts";

/** Elements of accumulators in one loop, in registers of `lanes`. Beyond this the engine would spill. */
const MAX_ACCUMULATORS = 32;

export const replaceAccumulators = (root: Stmt): Stmt => accumulated(root, new Set());

/** The same; `besides`: buffers that are registers already. */
export function accumulated(root: Stmt, besides: ReadonlySet<number>): Stmt {
  const kept = new Set([...planRegisters(root).keys(), ...besides]);
  const go = (s: Stmt, lane?: For): Stmt => {
    const below = (x: Stmt): Stmt => mapStmt(x, { stmt: (y) => go(y, lane) });
    if (s.kind !== "for") return below(s);
    if (s.loopKind === "vectorized") {
      // Inside, every lane needs its own accumulators; only short loops can give them registers.
      const short = !lane && isUnrolledVector(s) && constInt(s.min) === 0;
      return short ? mapStmt(s, { stmt: (y) => go(y, s) }) : s;
    }
    // Threads have no registers in common.
    if (s.loopKind !== "serial" || hasParallel(s)) return below(s);
    let out: Stmt = s;
    const around: Wrap[] = [];
    for (const [id, accesses] of grouped(s)) {
      if (kept.has(id)) continue;
      const wrap = accumulate(s, accesses, lane);
      if (!wrap) continue;
      out = wrap.rewrite(out);
      around.push(wrap);
    }
    if (around.length === 0) return below(s);
    for (const w of around) kept.add(w.buffer.id);
    return block({
      name: "accumulators",
      body: seq([...around.flatMap((w) => w.before), below(out), ...around.flatMap((w) => w.after)]),
      allocs: around.map((w) => w.buffer),
    });
  };
  return go(root);
}

/** Accesses of the buffers that the loop's body stores to, by buffer. */
function grouped(s: For): Map<number, BufferAccess[]> {
  const all = accessesIn(s.body);
  const out = new Map<number, BufferAccess[]>();
  for (const a of all) if (a.isStore) out.set(a.buffer.id, []);
  for (const a of all) out.get(a.buffer.id)?.push(a);
  return out;
}

interface Wrap {
  readonly buffer: Buffer;
  readonly before: readonly Stmt[];
  readonly after: readonly Stmt[];
  rewrite(s: Stmt): Stmt;
}

/** A run of elements: `base` alone, or `base + v` for a vectorised loop over `v`. */
interface Slot {
  readonly base: Poly;
  readonly length: number;
  readonly lanes: number;
  readonly lane?: For;
  readonly offset: number;
  readonly accesses: BufferAccess[];
}

function accumulate(s: For, accesses: readonly BufferAccess[], outer?: For): Wrap | undefined {
  const target = accesses[0].buffer;
  if (target.dtype === "bool" || accesses.some((a) => a.opaque)) return undefined;
  const slots = slotsOf(s, accesses);
  if (!slots) return undefined;
  const guards = new Map<Slot, Expr | undefined>();
  const bound = boundIn(s);
  if (outer) bound.add(outer.v.id);
  for (const x of slots) {
    const guard = guardOf(x.accesses, bound);
    if (guard === false) return undefined;
    guards.set(x, guard);
  }
  if (outer && slots.some((x) => x.lane)) return undefined;
  const copies = outer ? (constInt(outer.extent) ?? 0) : 1;
  const registers = slots.reduce((n, x) => n + Math.ceil((x.length * copies) / x.lanes), 0);
  if (registers > MAX_ACCUMULATORS) return undefined;
  const last = slots[slots.length - 1];
  const elements = (last.offset + last.length) * copies;
  const local = buffer(`${target.name}_acc`, [elements], target.dtype, "local");
  /** Where a slot's element lies, given the variable that runs along the slot. */
  const place = (x: Slot, v?: Expr): Expr => {
    const along = outer?.v ?? v;
    return along ? ops.add(asI32(along), x.offset * copies) : constant(x.offset);
  };
  const copy = (x: Slot, into: boolean): Stmt => {
    const v = x.lane && variable(x.lane.v.name, x.lane.v.dtype);
    const own = x.lane && v ? new Map<number, Expr>([[x.lane.v.id, v]]) : new Map<number, Expr>();
    const outside = x.accesses[0].indices.map((e) => substExpr(e, own));
    const inside = [place(x, v)];
    const move = into
      ? store(local, inside, load(target, outside))
      : store(target, outside, load(local, inside));
    const all =
      x.lane && v ? loop(v, x.lane.extent, move, { min: x.lane.min, loopKind: "vectorized" }) : move;
    const guard = guards.get(x);
    return guard ? ifThen(guard, all) : all;
  };
  return {
    buffer: local,
    before: slots.map((x) => copy(x, true)),
    after: slots.map((x) => copy(x, false)),
    rewrite: (body) => redirect(body, target, local, slots, place),
  };
}

const asI32 = (v: Expr): Expr => (v.dtype === "i64" ? { kind: "cast", value: v, dtype: "i32" } : v);

/** The distinct elements, or undefined when they are not as described at the top. */
function slotsOf(s: For, accesses: readonly BufferAccess[]): Slot[] | undefined {
  const bound = boundIn(s);
  const slots: Slot[] = [];
  let offset = 0;
  for (const a of accesses) {
    const vectors = a.loops.filter(isUnrolledVector);
    const split = splitLane(linearIndex(a.buffer, a.indices), new Set(vectors.map((l) => l.v.id)));
    if (!split || !isInvariant(split.base, bound)) return undefined;
    const lane = vectors.find((l) => l.v.id === split.lane);
    if (lane && constInt(lane.min) !== 0) return undefined;
    const length = lane ? (constInt(lane.extent) ?? 0) : 1;
    let known: Slot | undefined;
    for (const x of slots) {
      const d = distance(split.base, x.base);
      if (d === undefined) return undefined;
      if (d === 0 && x.length === length && !x.lane === !lane) known = x;
      else if (d > -length && d < x.length) return undefined;
    }
    if (known) {
      known.accesses.push(a);
      continue;
    }
    const lanes = lane ? vectorLanesOf(lane) : 1;
    if (lanes === undefined) return undefined;
    // Vectors start at whole registers.
    offset = Math.ceil(offset / lanes) * lanes;
    const slot = { base: split.base, length, lanes, offset, accesses: [a] };
    slots.push(lane ? { ...slot, lane } : slot);
    offset += length;
  }
  return slots;
}

/**
 * The condition under which a slot may be loaded before the loop and stored after it: none when some access runs in
 * every iteration, the guard that all its accesses share when the loop does not change it, otherwise false.
 */
function guardOf(accesses: readonly BufferAccess[], bound: ReadonlySet<number>): Expr | undefined | false {
  const sure = accesses.filter((a) => !a.lazy);
  if (sure.some((a) => a.guards.length === 0)) return undefined;
  if (sure.length === 0) return false;
  const key = (a: BufferAccess): string => a.guards.map(exprKey).join(" ");
  if (accesses.some((a) => key(a) !== key(sure[0]))) return false;
  if (!sure[0].guards.every((e) => isInvariantExpr(e, bound))) return false;
  return ops.allOf(sure[0].guards);
}

/** Variables that the loop and what is inside it bind. */
function boundIn(s: For): Set<number> {
  const out = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for" || x.kind === "let") out.add(x.v.id);
    },
  });
  return out;
}

function isInvariant(p: Poly, bound: ReadonlySet<number>): boolean {
  return [...p.values()].every((t) => t.atoms.every((a) => isInvariantExpr(a, bound)));
}

function isInvariantExpr(e: Expr, bound: ReadonlySet<number>): boolean {
  let ok = true;
  visitExpr(e, (x) => {
    if (x.kind === "load" || (x.kind === "var" && bound.has(x.id))) ok = false;
  });
  return ok;
}

/** Accesses of `target` become accesses of its slots in `local`. */
function redirect(
  s: Stmt,
  target: Buffer,
  local: Buffer,
  slots: readonly Slot[],
  place: (x: Slot, v?: Expr) => Expr,
): Stmt {
  const index = (indices: readonly Expr[], vectors: readonly For[]): Expr[] => {
    const split = splitLane(linearIndex(target, indices), new Set(vectors.map((l) => l.v.id)));
    const slot = split && slots.find((x) => distance(x.base, split.base) === 0);
    if (!split || !slot) throw new Error(`accumulators of ${target.name}: an access without a place`);
    const lane = vectors.find((l) => l.v.id === split.lane);
    return [place(slot, lane?.v)];
  };
  const go = (x: Stmt, vectors: readonly For[]): Stmt => {
    const inner = x.kind === "for" && isUnrolledVector(x) ? [...vectors, x] : vectors;
    const expr = (e: Expr): Expr =>
      rewriteExpr(e, (y) =>
        y.kind === "load" && y.buffer.id === target.id ? load(local, index(y.indices, vectors)) : y,
      );
    const out = mapStmt(x, { stmt: (y) => go(y, inner), expr });
    if (out.kind !== "store" || out.buffer.id !== target.id) return out;
    return store(local, index(out.indices, vectors), out.value);
  };
  return go(s, []);
}
