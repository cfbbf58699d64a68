/**
 * Index maps: where the element at the old indices lies under new ones. Plain data, written as a function of the old
 * indices, `(i, j) => [T.floordiv(i, 16), j, T.floormod(i, 16)]`.
 */
import {
  binary,
  cast,
  constant,
  constInt,
  type Expr,
  intervalOf,
  ops,
  type Ranges,
  substExpr,
  type Var,
  type VarMap,
} from "../ir/index.ts";
import { type IndexFunctionNames, parseIndexFunction, script } from "../script/index.ts";
import { type VarDomain, withDomains } from "./region.ts";
import { boundsOf, linearForm, simplify } from "./simplify.ts";

export interface IndexMap {
  readonly kind: "indexMap";
  /** The old indices. */
  readonly vars: readonly Var[];
  /** The new indices, in terms of the old ones. */
  readonly results: readonly Expr[];
}

/** What may be given for an index map: a function (its source is read), its text, or the map. */
// biome-ignore lint/suspicious/noExplicitAny: the function is read, never called; any parameters will do
export type IndexMapLike = IndexMap | string | ((...indices: any[]) => unknown);

export const indexMap = (vars: readonly Var[], results: readonly Expr[]): IndexMap => ({
  kind: "indexMap",
  vars,
  results,
});

/** The map a function (or text, or map) stands for. Throws a ScriptError that points at what cannot be read. */
export function indexMapOf(x: IndexMapLike, consts?: IndexFunctionNames["consts"]): IndexMap {
  if (typeof x === "object") return x;
  const { vars, results } = parseIndexFunction(String(x), "i32", { consts });
  const bad = results.find((e) => e.dtype !== "i32" && e.dtype !== "i64");
  if (bad) throw new TypeError(`an index map gives integers, ${script(bad)} is ${bad.dtype}`);
  return indexMap(vars, results);
}

/** The map as the source of a function, from which `indexMapOf` makes it again. */
export function indexMapText(m: IndexMap): string {
  const vars = m.vars.map((v) => v.name).join(", ");
  return `(${vars}) => [${m.results.map((e) => script(e)).join(", ")}]`;
}

/** The new indices of old ones, simplified with what is known of the variables in them. */
export function applyIndexMap(m: IndexMap, indices: readonly Expr[], ranges: Ranges = new Map()): Expr[] {
  const map = substitution(m, indices);
  return m.results.map((e) => simplify(substExpr(e, map), ranges));
}

function substitution(m: IndexMap, indices: readonly Expr[]): VarMap {
  return new Map(m.vars.map((v, i) => [v.id, inDType(indices[i], v)] as const));
}

function inDType(e: Expr, like: Var): Expr {
  if (e.dtype === like.dtype) return e;
  const n = constInt(e);
  return n === undefined ? cast(e, like.dtype) : constant(n, like.dtype);
}

/** The old indices as domains: each from 0 to the size of its dimension. */
export const domainsOf = (m: IndexMap, shape: readonly Expr[]): VarDomain[] =>
  m.vars.map((v, i) => ({ v, min: constant(0, v.dtype), extent: inDType(shape[i], v) }));

/** The smallest shape (counted from 0) that holds every new index; a phrase that says why there is none otherwise. */
export function mapShape(m: IndexMap, shape: readonly Expr[], sizes: Ranges = new Map()): Expr[] | string {
  const domains = domainsOf(m, shape);
  const ranges = withDomains(domains, sizes);
  const out: Expr[] = [];
  for (const [k, e] of m.results.entries()) {
    const { min, max } = boundsOf(e, ranges);
    if (min < 0) return `index ${k} may be negative`;
    const size = Number.isFinite(max) ? constant(max + 1, e.dtype) : symbolicSize(e, domains, ranges);
    if (!size) return `no size can be given for index ${k}`;
    out.push(size);
  }
  return out;
}

/** The number of values from 0 to the largest of an expression that grows with each of its variables. */
function symbolicSize(e: Expr, domains: readonly VarDomain[], ranges: Ranges): Expr | undefined {
  const form = linearForm(simplify(e, ranges), ranges);
  if (!form) return undefined;
  let last: Expr = constant(form.constant, e.dtype);
  for (const { atom, coef } of form.terms.values()) {
    const size = coef > 0 ? atomSize(atom, domains, ranges) : undefined;
    if (!size) return undefined;
    last = ops.add(last, ops.mul(ops.sub(size, 1), constant(coef, e.dtype)));
  }
  return simplify(ops.add(last, 1), ranges);
}

function atomSize(e: Expr, domains: readonly VarDomain[], ranges: Ranges): Expr | undefined {
  if (e.kind === "var") return domains.find((d) => d.v.id === e.id)?.extent;
  const by = e.kind === "binary" ? constInt(e.b) : undefined;
  if (e.kind !== "binary" || by === undefined || by <= 0) return undefined;
  if (e.op === "floormod") return constant(Math.min(by, intervalOf(e, ranges).max + 1), e.dtype);
  const size = e.op === "floordiv" ? symbolicSize(e.a, domains, ranges) : undefined;
  return size && binary("floordiv", ops.add(size, by - 1), constant(by, e.dtype));
}
