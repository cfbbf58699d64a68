/**
 * Which stage of a scope block needs which. The stages are the blocks directly below it, in program order; an edge
 * goes from an earlier to a later stage that touch the same buffer. Loops around both are not looked at: the order of
 * the text decides, as everywhere in the field.
 *
 * A scope is a stage pipeline (SP) when there are only read-after-write and write-after-write edges, and what each
 * stage reads is covered by what its producers write (`region-cover.ts`). Then every stage may be seen as a function
 * of its inputs, and moved or inlined wherever its inputs are ready.
 */
import { regionsOf } from "../arith/index.ts";
import type { Block, Buffer, PrimFunc, Stmt } from "../ir/index.ts";
import { refuse } from "./error.ts";
import { childBlocks, type Located, scopeBlock } from "./lookup.ts";
import { whyNotCovered } from "./region-cover.ts";

export interface Dependency {
  readonly kind: "readAfterWrite" | "writeAfterWrite" | "writeAfterRead";
  readonly from: Block;
  readonly to: Block;
  readonly buffer: Buffer;
}

export interface Stages {
  /** The blocks directly below the scope, in program order. */
  readonly blocks: readonly Block[];
  /** In program order of `to`, then of `from`. */
  readonly dependencies: readonly Dependency[];
}

const cache = new WeakMap<Block, Stages>();

/** The stages of a scope block and how they depend on each other. */
export function stagesOf(scope: Block): Stages {
  const known = cache.get(scope);
  if (known) return known;
  const blocks = childBlocks(scope);
  const dependencies = blocks.flatMap((to, i) => blocks.slice(0, i).flatMap((from) => edges(from, to)));
  const stages = { blocks, dependencies };
  cache.set(scope, stages);
  return stages;
}

function edges(from: Block, to: Block): Dependency[] {
  const [a, b] = [regionsOf(from), regionsOf(to)];
  const out: Dependency[] = [];
  const join = (kind: Dependency["kind"], xs: typeof a.reads, ys: typeof a.reads): void => {
    for (const { buffer } of xs) {
      if (ys.some((y) => y.buffer.id === buffer.id)) out.push({ kind, from, to, buffer });
    }
  };
  join("readAfterWrite", a.writes, b.reads);
  join("writeAfterWrite", a.writes, b.writes);
  join("writeAfterRead", a.reads, b.writes);
  return out;
}

/** The stages before `block` that write what it reads or writes. */
export function producersOf(scope: Block, block: Block): Block[] {
  const edges = stagesOf(scope).dependencies.filter((d) => d.to.id === block.id);
  return distinct(edges.filter((d) => d.kind !== "writeAfterRead").map((d) => d.from));
}

/** The stages after `block` that read or write again what it writes. */
export function consumersOf(scope: Block, block: Block): Block[] {
  const edges = stagesOf(scope).dependencies.filter((d) => d.from.id === block.id);
  return distinct(edges.filter((d) => d.kind !== "writeAfterRead").map((d) => d.to));
}

const distinct = (blocks: readonly Block[]): Block[] => [...new Set(blocks)];

/** The stages whose writes are seen outside: they write a buffer that the scope does not allocate. */
export function outputBlocks(scope: Block): Block[] {
  return stagesOf(scope).blocks.filter((b) => writtenOutside(scope, b) !== undefined);
}

/** A buffer that `block` writes and that lives longer than one instance of the scope. */
export function writtenOutside(scope: Block, block: Block): Buffer | undefined {
  const own = new Set(scope.allocs.map((b) => b.id));
  return regionsOf(block).writes.find((w) => !own.has(w.buffer.id))?.buffer;
}

/** Why a scope is no stage pipeline, with the stages at fault; undefined when it is one. */
export function whyNotStagePipeline(
  f: PrimFunc,
  scope: Block,
): { detail: string; nodes: readonly Block[] } | undefined {
  const { blocks, dependencies } = stagesOf(scope);
  const other = otherStatement(scope.body);
  if (other) {
    const detail = `${scope.name} holds a statement (${other.kind}) beside blocks and loops`;
    return { detail, nodes: blocks };
  }
  const back = dependencies.find((d) => d.kind === "writeAfterRead");
  if (back) {
    const detail = `${back.to.name} writes ${back.buffer.name}, which ${back.from.name} reads before`;
    return { detail, nodes: [back.from, back.to] };
  }
  for (const b of blocks) {
    for (const read of regionsOf(b).reads) {
      const writers = dependencies
        .filter((d) => d.kind === "readAfterWrite" && d.to === b && d.buffer.id === read.buffer.id)
        .map((d) => d.from);
      const detail = writers.length > 0 ? whyNotCovered(f, writers, b, read) : undefined;
      if (detail) return { detail, nodes: [...writers, b] };
    }
  }
  return undefined;
}

/** A statement of a scope that is neither loop nor block: its accesses belong to no stage. */
function otherStatement(s: Stmt): Stmt | undefined {
  switch (s.kind) {
    case "block":
      return undefined;
    case "for":
      return otherStatement(s.body);
    case "seq":
      for (const c of s.stmts) {
        const found = otherStatement(c);
        if (found) return found;
      }
      return undefined;
    default:
      return s;
  }
}

/** Refuses a block that stands in an init: it is part of that, no stage of the scope. Returns the scope. */
export function requireStage(primitive: string, at: Located<Block>): Block {
  const scope = scopeBlock(at);
  if (scope === at.node || childBlocks(scope).includes(at.node)) return scope;
  const detail = `${at.node.name} belongs to the init of ${scope.name}`;
  refuse(primitive, "the block stands in an init", detail, [at.node], (n) => {
    return `sch.decomposeReduction(${n(scope)}, loop) before`;
  });
}

/** Refuses unless the scope of the block is a stage pipeline; returns the scope. */
export function requireStagePipeline(primitive: string, f: PrimFunc, at: Located<Block>): Block {
  const scope = requireStage(primitive, at);
  const why = whyNotStagePipeline(f, scope);
  if (why) refuse(primitive, "the scope is not a stage pipeline", why.detail, why.nodes);
  return scope;
}
