// Draws the plots of a page with Vega, so that they can be asked and moved. Until then, and where it fails, the pictures
// stand there that were drawn when the notebook ran.
import { Error as errorsOnly, parse, type Spec, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";

document.addEventListener("DOMContentLoaded", () => {
  const data = document.querySelector("script.plot-specs")?.textContent;
  const specs = JSON.parse(data ?? "[]") as (Spec | null)[];
  for (const place of document.querySelectorAll<HTMLElement>("[data-plot]")) {
    const spec = specs[Number(place.dataset.plot)];
    if (spec) void draw(place, spec);
  }
});

async function draw(place: HTMLElement, spec: Spec): Promise<void> {
  const drawing = document.createElement("div");
  drawing.className = "plot-drawing";
  try {
    // Expressions are interpreted: the page's own rules let nothing become code.
    const view = new View(parse(spec, undefined, { ast: true }), {
      renderer: "svg",
      expr: expressionInterpreter,
      logLevel: errorsOnly,
      hover: true,
    });
    view.initialize(drawing);
    await view.runAsync();
    const label = place.querySelector("svg")?.getAttribute("aria-label");
    const svg = drawing.querySelector("svg");
    svg?.setAttribute("role", "img");
    svg?.setAttribute("aria-label", label ?? "plot");
    place.replaceChildren(drawing);
    place.dataset.drawn = "";
  } catch (error) {
    place.dataset.failed = String(error);
  }
}
