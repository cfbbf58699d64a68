import { startAtFirstBox } from "./graphs.ts";

const areas =
  ".tw, .tw pre, .tw .tw-graph, .tw .tw-side, .outputs pre, .input pre, .markdown pre, .markdown table, .plot-picture, .result, .display";

/** What scrolls can be reached by the keyboard; pictures of graphs begin at their first box. */
export function makeScrollable(): void {
  startAtFirstBox(document);
  const go = () => {
    for (const area of document.querySelectorAll<HTMLElement>(areas)) {
      const scrolls =
        area.scrollWidth > area.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(area).overflowX);
      if (!scrolls || area.tabIndex >= 0) continue;
      area.tabIndex = 0;
      area.setAttribute("role", "group");
      area.setAttribute("aria-label", area.closest(".input") ? "Code" : "Wide output");
    }
  };
  go();
  // A fold that opens may show something wide.
  document.addEventListener("toggle", go, true);
  addEventListener("resize", go);
  // A plot takes the place of its picture.
  const observer = new MutationObserver(go);
  for (const picture of document.querySelectorAll(".plot-picture"))
    observer.observe(picture, { childList: true });
}
