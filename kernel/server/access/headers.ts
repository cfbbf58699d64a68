// What every answer carries for the browser's own guards.

/** Headers of all answers. The first three make the page cross-origin isolated, which threads in it need. */
export const commonHeaders: { [name: string]: string } = {
  "Cross-Origin-Opener-Policy": "same-origin",
  // Pictures of other sites may be shown, without the reader's cookies for them.
  "Cross-Origin-Embedder-Policy": "credentialless",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

/** What an answer of the interface may do when somebody opens it as a page: nothing. */
export const apiPolicy = "default-src 'none'; frame-ancestors 'self'";

/** A reader's file may run scripts, but as a page of no origin: none of them can reach the server. */
export const filePolicy = "frame-ancestors 'self'; sandbox allow-scripts";

/**
 * The page's own rules. Scripts come from the server alone, never from a notebook's HTML; `eval` is what JavaScript
 * outputs of trusted cells and Vega's expressions need. Styles and pictures may stand in outputs.
 */
export const pagePolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob: https:",
  "media-src 'self' data: blob: https:",
  "font-src 'self' data:",
  "connect-src 'self' data: blob:",
  "frame-src 'self' blob: data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join("; ");
