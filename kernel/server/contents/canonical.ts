import type { RawNotebook } from "../../notebook/validate.ts";
import { isObject } from "../../protocol/messages.ts";

/** A notebook without what belongs to the session in which it was open. */
export function withoutTransient(notebook: RawNotebook): RawNotebook {
  const { signature: _, orig_nbformat: __, ...metadata } = notebook.metadata;
  const cells = notebook.cells.map((cell) => {
    const { trusted: _, ...rest } = cell.metadata;
    return { ...cell, metadata: rest };
  });
  return { ...notebook, metadata, cells };
}

/** The same value with the keys of all its objects in order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}
