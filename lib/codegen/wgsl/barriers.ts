/**
 * Barriers, and the conditions under which a thread carries out a store.
 *
 * Statements are gone through in their order with the accesses since the last barrier. Before a statement that may touch
 * what another thread has touched (one of the two writes) comes a barrier; a loop whose next iteration may do so ends in
 * one. All threads of a workgroup have to arrive at a barrier, so conditions that differ between threads move from
 * around it to the stores; a loop whose bounds differ between threads cannot be moved, and is refused.
 */
import { exprKey } from "../../arith/index.ts";
import {
  callExtern,
  type Expr,
  type For,
  ifThen,
  not,
  ops,
  ownExprs,
  type Stmt,
  type Store,
  seq,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { WgslError } from "./error.ts";
import { isThread } from "./lower.ts";
import { matrixCall, memoryIn } from "./matrix.ts";
import { isCombine } from "./subgroups.ts";

/** A statement that is a barrier. */
export const BARRIER = "workgroupBarrier";
const barrier = (): Stmt => callExtern(BARRIER, []);
export const isBarrier = (s: Stmt): boolean => s.kind === "extern" && s.func === BARRIER;

/** Whether threads wait for each other, or work together, inside. */
function hasBarrier(s: Stmt): boolean {
  let found = false;
  visitStmt(s, {
    stmt: (x) => {
      if (isBarrier(x) || isCombine(x) || matrixCall(x)) found = true;
    },
  });
  return found;
}

interface Pending {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}
const NONE: Pending = { reads: new Set(), writes: new Set() };

const join = (a: Pending, b: Pending): Pending => ({
  reads: new Set([...a.reads, ...b.reads]),
  writes: new Set([...a.writes, ...b.writes]),
});

/**
 * The body with barriers between conflicting accesses of the buffers in `watched`. Of those in `apart` no two threads
 * write the same element, so that only reads have to wait for writes, and writes for reads.
 */
export function placeBarriers(root: Stmt, watched: ReadonlySet<number>, apart: ReadonlySet<number>): Stmt {
  const conflict = (a: Pending, b: Pending): boolean =>
    [...a.writes].some((x) => b.reads.has(x) || (b.writes.has(x) && !apart.has(x))) ||
    [...a.reads].some((x) => b.writes.has(x));
  const touched = (s: Stmt): Pending => {
    const reads = new Set<number>();
    const writes = new Set<number>();
    visitStmt(s, {
      stmt: (x) => {
        if (x.kind === "store" && watched.has(x.buffer.id)) writes.add(x.buffer.id);
        for (const p of memoryIn(x)) {
          if (watched.has(p.buffer.id)) (p.access === "r" ? reads : writes).add(p.buffer.id);
        }
        for (const e of ownExprs(x)) {
          visitExpr(e, (y) => {
            if (y.kind === "load" && watched.has(y.buffer.id)) reads.add(y.buffer.id);
          });
        }
      },
    });
    return { reads, writes };
  };
  /** `out`: what was accessed after the last barrier in it; `clean`: a barrier was passed for sure. */
  const go = (s: Stmt): { s: Stmt; out: Pending; clean: boolean } => {
    switch (s.kind) {
      case "seq": {
        let pending = NONE;
        let clean = false;
        const stmts: Stmt[] = [];
        for (const x of s.stmts) {
          if (conflict(pending, touched(x))) {
            stmts.push(barrier());
            pending = NONE;
            clean = true;
          }
          const y = go(x);
          stmts.push(y.s);
          pending = y.clean ? y.out : join(pending, y.out);
          clean ||= y.clean;
        }
        return { s: seq(stmts), out: pending, clean };
      }
      case "for": {
        const body = go(s.body);
        if (isThread(s)) return { ...body, s: { ...s, body: body.s } };
        const again = conflict(body.out, touched(s.body));
        const inner = again ? seq([body.s, barrier()]) : body.s;
        return { s: { ...s, body: inner }, out: again ? NONE : body.out, clean: false };
      }
      case "block": {
        const body = go(s.body);
        return { ...body, s: { ...s, body: body.s } };
      }
      case "let": {
        const body = go(s.body);
        return { ...body, s: { ...s, body: body.s }, out: body.clean ? body.out : touched(s) };
      }
      case "if": {
        const then = go(s.then);
        const other = s.else && go(s.else);
        const out = ifThen(s.cond, then.s, other?.s);
        return { s: out, out: touched(s), clean: false };
      }
      default:
        // What puts numbers of all threads together has a barrier of its own.
        return { s, out: touched(s), clean: isCombine(s) };
    }
  };
  return go(root).s;
}

/** A condition with its key. */
export interface Guard {
  readonly key: string;
  readonly cond: Expr;
}

export const guard = (cond: Expr): Guard => ({ key: exprKey(cond), cond });

interface Guarded {
  readonly s: Stmt;
  /** What has to hold for any of it, not yet tested inside. */
  readonly guards: readonly Guard[];
}

export interface GuardOptions {
  /** The conditions of a store. */
  of(s: Store): readonly Guard[];
  /** Whether all threads of a workgroup see the same value. */
  uniform(e: Expr): boolean;
  /** Whether the kernel changes what the expression loads. */
  changes(e: Expr): boolean;
}

/** The body with its stores under their conditions, each tested as far out as barriers allow; no thread loops remain. */
export function placeGuards(root: Stmt, o: GuardOptions): Stmt {
  const wrap = (g: Guarded): Stmt => {
    const cond = ops.allOf(g.guards.map((x) => x.cond));
    return cond ? ifThen(cond, g.s) : g.s;
  };
  const go = (s: Stmt, pushed: readonly Guard[]): Guarded => {
    switch (s.kind) {
      case "store":
        return { s, guards: distinct([...pushed, ...o.of(s)]) };
      case "extern":
        return { s, guards: [] };
      case "seq": {
        const parts = s.stmts.map((x) => go(x, pushed));
        const common = (parts[0]?.guards ?? []).filter((g) =>
          parts.every((p) => p.guards.some((x) => x.key === g.key)),
        );
        const keys = new Set(common.map((g) => g.key));
        return { s: seq(grouped(parts, keys).map(wrap)), guards: common };
      }
      case "for":
        return loop(s, pushed);
      case "block":
      case "let": {
        const body = go(s.body, pushed);
        const kept = s.kind === "block" ? [] : body.guards;
        // A let may compute with what its body needs: tests of threads do not mention it.
        return s.kind === "block"
          ? { s: { ...s, body: body.s }, guards: body.guards }
          : { s: { ...s, body: wrap({ s: body.s, guards: kept }) }, guards: [] };
      }
      case "if":
        return branch(s, pushed);
    }
  };
  const loop = (s: For, pushed: readonly Guard[]): Guarded => {
    const body = go(s.body, pushed);
    if (isThread(s)) return body;
    if (hasBarrier(s.body) && !(o.uniform(s.min) && o.uniform(s.extent))) {
      throw new WgslError(
        `loop ${s.v.name}: its threads have to wait for each other inside, but its bounds differ between them; ` +
          "give it bounds that are the same for the whole workgroup",
      );
    }
    const own = new Set([s.v.id]);
    const stays = body.guards.filter((g) => mentions(g.cond, own));
    const moves = body.guards.filter((g) => !stays.includes(g));
    return { s: { ...s, body: wrap({ s: body.s, guards: stays }) }, guards: moves };
  };
  const branch = (s: Extract<Stmt, { kind: "if" }>, pushed: readonly Guard[]): Guarded => {
    if (!hasBarrier(s) || o.uniform(s.cond)) {
      const then = go(s.then, pushed);
      const other = s.else && go(s.else, pushed);
      const guards = other
        ? then.guards.filter((g) => other.guards.some((x) => x.key === g.key))
        : then.guards;
      const keys = new Set(guards.map((g) => g.key));
      const rest = (x: Guarded): Stmt => wrap({ s: x.s, guards: x.guards.filter((g) => !keys.has(g.key)) });
      return { s: ifThen(s.cond, rest(then), other && rest(other)), guards };
    }
    if (o.changes(s.cond)) {
      throw new WgslError(
        "threads have to wait for each other under a condition on data that they change: compute it before, into a buffer of its own",
      );
    }
    const then = wrap(go(s.then, [...pushed, guard(s.cond)]));
    if (!s.else) return { s: then, guards: [] };
    return { s: seq([then, wrap(go(s.else, [...pushed, guard(not(s.cond))]))]), guards: [] };
  };
  return wrap(go(root, []));
}

/** Neighbours with the same conditions under one test. */
function grouped(parts: readonly Guarded[], known: ReadonlySet<string>): Guarded[] {
  const out: Guarded[] = [];
  for (const p of parts) {
    const guards = p.guards.filter((g) => !known.has(g.key));
    const last = out.at(-1);
    const same =
      last &&
      guards.length > 0 &&
      guards.length === last.guards.length &&
      guards.every((g, i) => g.key === last.guards[i].key);
    if (same) out[out.length - 1] = { s: seq([last.s, p.s]), guards };
    else out.push({ s: p.s, guards });
  }
  return out;
}

const distinct = (gs: readonly Guard[]): Guard[] => [...new Map(gs.map((g) => [g.key, g])).values()];

function mentions(e: Expr, ids: ReadonlySet<number>): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === "var" && ids.has(x.id)) found = true;
  });
  return found;
}
