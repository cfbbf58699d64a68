/** Accesses of buffers in a lowered statement, with what stands around them. */
import { sameExpr, simplify } from "../../arith/index.ts";
import {
  type Buffer,
  constant,
  constInt,
  type Expr,
  type For,
  type Interval,
  mapExpr,
  not,
  ops,
  ownExprs,
  type Stmt,
  stridesOf,
  visitExpr,
} from "../../ir/index.ts";
import { addPoly, mulPoly, type Poly, polyOf } from "./poly.ts";

export interface BufferAccess {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly isStore: boolean;
  /** Loops around it, outermost first. */
  readonly loops: readonly For[];
  /** Variables that lets around it bind. */
  readonly lets: readonly number[];
  /** Conditions of the ifs around it inside the statement, all of which hold when it runs. */
  readonly guards: readonly Expr[];
  /** May not run for a reason other than the guards: a lazy operand, a loop that may be empty. */
  readonly lazy: boolean;
  /** A kernel does it, at all elements from these indices on. */
  readonly opaque?: boolean;
}

/** Every access in `s` in program order (the operands of a store before the store). */
export function accessesIn(s: Stmt): BufferAccess[] {
  const out: BufferAccess[] = [];
  const note = (
    at: Around,
    buffer: Buffer,
    indices: readonly Expr[],
    isStore: boolean,
    lazy = at.lazy,
  ): void => {
    const { loops, lets, guards } = at;
    out.push({ loops, lets, guards, lazy, buffer, indices, isStore });
  };
  const walk = (x: Stmt, at: Around): void => {
    const read = (e: Expr, lazy = at.lazy): void => {
      visitExpr(e, (y) => {
        if (y.kind === "load") {
          note(at, y.buffer, y.indices, false, lazy);
        } else if (y.kind === "select" || (y.kind === "binary" && (y.op === "and" || y.op === "or"))) {
          mapExpr(y, (z) => {
            read(z, lazy || z !== (y.kind === "select" ? y.cond : y.a));
            return z;
          });
          return false;
        }
        return true;
      });
    };
    switch (x.kind) {
      case "seq":
        for (const y of x.stmts) walk(y, at);
        return;
      case "block":
        walk(x.body, at);
        return;
      case "for": {
        read(x.min);
        read(x.extent);
        const n = constInt(x.extent);
        walk(x.body, { ...at, loops: [...at.loops, x], lazy: at.lazy || n === undefined || n <= 0 });
        return;
      }
      case "let":
        read(x.value);
        walk(x.body, { ...at, lets: [...at.lets, x.v.id] });
        return;
      case "if":
        read(x.cond);
        walk(x.then, { ...at, guards: [...at.guards, x.cond] });
        if (x.else) walk(x.else, { ...at, guards: [...at.guards, not(x.cond)] });
        return;
      case "store":
        for (const i of x.indices) read(i);
        read(x.value);
        note(at, x.buffer, x.indices, true);
        return;
      case "extern":
        for (const e of ownExprs(x)) read(e);
        for (const a of x.args) {
          if (a.kind !== "accessPtr") continue;
          const { buffer, ranges } = a.region;
          const part = { ...at, buffer, indices: ranges.map((r) => r.min), opaque: true };
          if (a.access !== "w") out.push({ ...part, isStore: false });
          if (a.access !== "r") out.push({ ...part, isStore: true });
        }
        return;
    }
  };
  walk(s, { loops: [], lets: [], guards: [], lazy: false });
  return out;
}

type Around = Pick<BufferAccess, "loops" | "lets" | "guards" | "lazy">;

/** The index of an element in its buffer's memory, counted in elements. */
export function linearIndex(
  buffer: Buffer,
  indices: readonly Expr[],
  known?: ReadonlyMap<number, number>,
): Poly {
  const digits = joinedDigits(buffer, indices);
  if (digits) return polyOf(digits, known);
  let at: Poly = new Map();
  indices.forEach((e, d) => {
    if (buffer.strides) at = addPoly(at, mulPoly(polyOf(e, known), polyOf(buffer.strides[d], known)));
    else at = addPoly(d === 0 ? at : mulPoly(at, polyOf(buffer.shape[d], known)), polyOf(e, known));
  });
  return at;
}

const joined = new WeakMap<readonly Expr[], { buffer: Buffer; at: Expr | undefined }>();

/**
 * The linear index where two or more dimensions are digits of one number (`[f / 12][f % 12]`, as fused loops leave them):
 * the number itself, when the buffer's sizes make it so. Undefined where there is nothing to join.
 */
