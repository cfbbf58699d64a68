// What the routes share: the request's path as it was sent, its body, and answers as Jupyter's clients expect them.
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import type { Asked } from "./access/gate.ts";
import { HttpError } from "./errors.ts";

/** What the server's handlers get. */
export type Ctx = Context<{ Bindings: HttpBindings }>;

/** A set of routes. */
export type Routes = Hono<{ Bindings: HttpBindings }>;

/** An empty set of routes. */
export function newRoutes(): Routes {
  return new Hono();
}

/** The request as the gate looks at it. */
export function askedBy(c: Ctx): Asked {
  return {
    method: c.req.method,
    url: c.env.incoming.url ?? "/",
    header: (name) => c.req.header(name),
    isWebSocket: false,
  };
}

/**
 * The part of the request's path behind `prefix`, percent-decoded once, without slashes around it. The path is the one
 * that was sent: nothing has resolved its dots. Throws a 400 `HttpError` for a path that is not UTF-8.
 */
export function pathAfter(c: Ctx, prefix: string): string {
  const sent = (c.env.incoming.url ?? "/").split(/[?#]/, 1)[0]!;
  if (!sent.startsWith(prefix)) throw new HttpError(404, `There is nothing at ${sent}`);
  try {
    return decodeURIComponent(sent.slice(prefix.length)).replace(/^\/+|\/+$/g, "");
  } catch {
    throw new HttpError(400, `${sent} is not percent-encoded UTF-8`);
  }
}

/** The request's body as JSON; undefined when it is empty. Throws a 400 `HttpError` when it is none. */
export async function jsonBody(c: Ctx): Promise<unknown> {
  const text = (await c.req.text()).trim();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "Invalid JSON in body of request");
  }
}

/** The request's body as a JSON object. Throws a 400 `HttpError` when it is another value, or empty. */
export async function objectBody(c: Ctx): Promise<JsonObject> {
  const value = await jsonBody(c);
  if (!isObject(value)) throw new HttpError(400, "No JSON data provided");
  return value;
}

/** The answer for an error: its status and `{message, reason}`. Errors nobody foresaw are logged, and say no more than that. */
export function errorAnswer(c: Ctx, error: unknown): Response {
  if (error instanceof HttpError) {
    const { status, message, reason, details } = error;
    return c.json({ message, reason, ...details }, status);
  }
  process.stderr.write(`[tilewright] ${c.req.method} ${c.req.path}: ${(error as Error)?.stack ?? error}\n`);
  return c.json({ message: "Unhandled error", reason: null }, 500);
}
