/** Elements that run code, load other documents or leave the page. */
const forbidden = "script|iframe|object|embed|applet|frame|frameset|base|meta|link|form|portal";

/**
 * Takes what could run out of HTML that a notebook made, so that the page reads the same without a live kernel.
 * The page's own content security policy forbids scripts too; this keeps the text free of them.
 */
export function sanitize(html: string): string {
  return html
    .replace(/<script\b[\s\S]*?<\/script\s*>/gi, "")
    .replace(new RegExp(`</?(?:${forbidden})\\b[^>]*>?`, "gi"), "")
    .replace(/<[a-z][^>]*>/gi, (tag) =>
      tag
        .replace(/[\s/"']on[a-z-]+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gi, " ")
        .replace(
          /((?:xlink:)?href|src|action|formaction)\s*=\s*("|')?\s*(?:javascript|vbscript)\s*:[^"'>\s]*\2?/gi,
          '$1="#"',
        ),
    );
}
