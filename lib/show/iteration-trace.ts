/** The order in which a small program touches memory, by running it: the JSON twin of the animation. */
import { type Argument, InterpretError, interpret } from "../codegen/index.ts";
import {
  type Buffer,
  BYTES,
  constInt,
  loopsIn,
  newArray,
  type PrimFunc,
  sizeOf,
  visitStmt,
} from "../ir/index.ts";

export interface AnimateOptions {
  /** Names of the buffers to watch; all when absent. */
  readonly buffers?: readonly string[];
  /** Steps (stores with the loads before them) that are shown (96, 400 at most). */
  readonly maxSteps?: number;
  /** Bytes of a cache line (64). */
  readonly cacheLine?: number;
  /** How many lines the cache holds whose fetches are counted (8). */
  readonly capacity?: number;
  /** Memory banks of 4 bytes to show (GPUs have 32); none when absent. */
  readonly banks?: number;
  /** Milliseconds a step is shown (400). */
  readonly stepMs?: number;
}

export interface TracedAccess {
  readonly buffer: string;
  readonly verb: "load" | "store";
  readonly indices: readonly number[];
  /** In elements from the start of the buffer, rows one after another. */
  readonly offset: number;
  /** The cache line, counted from the start of the buffer. */
  readonly line: number;
  readonly bank?: number;
}

/** One store, with the loads that came before it. */
export interface TracedStep {
  readonly block: string;
  readonly loops: readonly { readonly name: string; readonly value: number }[];
  readonly accesses: readonly TracedAccess[];
}

export interface TracedBuffer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Elements of one cache line; at least 1. */
  readonly perLine: number;
  readonly accesses: number;
  /** Distinct cache lines touched. */
  readonly lines: number;
  /** How often a line had to be brought into the cache (fully associative, the longest unused line leaves). */
  readonly fetches: number;
}

export interface IterationTrace {
  readonly steps: readonly TracedStep[];
  /** Counted over `counted` steps. */
  readonly buffers: readonly TracedBuffer[];
  readonly counted: number;
  /** Whether the program ended within the steps that were counted. */
  readonly complete: boolean;
  /** Loops with the values they take in the steps shown, in program order. */
  readonly loops: readonly { readonly name: string; readonly extent: number | null }[];
  readonly cacheLine: number;
  readonly capacity: number;
  readonly banks?: number;
}

/** Steps over which lines and fetches are counted. */
const COUNTED = 20_000;
/** Elements of a parameter: what is larger is not run. */
const LARGEST = 1 << 22;
const STEPS = 96;
const MOST_STEPS = 400;

class Enough extends Error {}

/**
 * Runs `func` on zeros until enough is seen. Throws a RangeError where sizes are not constant or buffers are large:
 * give a small instance of the program.
 */
export function iterationTrace(func: PrimFunc, o: AnimateOptions = {}): IterationTrace {
  const { cacheLine = 64, capacity = 8, banks } = o;
  if (!(cacheLine >= 1) || !(capacity >= 1))
    throw new RangeError("animate: cacheLine and capacity are at least 1");
  const shown = Math.max(1, Math.min(MOST_STEPS, Math.floor(o.maxSteps ?? STEPS)));
  const watched = watchedBuffers(func, o.buffers);
  const counts = new Map(watched.map((b) => [b.id, { accesses: 0, lines: new Set<number>(), fetches: 0 }]));
  const cache = new Map<string, true>();
  const steps: TracedStep[] = [];
  let pending: TracedAccess[] = [];
  let counted = 0;

  const shapes = new Map(watched.map((b) => [b.id, shapeOf(b)]));
  const see = (b: Buffer, indices: readonly number[], verb: "load" | "store"): void => {
    const count = counts.get(b.id);
    if (!count) return;
    const shape = shapes.get(b.id)!;
    const offset = indices.reduce((n, i, d) => n * shape[d] + i, 0);
    const byte = offset * BYTES[b.dtype];
    const line = Math.floor(byte / cacheLine);
    count.accesses++;
    count.lines.add(line);
    const key = `${b.id}/${line}`;
    if (!cache.delete(key)) count.fetches++;
    cache.set(key, true);
    if (cache.size > capacity)
      for (const oldest of cache.keys()) {
        cache.delete(oldest);
        break;
      }
    if (steps.length >= shown) return;
    const bank = banks === undefined ? {} : { bank: Math.floor(byte / 4) % banks };
    pending.push({ buffer: b.name, verb, indices: [...indices], offset, line, ...bank });
  };

  let complete = true;
  try {
    interpret(func, zeros(func), {
      onLoad: (a) => see(a.buffer, a.indices, "load"),
      onStore: (a) => {
        see(a.buffer, a.indices, "store");
        if (steps.length < shown) {
          const loops = a.loops.map((l) => ({ name: l.name, value: Number(l.value) }));
          steps.push({ block: a.block?.name ?? "", loops, accesses: pending });
          pending = [];
        }
        if (++counted >= COUNTED) throw new Enough();
      },
    });
  } catch (e) {
    // What ran until then can be seen; a program that divides by its zeros is no error of this display.
    if (!(e instanceof Enough) && !(e instanceof InterpretError)) throw e;
    complete = false;
  }
  const names = new Set(steps.flatMap((s) => s.loops.map((l) => l.name)));
  return {
    steps,
    buffers: watched.map((b) => {
      const { accesses, lines, fetches } = counts.get(b.id)!;
      const perLine = Math.max(1, Math.floor(cacheLine / BYTES[b.dtype]));
      return { name: b.name, shape: shapes.get(b.id)!, perLine, accesses, lines: lines.size, fetches };
    }),
    counted,
    complete,
    loops: loopsIn(func.body)
      .filter((l) => names.has(l.v.name))
      .map((l) => ({ name: l.v.name, extent: constInt(l.extent) ?? null })),
    cacheLine,
    capacity,
    ...(banks === undefined ? {} : { banks }),
  };
}

/** Parameters and intermediates by name, in the order of the program. */
function watchedBuffers(f: PrimFunc, names: readonly string[] | undefined): Buffer[] {
  const all = f.params.filter((p): p is Buffer => p.kind === "buffer");
  visitStmt(f.body, {
    stmt: (s) => {
      if (s.kind === "block") all.push(...s.allocs);
    },
  });
  if (!names) return all.slice(0, 12);
  return names.map((n) => {
    const b = all.find((x) => x.name === n);
    if (!b)
      throw new RangeError(
        `animate: there is no buffer ${n}; there are ${all.map((x) => x.name).join(", ")}`,
      );
    return b;
  });
}

function shapeOf(b: Buffer): number[] {
  return b.shape.map((e) => {
    const n = constInt(e);
    if (n === undefined)
      throw new RangeError(`animate: ${b.name} has a symbolic size; give a program with constant sizes`);
    return n;
  });
}

function zeros(f: PrimFunc): Argument[] {
  return f.params.map((p): Argument => {
    if (p.kind === "var") return p.dtype === "i64" ? 0n : 0;
    const shape = shapeOf(p);
    const n = sizeOf(shape);
    if (n > LARGEST)
      throw new RangeError(`animate: ${p.name} has ${n} elements; give a small instance of the program`);
    return { dtype: p.dtype, shape, data: newArray(p.dtype, n) };
  });
}
