/**
 * What the cost model sees of a program for a GPU beside the rows of `stores.ts`: for each store, in the same order, the
 * shape of its kernel (workgroups, threads, virtual threads, memory of the workgroup, waits), what a thread does for it
 * (iterations, arithmetic, elements loaded from each kind of memory after those that a tile of registers has already), and
 * how neighbouring threads reach device memory. After the features of TVM's meta-schedule for GPUs
 * (`per_store_feature.cc`, groups 1 and 2). Counts are log2(1 + n).
 */
import {
  type Buffer,
  BYTES,
  childStmts,
  constInt,
  type Expr,
  type For,
  type PrimFunc,
  type Stmt,
  visitExpr,
} from "../../ir/index.ts";
import { type Linear, linearOf, spanOf } from "./linear.ts";
import { FEATURES, featuresOf } from "./stores.ts";

const PLACES = ["global", "shared", "local"] as const;
type Where = (typeof PLACES)[number];

const OWN = [
  ...["groups", "threads", "allThreads", "virtual", "lockstep", "shared", "local", "waits"],
  ...["active", "iterations", "unrolled", "lanes", "flops", "work"],
  ...PLACES.flatMap((p) => [`loads.${p}`, `stores.${p}`]),
  ...["intensity", "steady", "neighbours", "apart", "odd"],
];

export const GPU_FEATURES: readonly string[] = [...FEATURES, ...OWN.map((n) => `gpu.${n}`)];

/** Threads that GPUs run in step; fewer leave some idle. */
const LOCKSTEP = 32;

/** The rows of a program, one for each store. */
export function gpuFeaturesOf(f: PrimFunc): number[][] {
  const own = nestsOf(f.body).flatMap(rowsOf);
  return featuresOf(f).map((row, i) => [...row, ...own[i]]);
}

const log = (n: number): number => Math.log2(1 + Math.max(0, n));
const extent = (l: For): number => Math.max(1, constInt(l.extent) ?? 16);
const count = (loops: readonly For[]): number => loops.reduce((n, l) => n * extent(l), 1);
const placeOf = (b: Buffer): Where =>
  b.scope.startsWith("shared") ? "shared" : b.scope.startsWith("local") ? "local" : "global";

/** What follows one another outside of all loops: kernels. */
function nestsOf(s: Stmt): Stmt[] {
  if (s.kind === "block" && s.axes.length === 0 && !s.init) return nestsOf(s.body);
  return s.kind === "seq" ? s.stmts.flatMap(nestsOf) : [s];
}

interface Kernel {
  readonly groups: number;
  readonly threads: number;
  readonly virtual: number;
  readonly bytes: Readonly<Record<Where, number>>;
  readonly waits: number;
}

interface Site {
  readonly buffer: Buffer;
  readonly at: readonly Linear[];
}

interface Stored {
  readonly target: Site;
  readonly loads: readonly Site[];
  readonly loops: readonly For[];
  readonly flops: number;
}

const isBound = (kind: string) => (l: For) => l.thread?.startsWith(kind) ?? false;
const [isGroup, isThread, isVirtual] = ["blockIdx.", "threadIdx.", "vthread"].map(isBound);
const isSerial = (l: For): boolean => l.thread === undefined;

function rowsOf(nest: Stmt): number[][] {
  const stores = storesOf(nest);
  const kernel = kernelOf(stores);
  return stores.map((s) => rowOf(s, kernel));
}

function storesOf(nest: Stmt): Stored[] {
  const out: Stored[] = [];
  const env = new Map<number, Linear>();
  const site = (buffer: Buffer, indices: readonly Expr[]): Site => ({
    buffer,
    at: indices.map((e) => linearOf(e, env)),
  });
  const visit = (s: Stmt, loops: readonly For[]): void => {
    let inner = loops;
    if (s.kind === "for") {
      inner = [...loops, s];
      env.set(s.v.id, { steps: new Map([[s.v.id, 1]]), most: extent(s) });
    }
    if (s.kind === "block") for (const a of s.axes) env.set(a.v.id, linearOf(a.binding, env));
    if (s.kind === "store") {
      const loads: Site[] = [];
      let flops = 0;
      visitExpr(s.value, (e) => {
        if (e.kind === "load") loads.push(site(e.buffer, e.indices));
        if (e.kind === "call") flops += 4;
        if (e.kind === "binary" && e.dtype[0] === "f") flops++;
      });
      out.push({ target: site(s.buffer, s.indices), loads, loops: inner, flops });
    }
    for (const x of childStmts(s)) visit(x, inner);
  };
  visit(nest, []);
  return out;
}

