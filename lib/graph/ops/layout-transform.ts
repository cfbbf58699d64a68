/** From one layout to another. */
import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import {
  alongAxes,
  indexAlong,
  indicesIn,
  type Layout,
  lettersOf,
  misfit,
  parseLayout,
  shapeIn,
  sizesIn,
} from "../layout.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameSize } from "../shape.ts";

interface Transform {
  readonly from: Layout;
  readonly to: Layout;
  /** Size of each axis before and after, padding included. */
  readonly before: Readonly<Record<string, Size>>;
  readonly after: Readonly<Record<string, Size>>;
  readonly shape: readonly Size[];
}

function layout(c: OpArgs, name: string): Layout {
  const read = parseLayout(c.str(name));
  return typeof read === "string" ? c.refuse(`${name} ${JSON.stringify(c.str(name))}: ${read}`) : read;
}

function transformOf(c: OpArgs): Transform {
  const [from, to] = [layout(c, "srcLayout"), layout(c, "dstLayout")];
  if ([...lettersOf(from)].sort().join() !== [...lettersOf(to)].sort().join())
    c.refuse(`${lettersOf(from)} and ${lettersOf(to)} have different axes`);
  const wrong = misfit(from, c.tensor(0).shape);
  if (wrong) c.refuse(`its data ${wrong}`);
  const before = sizesIn(from, c.tensor(0).shape);
  const shape = (c.has(1) ? c.shape(1) : shapeIn(to, before)).map((s) => simplify(s));
  const unfit = misfit(to, shape);
  if (unfit) c.refuse(`its result ${unfit}`);
  return { from, to, before, after: sizesIn(to, shape), shape };
}

export const LAYOUT_TRANSFORM = {
  layoutTransform: {
    doc: "the same elements in another layout, such as NCHW4c: blocks of 4 channels, padded with zeros",
    args: [
      { name: "data", kind: "tensor" },
      { name: "shape", kind: "shape", optional: true },
    ],
    attrs: {
      srcLayout: { doc: "the layout of the data: NCHW, NCHW4c" },
      dstLayout: {
        doc: "the layout of the result; its shape, if given, cuts axes off at the end or pads them",
      },
    },
    infer: (c): TensorType => ({ ...c.tensor(0), shape: transformOf(c).shape }),
    te: (c) => {
      const { from, to, before, after, shape } = transformOf(c);
      const x = c.x(0);
      const larger = lettersOf(to)
        .split("")
        .filter((l) => {
          const [a, b] = [constInt(before[l]), constInt(after[l])];
          return a === undefined || b === undefined ? !sameSize(before[l], after[l]) : b > a;
        });
      return te.compute(
        shape,
        (...i) => {
          const at = alongAxes(to, i);
          const value = x.get(indicesIn(from, at));
          const inside: Expr | undefined = ops.allOf(larger.map((l) => ops.lt(indexAlong(at[l]), before[l])));
          return larger.length === 0 ? value : ops.select(inside as Expr, value, ops.toExpr(0, x.dtype));
        },
        "layout_transform",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
