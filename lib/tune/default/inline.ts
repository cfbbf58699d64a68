/**
 * Inlining. A block that computes each element from elements at fixed places goes into its consumers, unless that would
 * compute an expensive element again and again: a consumer that reads every element many times (a product, a window)
 * gets it from memory.
 */
import { exprKey, regionsOf } from "../../arith/index.ts";
import { type Block, type BlockAxis, constInt, type Expr, visitExpr } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { extentOf, loadsOf, moves, product, storeOf } from "./shape.ts";

/** Functions that take tens of instructions. */
const EXPENSIVE = new Set(["exp", "log", "tanh", "sigmoid", "erf", "pow", "sin", "cos"]);
/** Instructions that may be done again for every use, rather than read from memory. */
const CHEAP = 6;

const isReduction = (b: Block): boolean => b.axes.some((a) => a.type === "R");

interface Cost {
  /** Instructions, roughly. */
  readonly weight: number;
  readonly expensive: boolean;
  readonly selects: boolean;
}

function costs(e: Expr): Cost {
  let weight = 0;
  let expensive = false;
  let selects = false;
  visitExpr(e, (x) => {
    if (x.kind === "call" && EXPENSIVE.has(x.op)) expensive = true;
    if (x.kind === "select" || (x.kind === "binary" && x.op === "div")) selects = true;
    weight += weightOf(x);
  });
  return { weight, expensive, selects };
}

/** Doubles take a vector for every two, also from what is around them. */
const weightOf = (e: Expr): number => {
  if (e.kind === "const" || e.kind === "var") return 0;
  const own = e.kind === "call" ? 4 : e.kind === "binary" && /div|mod/.test(e.op) ? 4 : 1;
  return e.dtype === "f64" ? 4 * own : own;
};

/** How often a consumer would compute each element of what the producer makes, on the average. */
function reuse(producer: Block, consumer: Block): number {
  const made = product(producer.axes.map(extentOf));
  const store = storeOf(producer);
  const value = storeOf(consumer)?.value;
  if (!store || !value) return Number.POSITIVE_INFINITY;
  const reads = new Map<string, number>();
  for (const l of loadsOf(value)) {
    if (l.buffer.id !== store.buffer.id) continue;
    // What an inner loop does not change is computed before it.
    const inner = consumer.axes.findLastIndex((a) => moves(l, a.v));
    const times = product(consumer.axes.slice(0, inner + 1).map(extentOf));
    reads.set(l.indices.map(exprKey).join(), times);
  }
  return [...reads.values()].reduce((n, x) => n + x, 0) / Math.max(made, 1);
}

/** True where the producer had better be inlined into all of these consumers. */
function worthwhile(producer: Block, consumers: readonly Block[]): boolean {
  const store = storeOf(producer);
  if (!store || isReduction(producer)) return false;
  const { weight, expensive, selects } = costs(store.value);
  if (expensive && consumers.length > 1) return false;
  return consumers.every((c) => {
    const times = reuse(producer, c);
    if (!isReduction(c)) return times <= 1 || (!expensive && weight <= CHEAP);
    // Padding and transposes of a product's operand are laid out once, not decided in its inner loop.
    if (times > 2) return false;
    return times <= 1 || !(expensive || selects);
  });
}

/** Inlines what is worth it, producers first. */
export function autoInline(sch: Schedule, func: string): Schedule {
  let out = sch;
  const root = out.getBlock("root", func);
  for (const rv of out.getChildBlocks(root)) {
    out = attempt(out, (s) => {
      const consumers = s.getConsumers(rv).map((c) => s.get(c));
      if (consumers.length === 0 || !worthwhile(s.get(rv), consumers)) return false;
      s.computeInline(rv);
      return true;
    });
  }
  return out;
}

/** The axis itself; of an axis with one value also that value. */
const isAxis = (i: Expr, a: BlockAxis): boolean =>
  (i.kind === "var" && i.id === a.v.id) || (constInt(i) === 0 && extentOf(a) === 1);

/**
 * The one consumer that takes each element of what a block makes at its own place, and nothing that other blocks make; or
 * undefined.
 */
export function epilogueOf(sch: Schedule, rv: BlockRV): BlockRV | undefined {
  const consumers = sch.getConsumers(rv);
  if (consumers.length !== 1 || sch.getProducers(consumers[0]).length !== 1) return undefined;
  const [made, used] = [sch.get(rv), sch.get(consumers[0])];
  const store = storeOf(used);
  const out = storeOf(made);
  if (!store || !out || isReduction(used)) return undefined;
  const reads = loadsOf(store.value).filter((l) => l.buffer.id === out.buffer.id);
  const spatial = made.axes.filter((a) => a.type === "S");
  const samePlace =
    reads.length === 1 &&
    used.axes.length === spatial.length &&
    reads[0].indices.length === used.axes.length &&
    store.indices.length === used.axes.length &&
    [...reads[0].indices, ...store.indices].every((i, n) => isAxis(i, used.axes[n % used.axes.length]));
  return samePlace && regionsOf(used).writes.length === 1 ? consumers[0] : undefined;
}
