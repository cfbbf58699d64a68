/** rfactor: a reduction in two steps, of which the first makes partial results that do not depend on each other. */
import { prove, simplify } from "../arith/index.ts";
import {
  axis,
  type Block,
  type Buffer,
  block,
  buffer as bufferOf,
  constInt,
  type Expr,
  type For,
  load,
  ops,
  type PrimFunc,
  replaceStmt,
  type Stmt,
  select,
  seq,
  store,
  substExpr,
  usesVar,
  type Var,
  variable,
  withBody,
} from "../ir/index.ts";
import { drives, repeatedBy, whyNotReduction } from "./conditions.ts";
import { refuse } from "./error.ts";
import { findBlock, findLoop, type Located, loopsOf, rangesOf, replaceIn, scopeBlock } from "./lookup.ts";
import { type Accumulator, atAxes, type Reducer, reducerOf } from "./reducer.ts";
import { conditionsOf } from "./region-cover-dense.ts";
import type { WithBlock } from "./types.ts";

const NAME = "rfactor";

/**
 * Lets every iteration of `loop`, which drives reduce axes of the one reduction block below it, form a partial result
 * of its own, in a buffer with one more dimension at `factorAxis` (negative: counted from the end). The block itself
 * then combines the partial results in a nest of its own behind. Returns the block of the partial results,
 * `<name>_rf`, which stands where the reduction stood.
 *
 * The initial value goes into the combination; partial results start with the identity of the reducer (with the
 * initial value where a second time does not matter: max, min, argmax, argmin).
 */
export function rfactor(f: PrimFunc, loopId: number, factorAxis = 0): WithBlock {
  const target = findLoop(f, loopId);
  const at = findBlock(f, onlyBlock(target).id);
  const b = at.node;
  const loops = loopsOf(at);
  const why = whyNotReduction(f, at);
  if (why) refuse(NAME, "the block is not a reduction block", why, [b]);
  checkLoops(f, at, target.node, loops);
  const reducer = reducerOf(b);
  if (!reducer) {
    const detail = `${b.name} is none of sum, prod, max, min of one buffer, argmax or argmin of two`;
    return refuse(NAME, "the reducer is unknown", detail, [b]);
  }
  const position = checkAxis(b, reducer, factorAxis);
  const conds = splitPredicate(b, loops);

  const partial = reducer.accumulators.map((a) => partialBuffer(a.buffer, target.node, position));
  const first = partialBlock(f, at, target.node, loops, reducer, partial, position, conds);
  const second = combination(b, target.node, loops, reducer, partial, position, conds.spatial);
  const innermost = loops[loops.length - 1];
  const chain = loops[0];
  const nest = replaceStmt(chain, innermost.body, first);
  const top: Located<For> = findLoop(f, chain.v.id);
  const next = replaceIn(f, top, seq([nest, second]));
  const scope = findBlock(next, scopeBlock(at).id).node;
  const withAllocs = { ...scope, allocs: [...scope.allocs, ...partial] };
  return { func: withBody(next, replaceStmt(next.body, scope, withAllocs)), block: first.id };
}

/** The block below the loop, when nothing else is below the outermost loop around it. */
function onlyBlock(target: Located<For>): Block {
  let s: Stmt = loopsOf(target)[0];
  const chain: For[] = [];
  while (s.kind === "for") {
    chain.push(s);
    s = s.body;
  }
  if (s.kind === "block" && chain.includes(target.node)) return s;
  const above = chain[chain.length - 1];
  const detail =
    s.kind === "seq"
      ? `${above.v.name} contains ${s.stmts.length} statements`
      : `${above.v.name} contains a statement (${s.kind}) that is no block`;
  return refuse(NAME, "a loop around the block has several children", detail, [above, target.node]);
}

