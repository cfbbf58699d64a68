/** blockize: a loop with everything below it becomes a block. */
import {
  boundsOf,
  type Division,
  detectIterMap,
  inverseIterMap,
  type SubspaceDivision,
  simplify,
  subspaceDivide,
  withDomains,
} from "../arith/index.ts";
import {
  axis,
  type Block,
  type BlockAxis,
  block,
  constant,
  constInt,
  type Expr,
  type For,
  freshenStmt,
  ops,
  type PrimFunc,
  type Ranges,
  type Stmt,
  substExpr,
  substStmt,
  usesVar,
  type Var,
  variable,
} from "../ir/index.ts";
import { repeatedBy } from "./conditions.ts";
import { refuse } from "./error.ts";
import { childBlocks, findBlock, findLoop, type Located, loopsOf, rangesOf, replaceIn } from "./lookup.ts";
import type { WithBlock } from "./types.ts";

export interface BlockizeOptions {
  /** Keep outer axes of one value (default). False leaves them out. */
  readonly preserveUnitIters?: boolean;
}

/**
 * Makes a block of a loop and everything below it, which has to be loops around one block. Each axis is divided: the
 * loops outside give an outer axis `v_o`, those inside an inner axis `v_i`, and the old axis is `v_o · extent + v_i`.
 * An axis that no inner loop moves goes outside as it is. The init becomes the init of the new block, in a nest of its
 * own. The inner block keeps its identity. Refuses several blocks, other statements between the loops, axes that do
 * not divide, and loops that repeat a reduction.
 */
export function blockize(f: PrimFunc, loop: number, options: BlockizeOptions = {}): WithBlock {
  return blockizeFor("blockize", f, loop, options);
}

/** `blockize` on behalf of another primitive, which refuses in its own name. */
export function blockizeFor(
  primitive: string,
  f: PrimFunc,
  loopId: number,
  { preserveUnitIters = true }: BlockizeOptions = {},
): WithBlock {
  const target = findLoop(f, loopId);
  const at = onlyBlock(primitive, f, target);
  const loops = loopsOf(at);
  const depth = loops.indexOf(target.node);
  const inner = loops.slice(depth);
  checkBounds(primitive, loops.slice(0, depth), inner);
  const division = divide(primitive, f, at, loops, inner);
  if (at.node.init) {
    const repeats = repeatedBy(f, at).find((l) => inner.includes(l));
    if (repeats) {
      const detail = `iterations of ${repeats.v.name} compute the same instances of ${at.node.name}: its sum would start once and be added several times`;
      refuse(primitive, "a loop repeats the reduction", detail, [repeats, at.node]);
    }
  }
  const made = outerBlock(primitive, f, at, loops, inner, division, preserveUnitIters);
  return { func: replaceIn(f, target, made), block: made.id };
}

/** The one block below the loop. */
function onlyBlock(primitive: string, f: PrimFunc, target: Located<For>): Located<Block> {
  const l = target.node;
  const children = childBlocks(l);
  if (children.length !== 1) {
    const names = children.map((b) => b.name).join(", ") || "no block";
    const detail = `below ${l.v.name} stand ${names}`;
    const several = children.length > 1;
    refuse(primitive, "the loop does not contain exactly one block", detail, [l, ...children], (n) => {
      return several ? `sch.blockize([${children.map(n).join(", ")}])` : "sch.getLoops(block)";
    });
  }
  const at = findBlock(f, children[0].id);
  const other = at.path.slice(at.path.indexOf(l)).find((s) => s.kind !== "for" && s !== at.node);
  if (other) {
    const detail = `between ${l.v.name} and ${at.node.name} stands ${other.kind === "seq" ? "a sequence" : `a ${other.kind}`}`;
    refuse(primitive, "there is more than loops between loop and block", detail, [l, at.node]);
  }
  return at;
}

export function checkBounds(primitive: string, outer: readonly For[], inner: readonly For[]): void {
  for (const l of inner) {
    const o = outer.find((x) => [l.min, l.extent].some((e) => usesVar(e, new Set([x.v.id]))));
    if (!o) continue;
    const detail = `the bounds of ${l.v.name} change with ${o.v.name}, which the new block could not see`;
    refuse(primitive, "an inner loop depends on an outer one", detail, [o, l]);
  }
}

export function divide(
  primitive: string,
  f: PrimFunc,
  at: Located<Block>,
  loops: readonly For[],
  inner: readonly For[],
): SubspaceDivision {
  const b = at.node;
  const iters = loops.map((l) => ({ v: l.v, min: l.min, extent: l.extent }));
  const ids = new Set(inner.map((l) => l.v.id));
  const ranges = rangesOf(f, at.path.slice(0, -1));
  const bindings = b.axes.map((a) => a.binding);
  const division = subspaceDivide(bindings, iters, ids, { ranges, predicate: b.predicate });
  if (typeof division !== "string") return division;
  const names = inner.map((l) => l.v.name).join(", ");
  const detail = `the axes of ${b.name} do not divide into a part outside and a part of ${names}: ${division}`;
  return refuse(primitive, "the bindings are not divisible", detail, [inner[0], b]);
}

/** What becomes of one axis. */
export interface Part {
  readonly outer?: BlockAxis;
  readonly inner?: BlockAxis;
  /** The old axis in terms of the new ones. */
  readonly value: Expr;
}

/** The extent of an outer axis: larger where the condition that bounded the old axis went inside. */
type Room = (binding: Expr, extent: Expr) => Expr;

export function roomIn(division: SubspaceDivision, ranges: Ranges): Room {
  return (binding, extent) => {
    const { max } = boundsOf(binding, ranges);
    const n = constInt(extent);
    const leaves = division.mixedPredicate && n !== undefined && Number.isFinite(max) && max >= n;
    return leaves ? constant(max + 1, extent.dtype) : extent;
  };
}

