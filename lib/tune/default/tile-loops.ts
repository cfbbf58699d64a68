/** The loops of a product's tiles, once they stand in their order: what is in registers, where copies and consumers go. */
import { constInt } from "../../ir/index.ts";
import type { BlockRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { copyInner } from "./panel.ts";
import { divisor } from "./shape.ts";

/** The reduce loops, neighbours by now, as one: panels hold their steps one after another. */
export const oneLoop = (sch: Schedule, loops: readonly LoopRV[]): readonly LoopRV[] =>
  loops.length > 1 ? [sch.fuse(...loops)] : loops;

export interface Tiled {
  readonly block: BlockRV;
  readonly panel?: BlockRV;
  /** Of the panel's source: see `runOf`. */
  readonly run?: number;
  readonly epilogue: BlockRV;
  readonly panelAt: LoopRV;
  readonly tileAt: LoopRV;
  readonly reduce: readonly LoopRV[];
  readonly r1?: LoopRV;
  readonly j1: LoopRV;
}

export function finish(sch: Schedule, t: Tiled): void {
  if (t.r1) sch.unroll(t.r1);
  sch.vectorize(t.j1);
  if (t.panel) {
    sch.computeAt(t.panel, t.panelAt);
    const outer = sch.getLoops(t.panel).findIndex((l) => l.id === t.panelAt.id) + 1;
    copyInner(sch, t.panel, outer, t.run ?? 1);
  }
  sch.reverseComputeAt(t.epilogue, t.tileAt);
  const e = sch.getLoops(t.epilogue);
  const own = e.slice(e.findIndex((l) => l.id === t.tileAt.id) + 1);
  sch.vectorize(own[own.length - 1]);
  if (own.length > 1 && t.r1) sch.unroll(own[own.length - 2]);
  sch.decomposeReduction(t.block, t.reduce[0]);
}

export interface Chunked extends Omit<Tiled, "tileAt" | "reduce"> {
  /** The loop over the chunks. */
  readonly k0: LoopRV;
}

/**
 * Some steps of the reduction at a time, so that what they read of the operands stays in the cache while tile after tile
 * uses it. Sums go through memory between chunks; the consumer follows as a whole.
 */
export function inChunks(sch: Schedule, t: Chunked): void {
  if (t.r1) sch.unroll(t.r1);
  sch.vectorize(t.j1);
  if (t.panel) {
    sch.computeAt(t.panel, t.panelAt);
    const outer = sch.getLoops(t.panel).findIndex((l) => l.id === t.panelAt.id) + 1;
    copyInner(sch, t.panel, outer, t.run ?? 1);
  }
  const init = sch.decomposeReduction(t.block, t.k0);
  for (const rv of [init, t.epilogue]) vectorizeLast(sch, rv);
}

/** The last loop of a block in pieces of vectors. */
function vectorizeLast(sch: Schedule, rv: BlockRV): void {
  const loops = sch.getLoops(rv);
  const last = loops[loops.length - 1];
  const extent = constInt(sch.get(last).extent) ?? 0;
  if (sch.get(last).loopKind !== "serial" || extent < 4) return;
  const [, inner] = sch.split(last, [null, divisor(extent, [16, 8, 4]) ?? 4]);
  sch.vectorize(inner);
}
