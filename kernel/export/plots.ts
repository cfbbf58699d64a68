// Plots that can be moved over and asked in the page. A specification becomes Vega's own form when the page is made, so
// that the page has to carry Vega alone, and not Vega-Lite.
import { isObject, type JsonObject } from "../protocol/messages.ts";

/** A specification as Vega reads it. */
export type VegaSpec = JsonObject;

const mime = /^application\/vnd\.(vega|vegalite)\.v[3-9]\+json$/;

/** The specification of a plot in a display, and whether it is one of Vega-Lite; undefined when there is none. */
export function plotIn(data: JsonObject): { spec: JsonObject; lite: boolean } | undefined {
  for (const [type, spec] of Object.entries(data)) {
    const found = mime.exec(type);
    if (found && isObject(spec)) return { spec, lite: found[1] === "vegalite" };
  }
  return undefined;
}

/** The same in Vega's form, on the page's own ground; undefined for what is no valid specification. */
export async function compilePlot({
  spec,
  lite,
}: {
  spec: JsonObject;
  lite: boolean;
}): Promise<VegaSpec | undefined> {
  const given = structuredClone(spec);
  const config = { background: "transparent", ...(isObject(given.config) ? given.config : {}) };
  if (!lite) return { ...given, config };
  const { compile } = await import("vega-lite");
  try {
    return compile({ ...given, config } as never, { logger: silent }).spec as unknown as VegaSpec;
  } catch {
    return undefined;
  }
}

const quiet = (): unknown => silent;
const silent = { level: quiet, error: quiet, warn: quiet, info: quiet, debug: quiet } as never;
