/** Statements: one handler for each kind of node; loops with their counters and pointers. */
import {
  constInt,
  type Expr,
  type For,
  intervalOf,
  loopRange,
  type Stmt,
  type StmtKind,
  visitStmt,
} from "../../ir/index.ts";
import { isUnrolledVector } from "../lower/access.ts";
import { linearIndex } from "./access.ts";
import type { Context } from "./context.ts";
import { callKernel } from "./kernel-call.ts";
import { parallelLoop } from "./parallel.ts";
import { storeElement } from "./scalar-expr.ts";
import { vectorLoop } from "./vector-loop.ts";

type Handlers = { [K in StmtKind]: (c: Context, s: Extract<Stmt, { kind: K }>) => void };

const HANDLERS: Handlers = {
  seq: (c, s) => {
    for (const x of s.stmts) statement(c, x);
  },
  block: (c, s) => statement(c, s.body),
  store: (c, s) => {
    const value = c.scalar(s.value);
    storeElement(c, s.buffer, linearIndex(c, s.buffer, s.indices), value);
  },
  if: (c, s) => {
    const other = s.else;
    c.g.branch(c.scalar(s.cond), () => statement(c, s.then), other && (() => statement(c, other)));
  },
  let: (c, s) => {
    c.vars.set(s.v.id, c.g.pin(c.scalar(s.value), s.v.name));
    c.ranges.set(s.v.id, intervalOf(s.value, c.ranges));
    statement(c, s.body);
  },
  for: forLoop,
  extern: callKernel,
};

/** Generates the code of a lowered statement. */
export function statement(c: Context, s: Stmt): void {
  (HANDLERS[s.kind] as (c: Context, s: Stmt) => void)(c, s);
}

function forLoop(c: Context, s: For): void {
  c.ranges.set(s.v.id, loopRange(s.min, s.extent, c.ranges));
  if (constInt(s.extent) === 1) {
    bind(c, s, s.min);
    return;
  }
  if (s.loopKind === "vectorized") {
    vectorLoop(c, s, { statement, counted: countedLoop });
    return;
  }
  if (s.loopKind === "parallel" && c.spread) {
    parallelLoop(c, s, c.spread, { statement, counted: countedLoop, stored: storedBuffers });
    return;
  }
  // Loops bound to the threads of a GPU run one iteration after another here.
  countedLoop(c, s, s.min, s.extent, 1, () => statement(c, s.body));
}

/** The body once, with the variable standing for `value`. */
function bind(c: Context, s: For, value: Expr): void {
  const n = constInt(value);
  c.known.delete(s.v.id);
  if (n === undefined) c.vars.set(s.v.id, c.scalar(value));
  else c.known.set(s.v.id, n);
  statement(c, s.body);
}

/**
 * `for v = min; v < min + extent; v += step`. The loop tests at its end; where the extent is not known to be positive,
 * a condition stands around it (inside which invariant loads may be hoisted).
 */
function countedLoop(c: Context, s: For, min: Expr, extent: Expr, step: number, body: () => void): void {
  const { g } = c;
  const type = s.v.dtype === "i64" ? "i64" : "i32";
  const lit = (n: number) => (type === "i64" ? g.const("i64", BigInt(n)) : g.i32(n));
  const count = c.scalar(extent);
  const trips = intervalOf(extent, c.ranges);
  if (trips.max <= 0) return;
  const run = (): void => {
    const first = c.scalar(min);
    const end = g.make(`${type}.add`, [first, count]);
    const counter = g.local(type, s.v.name);
    const start = first.level < g.depth ? first : g.pin(first);
    g.set(counter, start);
    const innermost = !containsLoop(s.body);
    g.push("loop", storedBuffers(s.body));
    c.known.delete(s.v.id);
    c.vars.set(s.v.id, g.get(counter));
    const first32 = type === "i64" ? g.make("i32.wrap_i64", [start]) : start;
    c.loops.push({ v: s.v, depth: g.depth, first: first32, step, innermost, pointers: new Map() });
    body();
    const frame = c.loops.pop();
    for (const p of frame?.pointers.values() ?? []) {
      g.set(p.local, g.make("i32.add", [g.get(p.local), p.step]));
    }
    g.set(counter, g.make(`${type}.add`, [g.get(counter), lit(step)]));
    const again = g.make(`${type}.lt_s`, [g.get(counter), end]);
    const { nodes } = g.pop();
    g.top.nodes.push({ kind: "loop", name: s.v.name, body: nodes, again });
  };
  if (trips.min > 0) run();
  else g.branch(g.make(`${type}.gt_s`, [count, lit(0)]), run);
}

/** Whether a loop will be left in the code of `s`. Vectorised loops of few lanes are unrolled. */
function containsLoop(s: Stmt): boolean {
  let found = false;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for" && !isUnrolledVector(x) && constInt(x.extent) !== 1) found = true;
      return !found;
    },
  });
  return found;
}

function storedBuffers(s: Stmt): ReadonlySet<number> {
  const out = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "store") out.add(x.buffer.id);
      if (x.kind !== "extern") return;
      for (const a of x.args) if (a.kind === "accessPtr" && a.access !== "r") out.add(a.region.buffer.id);
    },
  });
  return out;
}
