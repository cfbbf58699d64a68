// Plots: Vega and Vega-Lite, of version 5 and 6, drawn by Vega 6. It is loaded when the first plot is shown.
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";
import type { Result, VisualizationSpec } from "vega-embed";

const mimeTypes = ["vega", "vegalite"].flatMap((name) =>
  ["v5", "v6"].map((version) => `application/vnd.${name}.${version}+json`),
);

/** Shows the plots of outputs. */
export const vegaRendererFactory: IRenderMime.IRendererFactory = {
  // Expressions are interpreted, never made into code.
  safe: true,
  mimeTypes,
  defaultRank: 50,
  createRenderer: (options) => new VegaRenderer(options.mimeType),
};

class VegaRenderer extends Widget implements IRenderMime.IRenderer {
  readonly #mimeType: string;
  #shown: Result | undefined;

  constructor(mimeType: string) {
    super();
    this.#mimeType = mimeType;
    this.addClass("wb-vega");
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const spec = structuredClone(model.data[this.#mimeType]) as unknown as VisualizationSpec;
    const { default: embed } = await import("vega-embed");
    const dark = document.body.dataset.jpThemeLight === "false";
    // What was drawn before stays until the new drawing is there: a plot that follows a search does not flicker.
    const target = document.createElement("div");
    target.className = "wb-drawing";
    this.node.append(target);
    const made = await embed(target, spec, {
      actions: { export: true, source: false, compiled: false, editor: false },
      ast: true,
      mode: this.#mimeType.includes("vegalite") ? "vega-lite" : "vega",
      // Only errors: a specification of version 5 is as good.
      logLevel: 1,
      config: { background: "transparent" },
      ...(dark ? { theme: "dark" as const } : {}),
    });
    if (this.isDisposed || target.parentNode !== this.node) return made.finalize();
    this.#shown?.finalize();
    this.#shown = made;
    target.classList.remove("wb-drawing");
    this.node.replaceChildren(target);
    target.querySelector("summary")?.setAttribute("aria-label", "What can be done with this plot");
  }

  override dispose(): void {
    this.#shown?.finalize();
    super.dispose();
  }
}
