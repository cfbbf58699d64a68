/**
 * WGSL: programs to compute shaders.
 *
 * A function becomes one kernel for each of its nests, run one after another over buffers in device memory.
 * `default-binding.ts` gives threads to nests that have none, `lower.ts` makes plain loops, `threads.ts` and `plan.ts`
 * decide who runs what and where buffers live, `barriers.ts` where threads wait, `emit.ts` and `expr.ts` write the text.
 *
 * Where results may differ from the interpreter's: WGSL lets `exp`, `log`, division and their kin be off by a few units
 * in the last place, flushes subnormal numbers, may fuse a multiplication with an addition, and lets implementations
 * suppose that no infinity or NaN occurs (`min`, `max`, `isnan` and casts are written so that they work all the same).
 * An integer division by zero is no error: it gives the dividend.
 */
import {
  type Block,
  type Buffer,
  type IRModule,
  loopsIn,
  type Param,
  type PrimFunc,
  primFuncs,
  type Stmt,
  type Var,
  visitStmt,
} from "../../ir/index.ts";
import { expandExterns } from "../externs.ts";
import { symbolicSizes } from "../size.ts";
import { bindDefaults } from "./default-binding.ts";
import { type EmittedKernel, emitKernel, isFolded } from "./emit.ts";
import { WgslError } from "./error.ts";
import { DEFAULT_LIMITS, type WgslLimits } from "./limits.ts";
import { isGrid, lowerForGpu, reducingLoops } from "./lower.ts";
import { planKernel } from "./plan.ts";
import { type GridAxis, RunSerially } from "./threads.ts";

export type { Binding, EmittedKernel } from "./emit.ts";
export { WgslError } from "./error.ts";
export { DEFAULT_LIMITS, type WgslLimits } from "./limits.ts";
export type { WgslLine } from "./line.ts";
export { elementBytes } from "./types.ts";

export interface WgslOptions {
  /** Of the adapter. Default: what every adapter has. */
  readonly limits?: WgslLimits;
  /** Features of the device by their WebGPU names. Default: none. */
  readonly features?: ReadonlySet<string>;
  /**
   * Ids of parameters that are bound as writable though they are only read: WebGPU wants that where they are parts of a
   * buffer of which another part is written.
   */
  readonly readWrite?: ReadonlySet<number>;
}

export interface WgslKernel extends EmittedKernel {
  readonly name: string;
  /** Workgroups along each axis that the program uses, in terms of sizes and scalars. */
  readonly grid: readonly GridAxis[];
  /** Workgroups beyond what one dimension takes go along y. */
  readonly folded: boolean;
}

export interface WgslFunction {
  readonly name: string;
  readonly params: readonly Param[];
  readonly kernels: readonly WgslKernel[];
  /** Buffers in device memory that live as long as a call. */
  readonly temporaries: readonly Buffer[];
  /** What the schedule asked for and was not done, and why. */
  readonly notes: readonly string[];
}

export interface WgslModule {
  readonly functions: Readonly<Record<string, WgslFunction>>;
  /** All kernels as text. */
  source(): string;
}

/** Compiles every tensor program of a module. Throws a WgslError, with the function's name, for what WGSL lacks. */
export function compileWgsl(mod: IRModule, options: WgslOptions = {}): WgslModule {
  const functions = Object.fromEntries(
    Object.keys(primFuncs(mod)).map((name) => [name, compileWgslFunction(mod, name, options)]),
  );
  return { functions, source: () => Object.values(functions).map(wgslText).join("\n") };
}

/** Compiles one tensor program of a module; it may call the others. */
export function compileWgslFunction(mod: IRModule, name: string, options: WgslOptions = {}): WgslFunction {
  const programs = primFuncs(mod);
  try {
    return compileFunction(
      name,
      expandExterns(programs[name], (callee) => programs[callee]),
      options,
    );
  } catch (e) {
    if (!(e instanceof WgslError) || e.message.startsWith(`${name}:`)) throw e;
    throw new WgslError(`${name}: ${e.message}`, { cause: e });
  }
}

