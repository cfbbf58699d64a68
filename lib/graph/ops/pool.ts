/** Poolings over windows. */
import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, isFloat, ops, type TensorType, tupleType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import { alongAxes, indexAlong, type Layout, misfit, plainLayout, shapeIn, sizesIn } from "../layout.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { product as productOf, type Size } from "../shape.ts";
import { castTo } from "./elementwise-form.ts";
import { flatIndex, unflatten } from "./te-index.ts";
import { sumType } from "./te-reduce.ts";
import {
  ceildiv,
  layoutOf,
  padded,
  reach,
  reduceOver,
  SPATIAL,
  spatialOnly,
  sumOver,
  WINDOW_ATTRS,
  type Window,
  windowCount,
  windowOf,
} from "./window.ts";

type Rank = 1 | 2 | 3;
const RANKS = [1, 2, 3] as const;

const DATA = [{ name: "data", kind: "tensor" }] as const;
const POOL_ATTRS = {
  poolSize: { doc: "the window's size, for each spatial axis" },
  ...WINDOW_ATTRS,
  ceilMode: { doc: "whether the last window may reach beyond the end", default: false },
} as const;
const LAYOUT = {
  doc: "layout of the data, channels first unless given (NCHW4c: in blocks of 4)",
  default: "",
} as const;

interface Pool {
  readonly n: Rank;
  readonly layout: Layout;
  readonly window: Window;
  readonly data: Readonly<Record<string, Size>>;
  readonly out: Readonly<Record<string, Size>>;
}

function poolOf(c: OpArgs, n: Rank, layouts = true): Pool {
  const x = c.tensor(0);
  const standard = `NC${SPATIAL[n]}`;
  const layout = layouts ? layoutOf(c, "dataLayout", standard) : plainLayout(standard);
  const wrong = misfit(layout, x.shape);
  if (wrong) c.refuse(`its data ${wrong}`);
  const data = sizesIn(layout, x.shape);
  const sizes = c.nums("poolSize");
  if (sizes.length !== n) c.refuse(`poolSize [${sizes.join(", ")}] must have ${n} number(s)`);
  const window = windowOf(
    c,
    sizes.map((s) => ops.toExpr(s)),
  );
  const out: Record<string, Size> = { N: data.N, C: data.C };
  [...SPATIAL[n]].forEach((l, d) => {
    out[l] = windowCount(c, window, d, data[l], c.flag("ceilMode"));
  });
  return { n, layout, window, data, out };
}

const outShape = (p: Pool): Size[] => shapeIn(p.layout, p.out).map((s) => simplify(s));

/** The data with `value` around it, as far as windows reach. */
function surrounded(p: Pool, x: te.Tensor, value: Expr): te.Tensor {
  const side = (of: readonly (number | Expr)[]): (number | Expr)[] => spatialOnly(p.layout, SPATIAL[p.n], of);
  const end = [...SPATIAL[p.n]].map((l, d) => {
    const last = ops.mul(ops.sub(p.out[l], 1), p.window.strides[d]);
    const over = ops.sub(ops.add(last, reach(p.window, d)), ops.add(p.data[l], p.window.begin[d]));
    return simplify(ops.max(over, p.window.end[d]));
  });
  return padded(x, side(p.window.begin), side(end), value);
}

/** The elements of the windows: the index of a padded tensor for the index of the result and the place in the window. */
function inWindow(p: Pool, i: readonly Expr[], k: readonly Expr[]): Expr[] {
  return p.layout.map(({ letter }, pos) => {
    const d = SPATIAL[p.n].indexOf(letter);
    return d < 0
      ? i[pos]
      : ops.add(ops.mul(i[pos], p.window.strides[d]), ops.mul(k[d], p.window.dilation[d]));
  });
}

function windowAxes(p: Pool): { axes: te.ReduceAxis[]; k: Expr[] } {
  const axes: te.ReduceAxis[] = [];
  const k = p.window.kernel.map((s, d) => reduceOver(s, `r${SPATIAL[p.n][d].toLowerCase()}`, axes));
  return { axes, k };
}

/** Elements of a window from which the maximum is taken along one axis after the other. */
const LARGE = 25;

/** Whether one pass for each axis looks at fewer elements, and data is laid out so that both walk through memory. */
function goesByAxes(p: Pool): boolean {
  const size = constInt(productOf(p.window.kernel)) ?? 0;
  const steps = p.window.strides.every((s) => s === 1);
  return p.n === 2 && steps && size >= LARGE && p.window.kernel.every((s) => (constInt(s) ?? 0) > 1);
}

