/** The part of a printed program that an error is about, with the loops and blocks at fault underlined. */
import type { PrimFunc, Stmt } from "../ir/index.ts";
import { type ScriptLine, scriptLines } from "../script/index.ts";

/** Lines shown at most; an error is read in a cell, not in a file. */
const MOST = 24;

/** The lines of `nodes` and of what is around them; the rest is "…". Undefined when no line stands for a node. */
export function excerpt(f: PrimFunc, nodes: readonly Stmt[]): string | undefined {
  const lines = scriptLines(f);
  const marked = new Map<number, Stmt[]>();
  lines.forEach((l, i) => {
    const here = nodes.filter((n) => l.nodes.includes(n));
    if (here.length > 0) marked.set(i, here);
  });
  if (marked.size === 0) return undefined;
  const shown = new Set([...marked.keys()].flatMap((i) => [...around(lines, i), i]));
  const out: string[] = [];
  let before = -1;
  for (const i of [...shown].sort((a, b) => a - b)) {
    const indent = "  ".repeat(lines[i].depth);
    if (i > before + 1) out.push(`${indent}…`);
    out.push(indent + lines[i].text);
    const here = marked.get(i);
    if (here) out.push(indent + underline(lines[i].text, here));
    before = i;
  }
  return out.slice(0, MOST).join("\n");
}

/** Lines that open something around line `i`. */
function around(lines: readonly ScriptLine[], i: number): number[] {
  return lines.flatMap((l, k) => (k < i && l.close !== undefined && l.close > i ? [k] : []));
}

/** Carets under the names of loops where they can be found, else under the whole line. */
function underline(text: string, nodes: readonly Stmt[]): string {
  const marks = new Array<boolean>(text.length).fill(false);
  for (const n of nodes) {
    const at = n.kind === "for" ? text.search(new RegExp(`\\b${n.v.name.replace(/\W/g, "\\$&")}\\b`)) : -1;
    const from = at < 0 || n.kind !== "for" ? 0 : at;
    const to = at < 0 || n.kind !== "for" ? text.length : at + n.v.name.length;
    for (let k = from; k < to; k++) marks[k] = true;
  }
  return marks
    .map((m) => (m ? "^" : " "))
    .join("")
    .trimEnd();
}
