/**
 * Blocks away: axes replaced by their bindings, predicates by `if`, and an init by an `if` on the first reduce
 * instance. What remains of a block that allocates is a block without axes: a scope that owns its buffers.
 */
import {
  type Block,
  block,
  type Expr,
  ifThen,
  mapStmt,
  ops,
  type Stmt,
  seq,
  substExpr,
} from "../../ir/index.ts";

/** The statement without axes, predicates and inits. */
export function lowerBlocks(s: Stmt): Stmt {
  const env = new Map<number, Expr>();
  const expr = (e: Expr): Expr => substExpr(e, env);
  const go = (x: Stmt): Stmt => (x.kind === "block" ? lower(x) : mapStmt(x, { stmt: go, expr }));
  const lower = (b: Block): Stmt => {
    for (const a of b.axes) env.set(a.v.id, expr(a.binding));
    const reduce = b.axes.filter((a) => a.type === "R");
    const first = ops.allOf(reduce.map((a) => ops.eq(expr(a.binding), 0)));
    const predicate = b.predicate && expr(b.predicate);
    const init = b.init && go(b.init);
    const body = go(b.body);
    let out = init ? seq([first ? ifThen(first, init) : init, body]) : body;
    if (b.allocs.length > 0) out = block({ name: b.name, body: out, allocs: b.allocs });
    return predicate ? ifThen(predicate, out) : out;
  };
  return go(s);
}
