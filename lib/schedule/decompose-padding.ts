/** decomposePadding: a block that pads becomes a fill with the constant and a copy of what is inside. */
import { linearForm } from "../arith/index.ts";
import {
  type Block,
  constant,
  constInt,
  type Expr,
  freshenStmt,
  isCompareOp,
  ops,
  type PrimFunc,
  replaceStmt,
  type Select,
  type Stmt,
  type Store,
  seq,
  store,
  substExpr,
  visitExpr,
} from "../ir/index.ts";
import { whyNotComplete } from "./conditions.ts";
import { refuse } from "./error.ts";
import { findBlock, findLoop, loopsOf, replaceIn } from "./lookup.ts";
import { simplifyBelow } from "./simplify-below.ts";
import type { WithBlock } from "./types.ts";

const NAME = "decomposePadding";

/**
 * Splits a block `B[v] = inside(v) ? value : constant` into `<name>_pad_const`, which fills all of it with the constant
 * in a nest of its own before `loop`, and the block itself, which now copies only what is inside. A loop that an axis
 * follows shrinks to the inside; other conditions become the block's predicate. Returns the fill.
 */
export function decomposePadding(f: PrimFunc, blockId: number, loopId: number): WithBlock {
  const at = findBlock(f, blockId);
  const target = findLoop(f, loopId);
  const b = at.node;
  const around = loopsOf(at);
  if (!around.includes(target.node)) {
    const detail = `${target.node.v.name} does not contain ${b.name}`;
    refuse(NAME, "the loop is not around the block", detail, [target.node, b]);
  }
  const incomplete = whyNotComplete(at);
  if (incomplete) refuse(NAME, "the block is not complete", incomplete, [b]);
  const pattern = patternOf(b);
  const below = around.slice(around.indexOf(target.node));
  const body = below.reduceRight<Stmt>((s, l) => ({ ...l, body: s }), {
    ...b,
    name: `${b.name}_pad_const`,
    body: store(pattern.store.buffer, pattern.store.indices, pattern.fill),
  });
  const chain = below.every((l, i) => l.body === (below[i + 1] ?? b));
  const fill = freshenStmt(body);
  const copy = insideOnly(b, pattern, chain ? below.map((l) => l.v.id) : []);
  const nest = simplifyBelow(f, target, shrunk(replaceStmt(target.node as Stmt, b, copy.block), copy.loops));
  const id = fillId(fill);
  return { func: replaceIn(f, target, seq([fill, nest])), block: id };
}

function fillId(s: Stmt): number {
  let at = s;
  while (at.kind === "for") at = at.body;
  return (at as Block).id;
}

interface Pattern {
  readonly store: Store;
  /** Conditions that all hold inside. */
  readonly inside: readonly Expr[];
  readonly value: Expr;
  readonly fill: Expr;
}

function patternOf(b: Block): Pattern {
  const no = (detail: string): never => refuse(NAME, "there is no padding pattern", detail, [b]);
  const s = b.body;
  if (s.kind !== "store" || b.allocs.length > 0 || b.init)
    return no(`the body of ${b.name} is not one store`);
  const v = s.value;
  if (v.kind !== "select") return no(`${b.name} does not store a choice, condition ? value : constant`);
  const [inside, value, fill] = sides(v);
  if (!inside || fill.kind !== "const") return no(`neither side of the choice of ${b.name} is a constant`);
  const loads = inside.some((c) => {
    let found = false;
    visitExpr(c, (e) => {
      if (e.kind === "load" || e.kind === "call") found = true;
    });
    return found;
  });
  if (loads) no(`the condition of ${b.name} depends on data`);
  return { store: s, inside, value, fill };
}

/** The conditions under which the value is chosen, the value and the constant. */
function sides(v: Select): [Expr[] | undefined, Expr, Expr] {
  if (v.b.kind === "const") return [conjuncts(v.cond), v.a, v.b];
  return [negatedConjuncts(v.cond), v.b, v.a];
}

const conjuncts = (e: Expr): Expr[] =>
  e.kind === "binary" && e.op === "and" ? [...conjuncts(e.a), ...conjuncts(e.b)] : [e];

const NEGATED = { lt: ops.ge, le: ops.gt, gt: ops.le, ge: ops.lt, eq: ops.ne, ne: ops.eq } as const;