function checkLoops(f: PrimFunc, at: Located<Block>, target: For, loops: readonly For[]): void {
  const b = at.node;
  if (target.loopKind !== "serial") {
    const detail = `${target.v.name} is ${target.loopKind}`;
    refuse(
      NAME,
      "the loop is not serial",
      detail,
      [target],
      `sch.rfactor first, then sch.bind or sch.parallel`,
    );
  }
  for (const l of loops) {
    if (!drives(l, b, "S") || !drives(l, b, "R")) continue;
    const detail = `${l.v.name} drives both spatial and reduce axes of ${b.name}`;
    refuse(NAME, "a loop touches both kinds of axes", detail, [l, b]);
  }
  if (!drives(target, b, "R")) {
    const legal = loops.find((l) => drives(l, b, "R"));
    const detail = `${target.v.name} drives no reduce axis of ${b.name}`;
    refuse(
      NAME,
      "the loop is no loop of the reduction",
      detail,
      [target, b],
      legal && ((n) => `sch.rfactor(${n(legal)}, 0)`),
    );
  }
  const repeat = repeatedBy(f, at)[0];
  if (repeat) {
    const detail = `iterations of ${repeat.v.name} compute the same instances of ${b.name}`;
    refuse(NAME, "a loop repeats the reduction", detail, [repeat, b]);
  }
  const inner = new Set(loops.map((l) => l.v.id));
  for (const l of loops) {
    const fixed = !usesVar(l.extent, inner) && !usesVar(l.min, inner);
    if (fixed && (l !== target || constInt(l.min) === 0)) continue;
    const detail = fixed
      ? `${l.v.name} does not start at 0`
      : `the bounds of ${l.v.name} change with another loop`;
    refuse(NAME, "the loops do not form a box from 0", detail, [l]);
  }
}

function checkAxis(b: Block, { accumulators }: Reducer, factorAxis: number): number {
  const rank = accumulators[0].buffer.shape.length;
  const position = factorAxis < 0 ? factorAxis + rank + 1 : factorAxis;
  if (Number.isInteger(factorAxis) && position >= 0 && position <= rank) return position;
  const names = accumulators.map((a) => a.buffer.name).join(", ");
  const detail = `${factorAxis}, but ${names} with one more dimension has ${rank + 1}: ${-rank - 1} to ${rank}`;
  return refuse(NAME, "the factor axis is out of range", detail, [b]);
}

interface Conditions {
  /** About loops of spatial axes only. */
  readonly spatial: readonly Expr[];
  readonly other: readonly Expr[];
}

function splitPredicate(b: Block, loops: readonly For[]): Conditions {
  const ids = (type: "S" | "R"): Set<number> =>
    new Set(loops.filter((l) => drives(l, b, type)).map((l) => l.v.id));
  const [spatial, reduce] = [ids("S"), ids("R")];
  const conds = conditionsOf(b.predicate);
  const mixed = conds.find((c) => usesVar(c, spatial) && usesVar(c, reduce));
  if (mixed) {
    const detail = `${b.name} runs under a condition on loops of spatial and of reduce axes together`;
    refuse(NAME, "a condition touches both kinds of axes", detail, [b]);
  }
  const other = conds.filter((c) => usesVar(c, reduce));
  return { spatial: conds.filter((c) => !other.includes(c)), other };
}

function partialBuffer(b: Buffer, l: For, position: number): Buffer {
  const shape = [...b.shape.slice(0, position), l.extent, ...b.shape.slice(position)];
  return bufferOf(`${b.name}_rf`, shape, b.dtype, b.scope);
}

const withFactor = (indices: readonly Expr[], v: Var, position: number): Expr[] => [
  ...indices.slice(0, position),
  v,
  ...indices.slice(position),
];

