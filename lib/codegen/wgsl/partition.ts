/**
 * Whether what threads touch is apart: no two values of some variables lead to the same element. Shown by the linear
 * form of the indices (the steps of the variables are wider than everything else together), or, where divisions are in
 * the way and there are few combinations, by trying them all.
 */
import { detectIterMap, exprKey, linearForm, simplify, type VarDomain } from "../../arith/index.ts";
import {
  type Const,
  constant,
  constInt,
  type Expr,
  type Interval,
  intervalOf,
  type Ranges,
  rewriteExpr,
  usesVar,
  type Var,
  varsOf,
} from "../../ir/index.ts";
import { evalSize } from "../size.ts";
import { tellApart } from "./lattice.ts";
import { Trials, type Values } from "./trials.ts";

/** A variable with its number of values, from 0. */
export interface Domain {
  readonly v: Var;
  readonly extent: number;
}

/** An access of a buffer: its indices, and the loops it stands in (their variables may have any of their values). */
export interface Touch {
  readonly indices: readonly Expr[];
  readonly loops: readonly { readonly v: Var; readonly min: Expr; readonly extent: Expr }[];
}

/**
 * Whether two different values of `apart` never lead two of the touches to the same element. Variables in `fixed` have
 * one value, the same for all.
 */
export function areApart(
  touches: readonly Touch[],
  apart: readonly Domain[],
  fixed: ReadonlySet<number>,
  ranges: Ranges,
): boolean {
  const vars = apart.filter((d) => d.extent > 1);
  if (vars.length === 0) return true;
  const left = withoutFixed(touches, fixed, ranges);
  if (left && (separatedByForm(left, vars, ranges) || separatedByPlace(left, vars, ranges))) return true;
  if (separatedByDigits(touches, vars, fixed, ranges)) return true;
  return left !== undefined && separatedByTrial(distinct(left), vars);
}

function separatedByPlace(touches: readonly Touch[], vars: readonly Domain[], ranges: Ranges): boolean {
  if (vars.some((d) => !Number.isFinite(d.extent))) return false;
  const extents = new Map(vars.map((d) => [d.v.id, d.extent]));
  return tellApart(
    touches.map((t) => t.indices),
    extents,
    ranges,
  );
}

/** Touches of the same elements once. */
function distinct(touches: readonly Touch[]): readonly Touch[] {
  const key = (t: Touch): string =>
    `${t.indices.map(exprKey).join()} ${t.loops.map((l) => `${l.v.id} ${exprKey(l.min)} ${exprKey(l.extent)}`).join()}`;
  return [...new Map(touches.map((t) => [key(t), t])).values()];
}

/** Accesses at the same indices, which are digits of the variables, each used once: the element tells the variables. */
function separatedByDigits(
  touches: readonly Touch[],
  vars: readonly Domain[],
  fixed: ReadonlySet<number>,
  ranges: Ranges,
): boolean {
  const { indices } = touches[0];
  const key = indices.map(exprKey).join();
  if (touches.some((t) => t.indices.map(exprKey).join() !== key)) return false;
  const domains = new Map<number, VarDomain>();
  for (const d of vars) {
    if (!Number.isFinite(d.extent)) return false;
    domains.set(d.v.id, { v: d.v, min: constant(0), extent: constant(d.extent) });
  }
  for (const t of touches) for (const l of t.loops) domains.set(l.v.id, l);
  // What is fixed may stand under divisions: then it counts as one more number that the element tells.
  const used = new Map<number, Var>();
  for (const e of indices) varsOf(e, used);
  for (const id of fixed) {
    const v = used.get(id);
    const range = ranges.get(id);
    if (v && range && Number.isFinite(range.max) && range.min === 0)
      domains.set(id, { v, min: constant(0), extent: constant(range.max + 1) });
  }
  const iters = [...domains.values()].filter((d) => used.has(d.v.id));
  if (!vars.every((d) => used.has(d.v.id))) return false;
  const found = detectIterMap(indices, iters, { ranges });
  if (typeof found === "string") return false;
  const repeated = new Set(found.repeated.map((d) => d.v.id));
  return vars.every((d) => !repeated.has(d.v.id));
}