function joinedDigits(buffer: Buffer, indices: readonly Expr[]): Expr | undefined {
  const known = joined.get(indices);
  if (known?.buffer === buffer) return known.at;
  const at = joinDigits(buffer, indices);
  joined.set(indices, { buffer, at });
  return at;
}

function joinDigits(
  buffer: Buffer,
  indices: readonly Expr[],
  ranges?: ReadonlyMap<number, Interval>,
): Expr | undefined {
  if (indices.filter(hasQuotient).length < 2) return undefined;
  const strides = stridesOf(buffer);
  if (strides.some((s) => constInt(s) === undefined)) return undefined;
  const number = buffer.strides ? undefined : numberOf(buffer, indices, strides);
  if (number) return number;
  const flat = indices.reduce<Expr>(
    (sum, e, d) => ops.add(sum, ops.mul(e, strides[d])),
    constant(0, indices[0].dtype),
  );
  const once = simplify(flat, ranges);
  // Low digits that were put together come apart another way, which fits the high ones.
  const at = ranges && hasQuotient(once) ? simplify(once, ranges) : once;
  return hasQuotient(at) ? undefined : at;
}

/** The number whose digits, as `plainDigits` writes them, the indices are. */
function numberOf(buffer: Buffer, indices: readonly Expr[], strides: readonly Expr[]): Expr | undefined {
  let number: Expr | undefined;
  for (const [d, e] of indices.entries()) {
    if (constInt(e) === 0 && constInt(buffer.shape[d]) === 1) continue;
    const digit = number && quotient(e, "floormod", constInt(buffer.shape[d]));
    const at = quotient(digit ?? e, "floordiv", constInt(strides[d]));
    if (!at || (number && !(digit && sameExpr(at, number)))) return undefined;
    number = at;
  }
  return number && !hasQuotient(number) ? number : undefined;
}

/** What is divided by a number in `e`; `e` itself where that is 1. */
function quotient(e: Expr, op: "floordiv" | "floormod", by: number | undefined): Expr | undefined {
  if (op === "floordiv" && by === 1) return e;
  return e.kind === "binary" && e.op === op && constInt(e.b) === by ? e.a : undefined;
}

/**
 * Indices that are digits of one number, as digits of just that number. By themselves they may have been simplified apart
 * (`f0 / 196` for the first digit of `f0 * 16 + f1`, where `f1 < 16`), which is undone here, where ranges are known; later
 * `linearIndex` finds the number without.
 */
export function plainDigits(
  buffer: Buffer,
  indices: readonly Expr[],
  ranges: ReadonlyMap<number, Interval>,
): readonly Expr[] {
  if (buffer.strides || joinedDigits(buffer, indices)) return indices;
  const at = joinDigits(buffer, indices, ranges);
  if (!at) return indices;
  const strides = stridesOf(buffer);
  const first = buffer.shape.findIndex((n) => constInt(n) !== 1);
  return indices.map((e, d) => {
    if (constInt(buffer.shape[d]) === 1) return constant(0, e.dtype);
    const above = constInt(strides[d]) === 1 ? at : ops.floordiv(at, strides[d]);
    return d === first ? above : ops.floormod(above, buffer.shape[d]);
  });
}

function hasQuotient(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "binary" && (x.op === "floordiv" || x.op === "floormod")) found = true;
    return !found && x.kind !== "load";
  });
  return found;
}

/** A vectorised loop of at most this many iterations becomes straight-line code. */
const MAX_UNROLLED_LANES = 64;

/** Whether a loop is vectorised and short enough to become straight-line vector code. */
export function isUnrolledVector(s: For): boolean {
  const n = constInt(s.extent);
  return (
    s.loopKind === "vectorized" && n !== undefined && n <= MAX_UNROLLED_LANES && constInt(s.min) !== undefined
  );
}

/**
 * An index as `base + v` for a variable `v` of `vars` (stride one, base free of all of `vars`), or as `base` alone;
 * undefined when it is neither.
 */
export function splitLane(index: Poly, vars: ReadonlySet<number>): { base: Poly; lane?: number } | undefined {
  let base = index;
  let lane: number | undefined;
  for (const [key, t] of index) {
    const used = t.atoms.flatMap((a) => mentioned(a, vars));
    if (used.length === 0) continue;
    const only = t.atoms.length === 1 && t.atoms[0].kind === "var" && t.coef === 1 && lane === undefined;
    if (!only) return undefined;
    lane = used[0];
    base = addPoly(base, new Map([[key, t]]), -1);
  }
  return lane === undefined ? { base } : { base, lane };
}

function mentioned(e: Expr, vars: ReadonlySet<number>): number[] {
  const out: number[] = [];
  visitExpr(e, (x) => {
    if (x.kind === "var" && vars.has(x.id)) out.push(x.id);
  });
  return out;
}
