import type { JsonObject } from "../../protocol/messages.ts";
import type { DisplayData, MimeBundle } from "../types.ts";
import { tableHtml } from "./table.ts";
import { isVega, vegaBundle } from "./vega.ts";

/** The method by which an object says how it looks; Deno's kernel uses the same symbol. */
export const displaySymbol = Symbol.for("Jupyter.display");

/** A display that carries metadata beside its bundle. */
export class RichDisplay {
  readonly data: MimeBundle;
  readonly metadata: JsonObject;

  constructor(data: MimeBundle, metadata: JsonObject = {}) {
    this.data = data;
    this.metadata = metadata;
  }

  [displaySymbol](): MimeBundle {
    return this.data;
  }
}

/** How a value is shown. Asynchronous only for values whose own method is. */
export function bundleOf(
  value: unknown,
  inspect: (value: unknown) => string,
): DisplayData | Promise<DisplayData> {
  if (value instanceof RichDisplay)
    return { data: withText(value.data, value, inspect), metadata: value.metadata };
  const method = displayMethod(value);
  if (method) {
    const made: unknown = method.call(value);
    if (isPromise(made)) return Promise.resolve(made).then((bundle) => fromMethod(bundle, value, inspect));
    return fromMethod(made, value, inspect);
  }
  const data: MimeBundle = { "text/plain": inspect(value) };
  if (isVega(value)) return vegaBundle(value, data["text/plain"] as string);
  const table = tableHtml(value);
  if (table !== undefined) data["text/html"] = table;
  return { data, metadata: {} };
}

/** A MIME bundle given as such (`display(bundle, { raw: true })`). */
export function rawBundle(
  value: unknown,
  metadata: JsonObject,
  inspect: (value: unknown) => string,
): DisplayData {
  if (typeof value !== "object" || value === null)
    throw new TypeError("display with raw: true wants a MIME bundle");
  return { data: withText(value as MimeBundle, value, inspect), metadata };
}

function fromMethod(made: unknown, value: unknown, inspect: (value: unknown) => string): DisplayData {
  if (typeof made !== "object" || made === null) {
    throw new TypeError(`[Symbol.for("Jupyter.display")]() gave ${String(made)}, not a MIME bundle`);
  }
  return { data: withText(made as MimeBundle, value, inspect), metadata: {} };
}

function withText(bundle: MimeBundle, value: unknown, inspect: (value: unknown) => string): MimeBundle {
  if ("text/plain" in bundle) return encoded(bundle);
  return encoded({ "text/plain": inspect(value), ...bundle });
}

/** Bytes (of a PNG, say) travel as base64. */
function encoded(bundle: MimeBundle): MimeBundle {
  if (!Object.values(bundle).some((part) => part instanceof Uint8Array)) return bundle;
  const entries = Object.entries(bundle).map(([mime, part]) => [
    mime,
    part instanceof Uint8Array ? base64(part) : part,
  ]);
  return Object.fromEntries(entries);
}

/** In pieces, since a picture has more bytes than a call may have arguments. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

function displayMethod(value: unknown): (() => unknown) | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  const method = (value as { [displaySymbol]?: unknown })[displaySymbol];
  return typeof method === "function" ? (method as () => unknown) : undefined;
}

/** Not `instanceof`: a value may come from another realm. */
export function isPromise<T>(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<T>).then === "function";
}
