/**
 * Runs of stores, one after another without loops or conditions: what they load of memory that they do not change is
 * loaded once, and neighbours that come four at a time, from a place that is a multiple of four, are one access.
 */
import { linearForm } from "../../arith/index.ts";
import {
  type Buffer,
  childStmts,
  constInt,
  type Expr,
  isFloat,
  loopRange,
  ops,
  type Ranges,
  type Stmt,
  type Store,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { accessKey, LANES, offsetOf } from "./expr.ts";

/** An access of a buffer at a position. */
export interface Place {
  readonly buffer: Buffer;
  readonly offset: Expr;
}

/** Neighbouring stores of a seq, and what stands between them, in order. */
export function runsOf(stmts: readonly Stmt[]): (readonly Store[] | Stmt)[] {
  const out: (Store[] | Stmt)[] = [];
  const flat = (s: Stmt): readonly Stmt[] =>
    s.kind === "seq"
      ? s.stmts.flatMap(flat)
      : s.kind === "block" && s.body.kind !== "extern"
        ? flat(s.body)
        : [s];
  for (const s of stmts.flatMap(flat)) {
    const last = out.at(-1);
    if (s.kind !== "store") out.push(s);
    else if (Array.isArray(last)) last.push(s);
    else out.push([s]);
  }
  return out;
}

/** What a run loads of buffers that it does not store to, by `accessKey`, with how often. */
export function loadsOfRun(run: readonly Store[], ranges: Ranges): Map<string, Place & { times: number }> {
  const stored = new Set(run.map((s) => s.buffer.id));
  const out = new Map<string, Place & { times: number }>();
  for (const s of run) {
    for (const e of [s.value, ...s.indices]) {
      visitExpr(e, (x) => {
        if (x.kind !== "load" || stored.has(x.buffer.id)) return;
        const offset = offsetOf(x.buffer, x.indices, ranges);
        const key = accessKey(x.buffer, offset);
        const known = out.get(key);
        if (known) known.times++;
        else out.set(key, { buffer: x.buffer, offset, times: 1 });
      });
    }
  }
  return out;
}

/** Whether a position is a multiple of four, whatever its variables are. */
export function isAligned(offset: Expr, ranges: Ranges): boolean {
  const form = linearForm(offset, ranges);
  if (!form) return false;
  return form.constant % LANES === 0 && [...form.terms.values()].every((t) => t.coef % LANES === 0);
}

/** The places of the other three, when `first` is the beginning of a vector all of which is there. */
export function vectorFrom<P extends Place>(
  first: P,
  all: ReadonlyMap<string, P>,
  ranges: Ranges,
): readonly P[] | undefined {
  if (!isAligned(first.offset, ranges)) return undefined;
  const lanes = [0, 1, 2, 3].map((n) => all.get(accessKey(first.buffer, offsetOf1(first.offset, n, ranges))));
  return lanes.includes(undefined) ? undefined : (lanes as P[]);
}

const offsetOf1 = (offset: Expr, n: number, ranges: Ranges): Expr =>
  n === 0 ? offset : offsetOf(FLAT, [ops.add(offset, n)], ranges);

/** One dimension without an end: its indices are positions. */
const FLAT = {
  kind: "buffer",
  id: -1,
  name: "",
  dtype: "f32",
  scope: "global",
  shape: [ops.toExpr(1)],
} as Buffer;

/** The next four stores as one, when they fill a vector, and none reads what another of them writes. */
export function vectorStore(run: readonly Store[], at: number, ranges: Ranges): readonly Store[] | undefined {
  const four = run.slice(at, at + LANES);
  const [first] = four;
  if (four.length < LANES || four.some((s) => s.buffer.id !== first.buffer.id)) return undefined;
  const offsets = four.map((s) => offsetOf(s.buffer, s.indices, ranges));
  if (!isAligned(offsets[0], ranges)) return undefined;
  const keys = offsets.map((o) => accessKey(first.buffer, o));
  const wanted = [0, 1, 2, 3].map((n) => accessKey(first.buffer, offsetOf1(offsets[0], n, ranges)));
  if (keys.join() !== wanted.join()) return undefined;
  const own = four.every((s, n) => {
    let fine = true;
    visitExpr(s.value, (x) => {
      if (x.kind !== "load" || x.buffer.id !== first.buffer.id) return;
      if (accessKey(x.buffer, offsetOf(x.buffer, x.indices, ranges)) !== keys[n]) fine = false;
    });
    return fine;
  });
  return own ? four : undefined;
}

/** Every run below a statement, with the ranges of the loops around it. */
function forRuns(root: Stmt, start: Ranges, visit: (run: readonly Store[], ranges: Ranges) => void): void {
  const go = (s: Stmt, ranges: Ranges): void => {
    if (s.kind === "seq" || s.kind === "block" || s.kind === "store") {
      for (const r of runsOf([s])) {
        if (Array.isArray(r)) visit(r, ranges);
        else if (r !== s) go(r as Stmt, ranges);
      }
      return;
    }
    const inner = s.kind === "for" ? new Map(ranges).set(s.v.id, loopRange(s.min, s.extent, ranges)) : ranges;
    for (const c of childStmts(s)) go(c, inner);
  };
  go(root, start);
}

/**
 * Buffers whose elements are to lie in vectors: some access is a whole vector, no store is a part of one (in the memory of
 * a workgroup no load either), the size is a multiple of four, and elements are numbers.
 */
export function vectorBuffers(
  body: Stmt,
  device: readonly Buffer[],
  workgroup: readonly Buffer[],
  ranges: Ranges,
): ReadonlySet<number> {
  const out = new Set<number>();
  const partly = new Set<number>();
  const shared = new Set(workgroup.map((b) => b.id));
  forRuns(body, ranges, (run, at) => {
    const loads = loadsOfRun(run, at);
    const whole = new Set<Place>();
    for (const p of loads.values()) {
      const lanes = vectorFrom(p, loads, at);
      if (!lanes) continue;
      out.add(p.buffer.id);
      for (const l of lanes) whole.add(l);
    }
    // Parts of vectors are no trouble in device memory, but in that of a workgroup single elements are quicker.
    for (const p of loads.values()) if (shared.has(p.buffer.id) && !whole.has(p)) partly.add(p.buffer.id);
    for (let i = 0; i < run.length; ) {
      const four = vectorStore(run, i, at);
      (four ? out : partly).add(run[i].buffer.id);
      i += four ? LANES : 1;
    }
  });
  const fits = (b: Buffer): boolean => {
    const n = b.shape.map(constInt).reduce((p: number, x) => p * (x ?? Number.NaN), 1);
    return !b.strides && n > 0 && n % LANES === 0 && (isFloat(b.dtype) || b.dtype === "i32");
  };
  const good = [...device, ...workgroup].filter((b) => fits(b) && !partly.has(b.id)).map((b) => b.id);
  return new Set(good.filter((id) => out.has(id)));
}

/** Elements of a thread's buffer that are variables of their own; more would be no registers. */
const MOST_REGISTERS = 256;

/** Buffers of threads all of whose accesses are at known positions. */
export function registerBuffers(body: Stmt, own: readonly Buffer[], ranges: Ranges): ReadonlySet<number> {
  const size = (b: Buffer): number =>
    b.shape.map(constInt).reduce((p: number, x) => p * (x ?? Number.NaN), 1);
  const out = new Set(own.filter((b) => !b.strides && size(b) <= MOST_REGISTERS).map((b) => b.id));
  const look = (b: Buffer, indices: readonly Expr[]): void => {
    if (out.has(b.id) && constInt(offsetOf(b, indices, ranges)) === undefined) out.delete(b.id);
  };
  visitStmt(body, {
    stmt: (s) => {
      if (s.kind === "store") look(s.buffer, s.indices);
    },
    expr: (e) => {
      if (e.kind === "load") look(e.buffer, e.indices);
    },
  });
  return out;
}
