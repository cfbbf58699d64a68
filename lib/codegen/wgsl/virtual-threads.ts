/**
 * Virtual threads (`vthread`): each thread stands for several, whose iterations are carried out in step. The loop moves
 * inwards to the statements that tell its iterations apart, where it is written out; the others are carried out once for
 * all, a fetch into the memory of the workgroup above all. What an iteration keeps for itself becomes as many copies.
 *
 * `bind` has checked that the iterations do not depend on each other, so they may take turns at every statement.
 */
import {
  type Buffer,
  childStmts,
  constInt,
  type Expr,
  type For,
  ifThen,
  mapExpr,
  mapStmt,
  ops,
  ownExprs,
  type Stmt,
  usesVar,
  type Var,
  visitExpr,
} from "../../ir/index.ts";

/** More are not written out: then the loop stays where it is. */
const MOST = 64;

export const isVirtual = (s: For): boolean => s.thread?.startsWith("vthread") ?? false;

/** Moves the loops of virtual threads inwards; they are plain loops afterwards. */
export function inStep(root: Stmt): Stmt {
  const go = (s: Stmt): Stmt => {
    const t = mapStmt(s, { stmt: go });
    if (t.kind !== "for" || !isVirtual(t)) return t;
    const { thread: _, ...plain } = t;
    const n = constInt(t.extent);
    if (n === undefined || n > MOST || constInt(t.min) === undefined) return { ...plain, loopKind: "serial" };
    return moved({ ...plain, loopKind: "unrolled" }, n);
  };
  return go(root);
}

function moved(loop: For, n: number): Stmt {
  const own = ownBuffers(loop);
  const at = ops.sub(loop.v, loop.min);
  const body = own.size === 0 ? loop.body : copied(loop.body, own, n, at);
  const tells = (s: Stmt): boolean =>
    ownExprs(s).some((e) => mentions(e, loop.v)) ||
    (s.kind === "store" && mentions(s.value, loop.v)) ||
    childStmts(s).some(tells);
  const around = (s: Stmt): Stmt => ({ ...loop, body: s });
  const go = (s: Stmt): Stmt => {
    if (!tells(s)) return s;
    switch (s.kind) {
      case "seq":
      case "block":
        return mapStmt(s, { stmt: go });
      case "for":
        return [s.min, s.extent].some((e) => mentions(e, loop.v)) ? around(s) : { ...s, body: go(s.body) };
      case "if":
        return mentions(s.cond, loop.v) ? around(s) : ifThen(s.cond, go(s.then), s.else && go(s.else));
      default:
        return around(s);
    }
  };
  return go(body);
}

const mentions = (e: Expr, v: Var): boolean => usesVar(e, new Set([v.id]));

/** Buffers inside of the loop whose contents are others in each iteration. */
function ownBuffers(loop: For): ReadonlySet<number> {
  const inside = new Set<number>();
  const stores: { readonly buffer: number; readonly from: readonly Expr[] }[] = [];
  const collect = (s: Stmt, tests: readonly Expr[]): void => {
    if (s.kind === "block") for (const b of s.allocs) inside.add(b.id);
    if (s.kind === "store") stores.push({ buffer: s.buffer.id, from: [...ownExprs(s), ...tests] });
    const own = s.kind === "for" || s.kind === "if" || s.kind === "let" ? ownExprs(s) : [];
    for (const x of childStmts(s)) collect(x, [...tests, ...own]);
  };
  collect(loop.body, []);
  const out = new Set<number>();
  const loadsOwn = (e: Expr): boolean => {
    let found = false;
    visitExpr(e, (x) => {
      if (x.kind === "load" && out.has(x.buffer.id)) found = true;
    });
    return found;
  };
  for (let before = -1; before !== out.size; ) {
    before = out.size;
    for (const s of stores)
      if (inside.has(s.buffer) && s.from.some((e) => mentions(e, loop.v) || loadsOwn(e))) out.add(s.buffer);
  }
  return out;
}

/** The buffers with one more dimension, at `at`. */
function copied(body: Stmt, own: ReadonlySet<number>, n: number, at: Expr): Stmt {
  const wider = (b: Buffer): Buffer => {
    if (!own.has(b.id)) return b;
    const { strides: _, ...rest } = b;
    return { ...rest, shape: [ops.toExpr(n), ...b.shape] };
  };
  const expr = (e: Expr): Expr => {
    const x = mapExpr(e, expr);
    return x.kind === "load" && own.has(x.buffer.id)
      ? { ...x, buffer: wider(x.buffer), indices: [at, ...x.indices] }
      : x;
  };
  const go = (s: Stmt): Stmt => {
    const t = mapStmt(s, { stmt: go, expr });
    if (t.kind === "store" && own.has(t.buffer.id))
      return { ...t, buffer: wider(t.buffer), indices: [at, ...t.indices] };
    return t.kind === "block" ? { ...t, allocs: t.allocs.map(wider) } : t;
  };
  return go(body);
}
