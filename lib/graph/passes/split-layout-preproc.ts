/**
 * splitLayoutRewritePreproc: weights are laid out once. A schedule that copies a constant into another layout before it
 * uses it marks the copy (`layoutRewritePreproc`); this pass runs the copies now and has the programs take what they make.
 */
import {
  type BaseFunc,
  type Block,
  type Buffer,
  blocksIn,
  bufferParams,
  type CallTir,
  callTir,
  constantOf,
  constInt,
  type IRModule,
  irModule,
  mapStmt,
  type NDArray,
  type Param,
  type PrimFunc,
  ProgramFacts,
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

/** A copy of a parameter, or of a part of it. What copies of one parameter make takes its place, in their order. */
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
    const made = split.copies.map((c) => {
      const a = e.args[c.param];
      const data = a.kind === "constant" ? laidOut.of(e.func, c, a.data) : undefined;
      return data ? constantOf(data) : a;
    });
    const args = withCopies(e.args, split.copies, made);
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
    const key = `${func} ${c.packed.id}`;
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

/**
 * The marked nests of a program that can be taken out of it, out of loops around them too: what they copy is the same in
 * every iteration. Undefined when there are none.
 */
export const splitLayoutCopies = (f: PrimFunc): LayoutSplit | undefined => known.of(f, () => splitOf(f));

const known = new ProgramFacts<LayoutSplit | undefined>();

function splitOf(f: PrimFunc): LayoutSplit | undefined {
  const params = bufferParams(f);
  const allocated = new Set(blocksIn(f.body).flatMap((b) => b.allocs.map((x) => x.id)));
  const found = new Map<Stmt, LayoutCopy>();
  visitStmt(f.body, {
    stmt: (x) => {
      if (x.kind !== "seq") return true;
      for (const s of x.stmts) {
        const copy = copyOf(f, s, params, allocated);
        if (copy) found.set(s, copy);
      }
      return true;
    },
  });
  const others = buffersIn(without(f.body, found));
  for (const [s, c] of found) if (others.has(params[c.param].id)) found.delete(s);
  if (found.size === 0) return undefined;
  const copies = [...found.values()];
  const body = without(f.body, found) as Block;
  const list = f.params.flatMap((p): readonly Param[] => {
    const made = copies.filter((c) => params[c.param].id === p.id).map((c) => c.packed);
    return made.length > 0 ? made : [p];
  });
  const attrs = withoutKey(f, LAYOUT_FREE);
  return { copies, rest: primFunc(list, body, { attrs }) };
}

/** Operands as what is left of a program takes them: those of copies by what the copies made. */
export function withCopies<X>(
  operands: readonly X[],
  copies: readonly LayoutCopy[],
  made: readonly X[],
): X[] {
  return operands.flatMap((x, i) => {
    const own = made.filter((_, n) => copies[n].param === i);
    return own.length > 0 ? own : [x];
  });
}

/** A statement without the copies, and without room for what they made. */
function without(s: Stmt, gone: ReadonlyMap<Stmt, LayoutCopy>): Stmt {
  const made = new Set([...gone.values()].map((c) => c.packed.id));
  const go = (x: Stmt): Stmt => {
    if (x.kind === "seq") return seq(x.stmts.filter((y) => !gone.has(y)).map(go));
    const inner = mapStmt(x, { stmt: go });
    return inner.kind === "block" && inner.allocs.some((b) => made.has(b.id))
      ? { ...inner, allocs: inner.allocs.filter((b) => !made.has(b.id)) }
      : inner;
  };
  return go(s);
}

function withoutKey(f: PrimFunc, key: string): PrimFunc["attrs"] {
  return Object.fromEntries(Object.entries(f.attrs).filter(([k]) => k !== key));
}

/** A nest that does nothing but lay a parameter out into an intermediate of the whole program. */
function copyOf(
  f: PrimFunc,
  s: Stmt,
  params: readonly Buffer[],
  allocated: ReadonlySet<number>,
): LayoutCopy | undefined {
  let marked = 0;
  let others = 0;
  const own = new Set<number>();
  const used = new Set<number>();
  const written = new Map<number, Buffer>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for") own.add(x.v.id);
      if (x.kind === "block") {
        for (const a of x.axes) own.add(a.v.id);
        if (x.annotations[LAYOUT_PREPROC] === true) marked++;
        else others++;
      }
      if (x.kind === "store") written.set(x.buffer.id, x.buffer);
      if (x.kind === "extern") others++;
    },
    expr: (e) => {
      if (e.kind === "var") used.add(e.id);
    },
  });
  const [packed] = [...written.values()];
  if (marked !== 1 || others > 0 || written.size !== 1 || !allocated.has(packed.id)) return undefined;
  // What depends on loops around it is another copy in each iteration.
  if ([...used].some((v) => !own.has(v))) return undefined;
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
