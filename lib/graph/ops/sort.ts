/** Sorting along an axis, and the k first of what would be sorted. */
import {
  type Buffer,
  cast,
  constInt,
  type Expr,
  load,
  loop,
  ops,
  type Stmt,
  seq,
  store,
  type TensorType,
  type TupleType,
  tupleType,
  variable,
} from "../../ir/index.ts";
import type { ArgSpec, OpArgs, OpDef, TypedCall } from "../op.ts";
import { axisOf, type Size, withShape } from "../shape.ts";
import { dtypeAttr, X } from "./elementwise-form.ts";
import { mergeSort, sortSpace, startOrder } from "./merge-sort.ts";
import { buffersOf, programOf, spatialBlock } from "./prim-form.ts";
import { selection } from "./top-k.ts";

const axis = (c: OpArgs): number => axisOf(c.op, c.num("axis"), c.tensor(0).shape.length);

/** The size of the axis: loops of a sort have known lengths. */
export function knownAxis(c: OpArgs, s: Size): number {
  return constInt(s) ?? c.refuse("the size of the axis must be known; call bindSymbolicVars first");
}

/** For every line along the axis: the order of its elements, of which `write` takes what it needs. */
function sorted(
  c: TypedCall,
  descending: boolean,
  count: (n: number) => Size,
  write: (x: Buffer, outs: readonly Buffer[], from: readonly Expr[], to: readonly Expr[], at: Expr) => Stmt,
): ReturnType<NonNullable<OpDef["prim"]>> {
  const b = buffersOf(c);
  const [x] = b.ins;
  const a = axis(c);
  const n = knownAxis(c, x.shape[a]);
  const space = sortSpace(n);
  const others = x.shape.filter((_, d) => d !== a);
  const line = (i: readonly Expr[], at: Expr): Expr[] => i.toSpliced(a, 0, at);
  const body = (i: readonly Expr[]): Stmt => {
    const value = (e: Expr): Expr => load(x, line(i, e));
    const before = (p: Expr, q: Expr): Expr =>
      descending ? ops.gt(value(p), value(q)) : ops.lt(value(p), value(q));
    const k = variable("j");
    const at = load(space.order, [k]);
    return seq([
      startOrder(space),
      mergeSort(space, before),
      loop(k, count(n), write(x, b.outs, line(i, at), line(i, k), at)),
    ]);
  };
  return programOf(b, [spatialBlock("sort", others, body, space.allocs)]);
}

const AXIS = { axis: { doc: "along which axis", default: -1 } } as const;
const ORDER = { ...AXIS, descending: { doc: "the greatest first", default: false } } as const;
const DTYPE = { dtype: { doc: "dtype of the positions", default: "i64" } } as const;

function positions(c: OpArgs): "i32" | "i64" {
  const t = dtypeAttr(c);
  return t === "i32" || t === "i64" ? t : c.refuse(`positions are i32 or i64, not ${t}`);
}

export const SORT = {
  sort: {
    doc: "the elements in order along an axis",
    args: X,
    attrs: ORDER,
    infer: (c): TensorType => {
      axis(c);
      return c.tensor(0);
    },
    prim: (c) =>
      sorted(c, c.flag("descending"), ops.toExpr, (x, [out], from, to) => store(out, to, load(x, from))),
  },
  argsort: {
    doc: "the positions of the elements in order along an axis; equals keep their order",
    args: X,
    attrs: { ...ORDER, ...DTYPE },
    infer: (c): TensorType => {
      axis(c);
      return { ...c.tensor(0), dtype: positions(c) };
    },
    prim: (c) =>
      sorted(c, c.flag("descending"), ops.toExpr, (_x, [out], _from, to, at) =>
        store(out, to, out.dtype === "i32" ? at : cast(at, out.dtype)),
      ),
  },
  topk: {
    doc: "the k first elements in order along an axis and their positions, as a tuple; of equals the first ones",
    args: [...X, { name: "k", kind: "shape" }] as readonly ArgSpec[],
    attrs: { ...AXIS, largest: { doc: "the greatest, not the smallest", default: true }, ...DTYPE },
    infer: (c): TupleType => {
      const x = c.tensor(0);
      const a = axis(c);
      if (c.shape(1).length !== 1) c.refuse("k is one number");
      const [k] = c.shape(1);
      const [n, m] = [constInt(x.shape[a]), constInt(k)];
      if (m !== undefined && (m < 0 || (n !== undefined && m > n)))
        c.refuse(`k is ${m}, the axis has ${n ?? "so many"} elements`);
      const values = withShape(
        x,
        x.shape.map((s, d) => (d === a ? k : s)),
      );
      return tupleType([values, { ...values, dtype: positions(c) }]);
    },
    prim: (c) => {
      const a = axis(c);
      const [n, k] = [knownAxis(c, c.tensor(0).shape[a]), constInt(c.shape(1)[0])];
      if (k !== undefined && k > 0 && k < n) return selection(c, a, n, k, c.flag("largest"));
      return sorted(
        c,
        c.flag("largest"),
        () => c.shape(1)[0],
        (x, [values, indices], from, to, at) =>
          seq([
            store(values, to, load(x, from)),
            store(indices, to, indices.dtype === "i32" ? at : cast(at, indices.dtype)),
          ]),
      );
    },
  },
} as const satisfies Record<string, OpDef>;
