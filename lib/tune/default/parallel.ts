/**
 * Which loops of scheduled programs are spread over threads: in each nest the outermost one that keeps them all busy,
 * whose iterations touch different elements, and whose work is worth waking threads for.
 *
 * The primitive `parallel` has to come before a reduction is decomposed, when the tiles of a schedule are not yet what
 * they will be; here the finished program is looked at. Iterations are apart when every buffer that the loop writes has a
 * dimension (or, where fused loops left quotients and remainders, some neighbouring ones taken as one) at which all accesses
 * in the loop move with its variable, by steps wider than everything else they do.
 */
import { linearForm, simplify } from "../../arith/index.ts";
import {
  type Buffer,
  constInt,
  type Expr,
  type For,
  type Interval,
  type IRModule,
  intervalOf,
  irModule,
  loopRange,
  loopsIn,
  mapStmt,
  ops,
  ownExprs,
  type PrimFunc,
  ProgramFacts,
  primFuncs,
  type Ranges,
  type Stmt,
  substExpr,
  unreachable,
  usesVar,
  visitExpr,
  visitStmt,
  withBody,
} from "../../ir/index.ts";

/**
 * Operations (vectors count as one) below which a nest runs on one thread: about 15 µs. Waking a worker that sleeps takes
 * 11 µs, one that is awake takes part after 1 µs (`npm run bench`, "fork and join").
 */
const WORTH = 50_000;
/** Threads should be busy for this part of the time. */
const BUSY = 0.8;
/** Operations that a call of a function counts for. */
const CALL = 10;
const LANES = 4;

/**
 * Marks loops of every program of a module that nobody has scheduled himself, in nests that have no parallel loop yet:
 * search marks its own. With one thread, nothing.
 */
export function spreadLoops(mod: IRModule, threads: number, worth = WORTH): IRModule {
  if (threads < 2) return mod;
  const spread = Object.entries(primFuncs(mod)).map(([name, f]) => [
    name,
    known.of(f, () => spreadFunc(f, threads, worth), `${threads} ${worth}`),
  ]);
  return irModule({ ...mod.funcs, ...Object.fromEntries(spread) }, mod.attrs);
}

const known = new ProgramFacts<PrimFunc>();

function spreadFunc(f: PrimFunc, threads: number, worth: number): PrimFunc {
  if (f.attrs.scheduled === true) return f;
  const go = (s: Stmt, at: Around): Stmt => {
    if (s.kind === "block") return mapStmt(s, { stmt: (x) => (x === s.init ? x : go(x, inBlock(s, at))) });
    if (s.kind !== "for") return mapStmt(s, { stmt: (x) => go(x, at) });
    // Whoever marked a loop has decided for all of its nest.
    if (s.loopKind !== "serial" || hasParallel(s) || !(workOf(s) >= worth)) return s;
    const n = constInt(s.extent) ?? 0;
    const inside = inLoop(s, at);
    const may = n >= 2 && areApart(s, inside);
    const parallel: Stmt = { ...s, loopKind: "parallel" };
    if (may && n / (Math.ceil(n / threads) * threads) >= BUSY) return parallel;
    const inner = mapStmt(s, { stmt: (x) => go(x, inside) });
    return inner === s && may ? parallel : inner;
  };
  const body = go(f.body, { ranges: new Map(), axes: new Map() });
  return body === f.body ? f : withBody(f, body as PrimFunc["body"]);
}

const hasParallel = (s: Stmt): boolean => loopsIn(s).some((l) => l.loopKind === "parallel");

/** What is known at a statement: ranges of loops, and what axes stand for in terms of loops. */
interface Around {
  readonly ranges: ReadonlyMap<number, Interval>;
  readonly axes: ReadonlyMap<number, Expr>;
}

const inLoop = (s: For, { ranges, axes }: Around): Around => ({
  axes,
  ranges: new Map(ranges).set(s.v.id, loopRange(s.min, s.extent, ranges)),
});

function inBlock(s: Extract<Stmt, { kind: "block" }>, { ranges, axes }: Around): Around {
  const known = new Map(axes);
  for (const a of s.axes) known.set(a.v.id, substExpr(a.binding, axes));
  return { ranges, axes: known };
}

