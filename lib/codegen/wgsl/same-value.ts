/**
 * Whether what a store writes follows from the element it writes to: then it does not matter which thread comes last.
 * Every index inside of the value must be a combination of the indices of the element and of what does not vary:
 * solved for, or, where divisions are in the way and there are few iterations, tried out.
 */
import { exprKey, gcd, linearForm } from "../../arith/index.ts";
import { constInt, type Expr, isFloat, type Ranges, type Var, varsOf } from "../../ir/index.ts";
import { evalSize } from "../size.ts";
import type { Site } from "./sites.ts";
import { Trials, type Values } from "./trials.ts";

/** A variable with its values: min … min + extent - 1. */
export interface Varying {
  readonly v: Var;
  readonly min: Expr;
  readonly extent: Expr;
}

/** Whether stores of one buffer, in whatever iterations, write the same value wherever they write the same element. */
export function writeTheSame(
  stores: readonly { readonly site: Site; readonly varying: readonly Varying[] }[],
  ranges: Ranges,
): boolean {
  const texts = new Set(stores.map((s) => textOf(s.site, s.varying, ranges)));
  if (texts.size === 1 && !texts.has(undefined)) return true;
  return triedOut(stores, ranges);
}

/** The value as a function of the element's indices; undefined where it is none that this finds. */
function textOf({ indices, store }: Site, varying: readonly Varying[], ranges: Ranges): string | undefined {
  if (!store) return undefined;
  const moving = new Set(varying.map((d) => d.v.id));
  const moves = (e: Expr): boolean => [...varsOf(e).keys()].some((id) => moving.has(id));
  const rows: Row[] = [];
  for (const e of indices) {
    const row = rowOf(e, moves, ranges);
    if (!row) return undefined;
    rows.push(row);
  }
  const go = (e: Expr): string | undefined => {
    if (!moves(e)) return exprKey(e);
    if (!isFloat(e.dtype) && e.dtype !== "bool") {
      const found = solve(rows, rowOf(e, moves, ranges));
      if (found !== undefined) return found;
    }
    const parts = partsOf(e)?.map(go);
    return parts === undefined || parts.includes(undefined) ? undefined : `${headOf(e)}(${parts.join()})`;
  };
  return go(store.value);
}

function partsOf(e: Expr): readonly Expr[] | undefined {
  switch (e.kind) {
    case "load":
      return e.indices;
    case "binary":
      return [e.a, e.b];
    case "unary":
      return [e.a];
    case "select":
      return [e.cond, e.a, e.b];
    case "cast":
      return [e.value];
    case "call":
      return e.args;
    default:
      return undefined;
  }
}

const headOf = (e: Expr): string =>
  `${e.kind} ${e.dtype} ${e.kind === "load" ? e.buffer.id : "op" in e ? e.op : ""}`;

/** Σ coefficient · atom over what varies, plus what does not. */
interface Row {
  readonly coefs: ReadonlyMap<string, number>;
  readonly rest: ReadonlyMap<string, number>;
}

function rowOf(e: Expr, moves: (e: Expr) => boolean, ranges: Ranges): Row | undefined {
  const form = linearForm(e, ranges);
  if (!form) return undefined;
  const coefs = new Map<string, number>();
  const rest = new Map<string, number>([["", form.constant]]);
  for (const [key, { atom, coef }] of form.terms) (moves(atom) ? coefs : rest).set(key, coef);
  return { coefs, rest };
}

/** a - k·b, without what cancels. */
function minus(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
  k: number,
): Map<string, number> {
  const out = new Map(a);
  for (const [key, c] of b) {
    const left = (out.get(key) ?? 0) - k * c;
    if (left === 0) out.delete(key);
    else out.set(key, left);
  }
  return out;
}

