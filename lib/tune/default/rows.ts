/**
 * Rows: programs that reduce rows and then use the result along them (softmax, norms). Everything is done row by row, so
 * that a row is in the first-level cache from its first use to its last.
 */
import { type Block, constInt, type Expr } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { walk } from "./elementwise.ts";
import { finishLanes, type InLanes, inLanes, reducesAlong } from "./reduction.ts";
import { extentOf, loadsOf, moves, storesOf } from "./shape.ts";

/** Schedules the blocks below the root that make up one chain along rows; the schedule given when they do not. */
export function scheduleRows(sch: Schedule, scope: BlockRV): Schedule {
  return attempt(sch, (s) => rows(s, scope));
}

function rows(sch: Schedule, scope: BlockRV): boolean {
  const blocks = sch.getChildBlocks(scope);
  const out = blocks.at(-1);
  if (!out || blocks.length < 2) return false;
  const b = sch.get(out);
  if (isReduction(b) || sch.getConsumers(out).length > 0) return false;
  const producers = blocks.slice(0, -1);
  const reductions = producers.filter((p) => isReduction(sch.get(p)));
  if (reductions.length === 0 || !reductions.every((r) => reducesAlong(sch.get(r)))) return false;
  const depth = rowDepth(
    b,
    reductions.map((r) => sch.get(r)),
  );
  if (depth === undefined) return false;
  const row = sch.getLoops(out)[depth];
  const taken: InLanes[] = [];
  for (const p of [...producers].reverse()) {
    if (!isReduction(sch.get(p))) {
      sch.computeAt(p, row);
      if (walk(sch, p, depth + 1)) for (const parts of taken) alongside(sch, parts, p);
      continue;
    }
    const parts = inLanes(sch, p);
    for (const part of [parts.block, parts.four, parts.partial]) if (part) sch.computeAt(part, row);
    taken.push(parts);
  }
  for (const parts of taken) finishLanes(sch, parts, depth + 1);
  walk(sch, out, depth + 1);
  return true;
}

/**
 * Sums in lanes go with what makes their terms, where that is done in whole pieces of as many: each term is still in a
 * register.
 */
function alongside(sch: Schedule, { partial, lanes }: InLanes, producer: BlockRV): void {
  if (!sch.getProducers(partial).some((p) => p.id === producer.id)) return;
  const [pieces, inner] = sch.getLoops(producer).slice(-2);
  const last = sch.get(producer).axes.at(-1);
  const whole = last !== undefined && extentOf(last) % lanes === 0;
  if (whole && constInt(sch.get(inner).extent) === lanes) sch.reverseComputeAt(partial, pieces);
}

const isReduction = (b: Block): boolean => b.axes.some((a) => a.type === "R");

/**
 * The number of the loop of `out` that a row is inside of: the last whose axis decides which result of a reduction is used.
 * Undefined where several of its values use the same one, as channels of a group do: it would be computed for each.
 */
function rowDepth(out: Block, reductions: readonly Block[]): number | undefined {
  const made = new Set(reductions.flatMap((r) => storesOf(r).map((s) => s.buffer.id)));
  const used = storesOf(out)
    .flatMap((s) => loadsOf(s.value))
    .filter((l) => made.has(l.buffer.id));
  const plain = (i: Expr): boolean => i.kind === "var" || constInt(i) !== undefined;
  if (!used.every((l) => l.indices.every(plain))) return undefined;
  const depth = out.axes.findLastIndex((a) => used.some((l) => moves(l, a.v)));
  return depth < 0 ? undefined : depth;
}