function kernelOf(stores: readonly Stored[]): Kernel {
  const widest = (kind: (l: For) => boolean): number => {
    const most = new Map<string, number>();
    for (const { loops } of stores)
      for (const l of loops.filter(kind))
        most.set(l.thread as string, Math.max(extent(l), most.get(l.thread as string) ?? 1));
    return [...most.values()].reduce((n, x) => n * x, 1);
  };
  const accesses = new Map<number, { site: Site; loops: readonly For[]; isLoad: boolean }[]>();
  for (const { target, loads, loops } of stores) {
    for (const [n, site] of [target, ...loads].entries()) {
      const known = accesses.get(site.buffer.id) ?? [];
      accesses.set(site.buffer.id, [...known, { site, loops, isLoad: n > 0 }]);
    }
  }
  const bytes = { global: 0, shared: 0, local: 0 };
  // A wait before memory of the workgroup is filled, and one after, each time; what is filled together is waited for once.
  const fills = new Set<For | undefined>();
  let waits = 0;
  for (const all of accesses.values()) {
    const [{ site, loops }, ...rest] = all;
    const place = placeOf(site.buffer);
    if (place === "global") continue;
    // It is filled anew each time the loops around all of its uses take a step.
    const end = rest.reduce((n, a) => {
      const differs = loops.slice(0, n).findIndex((l, i) => l !== a.loops[i]);
      return differs < 0 ? n : differs;
    }, loops.length);
    const around = loops.slice(0, end);
    const kept = (l: For, i: number): boolean =>
      i >= end || isVirtual(l) || (place === "shared" && isThread(l));
    // What is written is at least what is read; predicates cut off what goes beyond.
    const read = all.filter((a) => a.isLoad);
    const widest = (read.length > 0 ? read : all).map((a) => {
      const running = new Map(a.loops.filter(kept).map((l) => [l.v.id, extent(l)]));
      return a.site.at.reduce(
        (n, d, i) => n * Math.min(spanOf(d, running), constInt(site.buffer.shape[i]) ?? 16),
        1,
      );
    });
    bytes[place] += Math.max(...widest) * BYTES[site.buffer.dtype];
    const last = around.findLast(isSerial);
    if (place !== "shared" || fills.has(last)) continue;
    fills.add(last);
    waits += 2 * count(around.filter(isSerial));
  }
  return { groups: widest(isGroup), threads: widest(isThread), virtual: widest(isVirtual), bytes, waits };
}

/** Step in elements of memory along a loop. */
function stepOf(s: Site, l: For): number {
  let [step, stride] = [0, 1];
  for (let d = s.at.length - 1; d >= 0; d--) {
    step += (s.at[d].steps.get(l.v.id) ?? 0) * stride;
    stride *= constInt(s.buffer.shape[d]) ?? 1;
  }
  return Math.abs(step);
}

function rowOf({ target, loops, loads, flops }: Stored, k: Kernel): number[] {
  const own = loops.filter((l) => isSerial(l) || isVirtual(l));
  const tile = own.filter((l) => l.loopKind === "unrolled" || l.loopKind === "vectorized" || isVirtual(l));
  const lanes = count(own.filter((l) => l.loopKind === "vectorized"));
  const iterations = count(own);
  const steps = iterations / count(tile);
  const active = count(loops.filter(isThread));
  const running = new Map(tile.map((l) => [l.v.id, extent(l)]));
  /** Elements that a thread reaches: a tile of registers needs each of its operands once for every step. */
  const elements = (s: Site): number => s.at.reduce((n, d) => n * spanOf(d, running), 1) * steps;
  const moved: Record<string, number> = {};
  const add = (kind: string, s: Site): void => {
    const wide = own.some((l) => l.loopKind === "vectorized" && stepOf(s, l) === 1);
    const key = `${kind}.${placeOf(s.buffer)}`;
    moved[key] = (moved[key] ?? 0) + elements(s) / (wide ? Math.min(4, lanes) : 1);
  };
  for (const l of loads) add("loads", l);
  add("stores", target);
  const neighbour = loops.findLast((l) => l.thread === "threadIdx.x");
  const reach = { steady: 0, neighbours: 0, apart: 0 };
  for (const s of [target, ...loads]) {
    if (placeOf(s.buffer) !== "global" || !neighbour) continue;
    const step = stepOf(s, neighbour);
    reach[step === 0 ? "steady" : step <= 4 ? "neighbours" : "apart"] += elements(s);
  }
  const far = (moved["loads.global"] ?? 0) + (moved["stores.global"] ?? 0);
  const work = iterations * Math.max(1, flops);
  return [
    ...[log(k.groups), log(k.threads), log(k.groups * k.threads), log(k.virtual)],
    ...[(k.threads % LOCKSTEP) / LOCKSTEP, log(k.bytes.shared), log(k.bytes.local), log(k.waits)],
    ...[active / Math.max(1, k.threads), log(iterations), log(count(tile)), lanes, log(work)],
    log(work * active * k.groups),
    ...PLACES.flatMap((p) => [log(moved[`loads.${p}`] ?? 0), log(moved[`stores.${p}`] ?? 0)]),
    ...[Math.log2(work / Math.max(1, far)), log(reach.steady), log(reach.neighbours), log(reach.apart)],
    loops.some((l) => isThread(l) && extent(l) % 4 !== 0) ? 1 : 0,
  ];
}
