/** Annotations and attributes as text. */
import type { Attr, Attrs } from "../../ir/index.ts";
import { isIdentifier } from "./names.ts";

/** A key of an object literal. */
export const keyText = (k: string): string => (isIdentifier(k) && k !== "__proto__" ? k : JSON.stringify(k));

export function attrText(a: Attr): string {
  if (Array.isArray(a)) return `[${a.map(attrText).join(", ")}]`;
  if (typeof a === "object" && a !== null) return attrsText(a as Attrs);
  // What JSON would write as null.
  return typeof a === "number" && !Number.isFinite(a) ? String(a) : JSON.stringify(a);
}

export function attrsText(a: Attrs): string {
  const entries = Object.entries(a).map(([k, v]) => `${keyText(k)}: ${attrText(v)}`);
  return entries.length > 0 ? `{ ${entries.join(", ")} }` : "{}";
}
