/**
 * Layouts of tensors, in TVM's notation. A capital letter is an axis; `4c` is a block of four neighbours along C, which
 * the axis C then counts: element c of NCHW stands in NCHW4c at block ⌊c / 4⌋, place c mod 4. Where the blocks hold more
 * than there is, the rest is padding.
 */
import { constInt, type Expr, ops } from "../ir/index.ts";
import type { Size } from "./shape.ts";

/** One axis of a tensor in a layout. */
export interface LayoutAxis {
  /** The capital letter of the axis that it is, or is a part of. */
  readonly letter: string;
  readonly part: "whole" | "blocks" | "inner";
  /** Elements of one block; 1 for a whole axis. */
  readonly factor: number;
}

export type Layout = readonly LayoutAxis[];

/** Reads a layout, or says what is wrong with it. */
export function parseLayout(text: string): Layout | string {
  if (!/^(?:[A-Z]|[1-9]\d{0,5}[a-z])+$/.test(text))
    return "a layout is letters, and blocks such as 4c: NCHW, NCHW4c";
  const found = [...text.matchAll(/(\d*)([A-Za-z])/g)].map(([, n, l]) => ({ n, l }));
  const factor = new Map<string, number>();
  for (const { n, l } of found.filter((x) => x.n !== "")) {
    if (factor.has(l.toUpperCase())) return `it has two blocks of ${l.toUpperCase()}`;
    factor.set(l.toUpperCase(), Number(n));
  }
  const letters = found.filter((x) => x.n === "").map((x) => x.l);
  if (new Set(letters).size !== letters.length) return "a letter stands for two axes";
  const alone = [...factor.keys()].find((l) => !letters.includes(l));
  if (alone) return `it has blocks of ${alone}, but no axis ${alone} that counts them`;
  return found.map(({ n, l }): LayoutAxis => {
    const letter = l.toUpperCase();
    if (n !== "") return { letter, part: "inner", factor: Number(n) };
    const blocks = factor.get(letter);
    return blocks === undefined
      ? { letter, part: "whole", factor: 1 }
      : { letter, part: "blocks", factor: blocks };
  });
}

/** The layout of whole axes in the order of their letters. */
export const plainLayout = (letters: string): Layout =>
  [...letters].map((letter) => ({ letter, part: "whole", factor: 1 }));

export const layoutText = (layout: Layout): string =>
  layout.map((a) => (a.part === "inner" ? `${a.factor}${a.letter.toLowerCase()}` : a.letter)).join("");

/** The letters of a layout in their order, without its blocks. */
export const lettersOf = (layout: Layout): string =>
  layout.flatMap((a) => (a.part === "inner" ? [] : [a.letter])).join("");

/** Elements of a block of the axis `letter`; 1 where it has none. */
export const blockOf = (layout: Layout, letter: string): number =>
  layout.find((a) => a.letter === letter)?.factor ?? 1;

/** ⌈a / b⌉. */
const ceildiv = (a: Size, b: number): Size => (b === 1 ? a : ops.floordiv(ops.add(a, b - 1), b));

/** The size of a tensor in a layout whose axes have these sizes. */
export function shapeIn(layout: Layout, sizes: Readonly<Record<string, Size>>): Size[] {
  return layout.map((a) => (a.part === "inner" ? ops.toExpr(a.factor) : ceildiv(sizes[a.letter], a.factor)));
}

/** The size of each axis, padding included, of a tensor of this shape. */
export function sizesIn(layout: Layout, shape: readonly Size[]): Record<string, Size> {
  const out: Record<string, Size> = {};
  layout.forEach((a, d) => {
    if (a.part === "inner") return;
    out[a.letter] = a.factor === 1 ? shape[d] : ops.mul(shape[d], a.factor);
  });
  return out;
}

/** Why a tensor of this shape cannot be in the layout, if it cannot: another rank, or blocks of another size. */
export function misfit(layout: Layout, shape: readonly Size[]): string | undefined {
  if (layout.length !== shape.length) return `must have ${layout.length} axes, it has ${shape.length}`;
  const wrong = layout.findIndex((a, d) => a.part === "inner" && constInt(shape[d]) !== a.factor);
  return wrong < 0
    ? undefined
    : `has ${constInt(shape[wrong]) ?? "a symbolic number of"} elements along axis ${wrong}, its layout says ${layout[wrong].factor}`;
}

/** A place along an axis: its index, or the block and the place in it, which are kept apart so that nothing is divided. */
export type Along = Expr | { readonly block: Expr; readonly inner: Expr; readonly factor: number };

export function indexAlong(x: Along): Expr {
  return "kind" in x ? x : ops.add(ops.mul(x.block, x.factor), x.inner);
}

/** What the indices of a tensor in the layout say of each axis. */
export function alongAxes(layout: Layout, indices: readonly Expr[]): Record<string, Along> {
  const out: Record<string, Along> = {};
  layout.forEach((a, d) => {
    if (a.part === "whole") out[a.letter] = indices[d];
    if (a.part !== "blocks") return;
    const inner = layout.findIndex((x) => x.letter === a.letter && x.part === "inner");
    out[a.letter] = { block: indices[d], inner: indices[inner], factor: a.factor };
  });
  return out;
}

/** The indices, in a tensor of the layout, of the element at a place of each axis. */
export function indicesIn(layout: Layout, at: Readonly<Record<string, Along>>): Expr[] {
  return layout.map((a) => {
    const x = at[a.letter];
    if (a.part === "whole") return indexAlong(x);
    if (!("kind" in x) && x.factor === a.factor) return a.part === "inner" ? x.inner : x.block;
    const whole = indexAlong(x);
    return a.part === "inner" ? ops.floormod(whole, a.factor) : ops.floordiv(whole, a.factor);
  });
}