/** The touches relative to where the fixed variables put them; undefined when that is not one place. */
function withoutFixed(
  touches: readonly Touch[],
  fixed: ReadonlySet<number>,
  ranges: Ranges,
): readonly Touch[] | undefined {
  const zero = new Map([...fixed].map((id): [number, Expr] => [id, constant(0)]));
  const shifts = new Set<string>();
  const out: Touch[] = [];
  for (const t of touches) {
    const shift: string[] = [];
    for (const e of t.indices) {
      if (!usesVar(e, fixed)) {
        shift.push("");
        continue;
      }
      const form = linearForm(e, ranges);
      if (!form) return undefined;
      const terms = [...form.terms].filter(([, x]) => usesVar(x.atom, fixed));
      if (terms.some(([, x]) => [...varsOf(x.atom).keys()].some((id) => !fixed.has(id)))) return undefined;
      shift.push(
        terms
          .map(([key, x]) => `${x.coef} ${key}`)
          .sort()
          .join(),
      );
    }
    shifts.add(shift.join("; "));
    // Bounds of loops that depend on what is fixed are left to the intervals.
    out.push({ ...t, indices: t.indices.map((e) => simplify(dropped(e, zero), ranges)) });
  }
  return shifts.size === 1 ? out : undefined;
}

const dropped = (e: Expr, zero: ReadonlyMap<number, Expr>): Expr =>
  rewriteExpr(e, (x) => {
    const to = x.kind === "var" ? zero.get(x.id) : undefined;
    return to ? { ...(to as Const), dtype: x.dtype } : x;
  });

function separatedByForm(touches: readonly Touch[], vars: readonly Domain[], ranges: Ranges): boolean {
  const left = new Set(vars.map((d) => d.v.id));
  const rank = touches[0].indices.length;
  for (let d = 0; d < rank; d++) {
    for (const id of separatedIn(
      touches.map((t) => t.indices[d]),
      vars,
      ranges,
    ))
      left.delete(id);
  }
  return left.size === 0;
}

/** Variables that one dimension keeps apart, whatever the others are. */
function separatedIn(indices: readonly Expr[], vars: readonly Domain[], ranges: Ranges): number[] {
  const ids = new Set(vars.map((d) => d.v.id));
  let coefs: Map<number, number> | undefined;
  let rest: Interval | undefined;
  for (const e of indices) {
    const form = linearForm(e, ranges);
    if (!form) return [];
    const mine = new Map<number, number>();
    let lo = form.constant;
    let hi = form.constant;
    for (const { atom, coef } of form.terms.values()) {
      if (atom.kind === "var" && ids.has(atom.id)) {
        mine.set(atom.id, coef);
        continue;
      }
      if (usesVar(atom, ids)) return [];
      const i = intervalOf(atom, ranges);
      lo += coef > 0 ? coef * i.min : coef * i.max;
      hi += coef > 0 ? coef * i.max : coef * i.min;
    }
    if (coefs && (coefs.size !== mine.size || [...mine].some(([id, c]) => coefs?.get(id) !== c))) return [];
    coefs = mine;
    rest = rest ? { min: Math.min(rest.min, lo), max: Math.max(rest.max, hi) } : { min: lo, max: hi };
  }
  if (!coefs || !rest || !Number.isFinite(rest.max - rest.min)) return [];
  const steps = [...coefs].map(([id, c]) => ({
    id,
    step: Math.abs(c),
    n: (vars.find((d) => d.v.id === id) as Domain).extent,
  }));
  steps.sort((a, b) => a.step - b.step);
  let width = rest.max - rest.min + 1;
  for (const { step, n } of steps) {
    if (step < width) return [];
    width += step * (n - 1);
  }
  return steps.map((s) => s.id);
}

/** Tries every combination. */
function separatedByTrial(touches: readonly Touch[], vars: readonly Domain[]): boolean {
  const owner = new Map<string, string>();
  const trials = new Trials();
  return touches.every((t) => {
    const loops = t.loops.flatMap((l): Values[] => {
      const [min, n] = [constInt(l.min), constInt(l.extent)];
      return min === undefined || n === undefined ? [] : [{ v: l.v, min, n }];
    });
    if (loops.length < t.loops.length) return false;
    return trials.every([...vars.map((d) => ({ v: d.v, min: 0, n: d.extent })), ...loops], (at) => {
      const place = t.indices.map((e) => evalSize(e, at));
      if (place.includes(undefined)) return false;
      const who = vars.map((d) => at.get(d.v.id)).join();
      const known = owner.get(place.join()) ?? who;
      owner.set(place.join(), who);
      return known === who;
    });
  });
}