/** The maximum of windows as that of the maxima of their columns: down the columns first, which are whole rows in vectors. */
function maxByAxes(p: Pool, x: te.Tensor): te.Tensor {
  const [letter] = SPATIAL[p.n];
  const tall = p.layout.findIndex((l) => l.letter === letter);
  const [down, along] = p.window.kernel.map((s, d) => te.reduceAxis(s, `r${SPATIAL[p.n][d].toLowerCase()}`));
  const zero = ops.toExpr(0);
  // Rows of the result, columns of the data.
  const shape = x.shape.map((s, pos) => (pos === tall ? outShape(p)[pos] : s));
  const columns = te.compute(
    shape,
    (...i) => {
      const at = ops.add(i[tall], ops.mul(down.v, p.window.dilation[0]));
      const from: Expr[] = [...i];
      from[tall] = at;
      return te.max(x.get(from), [down]);
    },
    "columns",
  );
  return te.compute(
    outShape(p),
    (...i) => {
      const at = inWindow(p, i, [zero, along.v]);
      return te.max(columns.get(at), [along]);
    },
    `max_pool${p.n}d`,
  );
}

function maxPool(n: Rank): OpDef {
  return {
    doc: `the greatest element of each ${n}-d window`,
    args: DATA,
    attrs: { ...POOL_ATTRS, dataLayout: LAYOUT },
    infer: (c): TensorType => ({ ...c.tensor(0), shape: outShape(poolOf(c, n)) }),
    te: (c) => {
      const p = poolOf(c, n);
      const x = surrounded(p, c.x(0), ops.minValue(c.x(0).dtype));
      if (goesByAxes(p)) return maxByAxes(p, x);
      const { axes, k } = windowAxes(p);
      return te.compute(
        outShape(p),
        (...i) => {
          const value = x.get(inWindow(p, i, k));
          return axes.length > 0 ? te.max(value, axes) : value;
        },
        `max_pool${n}d`,
      );
    },
  };
}

/** ONNX MaxPool with both outputs: of equal elements the first counts. */
function maxPoolWithIndices(n: Rank): OpDef {
  return {
    doc: `the greatest element of each ${n}-d window, and where in the whole tensor it stands (i64)`,
    args: DATA,
    attrs: {
      ...POOL_ATTRS,
      storageOrder: {
        doc: "0: positions count row by row; 1: the spatial axes column by column",
        default: 0,
      },
    },
    infer: (c) => {
      const t: TensorType = { ...c.tensor(0), shape: outShape(poolOf(c, n, false)) };
      return tupleType([t, { ...t, dtype: "i64" }]);
    },
    te: (c) => {
      const p = poolOf(c, n, false);
      const dtype = c.x(0).dtype;
      const x = surrounded(p, c.x(0), ops.minValue(dtype));
      const axes = p.window.kernel.map((s, d) => te.reduceAxis(s, `r${SPATIAL[n][d].toLowerCase()}`));
      const place = te.compute(
        outShape(p),
        (...i) =>
          te.argmax(
            x.get(
              inWindow(
                p,
                i,
                axes.map((a) => a.v),
              ),
            ),
            axes,
          ),
        "place",
      );
      const value = place.values as te.Tensor;
      const sizes = [...SPATIAL[n]].map((l) => p.data[l]);
      const positions = te.compute(
        outShape(p),
        (...i) => {
          const k = unflatten(place.get(i), p.window.kernel);
          const at = inWindow(p, i, k).slice(2);
          const from = at.map((a, d) => ops.sub(a, p.window.begin[d]));
          const turned = c.num("storageOrder") === 1;
          const spatial = turned
            ? flatIndex([...from].reverse(), [...sizes].reverse())
            : flatIndex(from, sizes);
          const image = ops.add(ops.mul(i[0], p.data.C), i[1]);
          return te.cast(ops.add(ops.mul(image, sizes.reduce<Expr>(ops.mul, ops.toExpr(1))), spatial), "i64");
        },
        "positions",
      );
      const best = te.compute(outShape(p), (...i) => value.get(i), `max_pool${n}d`);
      return [best, positions];
    },
  };
}

/** How many places of the window at `start` lie in lo … hi-1 (all counted with the padding before). */
function placesWithin(p: Pool, d: number, start: Expr, lo: Expr | number, hi: Expr): Expr {
  const before = (bound: Expr | number): Expr =>
    ops.max(ops.min(ceildiv(ops.sub(bound, start), p.window.dilation[d]), p.window.kernel[d]), 0);
  return ops.sub(before(hi), before(lo));
}