/** The kernels of a function as text, each under its name. */
export const wgslText = (f: WgslFunction): string =>
  [...f.notes.map((n) => `// ${n}\n`), ...f.kernels.map((k) => `// ${k.name}\n${k.code}`)].join("");

function compileFunction(name: string, given: PrimFunc, options: WgslOptions): WgslFunction {
  const func = bindDefaults(given);
  const notes: string[] = [];
  const serial = new Set<number>();
  for (const l of reducingLoops(func)) {
    serial.add(l.v.id);
    notes.push(
      `loop ${l.v.name} is bound to ${l.thread} and carries a reduction: one thread runs it; rfactor it first`,
    );
  }
  for (;;) {
    try {
      return generate(name, func, serial, [...notes], options);
    } catch (e) {
      if (!(e instanceof RunSerially)) throw e;
      const before = serial.size;
      for (const id of e.loops) serial.add(id);
      if (serial.size === before) throw new WgslError(`${name}: ${e.message}`, { cause: e });
      notes.push(`${e.message}: one thread runs what would`);
    }
  }
}

function generate(
  name: string,
  func: PrimFunc,
  serial: ReadonlySet<number>,
  notes: string[],
  options: WgslOptions,
): WgslFunction {
  const temporaries: Buffer[] = [];
  const nests = nestsOf(lowerForGpu(func, serial, notes), temporaries);
  temporaries.push(...usedBySeveral(nests, new Set([...func.params, ...temporaries].map((p) => p.id))));
  const outside = new Set([...func.params, ...temporaries].map((p) => p.id));
  const scalars: Var[] = [...symbolicSizes(func), ...func.params.filter((p): p is Var => p.kind === "var")];
  const sizes = new Map(
    symbolicSizes(func).map((v) => [v.id, { min: 0, max: Number.POSITIVE_INFINITY }] as const),
  );
  const limits = options.limits ?? DEFAULT_LIMITS;
  const f16 = options.features?.has("shader-f16") ?? false;
  const kernels = nests.map((nest, i): WgslKernel => {
    const plan = planKernel(nest, outside, sizes);
    const emitted = emitKernel(plan, {
      f16,
      limits,
      where: name,
      scalars,
      sizes,
      readWrite: options.readWrite ?? new Set(),
    });
    const label = nests.length === 1 ? name : `${name}_${i}`;
    return { ...emitted, name: label, grid: plan.grid, folded: isFolded(plan) };
  });
  return { name, params: func.params, kernels, temporaries, notes };
}

/** The nests, in their order; buffers that several of them use live in device memory. */
function nestsOf(s: Stmt, temporaries: Buffer[]): Stmt[] {
  if (s.kind === "seq") return s.stmts.flatMap((x) => nestsOf(x, temporaries));
  if (s.kind === "block" && (s.body.kind === "seq" || s.body.kind === "block") && splits(s)) {
    temporaries.push(...s.allocs);
    return nestsOf(s.body, temporaries);
  }
  return [s];
}

/** Buffers that copies of one statement, written out into several nests, hand on from one to the next. */
function usedBySeveral(nests: readonly Stmt[], known: ReadonlySet<number>): Buffer[] {
  const seen = new Set<number>();
  const out = new Map<number, Buffer>();
  for (const nest of nests) {
    const here = new Map<number, Buffer>();
    visitStmt(nest, {
      stmt: (s) => {
        if (s.kind === "store") here.set(s.buffer.id, s.buffer);
      },
      expr: (e) => {
        if (e.kind === "load") here.set(e.buffer.id, e.buffer);
      },
    });
    for (const [id, b] of here) if (seen.has(id) && !known.has(id)) out.set(id, b);
    for (const id of here.keys()) seen.add(id);
  }
  return [...out.values()];
}

/**
 * Accumulators belong to the thread that runs their scope, and what is `shared` to one workgroup: these stay one kernel,
 * unless there are workgroups inside.
 */
const splits = (s: Block): boolean =>
  loopsIn(s.body).some(isGrid) || !s.allocs.every((b) => b.scope === "local" || b.scope.startsWith("shared"));
