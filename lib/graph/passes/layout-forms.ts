/** How a value of a program is kept in another layout: what convertLayout knows of it. */
import { constInt, type GraphExpr, shapeLiteral } from "../../ir/index.ts";
import { type Layout, layoutText, shapeIn } from "../layout.ts";
import { callOp } from "../registry.ts";
import type { Size } from "../shape.ts";

/** One axis of the tensor that is kept: an axis of the value, the count of its blocks, or the places in a block. */
export interface FormAxis {
  readonly axis: number;
  readonly part: "whole" | "blocks" | "inner";
  readonly factor: number;
}

/** The axes of the tensor that is kept, in their order. */
export type Form = readonly FormAxis[];

/** A value, and the tensor that holds its elements in another layout. What pads blocks is zeros. */
export interface Laid {
  readonly source: GraphExpr;
  readonly form: Form;
  /** Sizes of the value. */
  readonly shape: readonly Size[];
}

export const standardForm = (rank: number): Form =>
  Array.from({ length: rank }, (_, axis) => ({ axis, part: "whole", factor: 1 }));

/** The form of a layout whose letters are the axes of `standard`. */
export const formOf = (layout: Layout, standard: string): Form =>
  layout.map(({ letter, part, factor }) => ({ axis: standard.indexOf(letter), part, factor }));

/** The layout of a form. */
export const layoutOfForm = (form: Form, letters: string): Layout =>
  form.map(({ axis, part, factor }) => ({ letter: letters[axis], part, factor }));

const keyOf = (form: Form): string => form.map((a) => `${a.axis}${a.part}${a.factor}`).join();
export const sameForm = (a: Form, b: Form): boolean => keyOf(a) === keyOf(b);
export const isPlain = (form: Form): boolean => form.every((a) => a.part === "whole");
export const isStandard = (form: Form): boolean => isPlain(form) && form.every((a, d) => a.axis === d);

/** The axes that stand in blocks. */
export const packedAxes = (form: Form): readonly FormAxis[] => form.filter((a) => a.part === "blocks");

/** Whether the last block of an axis of a value of these sizes may be padded. */
export const isPadded = (form: Form, shape: readonly Size[]): boolean =>
  packedAxes(form).some(({ axis, factor }) => {
    const n = constInt(shape[axis]);
    return n === undefined || n % factor !== 0;
  });

/** The form after an axis became `to(axis)`; axes that are gone (undefined) must be whole. */
export const renumbered = (form: Form, to: (axis: number) => number | undefined): Form =>
  form.flatMap((a) => {
    const axis = to(a.axis);
    return axis === undefined ? [] : [{ ...a, axis }];
  });

const STANDARD: Readonly<Record<number, string>> = { 3: "NCW", 4: "NCHW", 5: "NCDHW" };
const lettersFor = (rank: number): string => STANDARD[rank] ?? "ABCDEFGHIJKLMNOPQRSTUVWXYZ".slice(0, rank);

/**
 * What keeps a value in another form, as a call; the tensor itself where nothing is to do. `sizes`: those that the value
 * shall have afterwards, with zeros for what is new. `letters` name its axes in the call.
 */
export function transformed(
  { source, form, shape }: Laid,
  to: Form,
  sizes: readonly Size[] = shape,
  letters = lettersFor(shape.length),
): GraphExpr {
  const resized = sizes.some((s, d) => s !== shape[d] && constInt(s) !== constInt(shape[d]));
  if (!resized && sameForm(form, to)) return source;
  if (!resized && isPlain(form) && isPlain(to)) {
    const axes = to.map(({ axis }) => form.findIndex((a) => a.axis === axis));
    return callOp("permuteDims", [source], { axes });
  }
  const [from, dst] = [layoutOfForm(form, letters), layoutOfForm(to, letters)];
  const attrs = { srcLayout: layoutText(from), dstLayout: layoutText(dst) };
  if (!resized && !isPadded(form, shape)) return callOp("layoutTransform", [source], attrs);
  const want = shapeIn(dst, Object.fromEntries([...letters].map((l, d) => [l, sizes[d]])));
  return callOp("layoutTransform", [source, shapeLiteral(want)], attrs);
}
