/**
 * Who runs what. A kernel is one nest: the loops bound to blockIdx, outermost and one in another, are its workgroups;
 * all loops on one threadIdx axis are the same threads, whose number is the greatest extent among them.
 *
 * Every thread walks through the whole body. A store runs in the threads that have an iteration of the loops around it;
 * where no loop of an axis is around it, or what it writes for everybody says nothing of the axis, the first thread of
 * the axis does it alone.
 */
import {
  type Buffer,
  constInt,
  type Expr,
  type For,
  ifThen,
  loopsIn,
  mapExpr,
  mapStmt,
  ops,
  ownExprs,
  type Stmt,
  substStmt,
  usesVar,
  type Var,
  variable,
  visitStmt,
} from "../../ir/index.ts";
import { WgslError } from "./error.ts";
import { isGrid, isThread } from "./lower.ts";

/** Thrown where loops cannot run side by side: lowering starts again, with these loops in one thread. */
export class RunSerially extends Error {
  readonly loops: ReadonlySet<number>;
  constructor(loops: Iterable<number>, why: string) {
    super(why);
    this.loops = new Set(loops);
  }
}

export interface GridAxis {
  readonly axis: string;
  readonly v: Var;
  readonly extent: Expr;
  /** The loop it was. */
  readonly loop: number;
}

export interface ThreadAxis {
  readonly axis: string;
  readonly v: Var;
  readonly extent: number;
}

export interface Threads {
  readonly grid: readonly GridAxis[];
  readonly axes: readonly ThreadAxis[];
  /** Without grid loops; thread loops run over the variables of `axes`, and note their own in `loop`. */
  readonly body: Stmt;
}

/** The variable that a thread loop had. */
export const loopOf = (s: For): number => Number(s.annotations.loop);

export function threadsOf(nest: Stmt): Threads {
  const grid: GridAxis[] = [];
  const rest = peelGrid(nest, grid);
  const deeper = loopsIn(rest).filter(isGrid);
  if (deeper.length > 0) {
    const names = deeper.map((l) => l.v.name).join(", ");
    throw new RunSerially(
      deeper.map((l) => l.v.id),
      `${names}: loops bound to blockIdx make workgroups only where they are outermost, one in another`,
    );
  }
  const extents = new Map<string, number>();
  for (const l of loopsIn(rest).filter(isThread)) {
    const n = constInt(l.extent);
    if (n === undefined) {
      throw new WgslError(
        `the loop ${l.v.name}, bound to ${l.thread}, has no constant extent: split it by a constant, and bind the inner loop`,
      );
    }
    extents.set(l.thread as string, Math.max(n, extents.get(l.thread as string) ?? 0));
  }
  const axes = [...extents].map(([axis, extent]) => threadAxis(axis, extent));
  return { grid, axes, body: unify(rest, new Map(axes.map((a) => [a.axis, a]))) };
}

export const threadAxis = (axis: string, extent: number): ThreadAxis => ({
  axis,
  extent,
  v: variable(axis.replace(".", "_")),
});

function peelGrid(s: Stmt, into: GridAxis[]): Stmt {
  if (s.kind === "block") return { ...s, body: peelGrid(s.body, into) };
  if (s.kind !== "for" || s.thread === undefined) return s;
  if (isThread(s)) return { ...s, body: peelGrid(s.body, into) };
  if (into.some((g) => g.axis === s.thread)) return s;
  const v = variable(s.thread.replace(".", "_"), "i32");
  into.push({ axis: s.thread, v, extent: s.extent, loop: s.v.id });
  return peelGrid(substStmt(s.body, new Map([[s.v.id, at(v, s)]])), into);
}

/** The value of the loop's variable for a thread. */
const at = (v: Var, s: For): Expr => ops.add(s.min, s.v.dtype === "i64" ? { ...v, dtype: "i64" } : v);

