/**
 * Operators whose number of results depends on data: tensors of the greatest size there may be, and the number that
 * counts, from which tensorToShape and stridedSlice make the exact result.
 */
import {
  type Buffer,
  buffer,
  cast,
  constant,
  type Expr,
  ifThen,
  letIn,
  load,
  loop,
  ops,
  type Stmt,
  seq,
  store,
  type TupleType,
  tensorType,
  tupleType,
  variable,
} from "../../ir/index.ts";
import type { OpArgs, OpDef, TypedCall } from "../op.ts";
import { axisOf, product, withShape } from "../shape.ts";
import { X } from "./elementwise-form.ts";
import { mergeSort, sortSpace, startOrder } from "./merge-sort.ts";
import { buffersOf, fillBlock, loopsOver, programOf, serialBlock } from "./prim-form.ts";
import { knownAxis } from "./sort.ts";
import { unflatten } from "./te-index.ts";

type Program = ReturnType<NonNullable<OpDef["prim"]>>;
const ZERO = constant(0);
const i64 = (e: Expr): Expr => cast(e, "i64");
/** `counter[0] += 1` */
const increment = (counter: Buffer, at: Expr = ZERO): Stmt =>
  store(counter, [at], ops.add(load(counter, [at]), 1));

function nonzero(c: TypedCall): Program {
  const b = buffersOf(c);
  const [x] = b.ins;
  const [indices, count] = b.outs;
  const found = buffer("found", [1], "i32");
  const one = (i: readonly Expr[]): Stmt => {
    const at = variable("at");
    const writes = i.map((e, d) => store(indices, [constant(d), at], i64(e)));
    const hit = seq([letIn(at, load(found, [ZERO]), seq(writes)), increment(found)]);
    return ifThen(ops.ne(load(x, i), constant(0, x.dtype)), hit);
  };
  const body = [
    store(found, [ZERO], ZERO),
    loopsOver(x.shape, one),
    store(count, [ZERO], i64(load(found, [ZERO]))),
  ];
  return programOf(b, [
    fillBlock("fill", indices, constant(0, "i64")),
    serialBlock("nonzero", body, [found]),
  ]);
}

/** The rows that are compared: slices along the axis, or single elements. */
function rows(c: OpArgs): { n: Expr; m: Expr; at: (row: Expr, e: Expr) => Expr[] } {
  const { shape } = c.tensor(0);
  if (c.attrs.axis === null) {
    return { n: product(shape), m: constant(1), at: (row) => unflatten(row, shape) };
  }
  const a = axisOf(c.op, c.num("axis"), shape.length);
  const others = shape.filter((_, d) => d !== a);
  return { n: shape[a], m: product(others), at: (row, e) => unflatten(e, others).toSpliced(a, 0, row) };
}

/**
 * Sorts the rows column by column from the last (each sort is stable, so the first column decides), then counts runs of
 * equal ones.
 */
function unique(c: TypedCall): Program {
  const b = buffersOf(c);
  const [x] = b.ins;
  const [values, first, inverse, counts, count] = b.outs;
  const r = rows(c);
  const n = knownAxis(c, r.n);
  const m = knownAxis(c, r.m);
  const space = sortSpace(n);
  const ints = (name: string, size: number): Buffer => buffer(name, [size], "i32");
  const [groups, id, starts, sizes] = ["group", "id", "start", "size"].map((name) => ints(name, n));
  const [found, differs, named] = ["found", "differs", "named"].map((name) => ints(name, 1));
  const read = (row: Expr, e: Expr): Expr => load(x, r.at(row, e));
  const get = (buf: Buffer, at: Expr = ZERO): Expr => load(buf, [at]);
  const set = (buf: Buffer, at: Expr, e: Expr): Stmt => store(buf, [at], e);

  const e = variable("e");
  const column = ops.sub(constant(m - 1), e);
  const sort = loop(
    e,
    m,
    mergeSort(space, (p, q) => ops.lt(read(p, column), read(q, column))),
  );

  const k = variable("k");
  const row = variable("row");
  const u = variable("u");
  const previous = get(space.order, ops.sub(k, 1));
  const compare = loop(
    u,
    m,
    ifThen(ops.ne(read(row, u), read(previous, u)), set(differs, ZERO, constant(1))),
  );
  const last = ops.sub(get(found), 1);
  const run = letIn(
    row,
    get(space.order, k),
    seq([
      set(differs, ZERO, constant(0)),
      ifThen(ops.eq(k, 0), set(differs, ZERO, constant(1)), compare),
      ifThen(
        ops.eq(get(differs), 1),
        seq([set(starts, get(found), row), set(sizes, get(found), ZERO), increment(found)]),
      ),
      set(groups, row, last),
      increment(sizes, last),
    ]),
  );

  // Names of the groups: in sorted order as they are, else in the order of their first rows.
  const g = variable("g");
  const s = variable("s");
  const isFirst = ops.eq(get(starts, get(groups, s)), s);
  const naming = c.flag("sorted")
    ? loop(g, n, set(id, g, g))
    : loop(s, n, ifThen(isFirst, seq([set(id, get(groups, s), get(named)), increment(named)])));

  const w = variable("w");
  const name = variable("name");
  const f = variable("f");
  const to = (col: Expr): Expr[] => (c.attrs.axis === null ? [name] : r.at(name, col));
  const write = letIn(
    name,
    get(id, w),
    seq([
      store(first, [name], i64(get(starts, w))),
      store(counts, [name], i64(get(sizes, w))),
      loop(f, m, store(values, to(f), read(get(starts, w), f))),
    ]),
  );
  const v = variable("v");
  const body = [
    set(found, ZERO, ZERO),
    set(named, ZERO, ZERO),
    startOrder(space),
    sort,
    loop(k, n, run),
    naming,
    loop(w, n, ifThen(ops.lt(w, get(found)), write)),
    loop(v, n, store(inverse, [v], i64(get(id, get(groups, v))))),
    store(count, [ZERO], i64(get(found))),
  ];
  const allocs = [...space.allocs, groups, id, starts, sizes, found, differs, named];
  const fills = [values, first, counts].map((o) => fillBlock(`fill_${o.name}`, o, constant(0, o.dtype)));
  return programOf(b, [...fills, serialBlock("unique", body, allocs)]);
}

export const COMPACT = {
  nonzero: {
    doc: "the indices of the elements that are not 0, one column for each, in row-major order; and their number",
    args: X,
    infer: (c): TupleType => {
      const x = c.tensor(0);
      if (x.shape.length === 0) c.refuse("a scalar has no indices; reshape it to [1]");
      return tupleType([tensorType([x.shape.length, product(x.shape)], "i64"), tensorType([1], "i64")]);
    },
    prim: nonzero,
  },
  unique: {
    doc: "the elements (or slices along an axis) without repetition, where each first stood, which one each is, how often each occurs; and their number",
    args: X,
    attrs: {
      axis: { doc: "slices along which axis; single elements where it is null", default: null },
      sorted: { doc: "in ascending order; in the order of their first occurrence otherwise", default: true },
    },
    infer: (c): TupleType => {
      const x = c.tensor(0);
      const { n } = rows(c);
      const values = c.attrs.axis === null ? withShape(x, [n]) : x;
      const line = tensorType([n], "i64");
      return tupleType([values, line, line, line, tensorType([1], "i64")]);
    },
    prim: unique,
  },
} as const satisfies Record<string, OpDef>;
