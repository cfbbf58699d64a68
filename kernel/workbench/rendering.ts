import type { IEditorLanguageRegistry } from "@jupyterlab/codemirror";
import { createMarkdownParser } from "@jupyterlab/markedparser-extension";
import { MathJaxTypesetter } from "@jupyterlab/mathjax-extension";
import {
  javaScriptRendererFactory,
  RenderMimeRegistry,
  standardRendererFactories,
} from "@jupyterlab/rendermime";
import { vegaRendererFactory } from "./vega.ts";

/** What shows outputs and text. Mathematics and plots load what draws them when there is something to draw. */
export function createRendering(languages: IEditorLanguageRegistry): RenderMimeRegistry {
  return new RenderMimeRegistry({
    initialFactories: [...standardRendererFactories, javaScriptRendererFactory, vegaRendererFactory],
    latexTypesetter: new MathJaxTypesetter(),
    markdownParser: createMarkdownParser(languages),
  });
}