/** Thread loops over the variables of the axes. */
function unify(root: Stmt, axes: ReadonlyMap<string, ThreadAxis>): Stmt {
  const go = (s: Stmt, around: ReadonlyMap<string, number>, tests: readonly Expr[]): Stmt => {
    if (s.kind === "if") {
      const inner = [...tests, s.cond];
      return ifThen(s.cond, go(s.then, around, inner), s.else && go(s.else, around, inner));
    }
    if (s.kind !== "for") return mapStmt(s, { stmt: (x) => go(x, around, tests) });
    if (!isThread(s)) return { ...s, body: go(s.body, around, [...tests, s.min, s.extent]) };
    const axis = axes.get(s.thread as string) as ThreadAxis;
    const since = around.get(axis.axis);
    if (since !== undefined && tests.slice(since).some((e) => usesVar(e, new Set([axis.v.id])))) {
      throw new RunSerially(
        [s.v.id],
        `${s.v.name}: not all threads reach this loop, so they cannot share its work`,
      );
    }
    if (since !== undefined && mentionsVar(s.body, axis.v)) {
      throw new RunSerially(
        [s.v.id],
        `${s.v.name}: what is inside mentions the loop around it that is bound to ${axis.axis} too`,
      );
    }
    const own = new Map([[s.v.id, at(axis.v, s)]]);
    const inner = new Map(around).set(axis.axis, tests.length);
    return {
      ...s,
      v: axis.v,
      min: ops.toExpr(0),
      annotations: { loop: s.v.id },
      body: go(substStmt(s.body, own), inner, tests),
    };
  };
  return go(root, new Map(), []);
}

function mentionsVar(s: Stmt, v: Var): boolean {
  const ids = new Set([v.id]);
  let found = false;
  visitStmt(s, {
    stmt: (x) => {
      found ||= ownExprs(x).some((e) => usesVar(e, ids));
    },
  });
  return found;
}

/** An access, or the place of one, with what stands around it in the kernel. */
export interface Around {
  /** All loops, outermost first: serial ones and those of threads. */
  readonly loops: readonly For[];
  readonly serial: readonly For[];
  readonly threads: readonly For[];
  /** Conditions, bounds of loops and values of lets. */
  readonly tests: readonly Expr[];
}

export const NOTHING_AROUND: Around = { loops: [], serial: [], threads: [], tests: [] };

/** What stands around the statements below `s`. */
export function below(s: Stmt, at: Around): Around {
  switch (s.kind) {
    case "for":
      return isThread(s)
        ? { ...at, loops: [...at.loops, s], threads: [...at.threads, s] }
        : {
            ...at,
            loops: [...at.loops, s],
            serial: [...at.serial, s],
            tests: [...at.tests, s.min, s.extent],
          };
    case "if":
      return { ...at, tests: [...at.tests, s.cond] };
    case "let":
      return { ...at, tests: [...at.tests, s.value] };
    default:
      return at;
  }
}

/** Copies of a buffer for every thread along some axes: one more dimension for each. */
export function replicate(
  body: Stmt,
  copies: ReadonlyMap<number, readonly ThreadAxis[]>,
): { body: Stmt; buffers: ReadonlyMap<number, Buffer> } {
  const buffers = new Map<number, Buffer>();
  const wider = (b: Buffer): Buffer => {
    const axes = copies.get(b.id);
    if (!axes) return b;
    const { strides: _, ...rest } = b;
    const made = { ...rest, shape: [...axes.map((a) => ops.toExpr(a.extent)), ...b.shape] };
    buffers.set(b.id, made);
    return made;
  };
  const lead = (b: Buffer): Expr[] => (copies.get(b.id) ?? []).map((a) => a.v);
  const expr = (e: Expr): Expr => {
    if (e.kind !== "load") return mapExpr(e, expr);
    return { ...e, buffer: wider(e.buffer), indices: [...lead(e.buffer), ...e.indices.map(expr)] };
  };
  const go = (s: Stmt): Stmt => {
    const t = mapStmt(s, { stmt: go, expr });
    if (t.kind === "store")
      return { ...t, buffer: wider(t.buffer), indices: [...lead(t.buffer), ...t.indices] };
    return t.kind === "block" ? { ...t, allocs: t.allocs.map(wider) } : t;
  };
  return { body: go(body), buffers };
}
