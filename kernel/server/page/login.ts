// For somebody who comes without the token.
import type { Gate } from "../access/gate.ts";
import { pagePolicy } from "../access/headers.ts";
import { askedBy, type Ctx } from "../http.ts";

/** The page that asks for the token. */
export function loginPage(c: Ctx, base: string, wrong = false): Response {
  const next = localPath(c.req.query("next"), base);
  return c.html(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tilewright</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}
input{font:inherit;width:100%;box-sizing:border-box;padding:.4em;margin:.5em 0}button{font:inherit;padding:.3em 1.2em}</style>
<h1>Tilewright</h1>
<p>This page is only for who started it. Open the address that <code>tilewright</code> printed, or enter its token.</p>
${wrong ? '<p role="alert"><strong>That is not the token of this server.</strong></p>' : ""}
<form method="post" action="${base}login"><label>Token
<input type="password" name="token" autocomplete="current-password" autofocus required></label>
<input type="hidden" name="next" value="${escaped(next)}"><button>Open</button></form></html>`,
    wrong ? 401 : 200,
    { "Content-Security-Policy": pagePolicy, "Cache-Control": "no-store" },
  );
}

/** Takes the form: logs the browser in and sends it where it wanted to go. */
export async function login(c: Ctx, gate: Gate, base: string): Promise<Response> {
  const form = new URLSearchParams(await c.req.text());
  if (!gate.isToken(form.get("token"))) return loginPage(c, base, true);
  for (const cookie of gate.loginCookies(askedBy(c))) c.header("Set-Cookie", cookie, { append: true });
  return c.redirect(localPath(form.get("next"), base), 303);
}

/** A path of this server; never another site's. */
function localPath(next: string | null | undefined, base: string): string {
  return next?.startsWith(base) && !/^\/[/\\]/.test(next) && !/[\r\n\\]/.test(next) ? next : base;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
}