export function partOf(a: BlockAxis, d: Division, b: Block, preserveUnits: boolean, room: Room): Part {
  if (constInt(d.innerExtent) === 1) {
    return { outer: { ...a, extent: room(d.outer, a.extent), binding: d.outer }, value: a.v };
  }
  const named = (suffix: string): Var => variable(`${a.v.name}_${suffix}`, a.v.dtype);
  const inside = axis(named("i"), a.type, d.innerExtent, d.inner);
  if (constInt(d.outerExtent) === 1) {
    // The new block's init asks for the first values of its reduce axes: it needs one to be a reduction.
    const keep = preserveUnits || (a.type === "R" && b.init !== undefined);
    const unit = axis(named("o"), a.type, constant(1, a.v.dtype), constant(0, a.v.dtype));
    return { ...(keep ? { outer: unit } : {}), inner: inside, value: inside.v };
  }
  const outside = axis(named("o"), a.type, room(d.outer, d.outerExtent), d.outer);
  return { outer: outside, inner: inside, value: ops.add(ops.mul(outside.v, d.innerExtent), inside.v) };
}

function outerBlock(
  primitive: string,
  f: PrimFunc,
  at: Located<Block>,
  loops: readonly For[],
  inner: readonly For[],
  division: SubspaceDivision,
  preserveUnits: boolean,
): Block {
  const b = at.node;
  const ranges = rangesOf(f, at.path.slice(0, -1));
  const room = roomIn(division, ranges);
  const parts = b.axes.map((a, k) => partOf(a, division.parts[k], b, preserveUnits, room));
  const outerAxes = parts.flatMap((p) => p.outer ?? []);
  const values = new Map(b.axes.map((a, k) => [a.v.id, parts[k].value] as const));
  const outer = loops.slice(0, loops.length - inner.length);
  const mixed =
    division.mixedPredicate && throughAxes(primitive, b, division.mixedPredicate, outer, outerAxes, ranges);
  const predicate = ops.allOf([division.innerPredicate, mixed]);
  const { init, predicate: _, axes: __, ...rest } = b;
  const body = substStmt({ ...b, body: b.body }, values);
  const inside: Block = {
    ...rest,
    axes: parts.flatMap((p) => p.inner ?? []),
    ...(predicate ? { predicate } : {}),
    body: body.body,
    allocs: init ? [] : b.allocs,
    ...(body.reads ? { reads: body.reads } : {}),
    ...(body.writes ? { writes: body.writes } : {}),
  };
  return block({
    name: `${b.name}_o`,
    axes: outerAxes,
    predicate: division.outerPredicate,
    init: init && initNest(b, init, parts, inner, predicate),
    body: nest(inner, inside),
    // Init and update are two blocks now; what they share lives around both.
    allocs: init ? b.allocs : [],
  });
}

export const nest = (loops: readonly For[], body: Stmt): Stmt =>
  loops.reduceRight<Stmt>((s, l) => (l.body === s ? l : { ...l, body: s }), body);

/** A condition over outer loops and inner ones, with the outer loops had back from the outer axes. */
export function throughAxes(
  primitive: string,
  b: Block,
  condition: Expr,
  outer: readonly For[],
  axes: readonly BlockAxis[],
  ranges: Ranges,
): Expr {
  const iters = outer.map((l) => ({ v: l.v, min: l.min, extent: l.extent }));
  const map = detectIterMap(
    axes.map((a) => a.binding),
    iters,
    { ranges },
  );
  const known = withDomains(
    axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent })),
    ranges,
  );
  const vars = axes.map((a) => a.v);
  const back = typeof map === "string" ? undefined : inverseIterMap(map, vars, known);
  if (back) return simplify(substExpr(condition, back), known);
  const detail = `${b.name} runs under a condition over outer and inner loops, which its new axes do not tell`;
  return refuse(primitive, "the predicate is not divisible", detail, [b]);
}

/** The init over the inner spatial axes, under copies of their loops; reduce axes have their first value. */
function initNest(
  b: Block,
  init: Stmt,
  parts: readonly Part[],
  inner: readonly For[],
  predicate: Expr | undefined,
): Stmt {
  const spatial = parts.flatMap((p) => (p.inner && p.inner.type !== "R" ? [p.inner] : []));
  const kept = inner.filter((l) => spatial.some((a) => usesVar(a.binding, new Set([l.v.id]))));
  const rename = new Map<number, Expr>();
  for (const l of inner) if (!kept.includes(l)) rename.set(l.v.id, l.min);
  const fresh = (v: Var): Var => {
    const w = variable(`${v.name}_init`, v.dtype);
    rename.set(v.id, w);
    return w;
  };
  const loops = kept.map((l): For => {
    const [min, extent] = [substExpr(l.min, rename), substExpr(l.extent, rename)];
    return { ...l, min, extent, v: fresh(l.v) };
  });
  const axes = spatial.map((a) => ({ ...a, binding: substExpr(a.binding, rename), v: fresh(a.v) }));
  for (const p of parts) {
    for (const a of [p.outer, p.inner]) if (a?.type === "R") rename.set(a.v.id, constant(0, a.v.dtype));
  }
  const old = new Map(b.axes.map((a, k) => [a.v.id, substExpr(parts[k].value, rename)] as const));
  const where = predicate && simplify(substExpr(predicate, rename));
  const made = block({
    name: `${b.name}_init`,
    axes,
    predicate: where && constInt(where) !== 1 ? where : undefined,
    body: substStmt(init, old),
    allocs: [],
    annotations: b.annotations,
  });
  return nest(loops, freshenStmt(made));
}
