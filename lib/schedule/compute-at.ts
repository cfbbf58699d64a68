/**
 * computeAt: a producer moves under a loop of its consumers and makes, in each iteration, what they read there.
 * reverseComputeAt: a consumer moves under a loop of its producers and uses up, in each iteration, what they made.
 *
 * The old loops of the block go; new ones run over exactly the region. Buffers keep their shape: they are compacted
 * when the program is lowered.
 *
 * What threads of a GPU share has to be there for all of them. So the region that `computeAt` computes for a `shared`
 * buffer is widened over the threadIdx (and vthread) loops around the target loop. `global` buffers are not widened:
 * each thread makes what it reads itself; nor are `local` ones, which no other thread sees. Published compilers agree.
 */
import {
  axisRanges,
  prove,
  regionsOf,
  relaxIndex,
  relaxRegion,
  simplify,
  unionRegion,
  type VarDomain,
  withDomains,
} from "../arith/index.ts";
import {
  type Block,
  type BlockAxis,
  type Buffer,
  blocksIn,
  constant,
  type For,
  loopsIn,
  ops,
  type PrimFunc,
  type Range,
  type Ranges,
  type Region,
  replaceStmt,
  type Stmt,
  seq,
  substExpr,
  usesVar,
  withBody,
} from "../ir/index.ts";
import { areAffine } from "./affine-bindings.ts";
import { nestOf, unusedLoops } from "./compute-at-nest.ts";
import {
  coveringDomains,
  type Domains,
  exactDomains,
  iterationOf,
  type Match,
} from "./compute-at-regions.ts";
import { whyNotComplete, whyNotReduction } from "./conditions.ts";
import { consumersOf, producersOf, requireStagePipeline, writtenOutside } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { withoutLeaf } from "./leaf-removal.ts";
import { findBlock, findLoop, type Located, loopsOf, rangesOf, scopeBlock } from "./lookup.ts";
import { atLoops, domainsFrom, writtenSpans } from "./region-cover.ts";
import type { Span } from "./region-cover-dense.ts";

export interface ComputeAtOptions {
  /** Make a loop also for an axis that takes one value only. */
  readonly preserveUnitLoops?: boolean;
}

/**
 * Moves a producer under `loop`, before the first of its consumers there. Refuses unless the scope is a stage
 * pipeline, the block is complete or a reduction and no output, the loop stands in the block's scope but not around
 * the block, and all consumers stand under the loop.
 */
export function computeAt(
  f: PrimFunc,
  block: number,
  loop: number,
  options: ComputeAtOptions = {},
): PrimFunc {
  const move = begin("computeAt", f, block, loop);
  const { at, target, scope } = move;
  const outside = writtenOutside(scope, at.node);
  if (outside) {
    const detail = `${at.node.name} writes ${outside.name}, which is seen outside ${scope.name}; it has to be written once, where it is`;
    refuse("computeAt", "the block is an output", detail, [at.node], (n) => reverseSuggestion(n(at.node)));
  }
  const consumers = consumersOf(scope, at.node);
  requireUnder("computeAt", "consumer", at.node, consumers, target.node);

  const ranges = rangesOf(f, target.path);
  const matches: Match[] = [];
  for (const provided of regionsOf(at.node).writes) {
    const required = requiredRegion(f, consumers, provided.buffer, target, ranges);
    if (required) matches.push({ provided, required });
  }
  if (matches.length === 0) {
    const detail = `nothing under ${target.node.v.name} reads what ${at.node.name} writes`;
    refuse("computeAt", "the block has no consumer", detail, [at.node, target.node]);
  }
  return place(f, move, coveringDomains(at.node, matches, ranges), ranges, consumers, options, false);
}

const reverseSuggestion = (name: string): string =>
  `sch.reverseComputeAt(${name}, loop) moves a consumer under a loop of its producer`;

/**
 * Moves a consumer under `loop`, after its producers there. Refuses unless the scope is a stage pipeline, the block is
 * complete or a reduction, the loop stands in the block's scope but not around the block, all producers stand under
 * the loop, and what they produce in one iteration is finished and free of gaps.
 */
export function reverseComputeAt(
  f: PrimFunc,
  block: number,
  loop: number,
  options: ComputeAtOptions = {},
): PrimFunc {
  const move = begin("reverseComputeAt", f, block, loop);
  const { at, target, scope } = move;
  const producers = producersOf(scope, at.node);
  if (producers.length === 0) {
    const detail = `${at.node.name} reads nothing that another block of ${scope.name} writes`;
    refuse("reverseComputeAt", "the block has no producer", detail, [at.node]);
  }
  requireUnder("reverseComputeAt", "producer", at.node, producers, target.node);
  requireFinished(producers, target);

  const ranges = rangesOf(f, target.path);
  const matches: Match[] = [];
  for (const provided of regionsOf(at.node).reads) {
    const required = producedRegion(f, producers, provided.buffer, target, ranges, at.node, provided);
    if (required) matches.push({ provided, required });
  }
  const domains = exactDomains(at.node, matches, ranges);
  if (typeof domains === "string") {
    refuse("reverseComputeAt", "the region cannot be followed", domains, [at.node, target.node]);
  }
  const consumers = consumersOf(scope, at.node);
  return place(f, move, domains, ranges, consumers, options, true);
}

