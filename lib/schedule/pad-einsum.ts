/**
 * padEinsum: a product whose extents are no multiples of a tile computes on padded copies instead. Inputs are copied
 * with zeros behind them, the result is computed in full tiles, and its part that was asked for is copied out.
 *
 * Zeros are the identity of the sum only where every factor of a term is one: a factor that does not move with a
 * padded reduce axis could be infinite, and infinity times zero is no zero. Integers have no such values.
 */
import { factorsOfPairs, regionsOf, simplify } from "../arith/index.ts";
import {
  axis,
  type Block,
  type Buffer,
  constant,
  constInt,
  type Expr,
  type For,
  isFloat,
  load,
  loop,
  block as makeBlock,
  buffer as makeBuffer,
  ops,
  type PrimFunc,
  replaceStmt,
  rewriteStmt,
  type Stmt,
  type Store,
  select,
  seq,
  store,
  variable,
  visitExpr,
  visitStmt,
  withBody,
} from "../ir/index.ts";
import { requireStagePipeline } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { findBlock } from "./lookup.ts";
import { plainNest } from "./plain-nest.ts";

const NAME = "padEinsum";

/**
 * Pads the axes of a block to multiples of `padding` (one number for each axis; 1 leaves an axis as it is). Refuses a
 * scope that is no stage pipeline, a block that is no einsum (a sum of products of elements at plain axes, bound to a
 * plain nest), and paddings that are no whole numbers above 0, one for each axis.
 */
export function padEinsum(f: PrimFunc, id: number, padding: readonly number[]): PrimFunc {
  const at = findBlock(f, id);
  const b = at.node;
  const scope = requireStagePipeline(NAME, f, at);
  checkPadding(b, padding);
  const loops = plainNest(NAME, at);
  const update = einsumOf(b);
  const extents = new Map<number, { old: number; now: number }>();
  b.axes.forEach((a, i) => {
    const old = constInt(a.extent) as number;
    const now = Math.ceil(old / padding[i]) * padding[i];
    if (now !== old) extents.set(a.v.id, { old, now });
  });
  if (extents.size === 0) return f;
  const silent = b.axes.find(
    (a) =>
      a.type === "S" &&
      extents.has(a.v.id) &&
      !update.indices.some((e) => e.kind === "var" && e.id === a.v.id),
  );
  if (silent) {
    const detail = `more values of ${silent.v.name} would write the same elements of ${update.buffer.name} again`;
    refuse(NAME, "a spatial axis does not index the result", detail, [b]);
  }
  checkZeros(b, update, extents);

  const padded = new Map<number, Buffer>();
  const before: Stmt[] = [];
  const after: Stmt[] = [];
  for (const { buffer, indices, isStore } of accesses(b)) {
    if (padded.has(buffer.id) || !indices.some((e) => e.kind === "var" && extents.has(e.id))) continue;
    const sizes = indices.map(
      (e, d) => (e.kind === "var" ? extents.get(e.id) : undefined)?.now ?? buffer.shape[d],
    );
    const made = makeBuffer(`${buffer.name}_pad`, sizes, buffer.dtype, buffer.scope);
    padded.set(buffer.id, made);
    if (isStore) after.push(copyOut(b, buffer, made, indices));
    else before.push(copyIn(buffer, made, indices, extents));
  }
  const wide = (l: For): Expr => {
    const a = b.axes.find((x) => x.binding.kind === "var" && x.binding.id === l.v.id);
    const e = a && extents.get(a.v.id);
    return e ? constant(e.now, l.v.dtype) : l.extent;
  };
  const inner = rewriteStmt({ ...b, axes: b.axes.map((a) => widened(a, extents)) } as Block, {
    expr: (e) => {
      const to = e.kind === "load" ? padded.get(e.buffer.id) : undefined;
      return e.kind === "load" && to ? load(to, e.indices) : e;
    },
    stmt: (s) => {
      const to = s.kind === "store" ? padded.get(s.buffer.id) : undefined;
      return s.kind === "store" && to ? store(to, s.indices, s.value) : s;
    },
  });
  const nest = loops.reduceRight<Stmt>((s, l) => ({ ...l, extent: wide(l), body: s }), inner);
  const top: Stmt = loops[0];
  const replaced = replaceStmt(scope.body, top, seq([...before, nest, ...after]));
  const body = replaced.kind === "seq" ? seq(replaced.stmts) : replaced;
  const next: Block = { ...scope, body, allocs: [...scope.allocs, ...padded.values()] };
  return withBody(f, replaceStmt(f.body, scope, next) as Block);
}

function widened(
  a: Block["axes"][number],
  extents: ReadonlyMap<number, { now: number }>,
): Block["axes"][number] {
  const e = extents.get(a.v.id);
  return e ? { ...a, extent: constant(e.now, a.v.dtype) } : a;
}

function checkPadding(b: Block, padding: readonly number[]): void {
  const n = b.axes.length;
  const text = JSON.stringify(padding);
  const ones = `[${Array.from({ length: n }, () => 16).join(", ")}]`;
  if (!Array.isArray(padding) || padding.length !== n) {
    const detail = `${b.name} has ${n} axes, the padding is ${text}`;
    refuse(
      NAME,
      "there is not one padding for each axis",
      detail,
      [b],
      (name) => `sch.padEinsum(${name(b)}, ${ones})`,
    );
  }
  const bad = padding.find((x) => !(Number.isInteger(x) && x > 0));
  if (bad === undefined) return;
  refuse(NAME, "every padding must be a whole number above 0", `${text} holds ${bad}`, [b]);
}

