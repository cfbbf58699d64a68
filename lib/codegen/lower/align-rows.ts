/** Rows of intermediate buffers as `storageAlign` asked for them: steps become longer, elements in between unused. */
import { regionsOf } from "../../arith/index.ts";
import {
  type Buffer,
  blocksIn,
  constant,
  type Expr,
  ops,
  replaceBuffers,
  type Stmt,
} from "../../ir/index.ts";
import { ALIGN_KEY } from "../../schedule/index.ts";
import { allocations } from "./storage.ts";

/** The step along `axis` is `offset` more than a multiple of `factor`. */
interface Alignment {
  readonly axis: number;
  readonly factor: number;
  readonly offset: number;
}

/** `s` with strides on the buffers that blocks of the function `root` note alignments of. */
export function alignRows(s: Stmt, root: Stmt): Stmt {
  const asked = alignments(root);
  if (asked.size === 0) return s;
  const next = new Map<number, Buffer>();
  for (const b of allocations(s)) {
    const wanted = asked.get(b.id);
    if (wanted && !b.strides) next.set(b.id, { ...b, strides: stridesOf(b, wanted) });
  }
  return replaceBuffers(s, next);
}

function alignments(root: Stmt): Map<number, Alignment[]> {
  const out = new Map<number, Alignment[]>();
  for (const b of blocksIn(root)) {
    const noted = b.annotations[ALIGN_KEY];
    if (!Array.isArray(noted)) continue;
    const { writes } = regionsOf(b);
    for (const x of noted) {
      const [index, axis, factor, offset] = (Array.isArray(x) ? x : []).map(Number);
      const id = writes[index]?.buffer.id;
      if (id === undefined || !(factor > 0)) continue;
      out.set(id, [...(out.get(id) ?? []), { axis, factor, offset }]);
    }
  }
  return out;
}

function stridesOf(b: Buffer, wanted: readonly Alignment[]): Expr[] {
  const strides: Expr[] = [];
  let step: Expr = constant(1);
  for (let d = b.shape.length - 1; d >= 0; d--) {
    const a = wanted.find((x) => x.axis === d);
    if (a) step = ops.add(step, ops.floormod(ops.sub(a.offset, step), a.factor));
    strides.unshift(step);
    step = ops.mul(step, b.shape[d]);
  }
  return strides;
}
