/**
 * Calls of other tensor programs. Before a function runs or is compiled, each call is replaced by the body of what it
 * calls: a function of the module, or one registered under that name. Parameters become parts of the caller's buffers,
 * so strides need not be passed.
 */
import {
  block,
  constInt,
  type Expr,
  type Extern,
  instantiate,
  type PrimFunc,
  rewriteStmt,
  type Stmt,
  type Tile,
  visitStmt,
  withBody,
} from "../ir/index.ts";

const registry = new Map<string, PrimFunc>();

/** Tensor programs that every program may call by name: micro-kernels written in the dialect. */
export const ExternFunc = {
  /** Makes a program callable as `T.callExtern(name, …)`. A later one of the same name replaces it. */
  register(name: string, program: PrimFunc): void {
    registry.set(name, program);
  },
  get: (name: string): PrimFunc | undefined => registry.get(name),
  names: (): string[] => [...registry.keys()],
} as const;

type Lookup = (name: string) => PrimFunc | undefined;

/** The function without calls. `lookup` finds functions of its module, which go before registered ones. */
export function expandExterns(f: PrimFunc, lookup: Lookup = () => undefined): PrimFunc {
  return withBody(f, expand(f.body, lookup, []) as PrimFunc["body"]);
}

function expand(s: Stmt, lookup: Lookup, within: readonly string[]): Stmt {
  let calls = false;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "extern") calls = true;
      return !calls;
    },
  });
  if (!calls) return s;
  return rewriteStmt(s, { stmt: (x) => (x.kind === "extern" ? bodyOf(x, lookup, within) : x) });
}

function bodyOf(call: Extern, lookup: Lookup, within: readonly string[]): Stmt {
  const { func } = call;
  if (within.includes(func))
    throw new Error(`T.callExtern: ${[...within, func].join(" calls ")}: calls cannot recur`);
  const callee = lookup(func) ?? registry.get(func);
  if (!callee) {
    const known = [...registry.keys()].join(", ") || "none";
    throw new Error(
      `T.callExtern: "${func}" is neither a function of the module nor registered (ExternFunc.register); registered: ${known}`,
    );
  }
  const args = argumentsOf(call, callee);
  const root = instantiate(callee, args);
  return expand(block({ name: func, allocs: root.allocs, body: root.body }), lookup, [...within, func]);
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
