/**
 * The padding of a transformed buffer: its value, and who writes it. A producer that fills the buffer in a plain nest
 * (one loop for each dimension) takes it over, running over the new shape: `padding ? value : what it computed`. In
 * all other cases a block of its own writes the padding behind the last producer.
 */

import type { IndexMapInverse } from "../arith/index.ts";
import { applyIndexMap, regionsOf, simplify, withDomains } from "../arith/index.ts";
import {
  axis,
  type Block,
  type Buffer,
  block,
  constant,
  type Expr,
  type For,
  isFloat,
  loop,
  type PrimFunc,
  replaceStmt,
  rewriteExpr,
  type Stmt,
  select,
  seq,
  store,
  substExpr,
  variable,
  visitExpr,
  withBody,
} from "../ir/index.ts";
import { parseIndexFunction, ScriptError } from "../script/index.ts";
import { allocatorOf, buffersByName } from "./buffer-ref.ts";
import { whyNotComplete } from "./conditions.ts";
import { refuse } from "./error.ts";
import { allBlocks, findBlock, loopsOf, rangesOf, scopeBlock } from "./lookup.ts";

/** The value of padding at new indices. */
export type PadValue = (indices: readonly Expr[]) => Expr;

/** Reads the value. Refuses another dtype than the buffer's, several values, and loads from other buffers. */
export function padValueOf(
  primitive: string,
  f: PrimFunc,
  b: Block,
  old: Buffer,
  next: Buffer,
  given: number | string,
): PadValue {
  const { dtype, name } = old;
  const wrongDType = (got: string): never => {
    const detail = `${name} holds ${dtype}, the padding is ${got}`;
    return refuse(primitive, "the pad value has another dtype than the buffer", detail, [b]);
  };
  if (typeof given === "number") {
    if (!isFloat(dtype) && !Number.isInteger(given)) wrongDType(`${given}`);
    return () => constant(given, dtype);
  }
  const buffers = buffersByName(f).set(name, next);
  let parsed: ReturnType<typeof parseIndexFunction>;
  try {
    parsed = parseIndexFunction(given, dtype, { buffers });
  } catch (e) {
    if (!(e instanceof ScriptError)) throw e;
    return refuse(primitive, "the pad value cannot be read", e.message, [b]);
  }
  const { vars, results } = parsed;
  const rank = next.shape.length;
  if (results.length !== 1 || (vars.length !== 0 && vars.length !== rank)) {
    const detail = `one value for the ${rank} new indices of ${name}; this takes ${vars.length} and gives ${results.length}`;
    refuse(primitive, "the pad value is not one value of the new indices", detail, [b]);
  }
  const [value] = results;
  if (value.dtype !== dtype) wrongDType(value.dtype);
  visitExpr(value, (e) => {
    if (e.kind !== "load" || e.buffer.id === old.id) return;
    const detail = `it loads from ${e.buffer.name}; only ${name} itself may be read`;
    refuse(primitive, "the pad value loads from another buffer", detail, [b]);
  });
  return (at) => substExpr(value, new Map(vars.map((v, i) => [v.id, at[i]])));
}

/** The function, whose accesses are moved already, with the padding written; unchanged where nothing writes it. */
export function writePadding(
  moved: PrimFunc,
  before: PrimFunc,
  old: Buffer,
  next: Buffer,
  inverse: IndexMapInverse,
  pad: PadValue,
): PrimFunc {
  const writers = allBlocks(moved).filter((b) => regionsOf(b).writes.some((w) => w.buffer.id === next.id));
  const inner = writers.filter(
    (b) => !writers.some((o) => o !== b && findBlock(moved, b.id).path.includes(o)),
  );
  const last = inner[inner.length - 1];
  if (!last) return moved;
  const whole = inner.length === 1 ? wholeNest(before, last.id, old) : undefined;
  if (whole) return inProducer(moved, before, whole, next, inverse, pad);

  const scope = allocatorOf(moved, next) ?? moved.body;
  const nest = paddingBlock(next, inverse, pad);
  const body = seq(
    (scope.body.kind === "seq" ? scope.body.stmts : [scope.body]).flatMap((s) =>
      findBlock(moved, last.id).path.includes(s) ? [s, nest] : [s],
    ),
  );
  return withBody(moved, replaceStmt(moved.body, scope, { ...scope, body }));
}

