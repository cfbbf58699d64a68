/** embedScalars: constants of one element become literals of the tensor programs that read them. */
import {
  type BaseFunc,
  type Block,
  type Buffer,
  type CallTir,
  callTir,
  constant,
  type Expr,
  elementsOf,
  freshenFunc,
  type GraphExpr,
  type IRModule,
  irModule,
  type NDArray,
  numbersOf,
  ops,
  type PrimFunc,
  ProgramFacts,
  primFunc,
  rewriteStmt,
  visitStmt,
} from "../../ir/index.ts";
import { BlockBuilder } from "../block-builder.ts";
import type { Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/**
 * A literal costs no load and no memory, and the program can be simplified with it: a power of 2 is a product. Programs
 * that pass the buffer on to others keep it.
 */
export const embedScalars: Pass = { name: "embedScalars", run };

function run(mod: IRModule): IRModule {
  const bb = new BlockBuilder(mod);
  const graphs: Record<string, BaseFunc> = {};
  for (const [name, f] of Object.entries(mod.funcs)) {
    if (f.kind !== "graphFunc") continue;
    graphs[name] = rewriteFunc(f, {
      value: (e) => (e.kind === "callTir" && !e.into ? embedded(e, mod, bb) : e),
    });
  }
  if (Object.entries(graphs).every(([name, f]) => f === mod.funcs[name])) return mod;
  return irModule({ ...bb.get().funcs, ...graphs }, mod.attrs);
}

const scalarOf = (e: GraphExpr): NDArray | undefined =>
  e.kind === "constant" && e.data.shape.every((s) => s === 1) ? e.data : undefined;

function embedded(e: CallTir, mod: IRModule, bb: BlockBuilder): CallTir {
  const f = mod.funcs[e.func];
  if (f?.kind !== "primFunc") return e;
  const buffers = f.params.filter((p): p is Buffer => p.kind === "buffer");
  const literals = new Map<number, Expr>();
  e.args.forEach((a, i) => {
    const data = scalarOf(a);
    if (data && onlyLoaded(f, buffers[i])) literals.set(buffers[i].id, literal(data));
  });
  if (literals.size === 0) return e;
  const args = e.args.filter((_, i) => !literals.has(buffers[i].id));
  const key = buffers.map((b) => textOf(literals.get(b.id))).join();
  const func = bb.addFunc(
    made.of(f, () => withLiterals(f, literals), key),
    e.func,
  );
  return callTir(func, args, e.type, { tirVars: e.tirVars });
}

const made = new ProgramFacts<PrimFunc>();

const textOf = (e: Expr | undefined): string => (e?.kind === "const" ? String(e.value) : "");

function literal(data: NDArray): Expr {
  const [first] = data.dtype === "i64" ? (elementsOf(data) as BigInt64Array) : numbersOf(data);
  return constant(first, data.dtype);
}

/** Whether the program does nothing with a buffer but load from it. */
function onlyLoaded(f: PrimFunc, b: Buffer): boolean {
  let only = true;
  visitStmt(f.body, {
    stmt: (s) => {
      const regions =
        s.kind === "block"
          ? [...(s.reads ?? []), ...(s.writes ?? [])]
          : s.kind === "extern"
            ? s.args.flatMap((a) => (a.kind === "accessPtr" ? [a.region] : []))
            : [];
      if (regions.some((r) => r.buffer.id === b.id)) only = false;
      if (s.kind === "store" && s.buffer.id === b.id) only = false;
    },
  });
  return only;
}

function withLiterals(f: PrimFunc, literals: ReadonlyMap<number, Expr>): PrimFunc {
  const expr = (e: Expr): Expr => {
    if (e.kind === "load") return literals.get(e.buffer.id) ?? e;
    return e.kind === "call" && e.op === "pow" ? power(e.args[0], e.args[1], e) : e;
  };
  const params = f.params.filter((p) => !literals.has(p.id));
  return freshenFunc(primFunc(params, rewriteStmt(f.body, { expr }) as Block, { attrs: f.attrs }));
}

/** A square is a product, rounded once as the power is; a cube is two, within 1 ulp of it. */
function power(x: Expr, n: Expr, otherwise: Expr): Expr {
  const times = n.kind === "const" ? Number(n.value) : 0;
  if (times === 2) return ops.mul(x, x);
  return times === 3 ? ops.mul(ops.mul(x, x), x) : otherwise;
}
