/** The contract between values and a notebook: a method under one well-known symbol returns a MIME bundle. */

/** The method's name. Front ends that know it (ours, Deno's) call it on the last expression of a cell. */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display") as never;

/** Representations of one value by MIME type; `text/plain` is always there. */
export interface MimeBundle {
  readonly "text/plain": string;
  readonly "text/html"?: string;
  readonly "image/svg+xml"?: string;
  readonly [mime: string]: unknown;
}

/** Anything a notebook can show. */
export interface Displayable<B extends MimeBundle | Promise<MimeBundle> = MimeBundle | Promise<MimeBundle>> {
  [DISPLAY](): B;
}

/** A value that shows as the bundle which `make` computes when (and only when) it is shown. */
export function displayable(make: () => MimeBundle): Displayable<MimeBundle> & { toString(): string } {
  return {
    [DISPLAY]: make,
    toString: () => make()["text/plain"],
  };
}
