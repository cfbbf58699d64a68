/** Sampling of a regular grid at given places (ONNX's GridSample, PyTorch's grid_sample). */
import { type Expr, isFloat, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameSize } from "../shape.ts";
import { cubicWeight } from "./cubic.ts";
import { sumOver } from "./window.ts";

const METHODS = ["nearest", "linear", "cubic"];
const PADDINGS = ["zeros", "border", "reflection"];

interface Samples {
  readonly spatial: readonly Size[];
  readonly places: readonly Size[];
}

function samplesOf(c: OpArgs): Samples {
  const [x, grid] = [c.tensor(0), c.tensor(1)];
  const n = x.shape.length - 2;
  if (n < 1) c.refuse(`its data must be [batch, channels, sizes…], it has ${x.shape.length} axes`);
  if (grid.shape.length !== n + 2 || !sameSize(grid.shape[n + 1], ops.toExpr(n)))
    c.refuse(`its grid must be [batch, ${n} sizes, ${n}] for data with ${n} spatial axes`);
  if (!sameSize(grid.shape[0], x.shape[0])) c.refuse("data and grid must have the same batch");
  if (!isFloat(grid.dtype)) c.refuse(`its grid must be floats, not ${grid.dtype}`);
  for (const [name, among] of [
    ["method", METHODS],
    ["paddingMode", PADDINGS],
  ] as const) {
    if (!among.includes(c.str(name))) c.refuse(`${name} "${c.str(name)}" is none of ${among.join(", ")}`);
  }
  if (c.str("method") !== "nearest" && !isFloat(x.dtype))
    c.refuse(`${c.str("method")} is for floats, not ${x.dtype}`);
  return { spatial: x.shape.slice(2), places: grid.shape.slice(1, -1) };
}

/** x reflected at both ends of low … low + span as often as it takes. */
function reflected(x: Expr, low: Expr, span: Expr): Expr {
  const far = ops.abs(ops.sub(x, low));
  const flips = ops.floor(ops.div(far, span));
  const rest = ops.sub(far, ops.mul(flips, span));
  const odd = ops.ne(flips, ops.mul(ops.floor(ops.mul(flips, 0.5)), 2));
  const back = ops.add(ops.select(odd, ops.sub(span, rest), rest), low);
  return ops.select(ops.gt(span, 0), back, low);
}

export const GRID_SAMPLE = {
  "image.gridSample": {
    doc: "data [N, C, sizes…] at the places of a grid [N, out sizes…, axes], which run from -1 to 1 and list the last axis first",
    args: [
      { name: "data", kind: "tensor" },
      { name: "grid", kind: "tensor" },
    ],
    attrs: {
      method: { doc: `one of ${METHODS.join(", ")}`, default: "linear" },
      paddingMode: { doc: `what stands outside of the data: ${PADDINGS.join(", ")}`, default: "zeros" },
      alignCorners: {
        doc: "whether -1 and 1 are the centres of the outermost elements, not their edges",
        default: false,
      },
    },
    infer: (c): TensorType => {
      const x = c.tensor(0);
      return { ...x, shape: [...x.shape.slice(0, 2), ...samplesOf(c).places] };
    },
    te: (c) => {
      const { spatial, places } = samplesOf(c);
      const [x, grid] = [c.x(0), c.x(1)];
      const n = spatial.length;
      const real = grid.dtype === "f64" ? "f64" : "f32";
      const number = (e: Expr): Expr => (e.dtype === real ? e : te.cast(e, real));
      const align = c.flag("alignCorners");
      const mode = c.str("paddingMode");
      const method = c.str("method");
      const last = (d: number): Expr => number(ops.sub(spatial[d], 1));
      const inside = (v: Expr, d: number): Expr => ops.max(ops.min(v, last(d)), ops.toExpr(0, real));
      /** A place that may lie outside of the data, brought inside of it as the padding says. */
      const brought = (v: Expr, d: number): Expr => {
        if (mode === "zeros") return v;
        if (mode === "border") return inside(v, d);
        const low = ops.toExpr(align ? 0 : -0.5, real);
        return inside(reflected(v, low, align ? last(d) : number(spatial[d])), d);
      };
      // One tensor for each axis: where it is read, counted in elements.
      const at = spatial.map((size, d) =>
        te.compute(
          [x.shape[0], ...places],
          (...i) => {
            const g = ops.add(number(grid.get([...i, ops.toExpr(n - 1 - d)])), 1);
            const place = align
              ? ops.mul(ops.mul(g, 0.5), last(d))
              : ops.mul(ops.sub(ops.mul(g, number(size)), 1), 0.5);
            if (method === "nearest") return ops.round(brought(place, d));
            return method === "linear" ? brought(place, d) : place;
          },
          `at${d}`,
        ),
      );
      const taps = { nearest: 1, linear: 2, cubic: 4 }[method] ?? 1;
      const first = taps === 4 ? -1 : 0;
      const neighbours = at.map((t, d) =>
        te.compute(
          [...t.shape, taps],
          (...i) => {
            const whole = ops.add(
              ops.floor(t.get(i.slice(0, -1))),
              te.cast(ops.add(i[i.length - 1], first), real),
            );
            return te.cast(taps === 4 ? brought(whole, d) : whole, "i32");
          },
          `element${d}`,
        ),
      );
      const weights = at.map((t, d) =>
        te.compute(
          [...t.shape, taps],
          (...i) => {
            const place = t.get(i.slice(0, -1));
            const whole = ops.add(ops.floor(place), te.cast(ops.add(i[i.length - 1], first), real));
            const distance = ops.abs(ops.sub(place, whole));
            return taps === 4 ? cubicWeight(distance, -0.75) : ops.sub(1, distance);
          },
          `weight${d}`,
        ),
      );
      const axes = taps > 1 ? spatial.map((_, d) => te.reduceAxis(taps, `k${d}`)) : [];
      const out = c.out();
      return te.compute(
        out.shape,
        (...i) => {
          const place = [i[0], ...i.slice(2)];
          const tap = spatial.map((_, d) => [...place, axes[d]?.v ?? ops.toExpr(0)]);
          const index = spatial.map((_, d) => neighbours[d].get(tap[d]));
          const within = ops.allOf(index.flatMap((v, d) => [ops.ge(v, 0), ops.lt(v, spatial[d])])) as Expr;
          const value = ops.select(within, x.get([i[0], i[1], ...index]), ops.toExpr(0, x.dtype));
          if (taps === 1) return value;
          const weight = spatial.map((_, d) => weights[d].get(tap[d])).reduce((a, b) => ops.mul(a, b));
          const factor = weight.dtype === x.dtype ? weight : te.cast(weight, x.dtype);
          return sumOver(ops.mul(value, factor), axes);
        },
        "grid_sample",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
