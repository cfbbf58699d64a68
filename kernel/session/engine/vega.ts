import type { DisplayData, MimeBundle } from "../types.ts";

/** A Vega or Vega-Lite specification, known by its `$schema`. */
export interface VegaSpec {
  readonly $schema: string;
}

/** Longest wait for a picture, in milliseconds: a specification may name data that never arrive. */
const patience = 5000;

/** True of a plain object that says it is a Vega or Vega-Lite specification. */
export function isVega(value: unknown): value is VegaSpec {
  if (typeof value !== "object" || value === null || !("$schema" in value)) return false;
  return typeof value.$schema === "string" && /\/schema\/vega(-lite)?\/v\d/.test(value.$schema);
}

/** The specification for front ends that draw it, and an SVG for those that do not. */
export async function vegaBundle(spec: VegaSpec, text: string): Promise<DisplayData> {
  const lite = spec.$schema.includes("/vega-lite/");
  // The MIME types of versions that Jupyter's clients know; later specifications are supersets in practice.
  const mime = lite ? "application/vnd.vegalite.v5+json" : "application/vnd.vega.v5+json";
  const data: MimeBundle = { [mime]: spec, "text/plain": text };
  const svg = await Promise.race([
    picture(spec, lite).catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), patience).unref?.()),
  ]);
  if (svg !== undefined) data["image/svg+xml"] = svg;
  return { data, metadata: {} };
}

/** Vega is loaded when the first picture is drawn: it takes most of a second. */
async function picture(spec: VegaSpec, lite: boolean): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import("vega"), lite ? import("vega-lite") : undefined]);
  const silent = () => logger;
  const logger = { level: silent, error: silent, warn: silent, info: silent, debug: silent } as never;
  const copy = structuredClone(spec) as never;
  const view = new vega.View(vega.parse(vegaLite ? vegaLite.compile(copy, { logger }).spec : copy), {
    renderer: "none",
    logger,
  });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
