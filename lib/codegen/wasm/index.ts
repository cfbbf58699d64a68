/**
 * WebAssembly: programs to modules.
 *
 * lower/ makes plain loops; `function.ts` walks them (`stmt.ts`, `vector-loop.ts`, `scalar-expr.ts`,
 * `vector-expr.ts`, `access.ts`) and builds a graph of values in nested scopes (`graph.ts`), which shares equal values
 * and hoists invariant ones; `emit.ts` turns the graph into a list of instructions, `encode.ts` into bytes and
 * `wat.ts` into text.
 *
 * A tile is fastest when its accumulators and what one step loads fit the 15 vector registers that engines on x64
 * hand out: mr x nr f32 needs mr * nr / 4 + nr / 4 + mr of them (4x8, 2x16 and 3x12 do). V8 before Turboshaft
 * (Node 20) moves all loads of a straight-line body before its arithmetic, so unrolling k as well costs registers
 * there.
 */
import { type Expr, type IRModule, type Param, type PrimFunc, primFuncs, type Var } from "../../ir/index.ts";
import { ExternFunc, expandExterns } from "../externs.ts";
import { lower } from "../lower/index.ts";
import type { FunctionCode } from "./emit.ts";
import { encodeModule, type ImportedFunction, type ModuleParts } from "./encode.ts";
import { generateFunction } from "./function.ts";
import { hostFunctions } from "./host.ts";
import { type Kernel, kernelCall, kernelImport, type LinkedKernel } from "./kernel.ts";
import { PARALLEL, parallelImport } from "./parallel.ts";
import { printModule } from "./wat.ts";

export type { Kernel, KernelSource, LinkedKernel } from "./kernel.ts";
export {
  instantiateWasm,
  instantiateWasmNow,
  type LoadedProgram,
  type Parallel,
  type Spreader,
} from "./link.ts";
export { hasRelaxedDot, hasRelaxedSimd } from "./relaxed.ts";
export { hostFunctions };

export interface WasmOptions {
  /** Use relaxed SIMD (fused multiply-add). The engine has to support it; see `hasRelaxedSimd`. */
  readonly relaxedSimd?: boolean;
  /** Use the relaxed product of bytes for products of quads (lib/arith/quads.ts); see `hasRelaxedDot`. */
  readonly relaxedDot?: boolean;
  /** Import a shared memory. */
  readonly sharedMemory?: boolean;
  /** How many threads may share the iterations of parallel loops. Default 1: they are serial. */
  readonly threads?: number;
}

/** An exported function: byte addresses of buffers and values of scalars, then sizes, then the workspace's address. */
export interface WasmFunction {
  readonly name: string;
  readonly params: readonly Param[];
  /** Symbolic sizes, one i32 each, in order of first appearance in the parameters. */
  readonly sizes: readonly Var[];
  /** Bytes of workspace it needs, in terms of `sizes` (and integer scalar parameters). */
  readonly workspace: Expr;
  /** What the schedule asked for and was not done, and why. */
  readonly notes: readonly string[];
}

export interface WasmModule {
  /** Imports `env.memory` and, by name, whatever of `hostFunctions` and of `kernels` (from `kernel`) it uses. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Modules to link first, over the same memory: `instantiateWasm` does. */
  readonly kernels: readonly LinkedKernel[];
  readonly functions: Readonly<Record<string, WasmFunction>>;
  /** Exported names of the functions of parallel loops, by the number that the import `parallel` is given. */
  readonly parallel: readonly string[];
  /** The generated code as text. */
  wat(): string;
}

/**
 * Compiles every function of a module. Buffers must start at multiples of 16 bytes, and two buffers of one call must
 * not overlap unless they are only read.
 */
export function compileWasm(mod: IRModule, options: WasmOptions = {}): WasmModule {
  const programs = primFuncs(mod);
  const functions: Record<string, WasmFunction> = {};
  const codes: ModuleParts["functions"][number][] = [];
  const { relaxedSimd = false, relaxedDot = false, sharedMemory = false, threads = 1 } = options;
  const bodies: FunctionCode[] = [];
  for (const [name, given] of Object.entries(programs)) {
    const f = expandExterns(given, (callee) => programs[callee], true);
    const { body, notes } = lower(f, undefined, { keepKernels: true, threads });
    const { code, sizes, workspace } = generateFunction(name, f, body, {
      relaxedSimd,
      relaxedDot,
      threads,
      bodies,
      isTaken: (x) => Object.hasOwn(programs, x),
    });
    codes.push(code);
    functions[name] = { name, params: f.params, sizes, workspace, notes };
  }
  const called = new Set(
    [...codes, ...bodies].flatMap((f) => f.body.filter((i) => i.op === "call").map((i) => i.name)),
  );
  const hosts = Object.entries(hostFunctions)
    .filter(([name]) => called.has(name))
    .map(
      ([name, fn]): ImportedFunction => ({
        name,
        params: Array.from({ length: fn.length }, () => "f64"),
        result: "f64",
      }),
    );
  const used = ExternFunc.names().filter((name) => called.has(kernelCall(name)));
  const kernels = used.map((name) => kernelImport(name, ExternFunc.get(name) as PrimFunc));
  const imports = [...hosts, ...kernels, ...(called.has(PARALLEL) ? [parallelImport] : [])];
  const parts: ModuleParts = { imports, functions: [...codes, ...bodies], sharedMemory };
  const linked = used.map((name): LinkedKernel => {
    const kernel = ExternFunc.kernel(name) as Kernel;
    return { name, bytes: kernel.bytes(sharedMemory), export: kernel.export };
  });
  return {
    bytes: encodeModule(parts),
    kernels: linked,
    functions,
    parallel: bodies.map((b) => b.name),
    wat: () => printModule(parts),
  };
}