/** The row as a combination of others, in whole numbers, as text; undefined when it is none. */
function solve(rows: readonly Row[], wanted: Row | undefined): string | undefined {
  if (!wanted) return undefined;
  // Gaussian elimination over whole numbers: every row is kept with what it is made of.
  interface Made {
    readonly row: ReadonlyMap<string, number>;
    readonly of: ReadonlyMap<string, number>;
    readonly pivot: string;
  }
  const reduce = (
    row: ReadonlyMap<string, number>,
    of: ReadonlyMap<string, number>,
    by: readonly Made[],
  ): { row: Map<string, number>; of: Map<string, number> } => {
    let now = { row: new Map(row), of: new Map(of) };
    for (const m of by) {
      const c = now.row.get(m.pivot);
      if (c === undefined) continue;
      const p = m.row.get(m.pivot) as number;
      const g = gcd(Math.abs(c), Math.abs(p));
      const [up, down] = [p / g, c / g];
      const grown = (x: ReadonlyMap<string, number>): Map<string, number> =>
        new Map([...x].map(([key, n]) => [key, n * up]));
      now = { row: minus(grown(now.row), m.row, down), of: minus(grown(now.of), m.of, down) };
    }
    return now;
  };
  const basis: Made[] = [];
  rows.forEach((r, d) => {
    const { row, of } = reduce(r.coefs, new Map([[`#${d}`, 1]]), basis);
    const pivot = row.keys().next().value;
    if (pivot !== undefined) basis.push({ row, of, pivot });
  });
  const { row, of } = reduce(wanted.coefs, new Map([["wanted", 1]]), basis);
  if (row.size > 0 || ![...of.values()].every((n) => Number.isSafeInteger(n))) return undefined;
  // factor · wanted = Σ share · row + rest
  const factor = of.get("wanted") as number;
  let rest: ReadonlyMap<string, number> = new Map([...wanted.rest].map(([key, n]) => [key, n * factor]));
  const shares: string[] = [];
  rows.forEach((r, d) => {
    const share = -(of.get(`#${d}`) ?? 0);
    rest = minus(rest, r.rest, share);
    shares.push(String(share));
  });
  const fixed = [...rest].map(([key, n]) => `${n}*${key}`).sort();
  return `[${shares.join()}|${fixed.join("+")}]/${factor}`;
}

/** Every iteration, with what its value is made of; variables that do not vary are tried with all their values too. */
function triedOut(
  stores: readonly { readonly site: Site; readonly varying: readonly Varying[] }[],
  ranges: Ranges,
): boolean {
  const written = new Map<string, string>();
  const trials = new Trials();
  return stores.every(({ site, varying }) => {
    const { store } = site;
    if (!store) return false;
    const used = new Map<number, Var>();
    for (const e of [...site.indices, store.value]) varsOf(e, used);
    const all: Values[] = [];
    for (const v of used.values()) {
      const d = varying.find((x) => x.v.id === v.id);
      const known = ranges.get(v.id);
      const min = d ? constInt(d.min) : known?.min;
      const n = d ? constInt(d.extent) : known && known.max - known.min + 1;
      if (min === undefined || n === undefined || !Number.isFinite(min + n)) return false;
      all.push({ v, min, n });
    }
    return trials.every(all, (at) => {
      const place = site.indices.map((e) => evalSize(e, at));
      const value = evaluated(store.value, at);
      if (place.includes(undefined) || value === undefined) return false;
      const known = written.get(place.join()) ?? value;
      written.set(place.join(), value);
      return known === value;
    });
  });
}

function evaluated(e: Expr, at: ReadonlyMap<number, number>): string | undefined {
  if (varsOf(e).size === 0) return exprKey(e);
  if (!isFloat(e.dtype)) {
    const n = evalSize(e, at);
    if (n !== undefined) return String(n);
  }
  const parts = partsOf(e)?.map((x) => evaluated(x, at));
  return parts === undefined || parts.includes(undefined) ? undefined : `${headOf(e)}(${parts.join()})`;
}
