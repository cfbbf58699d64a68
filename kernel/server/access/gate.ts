// Who may ask what. Every request passes here, websockets too.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { HttpError } from "../errors.ts";
import { isLoopback, type Settings } from "../settings.ts";

/** What of a request decides whether it is answered. */
export interface Asked {
  method: string;
  /** The path with its query, as it was sent. */
  url: string;
  header(name: string): string | undefined;
  isWebSocket: boolean;
}

/** How a request proved that it may ask. */
export type Proof = "token" | "cookie" | "none";

/** Methods that change nothing. */
const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/** The cookie that a page gives back in a header, so that it shows it is ours; Jupyter's clients know it by this name. */
const xsrfCookie = "_xsrf";

/** The rules of access of one server. */
export class Gate {
  readonly #settings: Settings;
  /** What the cookie of a logged-in browser holds: not the token itself, and useless for another server's token. */
  readonly #session: string;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#session = createHmac("sha256", settings.token).update("tilewright session").digest("base64url");
  }

  /** The cookie of a logged-in browser; two servers of one machine share their cookies, so the port tells them apart. */
  get sessionCookie(): string {
    return `tilewright-${this.#settings.port}`;
  }

  /**
   * Throws a 403 `HttpError` for a request that comes by a name that is not this server's (DNS rebinding), from a page
   * of another origin, or without proof of access; gives the proof. With `isOpen` proof may be missing.
   */
  admit(asked: Asked, isOpen = false): Proof {
    this.#checkHost(asked.header("host"));
    const changes = !safeMethods.has(asked.method);
    if (changes || asked.isWebSocket) this.#checkOrigin(asked);
    const proof = this.#proof(asked);
    if (proof === "none" && !isOpen) throw new HttpError(403, "Forbidden: the token is missing or wrong");
    if (proof === "cookie" && changes) checkXsrf(asked);
    return proof;
  }

  /** Whether a text is the token. */
  isToken(given: string | null | undefined): boolean {
    return typeof given === "string" && isSame(given, this.#settings.token);
  }

  /** The cookies that log a browser in, as `Set-Cookie` values. */
  loginCookies(asked: Asked): string[] {
    const secure = asked.header("x-forwarded-proto")?.startsWith("https") ? "; Secure" : "";
    const common = `; Path=${this.#settings.base}; SameSite=Lax${secure}`;
    return [
      `${this.sessionCookie}=${this.#session}; HttpOnly${common}`,
      ...(cookie(asked, xsrfCookie) ? [] : [`${xsrfCookie}=${randomBytes(16).toString("hex")}${common}`]),
    ];
  }

  /** The origin of a page elsewhere that may use this server, if the request is from one. */
  foreignOrigin(asked: Asked): string | undefined {
    const origin = asked.header("origin");
    return origin !== undefined && this.#settings.allowOrigins.includes(origin) ? origin : undefined;
  }

  #proof(asked: Asked): Proof {
    const header = /^(?:token|bearer)\s+(\S+)$/i.exec(asked.header("authorization") ?? "")?.[1];
    if (this.isToken(header) || this.isToken(queryOf(asked.url).get("token"))) return "token";
    const given = cookie(asked, this.sessionCookie);
    return given !== undefined && isSame(given, this.#session) ? "cookie" : "none";
  }

  #checkHost(host: string | undefined): void {
    const name = hostName(host ?? "");
    const { allowHosts, ip } = this.#settings;
    if (name === "" || allowHosts.includes("*") || allowHosts.includes(name)) {
      if (name !== "") return;
    } else if (isLoopback(name) || name === ip.toLowerCase()) return;
    // A name can be made to point here by whoever owns it, an address cannot.
    else if (!isLoopback(ip) && isAddress(name)) return;
    throw new HttpError(
      403,
      `Blocked host ${JSON.stringify(name)}: start the server with --allow-host ${name || "NAME"} to be reached by this name`,
    );
  }

  #checkOrigin(asked: Asked): void {
    const origin = asked.header("origin");
    if (origin === undefined || this.#settings.allowOrigins.includes(origin)) return;
    let host: string;
    try {
      ({ host } = new URL(origin));
    } catch {
      host = "";
    }
    if (host === "" || host !== asked.header("host")?.toLowerCase())
      throw new HttpError(403, `Blocked a request from a page of ${origin}`);
  }
}

/** The query of a path. */
export function queryOf(url: string): URLSearchParams {
  const at = url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : url.slice(at + 1));
}

/** The value of a request's cookie. */
function cookie(asked: Asked, name: string): string | undefined {
  for (const part of (asked.header("cookie") ?? "").split(";")) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name && value) return value;
  }
  return undefined;
}

/** A page of ours knows the cookie and sends it in a header too; a form elsewhere can do neither. */
function checkXsrf(asked: Asked): void {
  const expected = cookie(asked, xsrfCookie);
  const given = asked.header("x-xsrftoken") ?? queryOf(asked.url).get(xsrfCookie) ?? "";
  if (expected === undefined || !isSame(given, expected))
    throw new HttpError(403, "'_xsrf' argument missing from the request, or it does not match the cookie");
}

/** Compares in a time that tells nothing about where two texts differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHmac("sha256", compareKey).update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
const compareKey = randomBytes(32);

/** The name in a Host header, in lower case, without its port and without the brackets of IPv6. */
function hostName(host: string): string {
  const name = /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::\d+)?$/i.exec(host)?.[1] ?? "";
  return name.replace(/^\[|\]$/g, "").toLowerCase();
}

function isAddress(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || /^[0-9a-f:.]*:[0-9a-f:.]*$/.test(name);
}
