/** Tensor programs for known sizes. */
import { simplify } from "../../arith/index.ts";
import {
  type Block,
  type Buffer,
  type Expr,
  freshenFunc,
  mapExpr,
  mapSame,
  mapStmt,
  type Param,
  type PrimFunc,
  primFunc,
  type Stmt,
  substExpr,
} from "../../ir/index.ts";
import type { SizeMap } from "./unify.ts";

/** The program with these sizes and scalars put in; scalar parameters that are known are parameters no more. */
export function specializePrim(f: PrimFunc, values: SizeMap): PrimFunc {
  if (values.size === 0) return f;
  const expr = (e: Expr): Expr => {
    const s = substWithBuffers(e);
    return s === e ? e : simplify(s);
  };
  const buffers = new Map<number, Buffer>();
  const size = (e: Expr): Expr => {
    const s = substExpr(e, values);
    return s === e ? e : simplify(s);
  };
  const buffer = (b: Buffer): Buffer => {
    const known = buffers.get(b.id);
    if (known) return known;
    const shape = mapSame(b.shape, size);
    const strides = b.strides && mapSame(b.strides, size);
    const made =
      shape === b.shape && strides === b.strides ? b : { ...b, shape, ...(strides ? { strides } : {}) };
    buffers.set(b.id, made);
    return made;
  };
  const substWithBuffers = (e: Expr): Expr => {
    if (e.kind === "var") return values.get(e.id) ?? e;
    return mapExpr(e, substWithBuffers, buffer);
  };
  const stmt = (s: Stmt): Stmt => mapStmt(s, { stmt, expr, buffer });
  const params = f.params.flatMap((p): Param[] =>
    p.kind === "buffer" ? [buffer(p)] : values.has(p.id) ? [] : [p],
  );
  return freshenFunc(primFunc(params, stmt(f.body) as Block, { attrs: f.attrs }));
}
