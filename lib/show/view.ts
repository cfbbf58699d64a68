/** How a program is shown: its script, its loop tree, or both. */
import { count } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { html } from "./html.ts";
import type { Program } from "./lines.ts";
import { loopTrees, loopTreeText, type TreeNode } from "./loop-tree.ts";
import { loopTreeSvg } from "./loop-tree-svg.ts";
import { type ProgramOptions, programHtml, programText } from "./program.ts";
import { frame } from "./style.ts";

export interface ShowOptions extends ProgramOptions {
  /** The script with the loop tree folded beneath (`both`, the default), or one of the two. */
  readonly view?: "both" | "script" | "tree";
}

/** A program, to be shown. */
export function show(x: Program, o: ShowOptions = {}): Displayable {
  return displayable(() => programBundle(x, o));
}

export function programBundle(x: Program, o: ShowOptions = {}): MimeBundle {
  const trees = loopTrees(x);
  const pictures = trees.map(
    (t) =>
      html`<div>${trees.length > 1 && html`<p class="tw-head"><b>${t.name}</b></p>`}${loopTreeSvg(t)}</div>`,
  );
  const treeText = trees.map(loopTreeText).join("\n\n");
  if (o.view === "tree") {
    const text = html`<details class="tw-more"><summary>as text</summary><pre class="tw-code">${treeText}</pre></details>`;
    return { "text/plain": treeText, "text/html": frame(["code"], html`${pictures}${text}`) };
  }
  const script = programHtml(x, o);
  const summary = html`<summary>Loop tree: <span class="tw-dim">${sizeOf(trees.flatMap((t) => t.children))}</span></summary>`;
  const tree =
    o.view !== "script" && trees.length > 0 && html`<details class="tw-more">${summary}${pictures}</details>`;
  return { "text/plain": programText(x), "text/html": frame(["code"], html`${script}${tree}`) };
}

function sizeOf(nodes: readonly TreeNode[]): string {
  const of = (kind: string, ns: readonly TreeNode[]): number =>
    ns.reduce((n, c) => n + (c.kind === kind ? 1 : 0) + of(kind, c.children), 0);
  return `${count(of("block", nodes), "block")}, ${count(of("loop", nodes), "loop")}`;
}
