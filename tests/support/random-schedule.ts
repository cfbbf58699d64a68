/** Random schedules: a list of numbers says which primitive is tried where. Refusals are counted, by reason. */
import fc from "fast-check";
import { regionsOf } from "../../lib/arith/index.ts";
import { type Block, blocksIn, type DType } from "../../lib/ir/index.ts";
import { type BlockRV, type LoopRV, type Schedule, ScheduleError } from "../../lib/schedule/index.ts";
import { childBlocks } from "../../lib/schedule/lookup.ts";
import { tensorizeRow } from "./random-intrinsics.ts";

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
  "blockizeSiblings",
  "blockizeSiblings",
  "tensorize",
  "tensorize",
  "tensorizeSum",
  "transformLayout",
  "reindex",
  "reindexCacheRead",
  "reindexCacheWrite",
  "bind",
  "readAt",
  "writeAt",
  "transformBlockLayout",
  "padEinsum",
  "decomposePadding",
  "sampledSplit",
  "computeAtPlace",
  "loopPartition",
  "merge",
  "rfactor",
  "rfactor",
  "reorderBlockIterVar",
  "storageAlign",
  "setScope",
  "unsafeSetDtype",
  "cacheInplace",
  "cacheIndex",
  "fuseReductionEpilogue",
  "rollingBuffer",
  "rollingBuffer",
  "undo",
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
  /** Programs that ran on threads. */
  threaded = 0;

  toString(): string {
    const list = (m: Map<string, number>): string =>
      [...m]
        .sort((x, y) => y[1] - x[1])
        .map(([k, n]) => `    ${String(n).padStart(6)}  ${k}`)
        .join("\n");
    return `  ran on threads: ${this.threaded}\n  applied\n${list(this.applied)}\n  refused, by rule\n${list(this.refused)}`;
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

const NEEDS_SUM = new Set<Action["op"]>([
  "decomposeReduction",
  "rfactor",
  "fuseReductionEpilogue",
  "tensorizeSum",
]);

function perform(sch: Schedule, { op, a, b, c }: Action): boolean {
  const names = blockNames(sch);
  // Reductions are rare among the blocks; what needs one gets one where there is one.
  const sums = NEEDS_SUM.has(op) ? namesWithInit(sch) : [];
  const block: BlockRV = sch.getBlock(at(sums.length > 0 ? sums : names, a));
  const loops: LoopRV[] = sch.getLoops(block);
  if (loops.length === 0 && op !== "computeInline" && op !== "reverseComputeInline") return false;
  switch (op) {
    case "sampledSplit": {
      const loop = at(loops, b);
      const tile =
        c % 3 === 0 ? sch.samplePartitionedTile(loop, 3, 1, 1 + (c % 2)) : sch.samplePerfectTile(loop, 2, 4);
      sch.split(loop, tile);
      return true;
    }
    case "computeAtPlace":
      sch.computeAt(block, sch.sampleComputeLocation(block));
      return true;
    case "loopPartition":
      sch.loopPartition(at(loops, b), at([[1], [2], [null, 1], [1, null, 2], [3]], c));
      return true;
    case "merge": {
      const other = at([...sch.getConsumers(block), ...sch.getProducers(block), block], c);
      const theirs = sch.getLoops(other);
      const depth = b % Math.max(1, Math.min(loops.length, theirs.length));
      if (!theirs[depth]) return false;
      sch.merge(loops[depth], theirs[depth]);
      return true;
    }
    case "rfactor":
      sch.rfactor(at(loops, b), c % 4 === 3 ? -1 : c % 2);
      return true;
    case "reorderBlockIterVar": {
      const n = sch.get(block).axes.length;
      sch.reorderBlockIterVar(
        block,
        Array.from({ length: n }, (_, k) => (c % 2 ? (k + b) % n : n - 1 - k)),
      );
      return true;
    }
    case "storageAlign":
      sch.storageAlign(block, 0, c % 3, 4 + b, c % 5);
      return true;
    case "setScope":
      sch.setScope(block, b % 2, at(["local", "shared", "global"], c));
      return true;
    case "unsafeSetDtype": {
      const [write] = regionsOf(sch.get(block)).writes;
      const wider: Partial<Record<DType, DType>> = {
        f32: "f64",
        f16: "f32",
        i8: "i32",
        u8: "i32",
        i32: "i64",
      };
      const to = wider[write.buffer.dtype];
      if (!to) return false;
      sch.unsafeSetDtype(block, 0, to);
      return true;
    }
    case "cacheInplace":
      sch.cacheInplace(block, b % 2, at(["global", "local"], c));
      return true;
    case "cacheIndex":
      sch.cacheIndex(block, "global", c % 2);
      return true;
    case "fuseReductionEpilogue": {
      const [consumer] = sch.getConsumers(block);
      if (!consumer) return false;
      sch.fuseReductionEpilogue(block, consumer);
      return true;
    }
    case "rollingBuffer":
      if (c % 4) return rollAny(sch, b);
      sch.rollingBuffer(block, 0);
      return true;
    case "undo":
      if (sch.history.length === 0 || c % 3 > 0) return false;
      sch.undo();
      return true;
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
    case "cacheRead": {
      const scope = at(["global", "local", "shared"], c);
      // For the block alone, now and then: others go on reading the original.
      if (c % 4 === 3) sch.cacheRead(block, b % 3, scope, { consumerBlocks: [block] });
      else sch.cacheRead(block, b % 3, scope);
      return true;
    }
    case "cacheWrite":
      sch.cacheWrite(block, b % 2, at(["global", "local"], c));
      return true;
    case "blockize":
      sch.blockize(at(loops, b));
      return true;
    case "blockizeSiblings": {
      // A stretch of the blocks of one scope, in their order.
      const around = blocksIn(sch.func().body).filter((x) => childBlocks(x).some((y) => y.id === block.id));
      const stages = around.flatMap((x) => childBlocks(x).map((y) => y.name));
      const first = stages.indexOf(block.name);
      const stretch = stages.slice(first, first + 2 + (b % 2)).filter((n) => names.includes(n));
      if (first < 0) return false;
      sch.blockize(
        stretch.map((n) => sch.getBlock(n)),
        { preserveUnitIters: c % 2 === 0 },
      );
      return true;
    }
    case "tensorize": {
      // The innermost loop, most often.
      const loop = b < 6 ? loops[loops.length - 1] : at(loops, b);
      return together(sch, () =>
        tensorizeRow(sch, block, c % 3 === 0 ? sch.split(loop, [null, 2])[1] : loop, c),
      );
    }
    case "tensorizeSum": {
      return together(sch, () => {
        sch.decomposeReduction(block, at(loops, b));
        const inner = sch.getLoops(block);
        return tensorizeRow(sch, block, inner[inner.length - 1], c);
      });
    }
    case "reindex":
      sch.reindex(block, [b % 2 ? "write" : "read", c % 2]);
      return true;
    case "reindexCacheRead":
    case "reindexCacheWrite": {
      // A layout of some of the axes, in their order or turned round; the access decides which axes it needs.
      const axes = sch.get(block).axes.map((_, k) => `v${k}`);
      const spatial = sch.get(block).axes.flatMap((x, k) => (x.type === "S" ? [`v${k}`] : []));
      const used = at([axes, spatial, [...spatial].reverse()], b);
      sch[op](block, c % 2, at(["local", "global"], c), `(${axes.join(", ")}) => [${used.join(", ")}]`);
      return true;
    }
    case "bind":
      sch.bind(at(loops, b), at(["blockIdx.x", "threadIdx.x", "threadIdx.y", "vthread.x"], c));
      return true;
    case "readAt":
    case "writeAt":
      sch[op](at(loops, b), block, c % 2, at(["local", "shared"], c));
      return true;
    case "transformBlockLayout": {
      const vars = sch.get(block).axes.map((_, k) => `v${k}`);
      const k = b % Math.max(vars.length, 1);
      const digits = [`T.floordiv(v${k}, ${2 + (c % 3)})`, `T.floormod(v${k}, ${2 + (c % 3)})`];
      const results = [[...vars].reverse(), vars.flatMap((v, n) => (n === k ? digits : [v]))];
      sch.transformBlockLayout(block, `(${vars.join(", ")}) => [${at(results, c).join(", ")}]`);
      return true;
    }
    case "padEinsum":
      sch.padEinsum(
        block,
        sch.get(block).axes.map((_, k) => 1 + ((b + c * k) % 4)),
      );
      return true;
    case "decomposePadding":
      sch.decomposePadding(block, at(loops, b));
      return true;
    case "transformLayout":
      return relay(sch, block, b, c);
  }
}

/** Rolls the first block that can be, moved under a loop of its consumer for it: by chance it seldom stands there. */
function rollAny(sch: Schedule, b: number): boolean {
  let refusal: ScheduleError | undefined;
  for (const name of blockNames(sch)) {
    const block = sch.getBlock(name);
    const [consumer] = sch.getConsumers(block);
    const around = consumer ? sch.getLoops(consumer) : [];
    for (const k of around.keys()) {
      const steps = sch.history.length;
      try {
        sch.computeAt(block, at(around, b + k));
        sch.rollingBuffer(block, 0);
        return true;
      } catch (e) {
        if (!(e instanceof ScheduleError)) throw e;
        if (e.refusal.primitive === "rollingBuffer") refusal = e;
        while (sch.history.length > steps) sch.undo();
      }
    }
  }
  if (refusal) throw refusal;
  return false;
}

/** Several steps as one: where one of them is refused, none is taken. */
function together(sch: Schedule, run: () => boolean): boolean {
  const steps = sch.history.length;
  try {
    return run();
  } catch (e) {
    while (sch.history.length > steps) sch.undo();
    throw e;
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
