/**
 * splitLayoutRewritePreproc: weights are laid out once. A schedule that copies a constant into another layout before it
 * uses it marks the copy (`layoutRewritePreproc`); this pass runs the copies now and has the programs take what they make.
 */
import {
  type BaseFunc,
  type Block,
  type Buffer,
  bufferParams,
  type CallTir,
  callTir,
  constantOf,
  constInt,
  type IRModule,
  irModule,
  type NDArray,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  visitStmt,
} from "../../ir/index.ts";
import { evaluateOnce } from "../folded.ts";
import { LAYOUT_FREE, LAYOUT_PREPROC } from "../layout-attrs.ts";
import { forEachCall } from "./layout-free.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/** A layout may take so many times the bytes of the weights, which padding to whole tiles makes it. */
const GROWTH = 2;

/**
 * Takes marked copies of constants out of the programs. Where a copy cannot be run at compile time, or grows too much, its
 * program stays as it is and copies in every call.
 */
export const splitLayoutRewritePreproc: Pass = { name: "splitLayoutRewritePreproc", run };

/** A copy: `source`, a parameter, becomes `packed`, which took its place among the parameters of what is left. */
export interface LayoutCopy {
  /** Number of the parameter among the buffers. */
  readonly param: number;
  readonly packed: Buffer;
  readonly func: PrimFunc;
}

export interface LayoutSplit {
  readonly copies: readonly LayoutCopy[];
  readonly rest: PrimFunc;
}

function run(mod: IRModule): IRModule {
  const splits = new Map<string, LayoutSplit>();
  for (const [name, f] of Object.entries(mod.funcs)) {
    const split = f.kind === "primFunc" && !isDeferred(f) ? splitLayoutCopies(f) : undefined;
    if (split) splits.set(name, split);
  }
  if (splits.size === 0) return mod;
  const laidOut = new Layouts();
  // A program changes for all of its calls or for none.
  forEachCall(mod, (func, args) => {
    const split = splits.get(func);
    const all = split?.copies.every((c) => {
      const a = args[c.param];
      return a?.kind === "constant" && laidOut.of(func, c, a.data) !== undefined;
    });
    if (split && !all) splits.delete(func);
  });
  const packed = (e: CallTir): CallTir => {
    const split = splits.get(e.func);
    if (!split) return e;
    const args = [...e.args];
    for (const c of split.copies) {
      const a = args[c.param];
      const data = a.kind === "constant" ? laidOut.of(e.func, c, a.data) : undefined;
      if (data) args[c.param] = constantOf(data);
    }
    return { ...callTir(e.func, args, e.type, { tirVars: e.tirVars }), ...(e.into ? { into: e.into } : {}) };
  };
  const funcs: Record<string, BaseFunc> = {};
  for (const [name, f] of Object.entries(mod.funcs)) {
    if (f.kind === "graphFunc") {
      funcs[name] = rewriteFunc(f, { value: (e) => (e.kind === "callTir" ? packed(e) : e) });
    } else funcs[name] = splits.get(name)?.rest ?? f;
  }
  return irModule(funcs, mod.attrs);
}

/** What copies make, each computed once. */
class Layouts {
  private readonly made = new Map<NDArray, Map<string, NDArray | undefined>>();

  of(func: string, c: LayoutCopy, data: NDArray): NDArray | undefined {
    const known = this.made.get(data) ?? new Map<string, NDArray | undefined>();
    this.made.set(data, known);
    const key = `${func} ${c.param}`;
    if (!known.has(key)) known.set(key, laidOut(func, c, data));
    return known.get(key);
  }
}

function laidOut(name: string, { func, packed }: LayoutCopy, data: NDArray): NDArray | undefined {
  const elements = packed.shape.reduce((n, s) => n * (constInt(s) ?? Number.NaN), 1);
  const given = data.shape.reduce((n, s) => n * s, 1);
  if (!(elements <= GROWTH * given)) return undefined;
  const outputs = [{ kind: "tensor", dtype: packed.dtype, shape: packed.shape } as const];
  return evaluateOnce({ name: `${name}_layout`, func, inputs: [data], outputs, scalars: [] })?.[0];
}

/** The marked nests of a program that can be taken out of it; undefined when there are none. */
export function splitLayoutCopies(f: PrimFunc): LayoutSplit | undefined {
  const root = f.body;
  const stmts = root.body.kind === "seq" ? root.body.stmts : [root.body];
  const params = bufferParams(f);
  const copies: LayoutCopy[] = [];
  const rest: Stmt[] = [];
  for (const s of stmts) {
    const copy = copyOf(f, s, params);
    const apart = copy && stmts.every((x) => x === s || !buffersIn(x).has(params[copy.param].id));
    if (copy && apart) copies.push(copy);
    else rest.push(s);
  }
  if (copies.length === 0 || rest.length === 0) return undefined;
  const now = new Map(copies.map((c) => [params[c.param].id, c.packed]));
  const body: Block = {
    ...root,
    body: seq(rest),
    allocs: root.allocs.filter((b) => !copies.some((c) => c.packed.id === b.id)),
  };
  const list = f.params.map((p) => now.get(p.id) ?? p);
  const attrs = withoutKey(f, LAYOUT_FREE);
  return { copies, rest: primFunc(list, body, { attrs }) };
}

function withoutKey(f: PrimFunc, key: string): PrimFunc["attrs"] {
  return Object.fromEntries(Object.entries(f.attrs).filter(([k]) => k !== key));
}

/** A nest that does nothing but lay a parameter out into an intermediate of the whole program. */
function copyOf(f: PrimFunc, s: Stmt, params: readonly Buffer[]): LayoutCopy | undefined {
  let marked = 0;
  let others = 0;
  const written = new Map<number, Buffer>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "block") {
        if (x.annotations[LAYOUT_PREPROC] === true) marked++;
        else others++;
      }
      if (x.kind === "store") written.set(x.buffer.id, x.buffer);
      if (x.kind === "extern") others++;
    },
  });
  const [packed] = [...written.values()];
  if (marked !== 1 || others > 0 || written.size !== 1) return undefined;
  if (!f.body.allocs.some((b) => b.id === packed.id)) return undefined;
  const read = [...buffersIn(s)].filter((id) => id !== packed.id);
  const param = params.findIndex((p) => p.id === read[0]);
  if (read.length !== 1 || param < 0) return undefined;
  const body: Block = { ...f.body, body: s, allocs: [] };
  return { param, packed, func: primFunc([params[param], packed], body) };
}

function buffersIn(s: Stmt): ReadonlySet<number> {
  const out = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "store") out.add(x.buffer.id);
      if (x.kind !== "extern") return;
      for (const a of x.args) if (a.kind === "accessPtr") out.add(a.region.buffer.id);
    },
    expr: (e) => {
      if (e.kind === "load") out.add(e.buffer.id);
    },
  });
  return out;
}