/** The conditions that all hold where `e` does not; undefined when there is no such list. */
function negatedConjuncts(e: Expr): Expr[] | undefined {
  if (e.kind === "unary" && e.op === "not") return conjuncts(e.a);
  if (e.kind !== "binary") return undefined;
  if (e.op === "or") {
    const [a, b] = [negatedConjuncts(e.a), negatedConjuncts(e.b)];
    return a && b && [...a, ...b];
  }
  return isCompareOp(e.op) ? [NEGATED[e.op](e.a, e.b)] : undefined;
}

/** First and last value + 1 of an axis inside. */
interface Bounds {
  min: number;
  end: number;
}

/** The block that copies the inside; loops that shrink, with their new extents. */
function insideOnly(
  b: Block,
  { store: s, inside, value }: Pattern,
  chain: readonly number[],
): { block: Block; loops: Map<number, number> } {
  const bounds = new Map<number, Bounds>();
  const rest: Expr[] = [];
  for (const c of inside) if (!bound(b, c, chain, bounds)) rest.push(c);
  const loops = new Map<number, number>();
  const map = new Map<number, Expr>();
  const axes = b.axes.map((a) => {
    const r = bounds.get(a.v.id);
    if (!r || a.binding.kind !== "var") return a;
    loops.set(a.binding.id, r.end - r.min);
    map.set(a.v.id, ops.add(a.v, constant(r.min, a.v.dtype)));
    return { ...a, extent: constant(r.end - r.min, a.v.dtype) };
  });
  const atLoops = new Map(
    b.axes.map((a) => [a.v.id, substExpr(map.get(a.v.id) ?? a.v, new Map([[a.v.id, a.binding]]))]),
  );
  const predicate = ops.allOf([b.predicate, ...rest.map((c) => substExpr(c, atLoops))]);
  const body = store(
    s.buffer,
    s.indices.map((e) => substExpr(e, map)),
    substExpr(value, map),
  );
  const { reads: _, writes: __, predicate: ___, ...kept } = b;
  return { block: { ...kept, axes, ...(predicate ? { predicate } : {}), body }, loops };
}

/** Notes a condition `axis + c >= 0`, where the axis follows a loop that is its own; false for any other. */
function bound(b: Block, c: Expr, chain: readonly number[], bounds: Map<number, Bounds>): boolean {
  if (c.kind !== "binary" || b.predicate) return false;
  const form = linearForm(ops.sub(c.a, c.b));
  const [term, ...others] = form?.terms.values() ?? [];
  if (!form || !term || others.length > 0 || Math.abs(term.coef) !== 1) return false;
  const a = b.axes.find((x) => term.atom.kind === "var" && term.atom.id === x.v.id);
  const n = a && constInt(a.extent);
  if (!a || n === undefined || a.binding.kind !== "var" || !chain.includes(a.binding.id)) return false;
  const loopId = a.binding.id;
  const shared = b.axes.some((x) => {
    let uses = false;
    visitExpr(x.binding, (e) => {
      if (e.kind === "var" && e.id === loopId) uses = true;
    });
    return x !== a && uses;
  });
  if (shared) return false;
  const r = bounds.get(a.v.id) ?? { min: 0, end: n };
  // coef · v + constant  op  0
  const at = -form.constant * term.coef;
  const op =
    term.coef > 0 ? c.op : ({ lt: "gt", le: "ge", gt: "lt", ge: "le" } as Record<string, string>)[c.op];
  const next: Bounds = { ...r };
  if (op === "ge") next.min = Math.max(r.min, at);
  else if (op === "gt") next.min = Math.max(r.min, at + 1);
  else if (op === "lt") next.end = Math.min(r.end, at);
  else if (op === "le") next.end = Math.min(r.end, at + 1);
  else return false;
  if (next.end <= next.min) return false;
  bounds.set(a.v.id, next);
  return true;
}

/** The nest with loops of other extents. */
function shrunk(s: Stmt, loops: ReadonlyMap<number, number>): Stmt {
  if (s.kind !== "for") return s;
  const n = loops.get(s.v.id);
  const body = shrunk(s.body, loops);
  return n === undefined
    ? body === s.body
      ? s
      : { ...s, body }
    : { ...s, extent: constant(n, s.v.dtype), body };
}
