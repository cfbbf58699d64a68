/**
 * What a scheduled program asks of a GPU's adapter, told from the program before anything is compiled for it: threads of a
 * workgroup, bytes of its memory, buffers of a kernel. Code generation finds the same exactly; this is for throwing
 * candidates away early, and where it cannot tell it does not object.
 */
import {
  type Buffer,
  childStmts,
  constInt,
  type Expr,
  type Extern,
  type For,
  loop,
  ops,
  ownExprs,
  type PrimFunc,
  type Stmt,
  usesVar,
  variable,
  visitExpr,
  visitStmt,
} from "../ir/index.ts";
import { isMatrixScope, matrixOperation } from "../schedule/subgroup-matrix.ts";
import { type Linear, linearOf, spanOf } from "./features/linear.ts";
import type { GpuLimits } from "./target.ts";

/** Bytes of all variables of one thread (WGSL specification, section 2.4, limits). */
const THREAD_BYTES = 8192;

interface Access {
  readonly buffer: Buffer;
  readonly dims: readonly Linear[];
  /** Loops around it, outermost first. */
  readonly loops: readonly For[];
  readonly isStore: boolean;
}

/**
 * The limit that the program is over, with its name and both numbers; undefined where it keeps to all that it can tell.
 * `subgroupSize`: threads along x that a kernel has for the sake of matrix units.
 */
export function overLimit(f: PrimFunc, limits: GpuLimits, subgroupSize = 1): string | undefined {
  const allocated = new Map<number, Buffer>();
  const stmts = nestsOf(f.body, allocated);
  const nests = stmts.map(accessesOf);
  const nestsWith = (id: number): number => nests.filter((n) => n.some((a) => a.buffer.id === id)).length;
  for (const [i, accesses] of nests.entries()) {
    const threads = threadsOver(accesses, limits, callsMatrixUnits(stmts[i]) ? subgroupSize : 1);
    if (threads !== undefined) return threads;
    const bytes = { shared: meetingBytes(stmts[i]), local: 0 };
    const bound = new Map<number, Buffer>();
    for (const { buffer } of accesses) {
      const place = placeOf(buffer);
      const inside = place !== "global" && allocated.has(buffer.id) && nestsWith(buffer.id) === 1;
      if (!inside) bound.set(buffer.id, buffer);
    }
    const own = new Map(accesses.filter((a) => !bound.has(a.buffer.id)).map((a) => [a.buffer.id, a.buffer]));
    for (const b of own.values()) {
      const place = placeOf(b) === "shared" ? "shared" : "local";
      bytes[place] += bytesOf(
        b,
        accesses.filter((a) => a.buffer.id === b.id),
        place,
      );
    }
    if (bound.size > limits.maxStorageBuffersPerShaderStage)
      return over(`${bound.size} buffers in a kernel`, "maxStorageBuffersPerShaderStage", limits);
    if (bytes.shared > limits.maxComputeWorkgroupStorageSize)
      return over(`${bytes.shared} bytes of workgroup memory`, "maxComputeWorkgroupStorageSize", limits);
    if (bytes.local > THREAD_BYTES)
      return `${bytes.local} bytes of variables in a thread; WGSL allows ${THREAD_BYTES}`;
  }
  return undefined;
}

const over = (what: string, limit: keyof GpuLimits, limits: GpuLimits): string =>
  `${what}; the adapter's ${limit} is ${limits[limit]}`;

/** Whether memory of the device, of a workgroup or of a thread. */
const placeOf = (b: Buffer): "global" | "shared" | "local" =>
  b.scope.startsWith("shared") ? "shared" : b.scope.startsWith("local") ? "local" : "global";

/** The parts of a program that become kernels: what follows one another outside of all loops. */
function nestsOf(s: Stmt, allocated: Map<number, Buffer>): Stmt[] {
  if (s.kind === "block" && s.axes.length === 0) {
    for (const b of s.allocs) allocated.set(b.id, b);
    return nestsOf(s.body, allocated);
  }
  return s.kind === "seq" ? s.stmts.flatMap((x) => nestsOf(x, allocated)) : [s];
}

function accessesOf(nest: Stmt): Access[] {
  const out: Access[] = [];
  const env = new Map<number, Linear>();
  const note = (buffer: Buffer, indices: readonly Expr[], loops: readonly For[], isStore: boolean): void => {
    out.push({ buffer, loops, isStore, dims: indices.map((e) => linearOf(e, env)) });
  };
  // What matrix units load and store, as loops over it would.
  const noteMatrix = (call: Extern, loops: readonly For[]): void => {
    for (const a of call.args) {
      if (a.kind !== "accessPtr" || isMatrixScope(a.region.buffer.scope)) continue;
      const over = a.region.ranges.map((r) => loop(variable("part"), r.extent, call));
      for (const l of over)
        env.set(l.v.id, {
          steps: new Map([[l.v.id, 1]]),
          most: constInt(l.extent) ?? Number.POSITIVE_INFINITY,
        });
      const at = a.region.ranges.map((r, d) => ops.add(r.min, over[d].v));
      note(a.region.buffer, at, [...loops, ...over], a.access !== "r");
    }
  };
  const visit = (s: Stmt, loops: readonly For[]): void => {
    let inner = loops;
    if (s.kind === "for") {
      inner = [...loops, s];
      env.set(s.v.id, {
        steps: new Map([[s.v.id, 1]]),
        most: constInt(s.extent) ?? Number.POSITIVE_INFINITY,
      });
    }
    if (s.kind === "block") for (const a of s.axes) env.set(a.v.id, linearOf(a.binding, env));
    for (const e of ownExprs(s)) {
      visitExpr(e, (x) => {
        if (x.kind === "load") note(x.buffer, x.indices, loops, false);
      });
    }
    if (s.kind === "store") note(s.buffer, s.indices, loops, true);
    if (s.kind === "extern" && matrixOperation(s.func)) noteMatrix(s, loops);
    for (const x of childStmts(s)) visit(x, inner);
  };
  visit(nest, []);
  return out;
}

