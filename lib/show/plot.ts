/**
 * Plots: a Vega-Lite specification with an SVG beside it, for front ends that draw no Vega-Lite, and the same SVG as
 * HTML, for converters that would rather strip an SVG than trust it. Vega is loaded when the first plot is drawn:
 * importing it takes more than a second.
 */
import { boundText } from "./bounds.ts";
import { DISPLAY, type Displayable, type MimeBundle } from "./display.ts";
import { markup } from "./html.ts";
import { pictureHtml } from "./style.ts";
import { INK, INK_STYLE, SANS } from "./svg.ts";

/** A Vega-Lite specification as JSON. */
export type PlotSpec = { readonly [key: string]: unknown };

/** The plot as notebooks and scripts use it. */
export class Plot implements Displayable<Promise<MimeBundle>> {
  /** Vega-Lite, with its data. */
  readonly spec: PlotSpec;
  /** The plotted numbers as an aligned table. */
  readonly text: string;

  constructor(spec: PlotSpec, text: string) {
    this.spec = { ...SETTINGS, ...spec };
    this.text = boundText(text);
  }

  /** The picture. Text and ticks follow the theme where the picture stands in a page. */
  async toSVG(): Promise<string> {
    const [vega, lite] = await Promise.all([import("vega"), import("vega-lite")]);
    // The specification is checked by the types of `bar-plot.ts` and `line-plot.ts`, not by Vega-Lite's.
    const compiled = lite.compile(structuredClone(this.spec) as never, { logger: SILENT });
    const view = new vega.View(vega.parse(compiled.spec), { renderer: "none", logLevel: vega.Error });
    try {
      return themed(await view.toSVG());
    } finally {
      view.finalize();
    }
  }

  async [DISPLAY](): Promise<MimeBundle> {
    const svg = await this.toSVG();
    return {
      "text/plain": this.text,
      "text/html": pictureHtml(markup(svg), this.text),
      "image/svg+xml": svg,
      "application/vnd.vegalite.v5+json": this.spec,
    };
  }

  toJSON(): PlotSpec {
    return this.spec;
  }

  toString(): string {
    return this.text;
  }
}

const quiet = () => SILENT;
const SILENT = { level: quiet, error: quiet, warn: quiet, info: quiet, debug: quiet } as never;

/** Vega writes attribute values without quotes of its own, so this text cannot occur in anyone's data. */
function themed(svg: string): string {
  return svg.replaceAll(` fill="${INK}"`, ` fill="${INK}" style="${INK_STYLE}"`);
}

const LABELS = {
  labelColor: INK,
  titleColor: INK,
  labelFont: SANS,
  titleFont: SANS,
  labelFontSize: 11,
  titleFontSize: 11,
};

/** A ground that is the page's own, and greys that can be read on any. */
const SETTINGS: PlotSpec = {
  $schema: "https://vega.github.io/schema/vega-lite/v5.json",
  background: "transparent",
  config: {
    view: { stroke: null },
    font: SANS,
    axis: {
      ...LABELS,
      titleFontWeight: "normal",
      gridColor: "#80808033",
      domainColor: "#80808080",
      tickColor: "#80808080",
      labelLimit: 220,
    },
    legend: LABELS,
    title: {
      color: INK,
      subtitleColor: INK,
      font: SANS,
      subtitleFont: SANS,
      fontSize: 13,
      anchor: "start",
      offset: 12,
    },
    text: { color: INK, font: SANS, fontSize: 11 },
  },
};

/** Colours of series, told apart in common forms of colour blindness and visible on white and on black. */
export const SERIES: readonly string[] = [
  "#2f81f7",
  "#d9730d",
  "#1f9d6b",
  "#c2529b",
  "#8a7400",
  "#7d6bdc",
  "#14a0b8",
  "#d8434b",
];
