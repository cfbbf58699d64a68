/** reorderBlockIterVar: the axes of a block in another order. */
import type { PrimFunc } from "../ir/index.ts";
import { refuse } from "./error.ts";
import { findBlock, replaceIn } from "./lookup.ts";

/** Puts the axes of a block into the given order: `order[k]` is the old position of the new axis k. */
export function reorderBlockIterVar(f: PrimFunc, block: number, order: readonly number[]): PrimFunc {
  const NAME = "reorderBlockIterVar";
  const at = findBlock(f, block);
  const { axes, name } = at.node;
  const n = axes.length;
  const all = axes.map((_, i) => i);
  const suggestion = (call: (n: typeof at.node) => string): string =>
    `sch.${NAME}(${call(at.node)}, [${[...all].reverse().join(", ")}])`;
  const list = Array.isArray(order) ? order : [];
  const outside = list.find((i) => !all.includes(i));
  if (outside !== undefined) {
    const detail = `${outside}, but ${name} has ${n} axes: 0 to ${n - 1}`;
    refuse(NAME, "an axis is out of range", detail, [at.node], suggestion);
  }
  const twice = list.find((i, k) => list.indexOf(i) !== k);
  if (twice !== undefined) {
    refuse(NAME, "an axis is given twice", `${twice} of ${name}`, [at.node], suggestion);
  }
  if (list.length !== n) {
    const detail = `${list.length} of the ${n} axes of ${name} are given`;
    refuse(NAME, "every axis must be given", detail, [at.node], suggestion);
  }
  if (all.every((i) => list[i] === i)) return f;
  return replaceIn(f, at, { ...at.node, axes: list.map((i) => axes[i]) });
}
