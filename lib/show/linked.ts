/** Light that falls on every part of a display that stands for the same loop or block as the one under the pointer. */
import { type Html, html, markup } from "./html.ts";

/**
 * Rules for all loops and blocks that the given parts mention, to be put beside them: no script is needed. What is on one
 * side alone is lit up there.
 */
export function linked(parts: readonly Html[]): Html {
  const keys = new Set([...parts.join("").matchAll(/\b(?:loop|block):\d+\b/g)].map(([key]) => key));
  const rules = [...keys].map((key) => {
    const same = `[data-node~="${key}"]`;
    return `.tw:has(${same}:hover) ${same}{background:var(--tw-chg);fill-opacity:.28}`;
  });
  return html`<style>${markup(rules.join(""))}</style>`;
}
