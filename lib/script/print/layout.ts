/** Calls and lists that are broken over lines where they do not fit into one. */
import type { LineNode, Lines } from "./lines.ts";

/** Text, or a list between brackets. */
export type Doc = string | { readonly open: string; readonly items: readonly Doc[]; readonly close: string };

/** A call as a list of its arguments. */
export const callDoc = (callee: string, args: readonly Doc[]): Doc => ({
  open: `${callee}(`,
  items: args,
  close: ")",
});
export const listDoc = (items: readonly Doc[]): Doc => ({ open: "[", items, close: "]" });
/** An object literal of `key: value` pairs. */
export const recordDoc = (entries: readonly (readonly [string, Doc])[]): Doc => ({
  open: "{ ",
  items: entries.map(([k, v]) => prefixed(`${k}: `, v)),
  close: " }",
});

const prefixed = (before: string, d: Doc): Doc =>
  typeof d === "string" ? before + d : { ...d, open: before + d.open };

/** On one line. */
export function flat(d: Doc): string {
  if (typeof d === "string") return d;
  return d.items.length === 0
    ? d.open.trimEnd() + d.close.trimStart()
    : d.open + d.items.map(flat).join(", ") + d.close;
}

/** Prints `before`, the document, `after`: on one line where it fits, else an item a line. */
export function printDoc(
  lines: Lines,
  before: string,
  d: Doc,
  after: string,
  nodes: readonly LineNode[] = [],
): void {
  const one = before + flat(d) + after;
  if (typeof d === "string" || d.items.length === 0 || lines.fits(one)) return lines.line(one, nodes);
  lines.around(before + d.open.trimEnd(), d.close.trimStart() + after, nodes, () => {
    for (const item of d.items) printDoc(lines, "", item, ",");
  });
}
