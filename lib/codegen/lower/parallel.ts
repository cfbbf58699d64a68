/**
 * Which `parallel` loops are spread over threads: the outermost ones, as long as their iterations are independent. All
 * others become serial, so that after this pass `parallel` means just that.
 *
 * The primitive refuses what may not run at the same time, but programs are also written by hand: a loop that drives a
 * reduce or opaque axis, that stores the same element in every iteration, or of which iterations are found that meet at an
 * element, is run serially, and a note says so.
 */
import { evalInt } from "../../arith/index.ts";
import { type Block, blocksIn, constInt, type For, mapStmt, type Stmt, usesVar } from "../../ir/index.ts";
import { accessesIn, type BufferAccess } from "./access.ts";
import { enter, meetingIn, type Values } from "./meeting.ts";
import type { PassContext } from "./pass.ts";

export function decideParallel(root: Stmt, c: PassContext): Stmt {
  let all: readonly BufferAccess[] | undefined;
  const why = (s: For, at: Values): string | undefined => {
    if (s.loopKind !== "parallel" || c.threads <= 1) return undefined;
    all ??= accessesIn(root);
    return whyNot(s, all, c, new Map(at));
  };
  // `at`: the first iteration of what is around. Where it may not run, nothing is known of it.
  const go = (s: Stmt, may: boolean, at: Values): Stmt => {
    if (s.kind === "block") return mapStmt(s, { stmt: (x) => go(x, may, enter(s, at) ? at : new Map()) });
    if (s.kind === "if") return mapStmt(s, { stmt: (x) => go(x, may, holds(s, x, at) ? at : new Map()) });
    if (s.kind === "let") at.set(s.v.id, evalInt(s.value, at));
    if (s.kind !== "for") return mapStmt(s, { stmt: (x) => go(x, may, at) });
    const refused = may ? why(s, at) : undefined;
    if (refused) c.note(`loop ${s.v.name} is not run in parallel: ${refused}`);
    // One job needs no other thread: a schedule says so to keep its work on this one.
    const spread = s.loopKind === "parallel" && may && c.threads > 1 && constInt(s.extent) !== 1 && !refused;
    // Lanes are no place to start threads from.
    const below = may && !spread && s.loopKind !== "vectorized";
    at.set(s.v.id, evalInt(s.min, at));
    const inner = mapStmt(s, { stmt: (x) => go(x, below, at) });
    return s.loopKind === "parallel" && !spread ? { ...(inner as For), loopKind: "serial" } : inner;
  };
  return go(root, true, new Map());
}

/** Whether a branch of an if is taken, as far as is known. */
const holds = (s: Extract<Stmt, { kind: "if" }>, branch: Stmt, at: Values): boolean =>
  evalInt(s.cond, at) === (branch === s.then ? 1 : 0);

/** Whether a statement has a loop that threads share. Only after `decideParallel`. */
export function hasParallel(s: Stmt): boolean {
  return parallelLoops(s).length > 0;
}

/** The loops that threads share, in program order. Only after `decideParallel`: none stands in another. */
export function parallelLoops(s: Stmt): For[] {
  const out: For[] = [];
  const go = (x: Stmt): Stmt => {
    if (x.kind !== "for" || x.loopKind !== "parallel") return mapStmt(x, { stmt: go });
    out.push(x);
    return x;
  };
  go(s);
  return out;
}

/** Why the iterations may not run at the same time, as far as axes and indices tell. `all`: accesses of the program. */
function whyNot(s: For, all: readonly BufferAccess[], c: PassContext, at: Values): string | undefined {
  const ids = new Set([s.v.id]);
  for (const b of blocksIn(s)) {
    const axis = b.axes.find((a) => a.type !== "S" && usesVar(a.binding, ids));
    if (axis)
      return `it drives ${axis.v.name} of ${b.name}, ${axis.type === "R" ? "a reduce axis" : "an opaque axis"}`;
  }
  if (constInt(s.extent) === 1) return undefined;
  const here = accessesIn(s.body);
  const follows = dependents(s);
  const params = new Set(c.func.params.map((p) => p.id));
  /** What is used in this loop alone will be allocated inside it: each thread has its own. */
  const isShared = (id: number): boolean => params.has(id) || count(all, id) > count(here, id);
  const same = here.find(
    (a) => a.isStore && !a.indices.some((i) => usesVar(i, follows)) && isShared(a.buffer.id),
  );
  if (same) return `every iteration stores the same elements of ${same.buffer.name}`;
  const common = new Set(here.flatMap((a) => (a.isStore && isShared(a.buffer.id) ? [a.buffer.id] : [])));
  const meeting = meetingIn(s, at, (b) => common.has(b.id));
  return meeting && `iterations use elements of ${meeting.name} that others write`;
}

const count = (accesses: readonly BufferAccess[], id: number): number =>
  accesses.filter((a) => a.buffer.id === id).length;

/** The loop's variable, and everything bound to values that follow from it. */
function dependents(s: For): ReadonlySet<number> {
  const out = new Set([s.v.id]);
  const go = (x: Stmt): Stmt => {
    if (x.kind === "block") noteAxes(x, out);
    if (x.kind === "let" && usesVar(x.value, out)) out.add(x.v.id);
    if (x.kind === "for" && (usesVar(x.min, out) || usesVar(x.extent, out))) out.add(x.v.id);
    return mapStmt(x, { stmt: go });
  };
  go(s.body);
  return out;
}

function noteAxes(b: Block, into: Set<number>): void {
  for (const a of b.axes) if (usesVar(a.binding, into)) into.add(a.v.id);
}
