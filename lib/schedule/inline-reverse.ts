/** reverseComputeInline: an elementwise consumer is put into its one producer, whose buffer goes. */
import { axisRanges, exprKey, prove, regionsOf, simplify, withDomains } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  constant,
  type Expr,
  type Load,
  mapExpr,
  ops,
  type PrimFunc,
  type Ranges,
  replaceStmt,
  type Store,
  store as storeOf,
  substExpr,
  visitExpr,
} from "../ir/index.ts";
import { staysInside } from "./compute-at-regions.ts";
import { whyNotComplete, whyNotOneStep } from "./conditions.ts";
import { consumersOf, requireStagePipeline, stagesOf, writtenOutside } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { invert } from "./inline-inverse.ts";
import {
  dropStatedRegions,
  onlyStore,
  refuseInit,
  refuseOpaqueAccess,
  takeOut,
  withScopeBody,
} from "./inline-parts.ts";
import { findBlock, type Located, loopsOf, rangesOf } from "./lookup.ts";
import { conditionsOf } from "./region-cover-dense.ts";

const NAME = "reverseComputeInline";

/**
 * Puts the block into the producer of what it reads: the producer then stores the block's result instead of its own.
 * Refuses a block with an init, that is not complete, that reads several stages' results or one at several places or
 * at indices that cannot be inverted; a producer that is not complete, is an output or has other consumers; and a
 * predicate that the axes do not imply.
 */
export function reverseComputeInline(f: PrimFunc, block: number): PrimFunc {
  const at = findBlock(f, block);
  const b = at.node;
  if (b === f.body) refuse(NAME, "the root block cannot be inlined", `${b.name} is the whole function`, []);
  refuseInit(NAME, b);
  const scope = requireStagePipeline(NAME, f, at);
  const { buffer, producer } = onlyProducer(scope, b);
  const incomplete = whyNotComplete(at);
  if (incomplete) refuse(NAME, "the block is not complete", incomplete, [b]);
  const p = findBlock(f, producer.id);
  checkProducer(scope, p, b);
  requireImpliedPredicate(f, at);
  const store = onlyStore(NAME, b);
  const made = onlyStore(NAME, p.node);
  const indices = onlyLoad(b, store, buffer);
  const read = regionsOf(b).reads.find((r) => r.buffer.id === buffer.id);
  const edge = read?.ranges.findIndex((_, i) => !staysInside(b, read, i)) ?? -1;
  if (edge >= 0) {
    const detail = `${b.name} also runs where ${p.node.name} makes nothing (dimension ${edge} of ${buffer.name}), as for a border`;
    refuse(NAME, "the consumer is not covered by its producer", detail, [b, p.node]);
  }
  refuseOpaqueAccess(NAME, scope, buffer);

  const ranges: Ranges = new Map([...rangesOf(f, p.path.slice(0, -1)), ...axisRanges(p.node.axes)]);
  const axes = invert(b.axes, indices, made.indices, ranges);
  if (typeof axes === "string") {
    refuse(NAME, "the load cannot be inverted", `${b.name} reads ${buffer.name} ${axes}`, [b]);
  }
  const value = substExpr(store.value, axes);
  const next: Block = {
    ...p.node,
    body: storeOf(
      store.buffer,
      store.indices.map((i) => simplify(substExpr(i, axes), ranges)),
      simplify(loadsReplaced(value, buffer, made.value), ranges),
    ),
  };
  const guarded = withGuards(next, b, axes, p, ranges);
  const rest = replaceStmt(takeOut(NAME, scope, b), p.node, guarded);
  return withScopeBody(f, scope, dropStatedRegions(rest, buffer), buffer);
}

/** The one stage result that the block reads, and the stage that makes it. */
function onlyProducer(scope: Block, b: Block): { buffer: Buffer; producer: Block } {
  const edges = stagesOf(scope).dependencies.filter((d) => d.kind === "readAfterWrite" && d.to === b);
  const names = edges.map((d) => `${d.buffer.name} of ${d.from.name}`).join(", ");
  if (edges.length === 0) {
    const detail = `${b.name} reads nothing that another block of ${scope.name} writes`;
    refuse(NAME, "the block has no producer", detail, [b]);
  }
  if (edges.length > 1) {
    refuse(NAME, "the block has several producers", `${b.name} reads ${names}`, [
      b,
      ...edges.map((d) => d.from),
    ]);
  }
  return { buffer: edges[0].buffer, producer: edges[0].from };
}

