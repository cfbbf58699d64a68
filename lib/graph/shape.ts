/** Sizes of graph-level types: equality, broadcasting, products. Sizes may be expressions of symbolic sizes. */
import { provablyEqual, simplify } from "../arith/index.ts";
import {
  constInt,
  type Expr,
  type GraphType,
  ops,
  structuralEqual,
  type TensorType,
  typeText,
} from "../ir/index.ts";
import { refuseGraph } from "./error.ts";

export type Size = Expr;

/** The sizes as numbers, or undefined when one of them is symbolic. */
export function constShape(shape: readonly Size[]): number[] | undefined {
  const out = shape.map(constInt);
  return out.every((s) => s !== undefined) ? (out as number[]) : undefined;
}

/** Whether a size is 0, as far as it is known. */
export const knownIsZero = (s: Size): boolean => constInt(s) === 0;

/** Whether two sizes are equal for all values of the symbolic ones. */
export function sameSize(a: Size, b: Size): boolean {
  if (a === b) return true;
  const [x, y] = [constInt(a), constInt(b)];
  if (x !== undefined && y !== undefined) return x === y;
  if (a.kind === "var" && b.kind === "var") return a.id === b.id;
  return provablyEqual(a, b);
}

export const sameShape = (a: readonly Size[], b: readonly Size[]): boolean =>
  a.length === b.length && a.every((s, i) => sameSize(s, b[i]));

/** The number of elements. */
export const product = (shape: readonly Size[]): Size =>
  simplify(shape.reduce<Expr>((a, b) => ops.mul(a, b), ops.toExpr(1)));

/**
 * The size that is left when `of` is divided by `by`: what stands for -1 in a reshape. Sizes that both have are
 * cancelled: where they are 0, no answer is better than another.
 */
export function quotient(of: readonly Size[], by: readonly Size[]): Size {
  const left = [...of];
  const rest = by.filter((s) => {
    const at = constInt(s) === undefined ? left.findIndex((x) => sameSize(x, s)) : -1;
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const [n, k] = [product(left), product(rest)];
  return constInt(k) === 1 ? n : simplify(ops.floordiv(n, k));
}

/** -1 counts from the end. Throws when the axis is not one of `rank` (`rank + 1` with `room`, for a new axis). */
export function axisOf(where: string, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || a < 0 || a >= rank) {
    refuseGraph(where, `axis ${axis} is not in -${rank} … ${rank - 1} (the rank is ${rank})`);
  }
  return a;
}

/** `axisOf` for several; throws when one stands twice. */
export function axesOf(where: string, axes: readonly number[], rank: number): number[] {
  const out = axes.map((a) => axisOf(where, a, rank));
  if (new Set(out).size !== out.length) refuseGraph(where, `an axis stands twice in [${axes.join(", ")}]`);
  return out;
}

/**
 * The shape of an elementwise operation (numpy's rules: align at the end, 1 stretches). Of two symbolic sizes that may
 * differ the result has the larger: they are equal, or one of them is 1.
 */
export function broadcastShapes(where: string, shapes: readonly (readonly Size[])[]): Size[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: Size[] = Array.from({ length: rank }, () => ops.toExpr(1));
  for (const shape of shapes) {
    shape.forEach((s, i) => {
      const d = rank - shape.length + i;
      out[d] = broadcastSize(where, out[d], s, shapes);
    });
  }
  return out;
}

function broadcastSize(where: string, a: Size, b: Size, all: readonly (readonly Size[])[]): Size {
  const [x, y] = [constInt(a), constInt(b)];
  if (x === 1) return b;
  if (y === 1 || sameSize(a, b)) return a;
  if (x !== undefined && y !== undefined) {
    const shapes = all
      .map((shape) => typeText({ kind: "tensor", dtype: "f32", shape }).slice(3))
      .join(" and ");
    return refuseGraph(where, `shapes ${shapes} do not broadcast: ${x} against ${y}`);
  }
  if (x !== undefined) return a;
  if (y !== undefined) return b;
  return simplify(ops.max(a, b));
}

/** The type with another shape. */
export const withShape = (t: TensorType, shape: readonly Size[]): TensorType => ({ ...t, shape });

/** Whether two types are written alike: the same form, dtypes, and the same sizes without any proof. */
export function identicalTypes(a: GraphType, b: GraphType): boolean {
  if (a === b) return true;
  if (a.kind === "tensor") {
    const same = b.kind === "tensor" && a.dtype === b.dtype && a.shape.length === b.shape.length;
    return same && a.shape.every((s, i) => s === b.shape[i] || structuralEqual(s, b.shape[i]));
  }
  if (a.kind === "shape") return b.kind === "shape" && a.rank === b.rank;
  if (b.kind !== "tuple" || a.fields.length !== b.fields.length) return false;
  return a.fields.every((f, i) => identicalTypes(f, b.fields[i]));
}
