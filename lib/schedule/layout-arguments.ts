/** Functions given to layout primitives, as the plain data that instructions hold: their text. */
import { type IndexMapLike, indexMapOf, indexMapText } from "../arith/index.ts";
import type { Attr } from "../ir/index.ts";
import { type ConstValue, parseIndexFunction, ScriptError, script } from "../script/index.ts";

export interface LayoutOptions {
  /**
   * What new elements hold that no old one goes to: a number, or a function of the new indices. Without it, a map that
   * makes such elements is refused.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the function is read, never called; any parameters will do
  readonly padValue?: number | string | ((...indices: any[]) => unknown);
  /** Take the map's word for it that no two elements get the same indices, where this cannot be shown. */
  readonly assumeInjective?: boolean;
  /** Values of the surroundings that the functions mention, by name. */
  readonly consts?: { readonly [name: string]: ConstValue };
}

/** An index map as text, with the constants of the surroundings put in. What cannot be read is left to the primitive. */
export function mapArgument(map: IndexMapLike, consts?: LayoutOptions["consts"]): string {
  try {
    return indexMapText(indexMapOf(map, consts));
  } catch (e) {
    if (e instanceof ScriptError || e instanceof TypeError) return String(map);
    throw e;
  }
}

/** The options as data; undefined when there is none. */
export function layoutOptions(o: LayoutOptions): { readonly [name: string]: Attr } | undefined {
  const out: { [name: string]: Attr } = {};
  if (o.padValue !== undefined) out.padValue = padArgument(o.padValue, o.consts);
  if (o.assumeInjective) out.assumeInjective = true;
  return Object.keys(out).length > 0 ? out : undefined;
}

function padArgument(
  x: NonNullable<LayoutOptions["padValue"]>,
  consts: LayoutOptions["consts"],
): number | string {
  if (typeof x === "number")
    return Number.isFinite(x) && !Object.is(x, -0) ? x : `() => ${Object.is(x, -0) ? "-0" : x}`;
  if (consts === undefined) return String(x);
  const { vars, results } = parseIndexFunction(String(x), "f32", { consts });
  const values = results.map((e) => script(e)).join(", ");
  return `(${vars.map((v) => v.name).join(", ")}) => ${results.length === 1 ? values : `[${values}]`}`;
}
