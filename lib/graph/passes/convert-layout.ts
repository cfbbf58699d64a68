/** convertLayout: convolutions and poolings in another layout, with as few transformations as possible. */
import { type Attrs, constInt, type GraphExpr, type GraphFunc, type OpCall, ops } from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { blockOf, type Layout, layoutText, lettersOf, parseLayout, plainLayout } from "../layout.ts";
import { callOp } from "../registry.ts";
import { formOf, isPadded, type Laid, layoutOfForm, packedAxes } from "./layout-forms.ts";
import { LaidValues, shapeOf } from "./layout-moves.ts";
import { graphPass, type Pass } from "./pass.ts";
import type { Place } from "./rewrite.ts";

/** The layout of data and result, and that of the weights for operators that have some: `["NCHW4c", "OIHW4i4o"]`. */
export type DesiredLayouts = readonly [data: string, kernel?: string];

/**
 * Operators with these names that have the standard layout get another one: an order of their axes (`NHWC`, `HWIO`), or
 * one with channels in blocks (`NCHW4c`, `OIHW4i4o`). Channels that do not divide into blocks are padded with zeros.
 * Operands and results are transformed, and the transformations move forward through elementwise operators, poolings and
 * reductions until they meet one that undoes them (constants are transformed at compile time by foldConstant).
 *
 *     convertLayout({ "nn.conv2d": ["NCHW4c", "OIHW4i4o"] })
 *
 * Results are the same for finite values; where padding is, infinities may become NaN. Grouped convolutions that are not
 * depthwise, and those with symbolic numbers of channels, stay as they are where blocks are asked for. Throws for a
 * layout that is none of the operator's, and for blocks of weights that do not divide those of the data.
 */
export function convertLayout(layouts: Readonly<Record<string, DesiredLayouts>>): Pass {
  return graphPass("convertLayout", (f) => new Conversion(layouts).run(f));
}

const STANDARD = { data: ["NCW", "NCHW", "NCDHW"], kernel: ["OIW", "OIHW", "OIDHW"] } as const;
const POOLS = /^nn\.(max|avg|lp)Pool[123]d$/;

class Conversion {
  private readonly layouts: Readonly<Record<string, DesiredLayouts>>;
  private readonly values = new LaidValues();

  constructor(layouts: Readonly<Record<string, DesiredLayouts>>) {
    this.layouts = layouts;
  }

  run(f: GraphFunc): GraphFunc {
    return this.values.rewrite(f, (e, at) => (e.kind === "opCall" ? this.inLayout(e, at) : undefined));
  }

  /** An operator that is done in the layout asked for, or a pooling in that of its operand. */
  private inLayout(e: OpCall, at: Place): Laid | undefined {
    if (e.attrs.dataLayout !== "" || e.attrs.kernelLayout || e.attrs.outLayout) return undefined;
    const standard = STANDARD.data[shapeOf(e.args[0]).length - 3];
    if (!standard) return undefined;
    const asked = Object.hasOwn(this.layouts, e.op) ? this.layouts[e.op] : undefined;
    const operand = POOLS.test(e.op) ? this.values.look(e.args[0]) : undefined;
    const follows = operand && packedAxes(operand.form).every(({ axis }) => axis === 1);
    const layout = asked
      ? layoutFor(e.op, standard, asked[0])
      : follows && layoutOfForm(operand.form, standard);
    if (!layout) return undefined;
    const form = formOf(layout, standard);
    const padded = isPadded(form, shapeOf(e.args[0])) || isPadded(form, shapeOf(e));
    const attrs = { ...e.attrs, dataLayout: layoutText(layout) };
    const weighted = "kernelLayout" in e.attrs ? this.weighted(e, asked?.[1], layout, attrs, at) : undefined;
    if ("kernelLayout" in e.attrs ? !weighted : padded && seesPaddingAlone(e)) return undefined;
    const args = [this.values.put(e.args[0], form, at), ...(weighted?.args ?? e.args.slice(1))];
    const source = at.emit(callOp(e.op, args, weighted?.attrs ?? attrs));
    return { source, form, shape: shapeOf(e) };
  }

  /** The weights of a convolution, with as many channels as the blocks hold; undefined where that changes groups. */
  private weighted(
    e: OpCall,
    asked: string | undefined,
    data: Layout,
    attrs: Attrs,
    at: Place,
  ): { args: GraphExpr[]; attrs: Attrs } | undefined {
    const [weight] = e.args.slice(1);
    const standard = STANDARD.kernel[shapeOf(weight).length - 3];
    const kernel = asked ? layoutFor(e.op, standard, asked) : plainLayout(standard);
    const kernelAttrs = asked ? { ...attrs, kernelLayout: layoutText(kernel) } : attrs;
    const [O, I, ...window] = shapeOf(weight);
    const blocks = { C: blockOf(data, "C"), O: blockOf(kernel, "O"), I: blockOf(kernel, "I") };
    if (blocks.C === 1 && blocks.O === 1 && blocks.I === 1) {
      return { args: [this.values.put(weight, formOf(kernel, standard), at)], attrs: kernelAttrs };
    }
    if (blocks.C % blocks.O !== 0 || blocks.C % blocks.I !== 0)
      refuseGraph(
        "convertLayout",
        `${e.op}: the blocks of ${layoutText(kernel)} do not divide those of ${layoutText(data)}`,
      );
    const [outs, ins, all] = [constInt(O), constInt(I), constInt(shapeOf(e.args[0])[1])];
    const groups = e.attrs.groups as number;
    const depthwise = groups > 1 && groups === all && groups === outs && ins === 1;
    if (outs === undefined || ins === undefined || all === undefined || (groups > 1 && !depthwise))
      return undefined;
    const whole = (n: number): number => Math.ceil(n / blocks.C) * blocks.C;
    // One input channel for each group: it makes no blocks.
    const used = depthwise
      ? kernel.flatMap((a) =>
          a.letter !== "I" ? [a] : a.part === "inner" ? [] : [{ ...a, part: "whole", factor: 1 } as const],
        )
      : kernel;
    const sizes = [ops.toExpr(whole(outs)), ops.toExpr(depthwise ? 1 : whole(ins)), ...window];
    return {
      args: [this.values.put(weight, formOf(used, standard), at, sizes, standard)],
      attrs: {
        ...kernelAttrs,
        ...(asked ? { kernelLayout: layoutText(used) } : {}),
        groups: depthwise ? whole(groups) : 1,
      },
    };
  }
}

/** The layout that was asked for, checked: the axes of the operator, with blocks of channels only. */
function layoutFor(op: string, standard: string, text: string): Layout {
  const layout = parseLayout(text);
  if (typeof layout === "string") return refuseGraph("convertLayout", `${op}: ${text}: ${layout}`);
  if ([...lettersOf(layout)].sort().join() !== [...standard].sort().join())
    refuseGraph("convertLayout", `${op}: ${text} is no order of the axes ${standard}`);
  const other = packedAxes(formOf(layout, standard)).find(({ axis }) => !"COI".includes(standard[axis]));
  if (other)
    refuseGraph(
      "convertLayout",
      `${op}: ${text}: only channels stand in blocks, not ${standard[other.axis]}`,
    );
  return layout;
}

/** Whether a window of a pooling may hold nothing but what is added around: zeros would not give zero there. */
function seesPaddingAlone(e: OpCall): boolean {
  const list = (name: string): readonly number[] => (e.attrs[name] as readonly number[] | undefined) ?? [];
  const smallest = Math.min(...list("poolSize"));
  return list("dilation").some((d) => d !== 1) || list("padding").some((p) => p >= smallest);
}
