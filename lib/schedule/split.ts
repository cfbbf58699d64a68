/** split: one loop becomes a nest of several. */
import { simplify } from "../arith/index.ts";
import {
  constant,
  constInt,
  type Expr,
  type For,
  loop,
  ops,
  type PrimFunc,
  type Stmt,
  type Var,
  variable,
} from "../ir/index.ts";
import { refuse } from "./error.ts";
import { findLoop, rangesOf, replaceIn } from "./lookup.ts";
import { refuseMarkedLoop } from "./loop-rules.ts";
import { rebind, unlessProven, withLoops } from "./rebind.ts";
import type { WithLoops } from "./types.ts";

/** A tile size, or null for the one that is inferred. */
export type Factor = number | null;

export interface UnitIterOptions {
  /** Keep new loops of extent 1 in the bindings (default). False replaces them by 0. */
  readonly preserveUnitIters?: boolean;
}

export interface SplitOptions extends UnitIterOptions {
  /** No condition in the blocks below: refused where the factors are not known to divide the loop. */
  readonly disablePredication?: boolean;
}

/**
 * Splits a loop into one for each factor, outermost first. One factor may be null and is inferred, rounding up. When
 * the factors do not divide the extent, the blocks below run under a predicate. The new loops are serial, whatever
 * the old one was.
 */
export function split(
  f: PrimFunc,
  loopId: number,
  factors: readonly Factor[],
  options: SplitOptions = {},
): WithLoops {
  const at = findLoop(f, loopId);
  const old = at.node;
  checkFactors(old, factors);
  refuseMarkedLoop("split", old);

  const ranges = rangesOf(f, at.path.slice(0, -1));
  const { dtype } = old.v;
  const given = factors.reduce<number>((n, x) => n * (x ?? 1), 1);
  const inferred = simplify(ops.floordiv(ops.add(old.extent, given - 1), constant(given, dtype)), ranges);
  const extents = factors.map((x) => (x === null ? inferred : constant(x, dtype)));
  const whole = constInt(old.extent);
  if (!factors.includes(null)) checkCover(old, factors, given, whole);

  const vars = factors.map((_, i): Var => variable(`${old.v.name}_${i}`, dtype));
  const nest = vars.map((v, i) => loop(v, extents[i], old.body));
  let value: Expr = vars[0];
  for (let i = 1; i < vars.length; i++) value = ops.add(ops.mul(value, extents[i]), vars[i]);

  const inside = withLoops(ranges, nest);
  const total = extents.reduce((n, x) => n * (constInt(x) ?? Number.NaN), 1);
  const guard = total === whole ? undefined : unlessProven(ops.lt(value, old.extent), inside);
  if (guard && options.disablePredication) {
    const detail = `${text(factors)} of loop ${old.v.name}: the blocks below need the condition that ends it`;
    refuse("split", "the factors do not divide the loop", detail, [old], (n) => {
      return `sch.split(${n(old)}, ${text(factors)})`;
    });
  }
  const body = rebind(old.body, {
    vars: new Map([[old.v.id, value]]),
    guard,
    ranges: inside,
    preserveUnitIters: options.preserveUnitIters ?? true,
  });
  const by = nest.reduceRight<Stmt>((s, l) => ({ ...l, body: s }), body);
  return { func: replaceIn(f, at, by), loops: vars.map((v) => v.id) };
}

function checkFactors(old: For, factors: readonly Factor[]): void {
  const { name } = old.v;
  if (factors.length === 0) {
    refuse(
      "split",
      "no factors are given",
      `loop ${name} needs at least one`,
      [old],
      (n) => `sch.split(${n(old)}, [null, 8])`,
    );
  }
  const bad = factors.find((x) => x !== null && !(Number.isInteger(x) && x > 0));
  if (bad !== undefined) {
    const fixed = factors.map((x) => (x !== null && Number.isInteger(x) && x > 0 ? x : null));
    const legal = fixed.filter((x) => x === null).length === 1 ? fixed : [null, 8];
    refuse(
      "split",
      "every factor must be a whole number above 0, or null",
      `the factor ${bad} of loop ${name} is not`,
      [old],
      (n) => `sch.split(${n(old)}, ${text(legal)})`,
    );
  }
  const nulls = factors.filter((x) => x === null).length;
  if (nulls > 1) {
    const one = factors.map((x, i) => (x === null && i > factors.indexOf(null) ? 1 : x));
    refuse(
      "split",
      "only one factor may be null",
      `${text(factors)} has ${nulls}, and the extents of loop ${name} cannot be inferred`,
      [old],
      (n) => `sch.split(${n(old)}, ${text(one)})`,
    );
  }
}

function checkCover(old: For, factors: readonly Factor[], product: number, whole: number | undefined): void {
  if (whole !== undefined && product >= whole) return;
  const detail =
    whole === undefined
      ? `the extent of loop ${old.v.name} is symbolic: no fixed product covers it`
      : `${factors.join(" · ")} = ${product}, but loop ${old.v.name} has ${whole} iterations`;
  refuse("split", "the product of the factors must cover the loop", detail, [old], (n) => {
    return `sch.split(${n(old)}, ${text([null, ...factors.slice(1)])})`;
  });
}

const text = (factors: readonly Factor[]): string => `[${factors.map(String).join(", ")}]`;
