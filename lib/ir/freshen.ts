/** New identities: copies of programs that can stand beside the original. */
import { type Buffer, type Expr, type Var, variable } from "./expr.ts";
import { type IRModule, irModule, type PrimFunc, primFunc } from "./func.ts";
import { freshenGraphFunc } from "./graph-freshen.ts";
import { freshId } from "./id.ts";
import type { Block, BlockAxis, Stmt } from "./stmt.ts";
import { mapSame, mapStmt, rewriteExpr, varsOf } from "./walk.ts";

/** A copy whose loops, axes, lets, blocks and allocated buffers have new ids; free variables stay. */
export function freshenStmt<S extends Stmt>(s: S): S {
  return freshener().stmt(s) as S;
}

/** A copy of a whole function, parameters and symbolic sizes included, with new ids throughout. */
export function freshenFunc(f: PrimFunc): PrimFunc {
  const fresh = freshener();
  const params = f.params.map((p) => {
    // A size of a parameter before it may be this very variable.
    if (p.kind === "var") return fresh.bindOnce(p);
    for (const s of [...p.shape, ...(p.strides ?? [])]) for (const v of varsOf(s).values()) fresh.bindOnce(v);
    return fresh.bindBuffer(p);
  });
  return primFunc(params, fresh.stmt(f.body), { attrs: f.attrs });
}

/** A module of this realm from one that came as JSON: methods restored, identities new. */
export function reviveModule(json: IRModule): IRModule {
  const funcs = Object.entries(json.funcs).map(([name, f]) => [
    name,
    f.kind === "graphFunc" ? freshenGraphFunc(f) : freshenFunc(f),
  ]);
  return irModule(Object.fromEntries(funcs), json.attrs);
}

function freshener() {
  const vars = new Map<number, Var>();
  const buffers = new Map<number, Buffer>();
  const expr = (e: Expr): Expr => rewriteExpr(e, (x) => (x.kind === "var" ? (vars.get(x.id) ?? x) : x), buf);
  const buf = (b: Buffer): Buffer => buffers.get(b.id) ?? b;
  const bind = (v: Var): Var => {
    const w = variable(v.name, v.dtype);
    vars.set(v.id, w);
    return w;
  };
  const bindOnce = (v: Var): Var => vars.get(v.id) ?? bind(v);
  const bindBuffer = (b: Buffer): Buffer => {
    const c: Buffer = {
      ...b,
      id: freshId(),
      shape: mapSame(b.shape, expr),
      ...(b.strides ? { strides: mapSame(b.strides, expr) } : {}),
    };
    buffers.set(b.id, c);
    return c;
  };
  const stmt = (s: Stmt): Stmt => {
    if (s.kind === "for") {
      const v = bind(s.v);
      return { ...s, v, min: expr(s.min), extent: expr(s.extent), body: stmt(s.body) };
    }
    if (s.kind === "let") {
      const value = expr(s.value);
      return { kind: "let", v: bind(s.v), value, body: stmt(s.body) };
    }
    if (s.kind === "block") {
      const axes: BlockAxis[] = s.axes.map((a) => ({
        v: a.v,
        type: a.type,
        extent: expr(a.extent),
        binding: expr(a.binding),
      }));
      const bound = axes.map((a) => ({ ...a, v: bind(a.v) }));
      for (const b of s.allocs) bindBuffer(b);
      // Axes are rewritten already. In a program of another realm new identities may look like old ones, so never twice.
      const copy = mapStmt({ ...s, axes: [] }, { stmt, expr, buffer: buf }) as Block;
      return { ...copy, id: freshId(), axes: bound };
    }
    return mapStmt(s, { stmt, expr, buffer: buf });
  };
  return { stmt, bind, bindOnce, bindBuffer };
}
