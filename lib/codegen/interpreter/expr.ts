/** Expressions to closures: a complete table over the kinds. */
import {
  type ArithOp,
  type Binary,
  type Buffer,
  type Expr,
  type ExprKind,
  isCompareOp,
  isIntrinsic,
  isLogicOp,
  type Var,
} from "../../ir/index.ts";
import { arith, compare, neg } from "./arith.ts";
import { CALLS } from "./calls.ts";
import { cast, constValue } from "./cast.ts";
import type { Big, Cell, Eval, Hooks, Num, Scope } from "./scope.ts";
import { offset, READ, type Storage } from "./storage.ts";

/** What the surrounding program offers to the expressions in it. */
export interface Env {
  readonly hooks: Hooks;
  cell(v: Var, scope: Scope): Cell;
  storage(b: Buffer, scope: Scope): Storage;
}

type OfKind<K extends ExprKind> = Extract<Expr, { kind: K }>;

const HANDLERS: { readonly [K in ExprKind]: (e: OfKind<K>, env: Env, scope: Scope) => Eval } = {
  var: (e, env, scope) => {
    const cell = env.cell(e, scope);
    return () => cell.value;
  },
  const: (e) => {
    const value = constValue(e);
    return () => value;
  },
  binary: (e, env, scope) => compileBinary(e, env, scope),
  unary: (e, env, scope) => {
    const a = compileExpr(e.a, env, scope);
    return e.op === "neg" ? neg(e.dtype, a) : () => (a() ? 0 : 1);
  },
  select: (e, env, scope) => {
    const cond = compileExpr(e.cond, env, scope);
    const a = compileExpr(e.a, env, scope);
    const b = compileExpr(e.b, env, scope);
    return () => (cond() ? a() : b());
  },
  cast: (e, env, scope) => cast(e.value.dtype, e.dtype, compileExpr(e.value, env, scope)),
  call: (e, env, scope) => {
    if (!isIntrinsic(e.op)) throw new TypeError(`unknown function ${e.op}`);
    return CALLS[e.op](
      e.args[0].dtype,
      e.args.map((x) => compileExpr(x, env, scope)),
    );
  },
  load: (e, env, scope) => {
    const s = env.storage(e.buffer, scope);
    const index = compileIndices(e.indices, env, scope);
    const read = READ[e.dtype](s, offset(s, index, "load", scope));
    const { onLoad } = env.hooks;
    if (!onLoad) return read;
    return () => {
      const value = read();
      onLoad(access(e.buffer, index, value, scope));
      return value;
    };
  },
};

export function compileExpr(e: Expr, env: Env, scope: Scope): Eval {
  // The table's entry for a kind takes nodes of that kind, which the index expression cannot tell the checker.
  const handler = HANDLERS[e.kind] as (e: Expr, env: Env, scope: Scope) => Eval;
  return handler(e, env, scope);
}

function compileBinary(e: Binary, env: Env, scope: Scope): Eval {
  const a = compileExpr(e.a, env, scope);
  const b = compileExpr(e.b, env, scope);
  if (isLogicOp(e.op)) return e.op === "and" ? () => (a() && b() ? 1 : 0) : () => (a() || b() ? 1 : 0);
  if (isCompareOp(e.op)) return compare(e.op, a, b);
  const op: ArithOp = e.op;
  return arith(op, e.dtype, a, b, () => scope.fail(`integer division by zero (${op})`));
}

/** Indices as numbers; i64 indices beyond 2^53 are out of bounds of everything and may be rounded. */
export function compileIndices(indices: readonly Expr[], env: Env, scope: Scope): Num[] {
  return indices.map((i) => compileInt(i, env, scope));
}

/** An integer expression as a number, whatever its dtype. */
export function compileInt(e: Expr, env: Env, scope: Scope): Num {
  const f = compileExpr(e, env, scope);
  if (e.dtype !== "i64") return f as Num;
  const big = f as Big;
  return () => Number(big());
}

/** What a hook is told of one access. */
export function access(buffer: Buffer, index: readonly Num[], value: ReturnType<Eval>, scope: Scope) {
  return {
    buffer,
    indices: index.map((f) => f()),
    value,
    block: scope.block,
    axes: scope.values("axis"),
    loops: scope.values("loop"),
  };
}
