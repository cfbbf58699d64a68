import type { Attrs } from "../ir/index.ts";

/** Attributes as text, different for different ones: JSON has one text for all numbers that are not finite and for both zeros. */
export const attrsText = (attrs: Attrs): string =>
  JSON.stringify(attrs, (_, v: unknown) => {
    if (typeof v !== "number" || (Number.isFinite(v) && !Object.is(v, -0))) return v;
    return { number: Object.is(v, -0) ? "-0" : String(v) };
  });