function checkProducer(scope: Block, p: Located<Block>, b: Block): void {
  const producer = p.node;
  const outside = writtenOutside(scope, producer);
  if (outside) {
    const detail = `${producer.name} writes ${outside.name}, which is seen outside ${scope.name}`;
    refuse(NAME, "the producer is an output", detail, [producer]);
  }
  const incomplete = whyNotOneStep(p);
  if (incomplete) {
    const detail = `${incomplete}; ${b.name} would be applied before the result is finished`;
    refuse(
      NAME,
      "the producer is not complete",
      detail,
      [producer, b],
      (n) => `sch.reverseComputeAt(${n(b)}, loop)`,
    );
  }
  const others = consumersOf(scope, producer).filter((c) => c !== b);
  if (others.length > 0) {
    const detail = `${others.map((c) => c.name).join(", ")} also read what ${producer.name} makes`;
    refuse(NAME, "the producer has other consumers", detail, [producer, ...others]);
  }
}

/** A predicate that says no more than "the axes stay inside" goes; another one would be lost. */
function requireImpliedPredicate(f: PrimFunc, at: Located<Block>): void {
  const b = at.node;
  const ranges = withDomains(loopsOf(at), rangesOf(f, at.path.slice(0, -1)));
  const inside = b.axes.flatMap((a) => [
    simplify(ops.sub(ops.sub(a.extent, 1), a.binding), ranges),
    simplify(a.binding, ranges),
  ]);
  for (const c of conditionsOf(b.predicate)) {
    const margin = marginOf(c);
    const implied =
      prove(c, ranges) || (margin && inside.some((e) => prove(ops.ge(ops.sub(margin, e), 0), ranges)));
    if (implied) continue;
    const detail = `${b.name} runs only in part of its domain, which its axes alone do not say`;
    refuse(NAME, "the predicate is not implied", detail, [b]);
  }
}

/** What a condition says is not negative. */
function marginOf(c: Expr): Expr | undefined {
  if (c.kind !== "binary" || (c.a.dtype !== "i32" && c.a.dtype !== "i64")) return undefined;
  switch (c.op) {
    case "lt":
      return ops.sub(ops.sub(c.b, c.a), 1);
    case "le":
      return ops.sub(c.b, c.a);
    case "gt":
      return ops.sub(ops.sub(c.a, c.b), 1);
    case "ge":
      return ops.sub(c.a, c.b);
    default:
      return undefined;
  }
}

/** The indices at which the block reads the buffer: the same in all loads. */
function onlyLoad(b: Block, store: Store, buffer: Buffer): readonly Expr[] {
  const loads: Load[] = [];
  for (const e of [...store.indices, store.value]) {
    visitExpr(e, (x) => {
      if (x.kind === "load" && x.buffer.id === buffer.id) loads.push(x);
    });
  }
  const places = new Map(loads.map((l) => [exprKey(l), l] as const));
  if (places.size !== 1) {
    const detail = `${b.name} reads ${buffer.name} at ${places.size} different places`;
    refuse(NAME, "the block reads its producer's buffer at several places", detail, [b]);
  }
  return loads[0].indices;
}

function loadsReplaced(e: Expr, buffer: Buffer, value: Expr): Expr {
  if (e.kind === "load" && e.buffer.id === buffer.id) return value;
  return mapExpr(e, (c) => loadsReplaced(c, buffer, value));
}

/** Where the producer makes more than the block consumes, it runs only for what is consumed. */
function withGuards(
  next: Block,
  b: Block,
  axes: ReadonlyMap<number, Expr>,
  p: Located<Block>,
  ranges: Ranges,
): Block {
  const bindings = new Map(p.node.axes.map((a) => [a.v.id, a.binding] as const));
  const guards: Expr[] = [];
  for (const a of b.axes) {
    const e = axes.get(a.v.id) ?? constant(0, a.v.dtype);
    for (const c of [ops.ge(e, 0), ops.lt(e, a.extent)]) {
      if (!prove(c, ranges)) guards.push(simplify(substExpr(c, bindings), ranges));
    }
  }
  const distinct = new Map([...conditionsOf(next.predicate), ...guards].map((c) => [exprKey(c), c]));
  const predicate = ops.allOf([...distinct.values()]);
  return predicate ? { ...next, predicate } : next;
}
