/** decomposeReduction: the init of a reduction gets a loop nest of its own. */
import { prove } from "../arith/index.ts";
import {
  type Block,
  type BlockAxis,
  block,
  blocksIn,
  type Expr,
  type For,
  freshenStmt,
  ops,
  type PrimFunc,
  replaceStmt,
  type Stmt,
  seq,
  substExpr,
  substStmt,
  usesVar,
  type Var,
  variable,
  varsOf,
  visitStmt,
} from "../ir/index.ts";
import { drives, repeatedBy, whyNotReduction } from "./conditions.ts";
import { refuse } from "./error.ts";
import { findBlock, findLoop, type Located, loopsOf, rangesOf, replaceIn } from "./lookup.ts";
import type { WithBlock } from "./types.ts";

const PRIMITIVE = "decomposeReduction";

/**
 * Splits a reduction block into `<name>_init`, which runs in a nest of its own before `loop`, and `<name>_update`,
 * which stays where it was and keeps the block's identity. The init's nest copies the loops from `loop` down that
 * drive spatial axes, with their kinds and annotations. Returns the init block.
 */
export function decomposeReduction(f: PrimFunc, blockId: number, loopId: number): WithBlock {
  const at = findBlock(f, blockId);
  const target = findLoop(f, loopId);
  const around = loopsOf(at);
  check(f, at, target.node, around);

  const below = around.slice(around.indexOf(target.node));
  const reduction = at.node as Block & { init: Stmt };
  const init = initNest(f, reduction, below, at);
  const { init: _, ...rest } = reduction;
  const update: Block = { ...rest, name: `${reduction.name}_update` };
  const by = seq([init, replaceStmt(target.node, reduction, update)]);
  const id = blocksIn(init)[0].id;
  return { func: replaceIn(f, target, by), block: id };
}

function check(f: PrimFunc, at: Located<Block>, target: For, around: readonly For[]): void {
  const b = at.node;
  if (!around.includes(target)) {
    const legal = outermostLegal(b, around);
    refuse(
      PRIMITIVE,
      "the loop is not around the block",
      `${target.v.name} does not contain ${b.name}`,
      [target, b],
      legal && ((n) => `sch.decomposeReduction(${n(b)}, ${n(legal)})`),
    );
  }
  const why = whyNotReduction(f, at);
  if (why) refuse(PRIMITIVE, "the block is not a reduction block", why, [b]);

  const i = around.indexOf(target);
  const reduce = around.slice(0, i).find((l) => drives(l, b, "R"));
  if (reduce) {
    refuse(
      PRIMITIVE,
      "the loop is inside a loop of the reduction",
      `${reduce.v.name} is around ${target.v.name} and drives a reduce axis of ${b.name}: the init would run once for each of its iterations`,
      [reduce, target],
      (n) => `sch.decomposeReduction(${n(b)}, ${n(reduce)})`,
    );
  }
  const repeats = repeatedBy(f, at);
  const repeat = around.slice(i).find((l) => repeats.includes(l));
  if (repeat) {
    refuse(
      PRIMITIVE,
      "a loop repeats the reduction",
      `iterations of ${repeat.v.name} compute the same instances of ${b.name}: a sum would start once and be added several times`,
      [repeat, b],
    );
  }
}

/** The outermost reduce loop: everything outside it is spatial. */
const outermostLegal = (b: Block, around: readonly For[]): For | undefined =>
  around.find((l) => drives(l, b, "R"));

function initNest(f: PrimFunc, b: Block & { init: Stmt }, below: readonly For[], at: Located<Block>): Stmt {
  const spatial = b.axes.filter((a) => a.type === "S");
  const { kept, conds } = loopsOfInit(f, b, below, at);

  const rename = new Map<number, Expr>();
  const renamed = (v: Var): Var => {
    const w = variable(`${v.name}_init`, v.dtype);
    rename.set(v.id, w);
    return w;
  };
  const loops = kept.map((l) => {
    const [min, extent] = [substExpr(l.min, rename), substExpr(l.extent, rename)];
    return { ...l, min, extent, v: renamed(l.v) };
  });
  const axes = spatial.map((a): BlockAxis => {
    const binding = substExpr(a.binding, rename);
    return { ...a, binding, v: renamed(a.v) };
  });
  const predicate = ops.allOf(conds);
  const own = usedIn(b.init);
  const init = block({
    name: `${b.name}_init`,
    axes,
    predicate: predicate && substExpr(predicate, rename),
    body: substStmt(b.init, rename),
    allocs: b.allocs.filter((x) => own.has(x.id)),
    annotations: b.annotations,
  });
  // Buffers of one instance that init and update share by name are two buffers once they are two blocks.
  const alone = init.allocs.length > 0 ? freshenStmt(init) : init;
  return loops.reduceRight<Stmt>((s, l) => ({ ...l, body: s }), alone);
}

/**
 * The loops the init needs, and the conditions it runs under. A condition that reduce loops have a part in is dropped when
 * it holds in their first iteration, in which the init ran; otherwise those loops are kept and the init repeats.
 */
function loopsOfInit(
  f: PrimFunc,
  b: Block,
  below: readonly For[],
  at: Located<Block>,
): { kept: For[]; conds: Expr[] } {
  const kept = new Set(below.filter((l) => drives(l, b, "S")));
  const ranges = rangesOf(f, at.path.slice(0, -1));
  const first = new Map(below.filter((l) => !kept.has(l)).map((l) => [l.v.id, l.min]));
  const conds = b.predicate ? conjuncts(b.predicate) : [];
  const needed: Expr[] = [];
  for (const c of conds) {
    const used = below.filter((l) => usesVar(c, new Set([l.v.id])));
    const reduces = used.some((l) => !drives(l, b, "S"));
    if (reduces && prove(substExpr(c, first), ranges)) continue;
    needed.push(c);
    for (const l of used) kept.add(l);
  }
  // A kept loop's bounds may mention others.
  for (const l of [...below].reverse()) {
    if (!kept.has(l)) continue;
    const vars = new Set([...varsOf(l.min).keys(), ...varsOf(l.extent).keys()]);
    for (const o of below) if (vars.has(o.v.id)) kept.add(o);
  }
  return { kept: below.filter((l) => kept.has(l)), conds: needed };
}

function conjuncts(e: Expr): Expr[] {
  return e.kind === "binary" && e.op === "and" ? [...conjuncts(e.a), ...conjuncts(e.b)] : [e];
}

/** Ids of the buffers a statement mentions. */
function usedIn(s: Stmt): Set<number> {
  const ids = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "store") ids.add(x.buffer.id);
    },
    expr: (e) => {
      if (e.kind === "load") ids.add(e.buffer.id);
    },
  });
  return ids;
}
