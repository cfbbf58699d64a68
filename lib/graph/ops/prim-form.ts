/** Tensor programs of operators whose buffers follow from the call's types (OpDef.prim): buffers, copies, loops. */
import {
  type Buffer,
  buffer,
  type Expr,
  load,
  loop,
  outputTypes,
  primFunc,
  type Stmt,
  seq,
  store,
  type Var,
  variable,
  varsOf,
} from "../../ir/index.ts";
import type { TypedCall } from "../op.ts";
import type { Size } from "../shape.ts";
import type { TeProgram } from "../te-call.ts";
import { nest } from "./prim.ts";

export interface CallBuffers {
  /** The tensors among the arguments, those of a tuple one after another. */
  readonly ins: readonly Buffer[];
  /** The results. */
  readonly outs: readonly Buffer[];
}

export function buffersOf(c: TypedCall): CallBuffers {
  const ins = c.args.flatMap((a) => outputTypes(a.type)).map((t, k) => buffer(`x${k}`, t.shape, t.dtype));
  const name = c.op.split(".").at(-1) as string;
  const outs = outputTypes(c.type);
  return { ins, outs: outs.map((t, k) => buffer(outs.length > 1 ? `${name}_${k}` : name, t.shape, t.dtype)) };
}

/** The program over the buffers of a call. Sizes that are no size of a buffer by themselves become parameters. `allocs`: what its blocks hand on. */
export function programOf(
  { ins, outs }: CallBuffers,
  body: readonly Stmt[],
  allocs?: readonly Buffer[],
): Pick<TeProgram, "func" | "tirVars"> {
  const sizes = [...ins, ...outs].flatMap((b) => b.shape);
  const bound = new Set(sizes.flatMap((s) => (s.kind === "var" ? [s.id] : [])));
  const free = new Map(sizes.flatMap((s) => [...varsOf(s)]).filter(([id]) => !bound.has(id)));
  const tirVars = [...free.values()];
  return { func: primFunc([...ins, ...outs, ...tirVars], seq(body), { allocs }), tirVars };
}

/** Plain loops over a shape around what `body` makes of the indices. */
export function loopsOver(shape: readonly Size[], body: (i: readonly Var[]) => Stmt): Stmt {
  const vars = shape.map((_, d) => variable(`i${d}`));
  return vars.reduceRight<Stmt>((s, v, d) => loop(v, shape[d], s), body(vars));
}

/** A block with a spatial axis for each dimension of a shape, and what is in it. */
export const spatialBlock = (
  name: string,
  shape: readonly Size[],
  body: (i: readonly Var[]) => Stmt,
  allocs: readonly Buffer[] = [],
): Stmt =>
  nest(
    name,
    shape.map((s, d) => [`i${d}`, "S", s]),
    (...i) => body(i),
    allocs,
  );

/** A block that does everything in order. */
export const serialBlock = (name: string, body: readonly Stmt[], allocs: readonly Buffer[] = []): Stmt =>
  nest(name, [], () => body, allocs);

export const copyBlock = (name: string, from: Buffer, to: Buffer): Stmt =>
  spatialBlock(name, to.shape, (i) => store(to, i, load(from, i)));

export const fillBlock = (name: string, to: Buffer, value: Expr): Stmt =>
  spatialBlock(name, to.shape, (i) => store(to, i, value));
