/**
 * The loops and blocks of the later of two programs with what happened to each beside it; parts in which nothing
 * happened are folded into one line. Its data are `structuralDiff` and `loopTrees`.
 */
import { BOUNDS, boundText, count, cut, take } from "./bounds.ts";
import { changeText, type Mark, touched } from "./change-text.ts";
import { type Html, html, plain } from "./html.ts";
import type { Program } from "./lines.ts";
import { loopLabel, loopTrees, type TreeNode } from "./loop-tree.ts";
import type { Change } from "./structural-change.ts";

/** A line of the tree: a node with what happened to it, or several siblings in which nothing happened. */
interface Row {
  readonly depth: number;
  readonly text: string;
  readonly key?: string;
  readonly mark?: Mark;
  readonly notes: readonly string[];
  readonly folded?: boolean;
}

const SIGNS: Readonly<Record<Mark, readonly [sign: string, cls: string]>> = {
  new: ["+", "tw-add"],
  moved: [">", "tw-mov"],
  changed: ["~", "tw-chg"],
};

function rowsOf(after: Program, changes: readonly Change[]): Row[] {
  const marks = new Map<string, { mark: Mark; notes: string[] }>();
  for (const c of changes) {
    for (const [n, t] of touched(c).entries()) {
      const known = marks.get(t.key);
      // What is new is not also said to have moved; the text stands at the first node it is about.
      if (!known) marks.set(t.key, { mark: t.mark, notes: n === 0 ? [changeText(c)] : [] });
      else if (n === 0) known.notes.push(changeText(c));
    }
  }
  const out: Row[] = [];
  const marked = (n: TreeNode): boolean => (n.kind !== "if" && marks.has(n.key)) || n.children.some(marked);
  const go = (nodes: readonly TreeNode[], depth: number): void => {
    for (let i = 0; i < nodes.length; ) {
      let end = i;
      while (end < nodes.length && !marked(nodes[end])) end++;
      if (end > i) {
        out.push({ depth, text: unchanged(nodes.slice(i, end)), notes: [], folded: true });
        i = end;
        continue;
      }
      const n = nodes[i++];
      const mark = n.kind === "if" ? undefined : marks.get(n.key);
      const key = n.kind === "if" ? {} : { key: n.key };
      out.push({
        depth,
        text: nodeLine(n),
        ...key,
        ...(mark ? { mark: mark.mark } : {}),
        notes: mark?.notes ?? [],
      });
      go(n.children, depth + 1);
    }
  };
  const trees = loopTrees(after);
  for (const t of trees) {
    if (trees.length > 1) {
      const some = t.children.some(marked);
      out.push({ depth: 0, text: t.name, notes: [], folded: !some });
      if (some) go(t.children, 1);
    } else go(t.children, 0);
  }
  return out;
}

function nodeLine(n: TreeNode): string {
  if (n.kind === "if") return `if ${n.cond}`;
  if (n.kind === "block") return `block ${n.name}`;
  const { range, kind } = loopLabel(n);
  return `for ${n.name} in ${range}${kind && ` (${kind})`}`;
}

function unchanged(nodes: readonly TreeNode[]): string {
  const blocks: string[] = [];
  let loops = 0;
  const go = (n: TreeNode): void => {
    if (n.kind === "block") blocks.push(n.name);
    if (n.kind === "loop") loops++;
    n.children.forEach(go);
  };
  nodes.forEach(go);
  const { shown, left } = take(blocks, 4);
  const names = shown.join(", ") + (left > 0 ? ` and ${left} more` : "");
  const inner = loops > 0 ? `${count(loops, "loop")}, ` : "";
  return `… unchanged: ${inner}${blocks.length === 1 ? "block" : "blocks"} ${names}`;
}

/** The tree as markup, without the frame. */
export function treeDiffHtml(after: Program, changes: readonly Change[]): Html {
  const { shown, left } = take(rowsOf(after, changes), BOUNDS.treeNodes);
  const lines = shown.map((r) => {
    const [sign, cls] = r.mark ? SIGNS[r.mark] : [" ", ""];
    const key = r.key !== undefined && html` data-node="${r.key}"`;
    const notes = r.notes.map((n) => html` <span class="tw-tag">${cut(n, 120)}</span>`);
    const text = cut(r.text, BOUNDS.lineLength);
    return html`<span class="tw-row ${cls}"${key}>${sign} ${"  ".repeat(r.depth)}${r.folded ? html`<i class="tw-dim">${text}</i>` : text}${notes}\n</span>`;
  });
  return html`<pre class="tw-code tw-tree">${lines}</pre>${left > 0 && html`<p class="tw-note">… ${count(left, "more line")} left out</p>`}`;
}

/** The tree as text: `+` new, `>` moved, `~` changed. */
export function treeDiffText(after: Program, changes: readonly Change[]): string {
  const lines = rowsOf(after, changes).map((r) => {
    const sign = r.mark ? SIGNS[r.mark][0] : " ";
    return plain(
      `${sign} ${"  ".repeat(r.depth)}${r.text}${r.notes.length > 0 ? `   // ${r.notes.join("; ")}` : ""}`,
    );
  });
  return boundText(lines.join("\n"));
}

/** Changes as a list of lines. */
export function changesHtml(changes: readonly Change[], most = 40): Html | false {
  if (changes.length === 0) return false;
  const { shown, left } = take(changes, most);
  const several = new Set(changes.map((c) => c.func)).size > 1;
  const items = shown.map((c) => html`<div>${cut(changeText(c, several), 240)}</div>`);
  return html`<div class="tw-changes">${items}${left > 0 && html`<div class="tw-dim">… ${count(left, "more change")}</div>`}</div>`;
}

/** The first changes on one line. */
export function changesLine(changes: readonly Change[], most = 2): string {
  const { shown, left } = take(changes, most);
  const texts = shown.map((c) => cut(changeText(c), 120));
  return plain(texts.join("; ") + (left > 0 ? `; ${left} more` : ""));
}
