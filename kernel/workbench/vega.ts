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
    this.#shown?.finalize();
    const dark = document.body.dataset.jpThemeLight === "false";
    const target = document.createElement("div");
    this.node.replaceChildren(target);
    this.#shown = await embed(target, spec, {
      actions: { export: true, source: false, compiled: false, editor: false },
      ast: true,
      mode: this.#mimeType.includes("vegalite") ? "vega-lite" : "vega",
      // Only errors: a specification of version 5 is as good.
      logLevel: 1,
      config: { background: "transparent" },
      ...(dark ? { theme: "dark" as const } : {}),
    });
  }

  override dispose(): void {
    this.#shown?.finalize();
    super.dispose();
  }
}
