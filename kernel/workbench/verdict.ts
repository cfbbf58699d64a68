import { element } from "./dom.ts";
import type { Verdict } from "./verify.ts";

/** What "restart and verify" found, for a dialog. */
export function verdictNode({ same, unstored, different, complete }: Verdict): HTMLElement {
  const said = [
    complete ? "All cells ran." : "A cell failed; those after it did not run.",
    `${cells(same)} gave the same again, ${different.length} differ.`,
    unstored > 0 ? `${cells(unstored)} had no stored output to compare with.` : "",
    "Times and dates may differ; pictures are only looked for.",
  ];
  const list = different.map(({ index, differences }) =>
    element(
      "details",
      {},
      element("summary", {}, `Cell ${index + 1}: ${differences.map(({ where }) => where).join(", ")}`),
      element("pre", {}, differences.flatMap(({ diff }) => diff).join("\n")),
    ),
  );
  return element(
    "div",
    { class: "wb-verdict" },
    ...said.filter((text) => text !== "").map((text) => element("p", {}, text)),
    ...list,
  );
}

function cells(count: number): string {
  return count === 1 ? "1 cell" : `${count} cells`;
}
