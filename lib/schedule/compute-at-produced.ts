/**
 * What reverseComputeAt asks of the producers and of a reduction that moves behind them: results are finished, the
 * region is free of gaps, and no term of a sum is added twice or too early.
 */
import {
  axisRanges,
  prove,
  regionsOf,
  relaxIndex,
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
  type Stmt,
  substExpr,
  usesVar,
} from "../ir/index.ts";
import { areAffine } from "./affine-bindings.ts";
import { unusedLoops } from "./compute-at-nest.ts";
import { refuse } from "./error.ts";
import { findBlock, type Located, loopsOf } from "./lookup.ts";
import { domainsFrom, writtenSpans } from "./region-cover.ts";
import type { Span } from "./region-cover-dense.ts";

const NAME = "reverseComputeAt";

/** One iteration of a reduce loop leaves a sum unfinished. */
export function requireFinished(producers: readonly Block[], target: Located<For>): void {
  const around = loopsOf(target);
  for (const p of producers) {
    for (const a of p.axes) {
      if (a.type === "S") continue;
      const l = around.find((x) => usesVar(a.binding, new Set([x.v.id])));
      if (!l) continue;
      const detail = `${p.name} still adds to its result in later iterations of ${l.v.name} (axis ${a.v.name})`;
      const inside = `sch.reorder to bring the reduce loops inside, or a loop outside ${l.v.name} as the target`;
      refuse(NAME, "the producer is not finished there", detail, [p, l], inside);
    }
  }
}

/** What the producers write of a buffer in one iteration, without gaps; undefined when they do not write it. */
export function producedRegion(
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
      refuse(NAME, "the region cannot be followed", detail, [p.node, consumer]);
    }
    const known = withDomains(inner, ranges);
    const cut = spans.findIndex((s, i) => !endsWithConsumer(s, provided.ranges[i], consumer));
    if (cut >= 0) {
      const detail = `the predicate of ${p.node.name} leaves out elements of ${buffer.name} (dimension ${cut}) that ${consumer.name} reads in other iterations of ${target.node.v.name}`;
      refuse(NAME, "the region cannot be followed", detail, [p.node, consumer]);
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

/**
 * A reduction whose reduce axis is spread over the loops outside goes on with its sum in each iteration. That is right
 * when every instance still runs exactly once, in the order of the loops.
 */
export function requireOneSum(
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
      NAME,
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
