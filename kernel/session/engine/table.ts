/** Most rows and columns of a table; the rest is counted, not shown. */
const maxRows = 60;
const maxColumns = 20;
const maxCellText = 200;

/** An array of flat objects as an HTML table, or undefined when the value is anything else. */
export function tableHtml(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const rows = value.slice(0, maxRows);
  if (!rows.every(isFlat)) return undefined;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return undefined;
  const shown = columns.slice(0, maxColumns);
  const head = shown.map((name) => `<th>${escapeHtml(name)}</th>`).join("");
  const body = rows
    .map((row, index) => `<tr><th>${index}</th>${shown.map((name) => cell(row[name])).join("")}</tr>`)
    .join("\n");
  const hidden = [
    value.length > rows.length ? `${value.length - rows.length} more rows` : "",
    columns.length > shown.length ? `${columns.length - shown.length} more columns` : "",
  ].filter((note) => note !== "");
  const note = hidden.length > 0 ? `<p>… ${hidden.join(", ")}</p>` : "";
  return `<table>\n<thead><tr><th></th>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>${note}`;
}

/** Escapes text for HTML content and attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function isFlat(row: unknown): row is Record<string, unknown> {
  if (typeof row !== "object" || row === null) return false;
  const prototype: unknown = Object.getPrototypeOf(row);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(row).every(
    (field) => typeof field !== "object" || field === null || field instanceof Date,
  );
}

function cell(value: unknown): string {
  if (value === undefined) return "<td></td>";
  const text = value instanceof Date ? value.toISOString() : String(value);
  const short = text.length > maxCellText ? `${text.slice(0, maxCellText)}…` : text;
  return `<td>${escapeHtml(short)}</td>`;
}
