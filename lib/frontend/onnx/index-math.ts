/** Positions in small row-major arrays. */
import { compactStrides, sizeOf } from "../../ir/index.ts";

/** The shape that shapes broadcast to (numpy's rules), or undefined when they do not. */
export function broadcastTo(shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let d = 0; d < shape.length; d++) {
      const at = rank - shape.length + d;
      if (out[at] === 1) out[at] = shape[d];
      else if (shape[d] !== 1 && shape[d] !== out[at]) return undefined;
    }
  }
  return out;
}

/** For each position in `shape`, in order, what `f` says of its indices. */
export function forEachIndex(shape: readonly number[], f: (index: readonly number[]) => number): number[] {
  const n = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  const out: number[] = [];
  for (let i = 0; i < n; i++) {
    out.push(f(index));
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
  return out;
}

/** For each position in `into` the position in `shape` that broadcasts there. */
export function broadcastIndices(shape: readonly number[], into: readonly number[]): number[] {
  const strides = compactStrides(shape);
  const lead = into.length - shape.length;
  return forEachIndex(into, (i) => {
    let at = 0;
    for (let d = 0; d < shape.length; d++) if (shape[d] !== 1) at += i[lead + d] * strides[d];
    return at;
  });
}
