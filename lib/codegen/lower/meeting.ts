/**
 * Iterations of a loop that meet: two that use one element which one of them writes. Proofs that there are none need
 * indices of a known form; here some iterations are followed with plain numbers until two of them meet. What is found is
 * certain, and nothing is claimed where nothing is found: an index that is data, or a condition on it, is passed over.
 */
import { evalInt } from "../../arith/index.ts";
import {
  type Block,
  type Buffer,
  childStmts,
  type Expr,
  type For,
  ownExprs,
  type Stmt,
  type Store,
  visitExpr,
} from "../../ir/index.ts";

/** Values of variables; NaN where they are not known. */
export type Values = Map<number, number>;

/** Iterations that are followed, and statements in all of them together: time that compiling takes. */
const ITERATIONS = 16;
const STATEMENTS = 256;

interface Seen {
  readonly iteration: number;
  /** What is stored, as far as it follows from indices; undefined for a read, or several different values. */
  value: string | undefined;
  several: boolean;
  written: boolean;
}

/**
 * The buffer at an element of which iterations of `l` meet, or undefined where none were found. `around`: values of what is
 * bound outside. `counts`: whether a buffer is common to the iterations, and written by them. Several that store the same value do not meet.
 */
export function meetingIn(l: For, around: Values, counts: (b: Buffer) => boolean): Buffer | undefined {
  const [min, extent] = [evalInt(l.min, around), evalInt(l.extent, around)];
  const n = Math.min(extent, ITERATIONS);
  if (Number.isNaN(min) || !(n >= 2)) return undefined;
  const seen = new Map<string, Seen>();
  let found: Buffer | undefined;
  for (let i = 0; i < n && !found; i++) {
    let left = Math.floor(STATEMENTS / n);
    const note = (buffer: Buffer, indices: readonly Expr[], at: Values, value?: string): void => {
      if (found || !counts(buffer)) return;
      const place = indices.map((e) => evalInt(e, at));
      if (place.some(Number.isNaN)) return;
      const key = `${buffer.id} ${place}`;
      const s = seen.get(key);
      if (!s) {
        seen.set(key, { iteration: i, value, several: false, written: value !== undefined });
        return;
      }
      if (s.value !== value) s.value = undefined;
      s.several ||= s.iteration !== i;
      s.written ||= value !== undefined;
      if (s.several && s.written && s.value === undefined) found = buffer;
    };
    follow(l.body, new Map(around).set(l.v.id, min + i), note, () => left-- > 0 && !found);
  }
  return found;
}

type Note = (buffer: Buffer, indices: readonly Expr[], at: Values, value?: string) => void;

/** Goes through a statement as it would run, as long as `more`, which is asked before each, says. */
function follow(s: Stmt, at: Values, note: Note, more: () => boolean): void {
  if (!more()) return;
  for (const e of ownExprs(s)) loadsOf(e, at, note);
  switch (s.kind) {
    case "for": {
      const [min, extent] = [evalInt(s.min, at), evalInt(s.extent, at)];
      for (let i = 0; i < extent && more(); i++) follow(s.body, at.set(s.v.id, min + i), note, more);
      return;
    }
    case "let":
      follow(s.body, at.set(s.v.id, evalInt(s.value, at)), note, more);
      return;
    case "if": {
      const cond = evalInt(s.cond, at);
      if (cond === 1) follow(s.then, at, note, more);
      else if (cond === 0 && s.else) follow(s.else, at, note, more);
      return;
    }
    case "block":
      if (!enter(s, at)) return;
      // Where an init runs, its stores come before others of the same iteration; they say nothing more.
      follow(s.body, at, note, more);
      return;
    case "store":
      note(s.buffer, s.indices, at, storedBy(s, at));
      return;
    case "seq":
      for (const x of childStmts(s)) follow(x, at, note, more);
      return;
    case "extern":
      return;
  }
}

/** Notes the values of a block's axes; false where it does not run, or may not. */
export function enter(b: Block, at: Values): boolean {
  const runs = b.predicate === undefined || evalInt(b.predicate, at) === 1;
  for (const [v, x] of b.axes.map((a) => [a.v.id, evalInt(a.binding, at)] as const)) at.set(v, x);
  return runs;
}

/** Reads that are certain to happen: what a select or an `and` may skip is left out. */
function loadsOf(e: Expr, at: Values, note: Note): void {
  visitExpr(e, (x) => {
    if (x.kind === "load") note(x.buffer, x.indices, at);
    if (x.kind === "select") loadsOf(x.cond, at, note);
    if (x.kind === "binary" && (x.op === "and" || x.op === "or")) loadsOf(x.a, at, note);
    return x.kind !== "select" && !(x.kind === "binary" && (x.op === "and" || x.op === "or"));
  });
}

/** The same text for stores of the same value: which store it is, and the numbers that its value is made of. */
function storedBy(s: Store, at: Values): string {
  const parts: number[] = [];
  visitExpr(s.value, (x) => {
    if (x.kind === "var") parts.push(at.get(x.id) ?? Number.NaN);
    if (x.kind === "load") parts.push(...x.indices.map((e) => evalInt(e, at)));
    return x.kind !== "load";
  });
  return parts.length === 0 && s.value.kind === "const" ? `${s.value.value}` : `${idOf(s)} ${parts}`;
}

const ids = new WeakMap<Store, number>();
let next = 0;
const idOf = (s: Store): number => {
  const known = ids.get(s) ?? next++;
  ids.set(s, known);
  return known;
};
