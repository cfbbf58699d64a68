// Mathematics as MathML, which browsers draw themselves: made when a notebook is exported, so that the page needs neither
// scripts nor fonts for it.

/** Gives a formula in TeX as HTML; what cannot be read is shown as it was written, with the reason. */
export type Typesetter = (tex: string, display: boolean) => string;

/** Loads what knows TeX; only notebooks with formulas need it. */
export async function loadTypesetter(): Promise<Typesetter> {
  const { default: katex } = await import("katex");
  return (tex, display) =>
    katex.renderToString(tex, {
      output: "mathml",
      displayMode: display,
      throwOnError: false,
      strict: "ignore",
      trust: false,
      maxSize: 50,
      maxExpand: 1000,
    });
}

/** Whether a text may hold a formula. */
export function mayHaveMath(text: string): boolean {
  return /\$[^\s$]|\$\$|\\\(|\\\[|\\begin\{/.test(text);
}