/** The update of an einsum; refuses any other block. */
function einsumOf(b: Block): Store {
  const no = (detail: string): never => refuse(NAME, "the block is not an einsum", detail, [b]);
  if (b.body.kind !== "store" || b.allocs.length > 0) return no(`the body of ${b.name} is not one store`);
  const { body } = b;
  if (b.axes.some((a) => a.type === "O")) no(`${b.name} has an opaque axis`);
  for (const { buffer, indices } of accesses(b)) {
    const bad = indices.findIndex((e) => e.kind !== "var" && constInt(e) === undefined);
    if (bad >= 0) no(`index ${bad} of ${buffer.name} is neither an axis nor a constant`);
  }
  const sums = b.axes.some((a) => a.type === "R");
  if (sums !== (b.init !== undefined))
    no(`${b.name} has ${sums ? "reduce axes and no init" : "an init and no reduce axis"}`);
  const reads = regionsOf(b).reads.some((r) => r.buffer.id === body.buffer.id);
  if (reads) no(`${b.name} reads ${body.buffer.name}, which it writes`);
  const term = termOf(body, sums);
  if (!term) return no(`${b.name} does not add to ${body.buffer.name}`);
  for (const factor of factorsOfPairs(term) ?? [term]) checkFactor(factor, no);
  return body;
}

/** Throws unless a term is a product of elements. */
function checkFactor(term: Expr, no: (detail: string) => never): void {
  visitExpr(term, (e) => {
    const product = e.kind === "binary" && e.op === "mul";
    if (!product && e.kind !== "load" && e.kind !== "const" && e.kind !== "cast") {
      no(`a term holds ${e.kind === "binary" ? e.op : `a ${e.kind}`}, not a product of elements`);
    }
    return e.kind !== "load";
  });
}

/** What is added to the result (or, without a sum, stored). */
function termOf(s: Store, sums: boolean): Expr | undefined {
  if (!sums) return s.value;
  const v = s.value;
  if (v.kind !== "binary" || v.op !== "add") return undefined;
  const own = (e: Expr): boolean => e.kind === "load" && e.buffer.id === s.buffer.id;
  return own(v.a) ? v.b : own(v.b) ? v.a : undefined;
}

/** Every factor of a float term has to move with the reduce axes that are padded. */
function checkZeros(b: Block, update: Store, extents: ReadonlyMap<number, unknown>): void {
  const term = termOf(update, b.init !== undefined) as Expr;
  for (const a of b.axes) {
    if (a.type !== "R" || !extents.has(a.v.id)) continue;
    const factors: Expr[] = [];
    visitExpr(term, (e) => {
      if (e.kind === "load") factors.push(e);
      return e.kind !== "load";
    });
    const moves = (e: Expr): boolean =>
      e.kind === "load" && e.indices.some((i) => i.kind === "var" && i.id === a.v.id);
    const still = factors.find((e) => !moves(e));
    if (factors.some(moves) && (!still || !isFloat(still.dtype))) continue;
    const what = still?.kind === "load" ? still.buffer.name : "no element";
    const detail = `a factor (${what}) does not move with ${a.v.name}: zeros behind the others would not be the identity of the sum where it is infinite`;
    refuse(NAME, "a reduce axis cannot be padded with zeros", detail, [b]);
  }
}

interface Access {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly isStore: boolean;
}

/** Stores first: the result is read in its own update. */
function accesses(b: Block): Access[] {
  const out: Access[] = [];
  visitStmt(b, {
    stmt: (s) => {
      if (s.kind === "store") out.unshift({ buffer: s.buffer, indices: s.indices, isStore: true });
    },
    expr: (e) => {
      if (e.kind === "load") out.push({ buffer: e.buffer, indices: e.indices, isStore: false });
    },
  });
  return out;
}

function nestOver(name: string, sizes: readonly Expr[], body: (at: readonly Expr[]) => Stmt): Stmt {
  const loops = sizes.map((s, i) => ({ v: variable(`ax${i}`, s.dtype), extent: s }));
  const axes = loops.map((l, i) => axis(variable(`v${i}`, l.v.dtype), "S", l.extent, l.v));
  const made = makeBlock({ name, axes, body: body(axes.map((a) => a.v)) });
  return loops.reduceRight<Stmt>((s, l) => loop(l.v, l.extent, s), made);
}

/** The input with zeros behind it. */
function copyIn(
  buffer: Buffer,
  made: Buffer,
  indices: readonly Expr[],
  extents: ReadonlyMap<number, { old: number; now: number }>,
): Stmt {
  return nestOver(made.name, made.shape, (at) => {
    const conds = indices.map((e, d) => {
      const x = e.kind === "var" ? extents.get(e.id) : undefined;
      return x && ops.lt(at[d], x.old);
    });
    const inside = ops.allOf(conds) as Expr;
    return store(made, at, select(inside, load(buffer, at), constant(0, buffer.dtype)));
  });
}

/** The part of the result that was asked for. */
function copyOut(b: Block, buffer: Buffer, made: Buffer, indices: readonly Expr[]): Stmt {
  const used = b.axes.filter((a) => indices.some((e) => e.kind === "var" && e.id === a.v.id));
  return nestOver(
    made.name,
    used.map((a) => a.extent),
    (at) => {
      const place = indices.map((e) => {
        const k = e.kind === "var" ? used.findIndex((a) => a.v.id === e.id) : -1;
        return k < 0 ? simplify(e) : at[k];
      });
      return store(buffer, place, load(made, place));
    },
  );
}
