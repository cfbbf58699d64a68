/** SVG pictures: well-formed XML on their own, and legible on light and dark ground when shown as an image. */
import { cut } from "./bounds.ts";
import { type Hole, type Html, html } from "./html.ts";

/**
 * A grey that can be read on white and on black (4.5:1 on either): an image does not know the page's theme. Where the
 * picture stands inside the page, the theme's own colour is used.
 */
export const INK = "#767676";
export const INK_STYLE = `fill:var(--tw-fg,var(--jp-content-font-color1,${INK}))`;
export const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";
export const SANS = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif";

/** A whole picture. `title` is what a screen reader says. Sizes are CSS pixels. */
export function svg(width: number, height: number, title: string, body: Hole): Html {
  const [w, h] = [round(width), round(height)];
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img" aria-label="${cut(title, 200)}">${body}</svg>`;
}

/** One decimal is finer than any screen here. */
export const round = (x: number): number => Math.round(x * 10) / 10;
