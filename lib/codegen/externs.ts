/**
 * Calls of other tensor programs. Before a function runs or is compiled, each call is replaced by the body of what it
 * calls: a function of the module, or one registered under that name. Parameters become parts of the caller's buffers,
 * so strides need not be passed.
 *
 * A registered program may come with a kernel that does the same. Targets that can link it keep the call; the program
 * is then its typed signature, and what it is to compute, by which the interpreter and every other target go.
 */
import {
  block,
  bufferParams,
  constInt,
  type Expr,
  type Extern,
  instantiate,
  type PrimFunc,
  rewriteStmt,
  type Stmt,
  stridesOf,
  type Tile,
  visitStmt,
  withBody,
} from "../ir/index.ts";
import { matrixProgram } from "../schedule/subgroup-matrix.ts";
import { symbolicSizes } from "./size.ts";
import { type Kernel, type KernelSource, kernelOf } from "./wasm/kernel.ts";

interface Registered {
  readonly program: PrimFunc;
  readonly kernel?: Kernel;
}

const registry = new Map<string, Registered>();

/** Tensor programs that every program may call by name: micro-kernels, in the dialect or imported. */
export const ExternFunc = {
  /**
   * Makes a program callable as `T.callExtern(name, …)`. A later one of the same name replaces it. With a kernel, in
   * WAT or as bytes, WebAssembly calls that instead of the program's own code: see `wasm/kernel.ts` for how it takes its
   * arguments. Throws when the kernel cannot be read or is not valid.
   */
  register(name: string, program: PrimFunc, source?: KernelSource): void {
    if (!source) {
      registry.set(name, { program });
      return;
    }
    for (const v of symbolicSizes(program)) {
      const alone = (e: Expr): boolean => e.kind === "var" && e.id === v.id;
      if (bufferParams(program).some((b) => [...b.shape, ...(b.strides ?? [])].some(alone))) continue;
      throw new TypeError(`kernel "${name}": size ${v.name} is no dimension or stride of its own`);
    }
    registry.set(name, { program, kernel: kernelOf(name, source) });
  },
  get: (name: string): PrimFunc | undefined => registry.get(name)?.program,
  /** The imported kernel of that name. */
  kernel: (name: string): Kernel | undefined => registry.get(name)?.kernel,
  names: (): string[] => [...registry.keys()],
} as const;

type Lookup = (name: string) => PrimFunc | undefined;

interface Options {
  readonly lookup: Lookup;
  /** Calls of imported kernels stay. */
  readonly keepKernels: boolean;
  /** Other calls that stay: what the target has an operation for. */
  readonly keep: (name: string) => boolean;
}

/**
 * The function without calls, or with those of imported kernels alone. `lookup` finds functions of its module, which go
 * before registered ones.
 */
export function expandExterns(
  f: PrimFunc,
  lookup: Lookup = () => undefined,
  keepKernels = false,
  keep: (name: string) => boolean = () => false,
): PrimFunc {
  const body = expand(f.body, { lookup, keepKernels, keep }, []) as PrimFunc["body"];
  return body === f.body ? f : withBody(f, body);
}

/** Whether a function calls no others: it says all that it does. */
export const isClosed = (f: PrimFunc): boolean => !calls(f.body);

function calls(s: Stmt): boolean {
  let found = false;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "extern") found = true;
      return !found;
    },
    expr: () => false,
  });
  return found;
}

function expand(s: Stmt, options: Options, within: readonly string[]): Stmt {
  if (!calls(s)) return s;
  return rewriteStmt(s, { stmt: (x) => (x.kind === "extern" ? bodyOf(x, options, within) : x) });
}

function bodyOf(call: Extern, options: Options, within: readonly string[]): Stmt {
  const { func } = call;
  if (within.includes(func))
    throw new Error(`T.callExtern: ${[...within, func].join(" calls ")}: calls cannot recur`);
  const own = options.lookup(func);
  const callee = own ?? registry.get(func)?.program ?? matrixProgram(func);
  if (!callee) {
    const known = [...registry.keys()].join(", ") || "none";
    throw new Error(
      `T.callExtern: "${func}" is neither a function of the module nor registered (ExternFunc.register); registered: ${known}`,
    );
  }
  const args = argumentsOf(call, callee);
  if (!own && options.keep(func)) return call;
  if (options.keepKernels && !own && registry.get(func)?.kernel) return call;
  const root = instantiate(callee, args);
  return expand(block({ name: func, allocs: root.allocs, body: root.body }), options, [...within, func]);
}

function argumentsOf(call: Extern, callee: PrimFunc): (Tile | Expr)[] {
  const fail = (why: string): never => {
    throw new Error(`T.callExtern("${call.func}"): ${why}`);
  };
  if (call.args.length !== callee.params.length) {
    fail(`it takes ${callee.params.map((p) => p.name).join(", ")}, got ${call.args.length} argument(s)`);
  }
  return call.args.map((a, i) => {
    const p = callee.params[i];
    if (a.kind !== "accessPtr") {
      if (p.kind !== "var" || p.dtype !== a.dtype) fail(`${p.name} is no ${a.dtype} value`);
      return a;
    }
    if (p.kind !== "buffer") return fail(`${p.name} is a value, not a buffer`);
    const { buffer, ranges } = a.region;
    const lead = ranges.length - p.shape.length;
    if (buffer.dtype !== p.dtype || lead < 0) fail(`${buffer.name} does not fit ${p.name}`);
    ranges.forEach((r, d) => {
      const [have, want] = [constInt(r.extent), d < lead ? 1 : constInt(p.shape[d - lead])];
      if (have !== undefined && want !== undefined && have !== want) {
        fail(`dimension ${d} of the part of ${buffer.name} has ${have} element(s), ${p.name} needs ${want}`);
      }
    });
    return { buffer, offsets: ranges.map((r) => r.min), extents: ranges.map((r) => r.extent) };
  });
}

/** What the names in shapes and strides of the callee's parameters stand for in a call. */
export function sizesOfCall(call: Extern, callee: PrimFunc): Map<number, Expr> {
  const out = new Map<number, Expr>();
  call.args.forEach((a, i) => {
    const p = callee.params[i];
    if (a.kind !== "accessPtr" || p.kind !== "buffer") return;
    const { buffer, ranges } = a.region;
    const lead = ranges.length - p.shape.length;
    const bind = (e: Expr, value: Expr): void => {
      if (e.kind !== "var") return;
      const known = out.get(e.id);
      const [x, y] = [known && constInt(known), constInt(value)];
      if (x !== undefined && y !== undefined && x !== y) {
        throw new Error(`T.callExtern("${call.func}"): ${e.name} would be ${x} and, in ${p.name}, ${y}`);
      }
      if (!known) out.set(e.id, value);
    };
    const strides = stridesOf(buffer);
    p.shape.forEach((s, d) => {
      bind(s, ranges[lead + d].extent);
    });
    p.strides?.forEach((s, d) => {
      bind(s, strides[lead + d]);
    });
  });
  return out;
}
