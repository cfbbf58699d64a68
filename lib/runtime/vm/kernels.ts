/**
 * The tensor programs of a lowered module as calls over addresses: what stands between the virtual machine and a code
 * generator.
 */
import { type BufferArg, compileInterpreter, evalSize } from "../../codegen/index.ts";
import { bufferParams, getPrimFunc, type IRModule, type PrimFunc, primFuncs } from "../../ir/index.ts";
import type { Target } from "../backend.ts";
import { cpuMemory } from "../memory.ts";
import type { ThreadCount } from "../threads/index.ts";
import type { WasmCodeOptions } from "../wasm-code.ts";
import { type Kernel, KernelPool } from "./kernel-pool.ts";

/** What lies at an index: a byte address, or the value of a scalar (bigint for i64). */
export type Cells = (number | bigint)[];
export type Step = () => void;

export interface KernelCall {
  readonly func: PrimFunc;
  /** Bytes of scratch memory that the call needs. */
  readonly workspace: number;
  /**
   * What makes the call. `cells`: indices of its buffers' addresses, then of its scalars; `scratch`: index of the
   * address of its scratch memory.
   */
  bind(table: Cells, cells: readonly number[], scratch: number): Step;
}

export interface Kernels {
  readonly target: Target;
  /** A call of a tensor program on buffers of these shapes with these scalars. */
  call(
    name: string,
    shapes: readonly (readonly number[])[],
    scalars: readonly number[],
    constantCell: (value: number | bigint) => number,
  ): KernelCall;
  /** How many threads share parallel loops, and why not more; absent where there are none to be had. */
  threads?(): ThreadCount;
  /** When the threads of parallel loops have begun; undefined when there is nothing to wait for. */
  ready?(): Promise<void> | undefined;
  /** The generated code, one text for each WebAssembly module; other programs that were compiled with these may be in it. */
  sources(format?: string): readonly string[];
  /** Gives the code back to the pool: nobody calls it any more. */
  release(): void;
}

export interface KernelOptions extends WasmCodeOptions {
  readonly target?: Target;
}

/** Compiles the tensor programs of a module, at once; those that are in the pool are taken from there. */
export function compileKernels(
  mod: IRModule,
  options: KernelOptions = {},
  pool: KernelPool = new KernelPool(options),
): Kernels {
  return options.target === "interpreter" ? interpreted(mod) : generated(mod, pool);
}

/** The symbolic sizes of a program, from the shapes and scalars of a call: numbers, or whatever sizes are at the caller's. */
export function sizesOfCall<Size>(
  f: PrimFunc,
  shapes: readonly (readonly Size[])[],
  scalars: readonly Size[],
): Map<number, Size> {
  const sizes = new Map<number, Size>();
  f.params
    .filter((p) => p.kind === "var")
    .forEach((p, i) => {
      sizes.set(p.id, scalars[i]);
    });
  bufferParams(f).forEach((b, i) => {
    b.shape.forEach((s, d) => {
      if (s.kind === "var" && !sizes.has(s.id)) sizes.set(s.id, shapes[i][d]);
    });
  });
  return sizes;
}

/** The cells of a call in the order of the program's parameters. */
function inOrder(f: PrimFunc, buffers: number, cells: readonly number[]): number[] {
  let [buffer, scalar] = [0, buffers];
  return f.params.map((p) => cells[p.kind === "buffer" ? buffer++ : scalar++]);
}

function generated(mod: IRModule, pool: KernelPool): Kernels {
  const kernels = pool.acquire(primFuncs(mod));
  const all = [...kernels.values()];
  const modules = [...new Set(all.map((k) => k.module))];
  const kernelOf = (name: string): Kernel => {
    const k = kernels.get(name);
    if (!k) throw new Error(`the module has no tensor program ${name}`);
    return k;
  };
  return {
    target: "wasm",
    threads() {
      const counts = modules.map((m) => m.threads());
      return counts.reduce((a, b) => (a.count >= b.count ? a : b), {
        count: 1,
        reason: "no loop is parallel",
      });
    },
    ready: () => modules.map((m) => m.ready()).find((starting) => starting !== undefined),
    call(name, shapes, scalars, constantCell) {
      const { func, code, entry } = kernelOf(name);
      const sizes = sizesOfCall(func, shapes, scalars);
      const workspace = evalSize(code.workspace, sizes);
      if (workspace === undefined) throw new Error(`${name}: the size of its workspace is unknown`);
      const tail = code.sizes.map((v) => constantCell(sizes.get(v.id) as number));
      return {
        func,
        workspace,
        bind: (table, cells, scratch) =>
          callOf(entry as Entry, table, [...inOrder(func, shapes.length, cells), ...tail, scratch]),
      };
    },
    sources(format = "wat") {
      if (format !== "wat")
        throw new Error(`source: unknown format ${JSON.stringify(format)}; there is "wat"`);
      return modules.map((m) => m.code.wat());
    },
    release() {
      for (const k of all.splice(0)) pool.release(k);
    },
  };
}

// The table holds numbers but for i64 scalars; the entry's own signature tells which.
type Entry = (...args: (number | bigint)[]) => void;

/** The common arities without an array in between: spreading one takes longer than a small program runs. */
function callOf(f: Entry, t: Cells, at: readonly number[]): Step {
  const [a, b, c, d, e, g, h] = at;
  switch (at.length) {
    case 2:
      return () => f(t[a], t[b]);
    case 3:
      return () => f(t[a], t[b], t[c]);
    case 4:
      return () => f(t[a], t[b], t[c], t[d]);
    case 5:
      return () => f(t[a], t[b], t[c], t[d], t[e]);
    case 6:
      return () => f(t[a], t[b], t[c], t[d], t[e], t[g]);
    case 7:
      return () => f(t[a], t[b], t[c], t[d], t[e], t[g], t[h]);
    default: {
      const args: (number | bigint)[] = at.map(() => 0);
      return () => {
        for (let i = 0; i < args.length; i++) args[i] = t[at[i]];
        f(...args);
      };
    }
  }
}

function interpreted(mod: IRModule): Kernels {
  const memory = cpuMemory();
  const compiled = new Map<string, ReturnType<typeof compileInterpreter>>();
  return {
    target: "interpreter",
    call(name, shapes) {
      const func = getPrimFunc(mod, name);
      let run = compiled.get(name);
      if (!run) {
        run = compileInterpreter(func, { name, functions: primFuncs(mod) });
        compiled.set(name, run);
      }
      const ready = run;
      const lengths = shapes.map((s) => s.reduce((n, x) => n * x, 1));
      const bind = (table: Cells, cells: readonly number[]): Step => {
        const at = inOrder(func, shapes.length, cells);
        return () => {
          let buffer = 0;
          const args = func.params.map((p, i) => {
            const cell = table[at[i]];
            if (p.kind === "var") return cell;
            const shape = shapes[buffer];
            const data = memory.view(p.dtype, cell as number, lengths[buffer++]);
            return { data, shape, dtype: p.dtype } satisfies BufferArg;
          });
          ready(args);
        };
      };
      return { func, workspace: 0, bind };
    },
    sources() {
      throw new Error(`the interpreter generates no code; build with { target: "wasm" }`);
    },
    release() {},
  };
}