interface Move {
  readonly primitive: string;
  readonly at: Located<Block>;
  readonly target: Located<For>;
  readonly scope: Block;
}

/** What both primitives ask of block and loop. */
function begin(primitive: string, f: PrimFunc, block: number, loop: number): Move {
  const at = findBlock(f, block);
  const target = findLoop(f, loop);
  const b = at.node;
  const l = target.node;
  if (b === f.body) {
    refuse(primitive, "the root block cannot be moved", `${b.name} is the whole function`, [l]);
  }
  const scope = requireStagePipeline(primitive, f, at);
  const complete = whyNotComplete(at);
  const reduction = complete === undefined ? undefined : whyNotReduction(f, at);
  if (complete && reduction) {
    const detail = `not complete: ${complete}; no reduction: ${reduction}`;
    refuse(primitive, "the block is neither complete nor a reduction", detail, [b]);
  }
  if (scopeBlock(target) !== scope) {
    const detail = `the loop ${l.v.name} is in ${scopeBlock(target).name}, the block ${b.name} in ${scope.name}`;
    refuse(primitive, "block and loop are not in the same scope", detail, [b, l]);
  }
  if (at.path.includes(l)) {
    const detail = `${b.name} stands already under the loop ${l.v.name}`;
    refuse(primitive, "the loop is an ancestor of the block", detail, [b, l]);
  }
  return { primitive, at, target, scope };
}

function requireUnder(
  primitive: string,
  what: "producer" | "consumer",
  block: Block,
  related: readonly Block[],
  loop: For,
): void {
  const under = new Set(blocksIn(loop).map((b) => b.id));
  const outside = related.filter((b) => !under.has(b.id));
  if (outside.length === 0) return;
  const names = outside.map((b) => b.name).join(", ");
  const detail = `the ${what}(s) ${names} of ${block.name} are not under the loop ${loop.v.name}`;
  refuse(primitive, `not all ${what}s are under the loop`, detail, [...outside, loop]);
}

/** One iteration of a reduce loop leaves a sum unfinished. */
function requireFinished(producers: readonly Block[], target: Located<For>): void {
  const around = loopsOf(target);
  for (const p of producers) {
    for (const a of p.axes) {
      if (a.type === "S") continue;
      const l = around.find((x) => usesVar(a.binding, new Set([x.v.id])));
      if (!l) continue;
      const detail = `${p.name} still adds to its result in later iterations of ${l.v.name} (axis ${a.v.name})`;
      const inside = `sch.reorder to bring the reduce loops inside, or a loop outside ${l.v.name} as the target`;
      refuse("reverseComputeAt", "the producer is not finished there", detail, [p, l], inside);
    }
  }
}

/** What the consumers under the loop read of a buffer in one iteration. */
function requiredRegion(
  f: PrimFunc,
  consumers: readonly Block[],
  buffer: Buffer,
  target: Located<For>,
  ranges: Ranges,
): Region | undefined {
  const shared = domainsFrom(target.path.filter(sharedBy(buffer)), 0);
  let all: Region | undefined;
  for (const consumer of consumers) {
    const c = findBlock(f, consumer.id);
    const read = regionsOf(c.node).reads.find((r) => r.buffer.id === buffer.id);
    if (!read) continue;
    const inner = [...shared, ...domainsFrom(c.path, target.path.length)];
    const region = relaxRegion(atLoops(c.node, read), inner, ranges);
    all = all ? unionRegion(all, region, ranges) : region;
  }
  return all;
}

/** Thread loops over whose iterations a buffer is shared. */
function sharedBy(buffer: Buffer): (s: Stmt) => boolean {
  const thread = /^(threadIdx|vthread)/;
  const warp = /^threadIdx\.x$/;
  const tag = buffer.scope === "warp" ? warp : buffer.scope.startsWith("shared") ? thread : undefined;
  return (s) => s.kind === "for" && s.thread !== undefined && tag?.test(s.thread) === true;
}