/** The number of elements that an average is over: a constant where windows never reach into padding that is not counted. */
function divisor(p: Pool, i: readonly Expr[], includePad: boolean): Expr {
  const at = alongAxes(p.layout, i);
  const counts = [...SPATIAL[p.n]].map((l, d): Expr => {
    const { begin, end, strides, kernel } = p.window;
    const last = ops.add(ops.mul(ops.sub(p.out[l], 1), strides[d]), reach(p.window, d));
    const beyond = constInt(
      simplify(ops.sub(last, ops.add(p.data[l], begin[d] + (includePad ? end[d] : 0)))),
    );
    const whole = (includePad || begin[d] === 0) && beyond !== undefined && beyond <= 0;
    if (whole) return kernel[d];
    const start = ops.mul(indexAlong(at[l]), strides[d]);
    const inside = ops.add(p.data[l], begin[d]);
    return includePad
      ? placesWithin(p, d, start, 0, ops.add(inside, end[d]))
      : placesWithin(p, d, start, begin[d], inside);
  });
  return counts.reduce<Expr>(ops.mul, ops.toExpr(1));
}

function floatsOnly(c: OpArgs): void {
  const { dtype } = c.tensor(0);
  if (!isFloat(dtype)) c.refuse(`it is for floats, not ${dtype}`);
}

const asFloat = (e: Expr, dtype: TensorType["dtype"]): Expr => {
  const n = constInt(e);
  return n === undefined ? te.cast(e, dtype) : ops.toExpr(n, dtype);
};

function avgPool(n: Rank): OpDef {
  return {
    doc: `the mean of each ${n}-d window`,
    args: DATA,
    attrs: {
      ...POOL_ATTRS,
      countIncludePad: { doc: "whether padding counts as elements of value 0", default: false },
      dataLayout: LAYOUT,
    },
    infer: (c): TensorType => {
      floatsOnly(c);
      return { ...c.tensor(0), shape: outShape(poolOf(c, n)) };
    },
    te: (c) => {
      const p = poolOf(c, n);
      const { dtype } = c.x(0);
      const inside = sumType(dtype);
      const x = surrounded(p, c.x(0), ops.toExpr(0, dtype));
      const { axes, k } = windowAxes(p);
      const sum = te.compute(
        outShape(p),
        (...i) => sumOver(castTo(x.get(inWindow(p, i, k)), inside), axes),
        "pool_sum",
      );
      return te.compute(
        outShape(p),
        (...i) =>
          castTo(ops.div(sum.get(i), asFloat(divisor(p, i, c.flag("countIncludePad")), inside)), dtype),
        `avg_pool${n}d`,
      );
    },
  };
}

/** The p-norm of values whose p-th powers are summed by `total`. */
const powerOf = (x: Expr, p: number): Expr =>
  p === 1 ? ops.abs(x) : p === 2 ? ops.mul(x, x) : ops.pow(ops.abs(x), ops.toExpr(p, x.dtype));
const rootOf = (x: Expr, p: number): Expr =>
  p === 1 ? x : p === 2 ? ops.sqrt(x) : ops.pow(x, ops.toExpr(1 / p, x.dtype));

function lpPool(n: Rank): OpDef {
  return {
    doc: `the p-norm of each ${n}-d window: (Σ |x|^p)^(1/p)`,
    args: DATA,
    attrs: { ...POOL_ATTRS, p: { doc: "the p of the norm", default: 2 }, dataLayout: LAYOUT },
    infer: (c): TensorType => {
      floatsOnly(c);
      return { ...c.tensor(0), shape: outShape(poolOf(c, n)) };
    },
    te: (c) => {
      const p = poolOf(c, n);
      const x = surrounded(p, c.x(0), ops.toExpr(0, c.x(0).dtype));
      const { axes, k } = windowAxes(p);
      const power = (i: readonly Expr[]): Expr => powerOf(x.get(inWindow(p, i, k)), c.num("p"));
      const sum = te.compute(outShape(p), (...i) => sumOver(power(i), axes), "pool_sum");
      return te.compute(outShape(p), (...i) => rootOf(sum.get(i), c.num("p")), `lp_pool${n}d`);
    },
  };
}

const named = <N extends string>(stem: N, make: (n: Rank) => OpDef) =>
  Object.fromEntries(RANKS.map((n) => [`nn.${stem}${n}d`, make(n)])) as Record<`nn.${N}${Rank}d`, OpDef>;

export const POOL = {
  ...named("maxPool", maxPool),
  ...named("maxPoolWithIndices", maxPoolWithIndices),
  ...named("avgPool", avgPool),
  ...named("lpPool", lpPool),
} as const satisfies Record<string, OpDef>;
