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
import { regionsOf, relaxRegion, unionRegion } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  blocksIn,
  type For,
  type PrimFunc,
  type Ranges,
  type Region,
  replaceStmt,
  type Stmt,
  seq,
  withBody,
} from "../ir/index.ts";
import { conditionsOfAxes } from "./compute-at-conditions.ts";
import { nestOf } from "./compute-at-nest.ts";
import { producedRegion, requireFinished, requireOneSum } from "./compute-at-produced.ts";
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
import { atLoops, domainsFrom } from "./region-cover.ts";

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
  return place(f, move, coveringDomains(at.node, matches, ranges), ranges, consumers, options, "computeAt");
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
  return place(f, move, domains, ranges, consumers, options, "reverseComputeAt");
}

interface Move {
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
  return { at, target, scope };
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

/** Takes the block out and puts it, under its new loops, into the target loop. */
function place(
  f: PrimFunc,
  move: Move,
  domains: Domains,
  ranges: Ranges,
  consumers: readonly Block[],
  options: ComputeAtOptions,
  primitive: "computeAt" | "reverseComputeAt",
): PrimFunc {
  const { at, target, scope } = move;
  const exact = primitive === "reverseComputeAt";
  const around = loopsOf(target);
  const iterations = at.node.axes.map((a) => iterationOf(domains.get(a.v.id), a.extent, ranges, exact));
  const conditions = conditionsOfAxes(primitive, at.node, loopsOf(at), around, rangesOf(f, at.path));
  const nest = nestOf(at.node, iterations, around, ranges, options.preserveUnitLoops ?? false, conditions);
  if (exact) {
    const partial = at.node.axes.filter((a, i) => iterations[i].extent !== a.extent);
    requireOneSum(at.node, nest, around, partial, ranges);
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
