/** Sums of products in Einstein's notation. */
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { type Size, sameSize } from "../shape.ts";
import { sums } from "./window.ts";

/** The labels of one operand or the result: letters, and `…0`, `…1`, … for the axes an ellipsis stands for. */
type Labels = readonly string[];

interface Equation {
  readonly inputs: readonly Labels[];
  readonly output: Labels;
  readonly sizes: ReadonlyMap<string, Size>;
}

const ELLIPSIS = "…";

/** One term as labels. Axes of an ellipsis are counted from the last, so that they align as broadcasting does. */
function termLabels(c: OpArgs, term: string, rank: number): string[] {
  const text = term.replace("...", ELLIPSIS);
  if (!/^[A-Za-z]*…?[A-Za-z]*$/u.test(text))
    c.refuse(`"${term}" in its equation: letters, and at most one "..." are allowed`);
  const hidden = rank - [...text].filter((l) => l !== ELLIPSIS).length;
  if (text.includes(ELLIPSIS) ? hidden < 0 : hidden !== 0)
    c.refuse(`"${term}" in its equation does not fit an operand of rank ${rank}`);
  return [...text].flatMap((l) =>
    l === ELLIPSIS ? Array.from({ length: hidden }, (_, k) => `${ELLIPSIS}${hidden - 1 - k}`) : [l],
  );
}

/** Without a result in the equation: the axes of the ellipsis, then the letters that occur once, in their order. */
function impliedOutput(inputs: readonly Labels[], hidden: Labels): string[] {
  const letters = inputs.flat().filter((l) => !l.startsWith(ELLIPSIS));
  const once = letters.filter((l) => letters.filter((m) => m === l).length === 1);
  return [...hidden, ...once.sort()];
}

function parse(c: OpArgs): Equation {
  const equation = c.str("equation").replace(/\s/gu, "");
  const parts = equation.split("->");
  const terms = parts[0].split(",");
  const operands = c.tensors(0);
  if (parts.length > 2) c.refuse(`its equation "${equation}" has more than one "->"`);
  if (terms.length !== operands.length)
    c.refuse(`its equation "${equation}" is for ${terms.length} operand(s), got ${operands.length}`);
  const inputs = terms.map((t, k) => termLabels(c, t, operands[k].shape.length));
  const sizes = sizesOf(c, inputs, operands);
  const most = Math.max(
    0,
    ...[...sizes.keys()].map((l) => (l.startsWith(ELLIPSIS) ? Number(l.slice(1)) + 1 : 0)),
  );
  const hidden = Array.from({ length: most }, (_, k) => `${ELLIPSIS}${most - 1 - k}`);
  const output =
    parts.length === 1
      ? impliedOutput(inputs, hidden)
      : [...parts[1].replace("...", ELLIPSIS)].flatMap((l) => (l === ELLIPSIS ? hidden : [l]));
  for (const l of output) {
    if (!sizes.has(l)) c.refuse(`its equation "${equation}" has ${l} in the result and in no operand`);
  }
  if (new Set(output).size !== output.length)
    c.refuse(`its equation "${equation}" has a letter twice in the result`);
  return { inputs, output, sizes };
}

function sizesOf(c: OpArgs, inputs: readonly Labels[], operands: readonly TensorType[]): Map<string, Size> {
  const sizes = new Map<string, Size>();
  inputs.forEach((labels, k) => {
    labels.forEach((l, d) => {
      const [old, now] = [sizes.get(l), operands[k].shape[d]];
      if (!old || constInt(old) === 1) sizes.set(l, now);
      else if (
        constInt(now) !== 1 &&
        constInt(now) !== undefined &&
        constInt(old) !== undefined &&
        !sameSize(old, now)
      )
        c.refuse(
          `${l.startsWith(ELLIPSIS) ? '"..."' : l} is ${constInt(old)} in one operand and ${constInt(now)} in operand ${k}`,
        );
    });
  });
  return sizes;
}

/** Axes of size 1 are read at 0, whatever the label's size is. */
const read = (t: te.Tensor, labels: Labels, at: ReadonlyMap<string, Expr>): Expr =>
  t.get(labels.map((l, d) => (constInt(t.shape[d]) === 1 ? ops.toExpr(0) : (at.get(l) as Expr))));

/** The sum over all labels that are not in `output`, of the product of one or two tensors. */
function contract(
  tensors: readonly te.Tensor[],
  labels: readonly Labels[],
  output: Labels,
  sizes: ReadonlyMap<string, Size>,
): te.Tensor {
  const summed = [...new Set(labels.flat())].filter((l) => !output.includes(l));
  const axes = summed.map((l) => te.reduceAxis(sizes.get(l) as Size, l.startsWith(ELLIPSIS) ? "e" : l));
  return sums(
    output.map((l) => sizes.get(l) as Size),
    tensors[0].dtype,
    (i, wide) => {
      const at = new Map<string, Expr>(output.map((l, d) => [l, i[d]]));
      summed.forEach((l, k) => {
        at.set(l, axes[k].v);
      });
      const factors = tensors.map((t, k) => wide(read(t, labels[k], at)));
      return factors.reduce((a, b) => ops.mul(a, b));
    },
    axes,
    "einsum",
  );
}

export const EINSUM = {
  einsum: {
    doc: 'sums of products in Einstein\'s notation: "bij,bjk->bik"; several operands are contracted from left to right',
    args: [{ name: "operands", kind: "tensors" }],
    attrs: {
      equation: { doc: 'labels of the operands and the result; "..." stands for axes that broadcast' },
    },
    infer: (c): TensorType => {
      const dtypes = [...new Set(c.tensors(0).map((t) => t.dtype))];
      if (dtypes.length !== 1 || dtypes[0] === "bool")
        c.refuse(`its operands must be numbers of one dtype, got ${dtypes.join(" and ") || "none"}`);
      const { output, sizes } = parse(c);
      return { kind: "tensor", dtype: dtypes[0], shape: output.map((l) => sizes.get(l) as Size) };
    },
    te: (c) => {
      const { inputs, output, sizes } = parse(c);
      const tensors = c.xs(0);
      if (tensors.length === 1) return contract(tensors, inputs, output, sizes);
      let [left, labels] = [tensors[0], inputs[0]];
      for (let k = 1; k < tensors.length; k++) {
        const later = new Set([...inputs.slice(k + 1).flat(), ...output]);
        const kept = [...new Set([...labels, ...inputs[k]])].filter((l) => later.has(l));
        const result = k === tensors.length - 1 ? output : kept;
        left = contract([left, tensors[k]], [labels, inputs[k]], result, sizes);
        labels = result;
      }
      return left;
    },
  },
} as const satisfies Record<string, OpDef>;
