import { askedBy, type Ctx } from "../http.ts";
import { type Gate, queryOf } from "./gate.ts";

/** Lets a request in, sends a browser that may not to the login, and takes the token out of a page's address. */
export async function admit(
  c: Ctx,
  gate: Gate,
  base: string,
  next: () => Promise<void>,
): Promise<Response | void> {
  const asked = askedBy(c);
  const path = asked.url.split("?", 1)[0]!;
  const foreign = gate.foreignOrigin(asked);
  if (foreign !== undefined) {
    c.header("Access-Control-Allow-Origin", foreign);
    c.header("Cross-Origin-Resource-Policy", "cross-origin");
    c.header("Vary", "Origin");
    if (c.req.method === "OPTIONS") {
      c.header("Access-Control-Allow-Methods", "GET, PUT, POST, PATCH, DELETE, OPTIONS");
      c.header("Access-Control-Allow-Headers", "accept, content-type, authorization, x-xsrftoken, if-match");
      return c.body(null, 204);
    }
  }
  const isPage = c.req.method === "GET" && (c.req.header("accept") ?? "").includes("text/html");
  const isOpen = path === `${base}login` || path === `${base}api` || path === `${base}api/`;
  const proof = gate.admit(asked, isOpen || isPage);
  if (isPage && !isOpen && proof === "none")
    return c.redirect(`${base}login?next=${encodeURIComponent(asked.url)}`, 302);
  const query = queryOf(asked.url);
  // A proxy that adds the token to each request needs no cookies, and may have its own.
  if (isPage && proof === "token" && query.has("token") && !path.startsWith(`${base}api/`)) {
    for (const cookie of gate.loginCookies(asked)) c.header("Set-Cookie", cookie, { append: true });
    query.delete("token");
    // A path that began with two slashes would be another site's.
    return c.redirect(`${path.replace(/^\/+/, "/")}${query.size > 0 ? `?${query}` : ""}`, 302);
  }
  await next();
}
