/** A program beside its loop tree: what the pointer is on is lit up on the other side, without a script. */
import { type Displayable, displayable } from "./display.ts";
import { html, markup } from "./html.ts";
import { linked } from "./linked.ts";
import { loopTrees, loopTreeText } from "./loop-tree.ts";
import { loopTreeSvg } from "./loop-tree-svg.ts";
import { programHtml } from "./program.ts";
import { programOf, type Side } from "./side-by-side.ts";
import { frame } from "./style.ts";

/** The labels of a picture would take the pointer away from the boxes they stand in. */
const THROUGH = markup(".tw .tw-linked svg text{pointer-events:none}");

/** The tensor programs of a schedule, function or module beside their loop trees, to be shown. */
export function programTree(x: Side): Displayable & { toString(): string } {
  return displayable(() => {
    const p = programOf(x);
    const trees = loopTrees(p);
    const script = programHtml(p);
    const pictures = trees.map(
      (t) =>
        html`<div>${trees.length > 1 && html`<p class="tw-head"><b>${t.name}</b></p>`}${loopTreeSvg(t)}</div>`,
    );
    return {
      "text/plain": trees.map(loopTreeText).join("\n\n"),
      "text/html": frame(
        ["code", "sides"],
        html`${linked(pictures)}<style>${THROUGH}</style><div class="tw-sides tw-linked"><div class="tw-side"><p class="tw-head">Program</p>${script}</div><div class="tw-side"><p class="tw-head">Loop tree</p>${pictures}</div></div>`,
      ),
    };
  });
}
