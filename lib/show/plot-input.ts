/** Reading the rows readers give to plots: normalised once, here. */
import { cut } from "./bounds.ts";
import { plain } from "./html.ts";
import { num } from "./number.ts";

/** How to get a value from a row: the name of a field, or a function. */
export type Field<Row, V> = (keyof Row & string) | ((row: Row) => V);

export function read<Row, V>(row: Row, field: Field<Row, V>): V {
  return typeof field === "function" ? field(row) : (row[field] as V);
}

/** A length of error on both sides, or the ends of an interval. */
export type ErrorField<Row> =
  | Field<Row, number>
  | readonly [low: Field<Row, number>, high: Field<Row, number>];

export function interval<Row>(
  row: Row,
  y: number,
  e: ErrorField<Row> | undefined,
): [lo?: number, hi?: number] {
  if (e === undefined) return [];
  if (typeof e !== "string" && typeof e !== "function")
    return [Number(read(row, e[0])), Number(read(row, e[1]))];
  const by = Number(read(row, e));
  return [y - by, y + by];
}

/** Text for axes, legends and labels: one line, bounded, without control characters. */
export const caption = (x: unknown, max = 60): string => cut(plain(String(x)).replaceAll("\n", " "), max);

/** The name of an axis: what was asked for, else the field's name; the unit in brackets. */
export function axisTitle(given: string | undefined, field: unknown, unit?: string): string | null {
  const name = given ?? (typeof field === "string" ? field : undefined);
  if (name === undefined) return unit === undefined ? null : caption(unit);
  return caption(unit === undefined || unit === name ? name : `${name} (${unit})`);
}

export const cell = (x: number | undefined): string => (x === undefined ? "" : num(x, 5));