interface Whole {
  readonly block: Block;
  /** The axis behind each index of the store. */
  readonly axes: readonly number[];
  readonly nest: For;
}

/** The producer's nest, when it is one plain loop for each axis and each axis one dimension of the buffer. */
function wholeNest(f: PrimFunc, id: number, old: Buffer): Whole | undefined {
  const at = findBlock(f, id);
  const b = at.node;
  if (b.predicate || b.init || b.allocs.length > 0 || b.reads || b.writes || b.body.kind !== "store")
    return undefined;
  if (whyNotComplete(at) !== undefined || scopeBlock(at) !== (allocatorOf(f, old) ?? f.body))
    return undefined;
  const loops = loopsOf(at);
  const plain = loops.every(
    (l, i) =>
      l.loopKind === "serial" &&
      Object.keys(l.annotations).length === 0 &&
      l.body === (loops[i + 1] ?? b) &&
      b.axes.some((a) => a.binding.kind === "var" && a.binding.id === l.v.id && sameSize(a.extent, l.extent)),
  );
  if (!plain || loops.length !== b.axes.length || loops.length === 0) return undefined;
  const ids = b.body.indices.map((e) => (e.kind === "var" ? e.id : -1));
  const distinct = new Set(ids).size === b.axes.length && b.axes.every((a) => ids.includes(a.v.id));
  const full = ids.every((v, i) => {
    const a = b.axes.find((x) => x.v.id === v);
    return a !== undefined && sameSize(a.extent, old.shape[i]);
  });
  return distinct && full && ids.length === b.axes.length
    ? { block: b, axes: ids, nest: loops[0] }
    : undefined;
}

const sameSize = (a: Expr, b: Expr): boolean =>
  a === b || (a.kind === "const" && b.kind === "const" && a.value === b.value);

/** The producer over the new shape. */
function inProducer(
  moved: PrimFunc,
  before: PrimFunc,
  { block: b, axes, nest }: Whole,
  next: Buffer,
  inverse: IndexMapInverse,
  pad: PadValue,
): PrimFunc {
  const loops = next.shape.map((s, k) => ({ v: variable(`ax${k}`, s.dtype), extent: s }));
  const fresh = loops.map((l, k) => axis(variable(`v${k}`, l.v.dtype), "S", l.extent, l.v));
  const at = fresh.map((a): Expr => a.v);
  const known = withDomains(
    fresh.map((a) => ({ v: a.v, min: constant(0, a.v.dtype), extent: a.extent })),
    rangesOf(before, []),
  );
  const back = applyIndexMap(inverse.map, at, known);
  const value = (findBlock(moved, b.id).node.body as Stmt & { kind: "store" }).value;
  const map = new Map(axes.map((id, i) => [id, back[i]] as const));
  const inside = rewriteExpr(substExpr(value, map), (e) =>
    e.kind === "load" ? { ...e, indices: e.indices.map((x) => simplify(x, known)) } : e,
  );
  const where = simplify(substExpr(inverse.padding as Expr, varsTo(inverse, at)), known);
  const body = store(next, at, select(where, pad(at), inside));
  const made: Block = { ...b, axes: fresh, body };
  const by = loops.reduceRight<Stmt>((s, l) => loop(l.v, l.extent, s), made);
  const target = findBlock(moved, b.id).path.find((s) => s.kind === "for" && s.v.id === nest.v.id) as Stmt;
  return withBody(moved, replaceStmt(moved.body, target, by));
}

const varsTo = (inverse: IndexMapInverse, at: readonly Expr[]): Map<number, Expr> =>
  new Map(inverse.map.vars.map((v, k) => [v.id, at[k]]));

/** A nest over the new shape that stores the value where there is padding. */
function paddingBlock(next: Buffer, inverse: IndexMapInverse, pad: PadValue): Stmt {
  const loops = next.shape.map((s, k) => ({ v: variable(`ax${k}`, s.dtype), extent: s }));
  const axes = loops.map((l, k) => axis(variable(`v${k}`, l.v.dtype), "S", l.extent, l.v));
  const at = axes.map((a): Expr => a.v);
  const predicate = substExpr(
    inverse.padding as Expr,
    varsTo(
      inverse,
      loops.map((l) => l.v),
    ),
  );
  const made = block({ name: `${next.name}_pad`, axes, predicate, body: store(next, at, pad(at)) });
  return loops.reduceRight<Stmt>((s, l) => loop(l.v, l.extent, s), made);
}
