/**
 * Which allocated buffers can be kept in registers: small ones that are indexed by constants alone (unrolled loops
 * are gone by now), or by a constant plus the variable of a short vectorised loop.
 */
import { type Buffer, BYTES, constInt, type Stmt } from "../../ir/index.ts";
import { accessesIn, type BufferAccess, isUnrolledVector, linearIndex, splitLane } from "./access.ts";
import { vectorLanesOf } from "./lanes.ts";
import { parallelLoops } from "./parallel.ts";
import { polyConst } from "./poly.ts";
import { allocations } from "./storage.ts";

export interface RegisterPlan {
  /** Elements in one register. */
  readonly lanes: 1 | 2 | 4;
  readonly count: number;
  /** Elements that some access names. */
  readonly used: ReadonlySet<number>;
}

/** More than this many registers only move the spilling from us to the engine. */
const MAX_REGISTERS = 64;

/** The buffers of `s` to keep in registers, by id. */
export function planRegisters(s: Stmt): Map<number, RegisterPlan> {
  const out = new Map<number, RegisterPlan>();
  const accesses = new Map<number, BufferAccess[]>();
  const own = new Map(allocations(s).map((b) => [b.id, b]));
  for (const a of accessesIn(s)) {
    if (!own.has(a.buffer.id)) continue;
    const list = accesses.get(a.buffer.id);
    if (list) list.push(a);
    else accesses.set(a.buffer.id, [a]);
  }
  const crossing = usedAcrossThreads(s);
  for (const [id, list] of accesses) {
    if (crossing.has(id)) continue;
    const plan = planBuffer(list[0].buffer, list);
    if (plan) out.set(id, plan);
  }
  return out;
}

/** Buffers that a parallel loop uses but does not allocate: threads meet in memory. */
function usedAcrossThreads(s: Stmt): ReadonlySet<number> {
  const out = new Set<number>();
  for (const l of parallelLoops(s)) {
    const own = new Set(allocations(l).map((b) => b.id));
    for (const { buffer } of accessesIn(l.body)) if (!own.has(buffer.id)) out.add(buffer.id);
  }
  return out;
}

function planBuffer(b: Buffer, accesses: readonly BufferAccess[]): RegisterPlan | undefined {
  const elements = b.shape.reduce((n, e) => n * (constInt(e) ?? Number.NaN), 1);
  if (!(elements <= 4 * MAX_REGISTERS) || b.strides) return undefined;
  let lanes: 1 | 2 | 4 = 1;
  const used = new Set<number>();
  for (const a of accesses) {
    // A kernel wants an address.
    if (a.opaque) return undefined;
    const vectors = a.loops.filter(isUnrolledVector);
    const split = splitLane(linearIndex(b, a.indices), new Set(vectors.map((l) => l.v.id)));
    const base = split && polyConst(split.base);
    if (!split || base === undefined || base < 0 || base >= elements) return undefined;
    const loop = vectors.find((l) => l.v.id === split.lane);
    const first = base + (loop ? (constInt(loop.min) ?? 0) : 0);
    const extent = loop ? (constInt(loop.extent) ?? 0) : 1;
    for (let i = 0; i < extent; i++) used.add(first + i);
    if (!loop) continue;
    if (first + extent > elements) return undefined;
    const n = vectorLanesOf(loop);
    const aligned = n !== undefined && first % n === 0;
    // One vector access decides; others that do not fit go lane by lane.
    if (n !== undefined && aligned && BYTES[b.dtype] * n <= 16 && b.dtype !== "bool")
      lanes = Math.max(lanes, n) as 2 | 4;
  }
  const count = Math.ceil(elements / lanes);
  return count <= MAX_REGISTERS ? { lanes, count, used } : undefined;
}
