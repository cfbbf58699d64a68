/** What symbolic sizes can be at most: memory for tensors whose sizes only the data decides is planned for that. */
import { boundsOf } from "../../arith/index.ts";
import {
  bindingsOf,
  type Expr,
  type GraphBody,
  type GraphFunc,
  type Interval,
  numbersOf,
  outputTypes,
  type Ranges,
  varsOf,
} from "../../ir/index.ts";

/** The attribute of a function that says how large its symbolic sizes can be, by name (as in TVM). */
export const UPPER_BOUNDS = "tirVarUpperBound";

const OPEN: Interval = { min: 0, max: Number.POSITIVE_INFINITY };

/**
 * The range of every symbolic size of a function, by the id of its variable: from 0 to what `tirVarUpperBound` says for
 * those of its parameters and those that are read out of tensors, to what the value of a cast can be at most for those that a cast binds, to infinity where
 * nothing tells.
 */
export function sizeBounds(f: GraphFunc): Ranges {
  const ranges = new Map<number, Interval>();
  const limits = (f.attrs[UPPER_BOUNDS] ?? {}) as Readonly<Record<string, number>>;
  const declared = (name: string): Interval =>
    Object.hasOwn(limits, name) ? { min: 0, max: limits[name] } : OPEN;
  for (const p of f.params)
    for (const t of outputTypes(p.type))
      for (const s of t.shape) for (const v of varsOf(s).values()) ranges.set(v.id, declared(v.name));
  /** A size that is met for the first time is what it is bound to; where that happens in several places, any of them. */
  const bind = (to: Expr, from: readonly Expr[]): void => {
    if (to.kind !== "var" || ranges.has(to.id)) return;
    const most = from.map((e) => mostOf(e, ranges) ?? Number.POSITIVE_INFINITY);
    ranges.set(to.id, { min: 0, max: Math.max(...most) });
  };
  const body = (b: GraphBody): void => {
    for (const x of bindingsOf(b)) {
      if (x.kind === "tensorToShape") {
        for (const v of x.sizes) ranges.set(v.id, declared(v.name));
        continue;
      }
      const e = x.value;
      if (e.kind === "graphIf") {
        body(e.then);
        body(e.else);
        const [then, other] = [e.then, e.else].map((y) => outputTypes(y.result.type));
        outputTypes(e.type).forEach((t, k) => {
          t.shape.forEach((s, d) => {
            bind(s, [then[k].shape[d], other[k].shape[d]]);
          });
        });
      }
      // What iterations give is stacked: there are no more of them than the loop may make.
      if (e.kind === "graphLoop" && e.trip?.kind === "constant") {
        const [most] = numbersOf(e.trip.data);
        const carried = e.carried.flatMap((y) => outputTypes(y.type)).length;
        for (const { shape } of outputTypes(e.type).slice(carried))
          if (shape[0].kind === "var") ranges.set(shape[0].id, { min: 0, max: Math.max(0, most) });
      }
      const given = outputTypes(e.type);
      outputTypes(x.v.type).forEach((t, k) => {
        t.shape.forEach((s, d) => {
          // A loop or call declares the sizes of what it gives; nothing is known of those.
          bind(s, [given[k].shape[d]]);
        });
      });
    }
  };
  body(f.body);
  return ranges;
}

/** The largest number that a size can be; undefined where it has no bound. */
export function mostOf(size: Expr, ranges: Ranges): number | undefined {
  for (const id of varsOf(size).keys()) if (!ranges.has(id)) return undefined;
  const { max } = boundsOf(size, ranges);
  return Number.isFinite(max) ? Math.max(0, max) : undefined;
}

/** The largest that a shape can be, size by size; undefined where one of them has no bound. */
export function mostShape(shape: readonly Expr[], ranges: Ranges): number[] | undefined {
  const out = shape.map((s) => mostOf(s, ranges));
  return out.every((s) => s !== undefined) ? (out as number[]) : undefined;
}