/** The threads of a reduction leave what each has found in the memory of the workgroup; at least so many bytes. */
function meetingBytes(s: Stmt, around: readonly For[] = []): number {
  const inner = s.kind === "for" ? [...around, s] : around;
  let bytes = childStmts(s).reduce((n, x) => n + meetingBytes(x, inner), 0);
  if (s.kind === "block" && s.init) {
    const reduce = s.axes.filter((a) => a.type === "R");
    const threads = around
      .filter((l) => l.thread?.startsWith("threadIdx."))
      .filter((l) => reduce.some((a) => usesVar(a.binding, new Set([l.v.id]))))
      .reduce((n, l) => n * (constInt(l.extent) ?? 1), 1);
    visitStmt(s.init, {
      stmt: (x) => {
        if (x.kind === "store" && threads > 1) bytes += threads * (x.buffer.dtype === "f16" ? 2 : 4);
      },
    });
  }
  return bytes;
}

function callsMatrixUnits(s: Stmt): boolean {
  let found = false;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "extern" && matrixOperation(x.func)) found = true;
    },
  });
  return found;
}

function threadsOver(accesses: readonly Access[], limits: GpuLimits, least: number): string | undefined {
  const extents = new Map([["threadIdx.x", least]]);
  for (const { loops } of accesses) {
    for (const l of loops) {
      const n = constInt(l.extent);
      if (l.thread !== undefined && n !== undefined)
        extents.set(l.thread, Math.max(n, extents.get(l.thread) ?? 1));
    }
  }
  let all = 1;
  for (const d of ["x", "y", "z"] as const) {
    const n = extents.get(`threadIdx.${d}`) ?? 1;
    const limit = `maxComputeWorkgroupSize${d.toUpperCase() as "X" | "Y" | "Z"}` as const;
    if (n > limits[limit]) return over(`${n} threads on threadIdx.${d}`, limit, limits);
    all *= n;
  }
  if (all > limits.maxComputeInvocationsPerWorkgroup)
    return over(`a workgroup of ${all} threads`, "maxComputeInvocationsPerWorkgroup", limits);
  for (const d of ["x", "y", "z"] as const) {
    const n = extents.get(`blockIdx.${d}`) ?? 1;
    // A grid along x alone goes on along y.
    const alone = d === "x" && !extents.has("blockIdx.y") && !extents.has("blockIdx.z");
    if (n > limits.maxComputeWorkgroupsPerDimension && !alone)
      return over(`${n} workgroups on blockIdx.${d}`, "maxComputeWorkgroupsPerDimension", limits);
  }
  return undefined;
}

/**
 * Bytes of the part of a buffer that is used at a time: while the loops run that are inside of all its uses, and, for the
 * memory of a workgroup, those of the threads.
 */
function bytesOf(b: Buffer, accesses: readonly Access[], place: "shared" | "local"): number {
  const [first, ...rest] = accesses.map((a) => a.loops);
  const common = rest.reduce((n, loops) => {
    const end = loops.slice(0, n).findIndex((l, i) => l !== first[i]);
    return end < 0 ? Math.min(n, loops.length) : end;
  }, first.length);
  // What is written is at least what is read; predicates cut off what goes beyond.
  const reads = accesses.filter((a) => !a.isStore);
  let elements = 1;
  b.shape.forEach((size, d) => {
    let widest = 1;
    for (const a of reads.length > 0 ? reads : accesses) {
      const running = new Map<number, number>();
      a.loops.forEach((l, i) => {
        // Each virtual thread keeps what is its own; what is shared is shared by all of them.
        const kept = place === "shared" ? /^(threadIdx|vthread)/ : /^vthread/;
        const inside = i >= common || kept.test(l.thread ?? "");
        if (inside) running.set(l.v.id, constInt(l.extent) ?? 1);
      });
      widest = Math.max(widest, hull(a.dims[d], running));
    }
    elements *= Math.min(widest, constInt(size) ?? widest);
  });
  return elements * (b.dtype === "f16" ? 2 : 4);
}

/** From the least to the greatest value, both counted. */
function hull(x: Linear, running: ReadonlyMap<number, number>): number {
  let span = 1;
  for (const [id, step] of x.steps) span += Math.abs(step) * ((running.get(id) ?? 1) - 1);
  return Math.max(spanOf(x, running), Math.min(Math.ceil(span), x.most));
}