/** The block of the partial results: the loop's own axis first, then those it had, reduce axes of the loop in parts. */
function partialBlock(
  f: PrimFunc,
  at: Located<Block>,
  target: For,
  loops: readonly For[],
  reducer: Reducer,
  partial: readonly Buffer[],
  position: number,
  conds: Conditions,
): Block {
  const b = at.node;
  const own = variable(`v${target.v.name}`, target.v.dtype);
  const parts = new Map<number, Expr>([[target.v.id, own]]);
  const map = new Map<number, Expr>();
  const axes = [axis(own, "S", target.extent, target.v)];
  for (const a of b.axes) {
    if (!usesVar(a.binding, new Set([target.v.id]))) {
      const v = variable(a.v.name, a.v.dtype);
      axes.push(axis(v, a.type, a.extent, a.binding));
      map.set(a.v.id, v);
      continue;
    }
    for (const l of loops) {
      if (parts.has(l.v.id) || !usesVar(a.binding, new Set([l.v.id]))) continue;
      const v = variable(`v${l.v.name}`, l.v.dtype);
      axes.push(axis(v, "R", l.extent, constInt(l.min) === 0 ? l.v : ops.sub(l.v, l.min)));
      parts.set(l.v.id, ops.add(v, l.min));
    }
    map.set(a.v.id, simplify(substExpr(a.binding, parts)));
  }
  // A partial result has to exist: where its first instance might not run, it brings in the identity instead.
  const ranges = rangesOf(f, at.path.slice(0, -1));
  const begin = new Map(loops.filter((l) => l !== target && drives(l, b, "R")).map((l) => [l.v.id, l.min]));
  const [kept, late] = [[...conds.spatial], [] as Expr[]];
  for (const c of conds.other) (prove(substExpr(c, begin), ranges) ? kept : late).push(c);
  const lost = late.find((c) => loops.some((l) => usesVar(c, new Set([l.v.id])) && !parts.has(l.v.id)));
  if (lost) {
    const detail = `a condition of ${b.name} mentions a loop of another reduce axis than ${target.v.name}`;
    refuse(NAME, "the predicate cannot be followed", detail, [b]);
  }
  const guard = ops.allOf(late.map((c) => simplify(substExpr(c, parts))));

  const moved = reducer.accumulators.map((a) => atAxes(a, map));
  const places = moved.map((a, i) => ({
    buffer: partial[i],
    indices: withFactor(a.indices, own, position),
    input: guard ? select(guard, a.input, a.identity) : a.input,
  }));
  const idempotent = reducer.kind !== "sum" && reducer.kind !== "prod";
  const start = (a: Accumulator): Expr => (idempotent ? a.start : a.identity);
  return block({
    name: `${b.name}_rf`,
    axes,
    predicate: ops.allOf(kept),
    init: seq(moved.map((a, i) => store(partial[i], places[i].indices, start(a)))),
    body: reducer.update(places),
    annotations: b.annotations,
  });
}

/** The block itself over the partial results, under copies of the loops of spatial axes and of the loop. */
function combination(
  b: Block,
  target: For,
  loops: readonly For[],
  reducer: Reducer,
  partial: readonly Buffer[],
  position: number,
  conds: readonly Expr[],
): Stmt {
  const rename = new Map<number, Expr>();
  const kept = loops
    .filter((l) => l === target || drives(l, b, "S"))
    .map((l): For => {
      const v = variable(l.v.name, l.v.dtype);
      rename.set(l.v.id, v);
      return { ...l, v };
    });
  const map = new Map<number, Expr>();
  const own = variable(`v${target.v.name}`, target.v.dtype);
  const axes = [axis(own, "R", target.extent, rename.get(target.v.id) as Expr)];
  for (const a of b.axes) {
    if (a.type !== "S") continue;
    const v = variable(a.v.name, a.v.dtype);
    map.set(a.v.id, v);
    axes.push(axis(v, "S", a.extent, substExpr(a.binding, rename)));
  }
  const moved = reducer.accumulators.map((a) => atAxes({ ...a, input: a.start }, map));
  const places = moved.map((a, i) => ({
    buffer: a.buffer,
    indices: a.indices,
    input: load(partial[i], withFactor(a.indices, own, position)),
  }));
  const predicate = ops.allOf(conds);
  const body = block({
    id: b.id,
    name: b.name,
    axes,
    predicate: predicate && substExpr(predicate, rename),
    init: seq(moved.map((a) => store(a.buffer, a.indices, a.start))),
    body: reducer.update(places),
    annotations: b.annotations,
  });
  return kept.reduceRight<Stmt>((s, l) => ({ ...l, body: s }), body);
}