/** Operations of a statement; NaN where the number of iterations is not known. */
function workOf(s: Stmt): number {
  switch (s.kind) {
    case "for": {
      const n = constInt(s.extent) ?? Number.NaN;
      return workOf(s.body) * (s.loopKind === "vectorized" ? Math.ceil(n / LANES) : n);
    }
    case "block":
      return workOf(s.body);
    case "seq":
      return s.stmts.reduce((sum, x) => sum + workOf(x), 0);
    case "if":
      return Math.max(workOf(s.then), s.else ? workOf(s.else) : 0);
    case "let":
      return costOf(s.value) + workOf(s.body);
    case "store":
      return 1 + costOf(s.value);
    case "extern":
      return CALL;
    default:
      return unreachable(s);
  }
}

function costOf(e: Expr): number {
  let n = 0;
  visitExpr(e, (x) => {
    if (x.kind === "call") n += CALL;
    else if (x.kind !== "const" && x.kind !== "var") n++;
    // Indices are shared between elements.
    return x.kind !== "load";
  });
  return n;
}

interface Touch {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly ranges: Ranges;
  readonly isStore: boolean;
}

/** Whether no iteration touches what another one writes. */
function areApart(l: For, at: Around): boolean {
  const touches: Touch[] = [];
  if (!collect(l.body, at, touches)) return false;
  const bound = boundIn(l);
  const written = new Set(touches.filter((t) => t.isStore).map((t) => t.buffer.id));
  return [...written].every((id) => {
    const own = touches.filter((t) => t.buffer.id === id);
    const rank = own[0].indices.length;
    for (let first = 0; first < rank; first++)
      for (let last = first; last < rank; last++) {
        const places = own.map((t) => placeIn(t, first, last));
        if (isSeparated(l, places, own, bound)) return true;
      }
    return false;
  });
}

/**
 * Where an element lies within some neighbouring dimensions: quotients and remainders of one number become that number again.
 * Elements that differ there are different, whatever their other indices.
 */
function placeIn({ buffer, indices }: Touch, first: number, last: number): Expr {
  let place = indices[first];
  for (let d = first + 1; d <= last; d++) place = ops.add(ops.mul(place, buffer.shape[d]), indices[d]);
  return place;
}

/** All accesses below, in terms of loops; false where they cannot be told. */
function collect(s: Stmt, at: Around, into: Touch[]): boolean {
  if (s.kind === "extern") return false;
  const { ranges } = at;
  const inside = s.kind === "for" ? inLoop(s, at) : s.kind === "block" ? inBlock(s, at) : at;
  const touch = (buffer: Buffer, indices: readonly Expr[], isStore: boolean): void => {
    into.push({ buffer, indices: indices.map((e) => substExpr(e, inside.axes)), ranges, isStore });
  };
  for (const e of ownExprs(s)) {
    visitExpr(e, (x) => {
      if (x.kind === "load") touch(x.buffer, x.indices, false);
    });
  }
  if (s.kind === "store") touch(s.buffer, s.indices, true);
  let ok = true;
  mapStmt(s, {
    stmt: (x) => {
      ok = ok && collect(x, inside, into);
      return x;
    },
  });
  return ok;
}

/** Whether one index of all accesses is the loop's variable times a step, plus something that stays within the step. */
function isSeparated(
  l: For,
  indices: readonly Expr[],
  touches: readonly Touch[],
  bound: ReadonlySet<number>,
): boolean {
  const v = new Set([l.v.id]);
  let step: number | undefined;
  let shared: string | undefined;
  let [lo, hi] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [i, e] of indices.entries()) {
    const { ranges } = touches[i];
    const form = linearForm(simplify(e, ranges), ranges);
    if (!form) return false;
    let [own, least, most] = [0, form.constant, form.constant];
    const outside: string[] = [];
    for (const [key, { atom, coef }] of form.terms) {
      if (atom.kind === "var" && atom.id === l.v.id) own = coef;
      else if (usesVar(atom, v)) return false;
      else if (atom.kind === "var" && !bound.has(atom.id)) outside.push(`${coef} ${key}`);
      else {
        const r = intervalOf(atom, ranges);
        least += coef * (coef > 0 ? r.min : r.max);
        most += coef * (coef > 0 ? r.max : r.min);
      }
    }
    const rest = outside.sort().join();
    if (own === 0 || (step !== undefined && step !== own) || (shared !== undefined && shared !== rest))
      return false;
    [step, shared] = [own, rest];
    [lo, hi] = [Math.min(lo, least), Math.max(hi, most)];
  }
  return step !== undefined && hi - lo < Math.abs(step);
}

/** Variables that the loop and what is inside it bind; others are the same in all its iterations. */
function boundIn(s: Stmt): ReadonlySet<number> {
  const out = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for" || x.kind === "let") out.add(x.v.id);
    },
  });
  return out;
}
