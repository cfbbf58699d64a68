/**
 * From a scheduled function to plain loops for a GPU: the passes of lower/ that make sense for it, in their order. Loops
 * bound to threads stay loops; what their threads share is laid out once for all of them.
 */
import {
  childStmts,
  constInt,
  type For,
  type Interval,
  mapStmt,
  type PrimFunc,
  type Stmt,
  usesVar,
  visitStmt,
} from "../../ir/index.ts";
import { accumulated } from "../lower/accumulators.ts";
import { alignRows } from "../lower/align-rows.ts";
import { lowerBlocks } from "../lower/blocks.ts";
import { compactBuffers } from "../lower/compact.ts";
import type { PassContext } from "../lower/pass.ts";
import { peelFirst } from "../lower/peel.ts";
import { decideConditions, simplifyStmt } from "../lower/simplify.ts";
import { unrollLoops } from "../lower/unroll.ts";
import { symbolicSizes } from "../size.ts";
import { inStep, isVirtual } from "./virtual-threads.ts";

/** Vectorised loops up to this length are written out. */
const MAX_LANES = 16;

/** The body as plain loops. */
export function lowerForGpu(func: PrimFunc, notes: string[]): Stmt {
  const sizes = new Map<number, Interval>();
  for (const v of symbolicSizes(func)) sizes.set(v.id, { min: 0, max: Number.POSITIVE_INFINITY });
  const context: PassContext = {
    func,
    sizes,
    threads: 1,
    note: (m) => notes.push(m),
    sharedOver: (b, l) => b.scope.startsWith("shared") && (isThread(l) || isVirtual(l)),
  };
  let body: Stmt = simplifyStmt(lowerBlocks(func.body), context);
  body = simplifyStmt(compactBuffers(body, context), context);
  body = alignRows(body, func.body);
  body = simplifyStmt(inStep(body), context);
  body = inKernels(body, (s) => simplifyStmt(peelFirst(s, context), context));
  body = inKernels(body, (s) => decideConditions(unrollLoops(lanesUnrolled(s), context), context));
  return accumulateInThreads(body, localBuffers(body));
}

/** Buffers that a schedule keeps in each thread: what is added up there needs no accumulators. */
function localBuffers(s: Stmt): ReadonlySet<number> {
  const out = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "block") for (const b of x.allocs) if (b.scope.startsWith("local")) out.add(b.id);
    },
  });
  return out;
}

/**
 * Rewrites what is inside of kernels. A loop around bound ones is not copied: its iterations may hand on what lies in
 * the memory of a workgroup, which does not outlive a kernel.
 */
function inKernels(s: Stmt, f: (s: Stmt) => Stmt): Stmt {
  const bound = s.kind === "for" && (isThread(s) || isGrid(s));
  return bound || !hasBoundLoops(s) ? f(s) : mapStmt(s, { stmt: (x) => inKernels(x, f) });
}

/** Accumulators belong to a thread: a loop with thread loops inside keeps none. */
function accumulateInThreads(s: Stmt, local: ReadonlySet<number>): Stmt {
  return hasBoundLoops(s)
    ? mapStmt(s, { stmt: (x) => accumulateInThreads(x, local) })
    : accumulated(s, local);
}

export const isThread = (s: For): boolean => s.thread?.startsWith("threadIdx.") ?? false;
export const isGrid = (s: For): boolean => s.thread?.startsWith("blockIdx.") ?? false;

/** Loops whose variables are in `serial` become serial loops, whatever they are bound to: one thread runs them. */
export function unbound(s: Stmt, serial: ReadonlySet<number>): Stmt {
  const go = (x: Stmt): Stmt => {
    const y = mapStmt(x, { stmt: go });
    if (y.kind !== "for") return y;
    const { thread, ...rest } = y;
    const bound = isThread(y) || isGrid(y) || isVirtual(y);
    if (y.loopKind === "parallel" || (thread !== undefined && (!bound || serial.has(y.v.id)))) {
      return { ...rest, loopKind: "serial" };
    }
    return y;
  };
  return go(s);
}

function lanesUnrolled(s: Stmt): Stmt {
  const go = (x: Stmt): Stmt => {
    const y = mapStmt(x, { stmt: go });
    if (y.kind !== "for" || y.loopKind !== "vectorized") return y;
    const n = constInt(y.extent) ?? Number.POSITIVE_INFINITY;
    return { ...y, loopKind: n <= MAX_LANES ? "unrolled" : "serial" };
  };
  return go(s);
}

/** Variables of bound loops that carry a reduction: their iterations update the same elements, one after another. */
export function reducingLoops(f: PrimFunc): For[] {
  const out = new Map<number, For>();
  const go = (s: Stmt, around: readonly For[]): void => {
    if (s.kind === "for") {
      go(s.body, s.thread ? [...around, s] : around);
      return;
    }
    if (s.kind === "block") {
      for (const l of around) {
        const v = new Set([l.v.id]);
        if (s.axes.some((a) => a.type !== "S" && usesVar(a.binding, v))) out.set(l.v.id, l);
      }
    }
    for (const c of childStmts(s)) go(c, around);
  };
  go(f.body, []);
  return [...out.values()];
}

/** Whether a statement has loops that are bound to threads or workgroups. */
export function hasBoundLoops(s: Stmt): boolean {
  let found = false;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for" && (isThread(x) || isGrid(x))) found = true;
    },
  });
  return found;
}
