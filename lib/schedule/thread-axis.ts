/**
 * Loops of one nest on the same thread axis. A thread carries out those iterations of the inner loop that have its own
 * number. That is what the loops say when the inside does not mention the outer loop: each of its iterations does the
 * same, so its iterations may share the work. A tile that all threads of a workgroup read is fetched like that.
 */
import { provablyEqual, regionsOf } from "../arith/index.ts";
import {
  childStmts,
  type For,
  loopsIn,
  ownExprs,
  type PrimFunc,
  type Ranges,
  type Scope,
  type Stmt,
  usesVar,
  visitExpr,
  visitStmt,
} from "../ir/index.ts";
import { refuse } from "./error.ts";
import { childBlocks, type Located } from "./lookup.ts";

const DIMS = ["x", "y", "z"];

/** Refuses a thread axis that another loop of the nest has, unless the two share its work. */
export function checkThreadFree(f: PrimFunc, at: Located<For>, thread: string, ranges: Ranges): void {
  const around = at.path.filter((s): s is For => s.kind === "for" && s !== at.node && s.thread === thread);
  const inside = loopsIn(at.node).filter((l) => l !== at.node && l.thread === thread);
  const pairs = [...around.map((o) => [o, at.node] as const), ...inside.map((i) => [at.node, i] as const)];
  for (const [outer, inner] of pairs) {
    const why = whyNotShared(f, outer, inner, thread, ranges);
    if (!why) continue;
    const other = outer === at.node ? inner : outer;
    refuse(
      "bind",
      "the thread axis is taken by a loop of the same nest",
      `${other.v.name} is bound to ${thread} already, and ${why}`,
      [at.node, other],
      (n) => {
        const [kind, dim] = thread.split(".");
        const free = DIMS.find((d) => d !== dim) ?? "y";
        return `sch.bind(${n(at.node)}, "${kind}.${free}")`;
      },
    );
  }
}

/** Refuses what another primitive has made of loops that share their work: they have to go on doing so. */
export function checkSharedWork(primitive: string, f: PrimFunc): void {
  const visit = (s: Stmt, around: readonly For[]): void => {
    const bound = s.kind === "for" && s.thread !== undefined && !s.thread.startsWith("vthread");
    const outer = bound ? around.find((l) => l.thread === s.thread) : undefined;
    const why = outer && bound && whyNotShared(f, outer, s, s.thread as string, new Map());
    if (why) {
      const detail = `the iterations of ${s.v.name} are shared out among the threads of ${outer.v.name}, and ${why}`;
      refuse(primitive, "threads would no longer share their work", detail, []);
    }
    for (const c of childStmts(s)) visit(c, bound ? [...around, s] : around);
  };
  visit(f.body, []);
}

/** Why iterations of the inner loop cannot be shared out among those of the outer one. */
function whyNotShared(
  f: PrimFunc,
  outer: For,
  inner: For,
  thread: string,
  ranges: Ranges,
): string | undefined {
  if (!provablyEqual(outer.extent, inner.extent, ranges)) {
    return `${outer.v.name} and ${inner.v.name} have different extents`;
  }
  const id = new Set([outer.v.id]);
  let used = false;
  const look = (s: Stmt): void => {
    if (ownExprs(s).some((e) => usesVar(e, id))) used = true;
  };
  visitStmt(inner, { stmt: look });
  if (used) return `what ${inner.v.name} contains differs between the iterations of ${outer.v.name}`;
  for (const b of childBlocks(inner)) {
    const { reads, writes } = regionsOf(b);
    const own = writes.find(
      (w) => !isShared(w.buffer.scope, thread) && usedBeside(f.body, inner, w.buffer.id),
    );
    if (own)
      return `each of its threads has a ${own.buffer.name} of its own, which ${b.name} would fill in part`;
    const both = reads.find((r) => writes.some((w) => w.buffer.id === r.buffer.id));
    if (both) return `${b.name} updates ${both.buffer.name}, once for each iteration of ${outer.v.name}`;
  }
  return undefined;
}

/** Whether a buffer is accessed anywhere but in `part`. */
function usedBeside(s: Stmt, part: Stmt, buffer: number): boolean {
  if (s === part) return false;
  if (s.kind === "store" && s.buffer.id === buffer) return true;
  if (s.kind === "extern" && s.args.some((a) => a.kind === "accessPtr" && a.region.buffer.id === buffer)) {
    return true;
  }
  let found = false;
  for (const e of ownExprs(s)) {
    visitExpr(e, (x) => {
      if (x.kind === "load" && x.buffer.id === buffer) found = true;
    });
  }
  return found || childStmts(s).some((c) => usedBeside(c, part, buffer));
}

/** Whether the threads along an axis see the same memory. */
function isShared(scope: Scope, thread: string): boolean {
  if (scope === "global") return true;
  return scope.startsWith("shared") && thread.startsWith("threadIdx.");
}
