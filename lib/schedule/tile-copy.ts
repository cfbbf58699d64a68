/** readAt and writeAt: a staging copy that is made tile by tile, under a loop. */
import { type Block, type PrimFunc, replaceStmt, type Scope, withBody } from "../ir/index.ts";
import type { IndexOrName } from "./buffer-ref.ts";
import { cacheRead, cacheWrite } from "./cache.ts";
import { computeAt, reverseComputeAt } from "./compute-at.ts";
import { refuse, ScheduleError } from "./error.ts";
import { findBlock, findLoop } from "./lookup.ts";
import type { WithBlock } from "./types.ts";

/** What says that a copy may be spread over all threads: schedules for GPUs look for it. */
const MARK = "auto_copy";

/**
 * Copies, in each iteration of `loop`, the part of a buffer the block reads that is used there to storage scope
 * `scope`: cacheRead and computeAt in one. The copy is marked `auto_copy`. Refuses what these refuse, and a loop that is
 * not around the block.
 */
export function readAt(f: PrimFunc, loop: number, block: number, ref: IndexOrName, scope: Scope): WithBlock {
  return named("readAt", () => {
    requireAround("readAt", f, loop, block);
    const cached = cacheRead(f, block, ref, scope);
    // Between a writer and a reader under the loop the copy stands there already.
    if (isUnder(cached, loop)) return marked(cached.func, cached.block);
    return marked(computeAt(cached.func, cached.block, loop), cached.block);
  });
}

/**
 * Lets the block write an output to storage scope `scope`, and copies from there, in each iteration of
 * `loop`, what was written: cacheWrite and reverseComputeAt in one.
 */
export function writeAt(f: PrimFunc, loop: number, block: number, ref: IndexOrName, scope: Scope): WithBlock {
  return named("writeAt", () => {
    requireAround("writeAt", f, loop, block);
    const cached = cacheWrite(f, block, ref, scope);
    if (isUnder(cached, loop)) return marked(cached.func, cached.block);
    return marked(reverseComputeAt(cached.func, cached.block, loop), cached.block);
  });
}

const isUnder = ({ func, block }: WithBlock, loop: number): boolean =>
  findBlock(func, block).path.includes(findLoop(func, loop).node);

function requireAround(primitive: string, f: PrimFunc, loop: number, block: number): void {
  const [l, b] = [findLoop(f, loop), findBlock(f, block)];
  if (b.path.includes(l.node)) return;
  const detail = `${l.node.v.name} does not contain ${b.node.name}`;
  refuse(primitive, "the loop is not around the block", detail, [l.node, b.node]);
}

/** Refusals of the parts in the name of the whole. */
function named<X>(primitive: string, run: () => X): X {
  try {
    return run();
  } catch (e) {
    if (!(e instanceof ScheduleError)) throw e;
    throw new ScheduleError({ ...e.thrown, primitive });
  }
}

function marked(f: PrimFunc, block: number): WithBlock {
  const b = findBlock(f, block).node;
  const next: Block = { ...b, annotations: { ...b.annotations, [MARK]: 1 } };
  return { func: withBody(f, replaceStmt(f.body, b, next)), block };
}
