/** Random schedules: a list of numbers says which primitive is tried where. Refusals are counted, by reason. */
import fc from "fast-check";
import { regionsOf } from "../../lib/arith/index.ts";
import { type Block, blocksIn } from "../../lib/ir/index.ts";
import { type BlockRV, type LoopRV, type Schedule, ScheduleError } from "../../lib/schedule/index.ts";

export const ACTIONS = [
  "split",
  "split",
  "fuse",
  "reorder",
  "reorder",
  "parallel",
  "vectorize",
  "unroll",
  "addUnitLoop",
  "annotate",
  "computeAt",
  "computeAt",
  "reverseComputeAt",
  "reverseComputeAt",
  "computeInline",
  "reverseComputeInline",
  "decomposeReduction",
  "cacheRead",
  "cacheWrite",
  "blockize",
  "transformLayout",
  "reindex",
] as const;

export interface Action {
  readonly op: (typeof ACTIONS)[number];
  /** Which block, which loop, and the rest: taken modulo what there is. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.record({ op: fc.constantFrom(...ACTIONS), a: fc.nat(7), b: fc.nat(7), c: fc.nat(23) }),
  { maxLength: 12 },
);

/** How often each primitive was applied, and refused for which rule. */
export class Tally {
  readonly applied = new Map<string, number>();
  readonly refused = new Map<string, number>();

  toString(): string {
    const list = (m: Map<string, number>): string =>
      [...m]
        .sort((x, y) => y[1] - x[1])
        .map(([k, n]) => `    ${String(n).padStart(6)}  ${k}`)
        .join("\n");
    return `  applied\n${list(this.applied)}\n  refused, by rule\n${list(this.refused)}`;
  }
}

const count = (m: Map<string, number>, key: string): void => {
  m.set(key, (m.get(key) ?? 0) + 1);
};

/** Tries the action. A refusal (ScheduleError) leaves the schedule as it is; any other error is thrown on. */
export function tryAction(sch: Schedule, action: Action, tally: Tally): boolean {
  const before = sch.mod;
  try {
    if (!perform(sch, action)) return false;
    count(tally.applied, action.op);
    return true;
  } catch (e) {
    if (!(e instanceof ScheduleError)) throw e;
    if (sch.mod !== before)
      throw new Error(`${action.op} was refused but changed the schedule`, { cause: e });
    count(tally.refused, `${action.op}: ${e.refusal.rule}`);
    return false;
  }
}

function at<X>(xs: readonly X[], n: number): X {
  return xs[n % xs.length];
}

function perform(sch: Schedule, { op, a, b, c }: Action): boolean {
  const names = blockNames(sch);
  // Reductions are rare among the blocks; what needs one gets one where there is one.
  const sums = op === "decomposeReduction" ? namesWithInit(sch) : [];
  const block: BlockRV = sch.getBlock(at(sums.length > 0 ? sums : names, a));
  const loops: LoopRV[] = sch.getLoops(block);
  if (loops.length === 0 && op !== "computeInline" && op !== "reverseComputeInline") return false;
  switch (op) {
    case "split":
      sch.split(
        at(loops, b),
        at(
          [
            [null, 2],
            [null, 3],
            [null, 4],
            [2, null],
            [null, 2, 2],
            [3, null],
          ],
          c,
        ),
      );
      return true;
    case "fuse":
      if (loops.length < 2) return false;
      sch.fuse(...loops.slice(b % (loops.length - 1), (b % (loops.length - 1)) + 2));
      return true;
    case "reorder": {
      // A random order of a random stretch of the loops, from the digits of c.
      const start = b % loops.length;
      const pool = loops.slice(start, start + 2 + (c % 3));
      const order: LoopRV[] = [];
      for (let n = c; pool.length > 0; n = Math.floor(n / 2) + 1)
        order.push(...pool.splice(n % pool.length, 1));
      sch.reorder(...order);
      return true;
    }
    case "parallel":
    case "vectorize":
    case "unroll":
      sch[op](at(loops, b));
      return true;
    case "addUnitLoop":
      sch.addUnitLoop(at(loops, b));
      return true;
    case "annotate":
      sch.annotate(b % 2 ? block : at(loops, b), `key${c % 3}`, c);
      return true;
    case "computeAt":
    case "reverseComputeAt": {
      const others = op === "computeAt" ? sch.getConsumers(block) : sch.getProducers(block);
      if (others.length === 0) return false;
      const targets = sch.getLoops(at(others, c));
      if (targets.length === 0) return false;
      sch[op](block, at(targets, b));
      return true;
    }
    case "computeInline":
    case "reverseComputeInline":
      sch[op](block);
      return true;
    case "decomposeReduction":
      sch.decomposeReduction(block, at(loops, b));
      return true;
    case "cacheRead":
      sch.cacheRead(block, b % 3, at(["global", "local", "shared"], c));
      return true;
    case "cacheWrite":
      sch.cacheWrite(block, b % 2, at(["global", "local"], c));
      return true;
    case "blockize":
      sch.blockize(at(loops, b));
      return true;
    case "reindex":
      sch.reindex(block, [b % 2 ? "write" : "read", c % 2]);
      return true;
    case "transformLayout":
      return relay(sch, block, b, c);
  }
}

function namesWithInit(sch: Schedule): string[] {
  const names = blockNames(sch);
  return blocksIn(sch.func().body)
    .filter((b) => b.init && names.includes(b.name))
    .map((b) => b.name);
}

/** Names of the blocks that can be found by name. */
function blockNames(sch: Schedule): string[] {
  const all = blocksIn(sch.func().body).filter((x: Block) => x.id !== sch.func().body.id);
  return all.map((x) => x.name).filter((n, _, ns) => ns.filter((m) => m === n).length === 1);
}

/** Another layout for an intermediate: parameters keep theirs, or results could not be compared. */
function relay(sch: Schedule, block: BlockRV, b: number, c: number): boolean {
  const params = new Set(sch.func().params.map((p) => p.id));
  const { reads, writes } = regionsOf(sch.get(block));
  const all = [...writes, ...reads].filter((r) => !params.has(r.buffer.id));
  if (all.length === 0) return false;
  const { buffer } = at(all, b);
  const names = buffer.shape.map((_, d) => `i${d}`);
  const last = names.length - 1;
  const n = 2 + (c % 3);
  const results = [
    [...names].reverse(),
    [...names.slice(0, last), `T.floordiv(i${last}, ${n})`, `T.floormod(i${last}, ${n})`],
    [`T.floordiv(i0, ${n})`, ...names.slice(1), `T.floormod(i0, ${n})`],
    [...names.slice(0, last), `i${last} + ${c % 2}`],
  ];
  const isWrite = writes.some((r) => r.buffer.id === buffer.id);
  const list = isWrite ? writes : reads;
  const ref = [isWrite ? "write" : "read", list.findIndex((r) => r.buffer.id === buffer.id)] as const;
  sch.transformLayout(block, ref, `(${names.join(", ")}) => [${at(results, c).join(", ")}]`, { padValue: 3 });
  return true;
}
