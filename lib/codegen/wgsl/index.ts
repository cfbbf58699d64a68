/**
 * WGSL: programs to compute shaders.
 *
 * A function becomes one kernel for each of its nests, run one after another over buffers in device memory.
 * `default-binding.ts` gives threads to nests that have none, `cross-thread.ts` spreads reductions over threads, `lower.ts` makes plain loops, `threads.ts` and `plan.ts`
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
  withBody,
} from "../../ir/index.ts";
import type { MatrixUnits } from "../../schedule/subgroup-matrix.ts";
import { expandExterns } from "../externs.ts";
import { symbolicSizes } from "../size.ts";
import { crossThread } from "./cross-thread.ts";
import { bindDefaults } from "./default-binding.ts";
import { type EmittedKernel, emitKernel, isFolded } from "./emit.ts";
import { WgslError } from "./error.ts";
import { DEFAULT_LIMITS, type WgslLimits } from "./limits.ts";
import { isGrid, lowerForGpu, reducingLoops, unbound } from "./lower.ts";
import { hasOperation, MATRIX_FEATURE } from "./matrix.ts";
import { planKernel } from "./plan.ts";
import { type GridAxis, RunSerially } from "./threads.ts";

export type { MatrixUnits } from "../../schedule/subgroup-matrix.ts";
export type { Binding, EmittedKernel } from "./emit.ts";
export { WgslError } from "./error.ts";
export { DEFAULT_LIMITS, type WgslLimits } from "./limits.ts";
export type { WgslLine } from "./line.ts";
export { MATRIX_FEATURE } from "./matrix.ts";
export { elementBytes } from "./types.ts";

export interface WgslOptions {
  /** Of the adapter. Default: what every adapter has. */
  readonly limits?: WgslLimits;
  /** Features of the device by their WebGPU names. Default: none. */
  readonly features?: ReadonlySet<string>;
  /** Language features of WGSL, by their names in its specification. Default: none. */
  readonly language?: ReadonlySet<string>;
  /** What matrix units do, on a device with the feature. Default: there are none. */
  readonly matrix?: MatrixUnits;
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
      expandExterns(
        programs[name],
        (callee) => programs[callee],
        false,
        (callee) => hasOperation(callee, options.features?.has(MATRIX_FEATURE) ? options.matrix : undefined),
      ),
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
  const origin = new Map<number, readonly number[]>();
  const spread = (): PrimFunc => {
    const made = crossThread(unbound(func.body, serial), options.features?.has("subgroups") ?? false);
    for (const [id, loops] of made.origin) origin.set(id, loops);
    return withBody(func, made.body as Block);
  };
  for (const l of reducingLoops(spread())) {
    serial.add(l.v.id);
    notes.push(
      `loop ${l.v.name} is bound to ${l.thread} and carries a reduction that its threads cannot share: one thread runs it; rfactor it first`,
    );
  }
  for (;;) {
    try {
      return generate(name, spread(), [...notes], options);
    } catch (e) {
      if (!(e instanceof RunSerially)) throw e;
      const before = serial.size;
      for (const id of e.loops) for (const loop of origin.get(id) ?? [id]) serial.add(loop);
      if (serial.size === before) throw new WgslError(`${name}: ${e.message}`, { cause: e });
      notes.push(`${e.message}: one thread runs what would`);
    }
  }
}

function generate(name: string, func: PrimFunc, notes: string[], options: WgslOptions): WgslFunction {
  const temporaries: Buffer[] = [];
  const nests = nestsOf(lowerForGpu(func, notes), temporaries);
  temporaries.push(...usedBySeveral(nests, new Set([...func.params, ...temporaries].map((p) => p.id))));
  const outside = new Set([...func.params, ...temporaries].map((p) => p.id));
  const scalars: Var[] = [...symbolicSizes(func), ...func.params.filter((p): p is Var => p.kind === "var")];
  const sizes = new Map(
    symbolicSizes(func).map((v) => [v.id, { min: 0, max: Number.POSITIVE_INFINITY }] as const),
  );
  const limits = options.limits ?? DEFAULT_LIMITS;
  const f16 = options.features?.has("shader-f16") ?? false;
  const kernels = nests.map((nest, i): WgslKernel => {
    const plan = planKernel(nest, outside, sizes, options.matrix?.subgroupSize);
    const emitted = emitKernel(plan, {
      f16,
      ids: options.language?.has("subgroup_id") ?? false,
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
  loopsIn(s.body).some(isGrid) || !s.allocs.every((b) => /^(local|shared|subgroup)/.test(b.scope));
