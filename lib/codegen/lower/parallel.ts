/**
 * Which `parallel` loops are spread over threads: the outermost ones, as long as their iterations are independent. All
 * others become serial, so that after this pass `parallel` means just that.
 *
 * The primitive refuses what may not run at the same time, but programs are also written by hand: a loop that drives a
 * reduce or opaque axis, or that stores the same element in every iteration, is run serially, and a note says so.
 */
import { type Block, blocksIn, constInt, type For, mapStmt, type Stmt, usesVar } from "../../ir/index.ts";
import { accessesIn, type BufferAccess } from "./access.ts";
import type { PassContext } from "./pass.ts";

export function decideParallel(root: Stmt, c: PassContext): Stmt {
  let all: readonly BufferAccess[] | undefined;
  const why = (s: For): string | undefined => {
    if (s.loopKind !== "parallel" || c.threads <= 1) return undefined;
    all ??= accessesIn(root);
    return whyNot(s, all, c);
  };
  const go = (s: Stmt, may: boolean): Stmt => {
    if (s.kind !== "for") return mapStmt(s, { stmt: (x) => go(x, may) });
    const refused = may ? why(s) : undefined;
    if (refused) c.note(`loop ${s.v.name} is not run in parallel: ${refused}`);
    const spread = s.loopKind === "parallel" && may && c.threads > 1 && !refused;
    // Lanes are no place to start threads from.
    const below = may && !spread && s.loopKind !== "vectorized";
    const inner = mapStmt(s, { stmt: (x) => go(x, below) });
    return s.loopKind === "parallel" && !spread ? { ...(inner as For), loopKind: "serial" } : inner;
  };
  return go(root, true);
}

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
function whyNot(s: For, all: readonly BufferAccess[], c: PassContext): string | undefined {
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
  return same && `every iteration stores the same elements of ${same.buffer.name}`;
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
