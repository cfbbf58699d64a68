/** transformBlockLayout: the axes of a block in other terms, and its loops with them. */
import { indexMap, inverseIndexMap, simplify, withDomains } from "../arith/index.ts";
import {
  type AxisType,
  axis,
  type Block,
  constant,
  type Expr,
  loop,
  type PrimFunc,
  type Stmt,
  substExpr,
  substStmt,
  variable,
  varsOf,
} from "../ir/index.ts";
import { refuse } from "./error.ts";
import { findBlock, findLoop, rangesOf, replaceIn } from "./lookup.ts";
import { plainNest } from "./plain-nest.ts";
import { simplifyBelow } from "./simplify-below.ts";
import { readMap } from "./transform-layout.ts";

const NAME = "transformBlockLayout";

/**
 * Gives a block new axes, `map` of the old ones, and a new serial nest with a loop for each. The block's body mentions
 * the old axes through the inverse. Refuses a block that is not bound to a plain nest, loops that are marked, a map of
 * another number of axes, one that is not bijective, and a new axis made of spatial and reduce axes.
 */
export function transformBlockLayout(f: PrimFunc, id: number, mapText: string): PrimFunc {
  const at = findBlock(f, id);
  const b = at.node;
  const map = readMap(NAME, mapText, b);
  const loops = plainNest(NAME, at);
  const marked = loops.find((l) => l.loopKind !== "serial" || Object.keys(l.annotations).length > 0);
  if (marked) {
    const what = marked.loopKind === "serial" ? "annotated" : marked.loopKind;
    const detail = `loop ${marked.v.name} is ${what}; the new loops would not be`;
    refuse(NAME, "a loop is marked", detail, [marked], "the kinds of loops afterwards");
  }
  if (map.vars.length !== b.axes.length) {
    const detail = `${b.name} has ${b.axes.length} axes, the index map takes ${map.vars.length}`;
    refuse(NAME, "the index map does not fit the block", detail, [b]);
  }
  const old = b.axes.map((a) => a.v);
  const toAxes = new Map(map.vars.map((v, i) => [v.id, old[i]] as const));
  const results = map.results.map((e) => substExpr(e, toAxes));
  const types = results.map((e) => typeOf(b, e));
  const inverse = inverseIndexMap(
    indexMap(old, results),
    b.axes.map((a) => a.extent),
  );
  const why =
    typeof inverse === "string" ? inverse : inverse.padding && "it leaves values of the new axes unused";
  if (typeof inverse === "string" || why) {
    return refuse(NAME, "the index map is not bijective", `on the axes of ${b.name}: ${why}`, [b]);
  }
  const nest = inverse.shape.map((extent, k) => ({ v: variable(`ax${k}`, extent.dtype), extent }));
  const axes = nest.map((l, k) => axis(variable(`v${k}`, l.v.dtype), types[k], l.extent, l.v));
  const known = withDomains(
    axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent })),
    rangesOf(f, at.path),
  );
  const named = new Map(inverse.map.vars.map((v, k) => [v.id, axes[k].v] as const));
  const values = new Map(
    old.map((v, i) => [v.id, simplify(substExpr(inverse.map.results[i], named), known)] as const),
  );
  const inside: Block = { ...substStmt(b, values), axes };
  const made = nest.reduceRight<Stmt>((s, l) => loop(l.v, l.extent, s), inside);
  const top = findLoop(f, loops[0].v.id);
  return replaceIn(f, top, simplifyBelow(f, top, made));
}

/** The type of a new axis: that of the axes it is made of. */
function typeOf(b: Block, e: Expr): AxisType {
  const used = b.axes.filter((a) => varsOf(e).has(a.v.id));
  const other = used.find((a) => a.type !== used[0].type);
  if (!other) return used[0]?.type ?? "S";
  const detail = `${used[0].v.name} of ${b.name} is ${used[0].type}, ${other.v.name} is ${other.type}`;
  return refuse(NAME, "a new axis mixes axes of different types", detail, [b]);
}