/** What the producers write of a buffer in one iteration, without gaps; undefined when they do not write it. */
function producedRegion(
  f: PrimFunc,
  producers: readonly Block[],
  buffer: Buffer,
  target: Located<For>,
  ranges: Ranges,
  consumer: Block,
  provided: Region,
): Region | undefined {
  let all: Region | undefined;
  for (const producer of producers) {
    const p = findBlock(f, producer.id);
    if (!regionsOf(p.node).writes.some((w) => w.buffer.id === buffer.id)) continue;
    const inner: VarDomain[] = domainsFrom(p.path, target.path.length);
    const spans = writtenSpans(p, buffer.id, inner, ranges);
    if (!spans) {
      const detail = `what ${p.node.name} writes of ${buffer.name} in one iteration of ${target.node.v.name} may have gaps`;
      refuse("reverseComputeAt", "the region cannot be followed", detail, [p.node, consumer]);
    }
    const known = withDomains(inner, ranges);
    const cut = spans.findIndex((s, i) => !endsWithConsumer(s, provided.ranges[i], consumer));
    if (cut >= 0) {
      const detail = `the predicate of ${p.node.name} leaves out elements of ${buffer.name} (dimension ${cut}) that ${consumer.name} reads in other iterations of ${target.node.v.name}`;
      refuse("reverseComputeAt", "the region cannot be followed", detail, [p.node, consumer]);
    }
    const region: Region = {
      buffer,
      ranges: spans.map(({ starts, ends }) => ({
        min: starts[0],
        extent: simplify(ops.sub(ends[0], starts[0]), known),
      })),
    };
    all = all ? unionRegion(all, region, known) : region;
  }
  return all;
}

/** Where a predicate cuts what is written, the consumer has to end too: it must not run for what is not there. */
function endsWithConsumer(s: Span, read: Range, consumer: Block): boolean {
  if (s.starts.length === 1 && s.ends.length === 1) return true;
  const axes = consumer.axes.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent }));
  const all = relaxIndex(read.min, axes);
  if (!all) return false;
  const end = ops.sub(ops.add(ops.add(all.min, all.extent), read.extent), 1);
  const known = axisRanges(consumer.axes);
  return (
    s.starts.slice(1).every((e) => prove(ops.le(e, all.min), known)) &&
    s.ends.slice(1).every((e) => prove(ops.ge(e, end), known))
  );
}

/** Takes the block out and puts it, under its new loops, into the target loop. */
function place(
  f: PrimFunc,
  move: Move,
  domains: Domains,
  ranges: Ranges,
  consumers: readonly Block[],
  options: ComputeAtOptions,
  exact: boolean,
): PrimFunc {
  const { at, target, scope, primitive } = move;
  const around = loopsOf(target);
  const iterations = at.node.axes.map((a) => iterationOf(domains.get(a.v.id), a.extent, ranges, exact));
  const nest = nestOf(at.node, iterations, around, ranges, options.preserveUnitLoops ?? false);
  if (exact) {
    const partial = at.node.axes.filter((a, i) => iterations[i].extent !== a.extent);
    requireOneSum(primitive, at.node, nest, around, partial, ranges);
  }

  const subtrees = target.node.body.kind === "seq" ? target.node.body.stmts : [target.node.body];
  const readers = new Set(consumers.map((b) => b.id));
  const first = subtrees.findIndex((s) => blocksIn(s).some((b) => readers.has(b.id)));
  const position = first < 0 ? subtrees.length : first;
  const body = seq([...subtrees.slice(0, position), nest, ...subtrees.slice(position)]);

  const removed = withoutLeaf(scope.body, at.node) as Stmt;
  const next = { ...scope, body: replaceStmt(removed, target.node, { ...target.node, body }) };
  return withBody(f, replaceStmt(f.body, scope, next) as Block);
}

/**
 * A reduction whose reduce axis is spread over the loops outside goes on with its sum in each iteration. That is right
 * when every instance still runs exactly once, in the order of the loops.
 */
function requireOneSum(
  primitive: string,
  block: Block,
  nest: Stmt,
  around: readonly For[],
  partial: readonly BlockAxis[],
  ranges: Ranges,
): void {
  const axis = partial.find((a) => a.type === "R");
  if (!axis) return;
  const { name } = axis.v;
  const moved = blocksIn(nest)[0];
  const idle = unusedLoops(moved, around)[0];
  const again = (why: string, l?: For): never =>
    refuse(
      primitive,
      "the sum would not be formed once",
      `${block.name} sums over ${name}, which would be spread over the loops outside, and ${why}`,
      l ? [block, l] : [block],
    );
  if (idle) again(`each iteration of ${idle.v.name} would add the same terms again`, idle);
  const loops = [...around, ...loopsIn(nest)];
  const known = withDomains(domainsFrom(loopsIn(nest), 0), ranges);
  const bindings = moved.axes.map((a) => a.binding);
  if (!areAffine(bindings, loops, known)) again("iterations overlap, which would add some terms twice");
  const first = new Map(loops.map((l) => [l.v.id, l.min]));
  for (const a of moved.axes.filter((x) => x.type === "R")) {
    if (!prove(ops.eq(substExpr(a.binding, first), 0), known)) {
      again(`the first iteration would not be the first value of ${a.v.name}, where the sum starts`);
    }
    const concurrent = around.find(
      (l) => l.loopKind !== "serial" && l.loopKind !== "unrolled" && usesVar(a.binding, new Set([l.v.id])),
    );
    if (concurrent) again(`${concurrent.v.name} is ${concurrent.loopKind}`, concurrent);
  }
}
