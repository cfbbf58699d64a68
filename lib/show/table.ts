/** Tables: aligned text, and HTML that reads as a table where styles are stripped. */
import { type Hole, type Html, html, plain } from "./html.ts";

export interface Column {
  readonly title: string;
  /** Numbers are flush right. */
  readonly align?: "left" | "right";
}

/** Aligned columns, two spaces apart, no trailing blanks. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map((c) => c.title), ...rows].map((r) =>
    r.map((c) => plain(c).replaceAll("\n", " ")),
  );
  const widths = columns.map((_, j) => Math.max(...cells.map((r) => width(r[j] ?? ""))));
  return cells
    .map((r) =>
      columns
        .map((c, j) => {
          const pad = " ".repeat(widths[j] - width(r[j] ?? ""));
          return c.align === "right" ? pad + (r[j] ?? "") : (r[j] ?? "") + pad;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Code points: good enough for names and numbers. */
const width = (s: string): number => [...s].length;

export function htmlTable(columns: readonly Column[], rows: readonly (readonly Hole[])[]): Html {
  const cls = (c: Column): string => (c.align === "right" ? "tw-r" : "tw-lft");
  return html`<table class="tw-table"><thead><tr>${columns.map((c) => html`<th class="${cls(c)}" scope="col">${c.title}</th>`)}</tr></thead><tbody>${rows.map(
    (r) => html`<tr>${columns.map((c, j) => html`<td class="${cls(c)}">${r[j]}</td>`)}</tr>`,
  )}</tbody></table>`;
}
