import type { IEditorLanguageRegistry } from "@jupyterlab/codemirror";
import { createMarkdownParser } from "@jupyterlab/markedparser-extension";
import { MathJaxTypesetter } from "@jupyterlab/mathjax-extension";
import {
  javaScriptRendererFactory,
  RenderMimeRegistry,
  standardRendererFactories,
} from "@jupyterlab/rendermime";
import { vegaRendererFactory } from "./vega.ts";

/**
 * What shows outputs and text. Plots load what draws them when there is something to draw; mathematics, too, but not before
 * `begun`: a notebook can be run without it.
 */
export function createRendering(
  languages: IEditorLanguageRegistry,
  begun: () => Promise<void>,
): RenderMimeRegistry {
  const mathematics = new MathJaxTypesetter();
  return new RenderMimeRegistry({
    initialFactories: [...standardRendererFactories, javaScriptRendererFactory, vegaRendererFactory],
    latexTypesetter: { typeset: async (node) => mathematics.typeset(await begun().then(() => node)) },
    markdownParser: createMarkdownParser(languages),
  });
}
