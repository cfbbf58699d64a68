/** The tensor card: dtype, shape, bytes, statistics, the corners of the values, a heat map. */
import { BYTES } from "../ir/index.ts";
import { boundText } from "./bounds.ts";
import type { MimeBundle } from "./display.ts";
import { heatMap, heatMapGroup } from "./heat-map.ts";
import { type Html, html, plain } from "./html.ts";
import { bytes, num } from "./number.ts";
import { frame } from "./style.ts";
import { textTable } from "./table.ts";
import {
  edges,
  elementsOf,
  lastTwo,
  type TensorLike,
  type TensorStats,
  tensorSummary,
} from "./tensor-summary.ts";

/** The bundle of a tensor. A tensor that cannot be read (it was freed) says so instead of failing. */
export function tensorBundle(t: TensorLike): MimeBundle {
  const head = `${t.dtype} [${t.shape.join(", ")}]`;
  const elements = elementsOf(t.shape);
  const size = `${elements.toLocaleString("en-US")} elements, ${bytes(elements * BYTES[t.dtype])}`;
  let summary: ReturnType<typeof tensorSummary>;
  try {
    summary = tensorSummary(t);
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    return {
      "text/plain": boundText(plain(`Tensor ${head}: ${why}`)),
      "text/html": frame(
        ["card"],
        html`<p class="tw-head"><b>Tensor ${head}</b> <span class="tw-red">${why}</span></p>`,
      ),
    };
  }
  const facts = factsOf(summary.stats, elements);
  const slice = sliceName(t.shape);
  const cells = summary.values.map((r) => (r === null ? null : r.map((x) => (x === null ? "…" : num(x)))));
  const { cols } = lastTwo(t.shape);
  const map = heatMap(t);
  const group = heatMapGroup(t.shape);
  const body = html`<p class="tw-head"><b>Tensor ${head}</b> <span class="tw-dim">${size}</span></p>
<div class="tw-card"><div>${factsTable(facts)}${slice !== "" && html`<p class="tw-note">elements ${slice}</p>`}${valueTable(cells, t.shape)}</div>${
    map &&
    html`<div>${map}${group !== undefined && html`<p class="tw-note">each cell: the mean of ${group} elements</p>`}</div>`
  }</div>`;
  const text = [
    `Tensor ${head}, ${size}`,
    facts.map(([k, v]) => `${k} ${v}`).join("  "),
    ...(slice === "" ? [] : [`elements ${slice}`]),
    cols === 0 || cells.length === 0 ? "(no elements)" : textValues(cells),
  ];
  return { "text/plain": text.join("\n"), "text/html": frame(["card"], body) };
}

function factsOf(s: TensorStats, elements: number): [string, string][] {
  if (elements === 0) return [];
  const out: [string, string][] = [
    ["min", num(s.min)],
    ["max", num(s.max)],
    ["mean", num(s.mean)],
    ["std", num(s.std)],
  ];
  if (s.zeros > 0) out.push(["zeros", share(s.zeros, s.seen)]);
  if (s.nans > 0) out.push(["NaN", share(s.nans, s.seen)]);
  if (s.infinities > 0) out.push(["±∞", share(s.infinities, s.seen)]);
  if (s.seen < elements) out.push(["sample", s.seen.toLocaleString("en-US")]);
  return out;
}

function share(n: number, of: number): string {
  const percent = (100 * n) / of;
  return `${n.toLocaleString("en-US")} (${percent < 0.1 ? "<0.1" : num(percent, 3)} %)`;
}

function factsTable(facts: readonly (readonly [string, string])[]): Html {
  return html`<table class="tw-table"><thead><tr>${facts.map(([k]) => html`<th class="tw-r" scope="col">${k}</th>`)}</tr></thead><tbody><tr>${facts.map(
    ([k, v]) => html`<td class="tw-r">${k === "NaN" ? html`<span class="tw-red">${v}</span>` : v}</td>`,
  )}</tr></tbody></table>`;
}

/** `[0, 0, :, :]`: which part of a tensor of rank three or more is shown. */
function sliceName(shape: readonly number[]): string {
  return shape.length < 3 ? "" : `[${shape.map((_, i) => (i < shape.length - 2 ? "0" : ":")).join(", ")}]`;
}

function valueTable(cells: readonly (readonly string[] | null)[], shape: readonly number[]): Html {
  const { rows, cols } = lastTwo(shape);
  if (rows * cols === 0) return html`<p class="tw-note">no elements</p>`;
  const [is, js] = [edges(rows), edges(cols)];
  const vector = shape.length < 2;
  const head = html`<tr>${!vector && html`<th></th>`}${js.map((j) => html`<th class="tw-r" scope="col">${j ?? "…"}</th>`)}</tr>`;
  const body = cells.map(
    (r, y) =>
      html`<tr>${!vector && html`<td class="tw-r tw-idx">${is[y] ?? "⋮"}</td>`}${js.map((_, x) => html`<td class="tw-r">${r === null ? "⋮" : r[x]}</td>`)}</tr>`,
  );
  return html`<table class="tw-table tw-mono"><thead>${shape.length > 0 && head}</thead><tbody>${body}</tbody></table>`;
}

function textValues(cells: readonly (readonly string[] | null)[]): string {
  const n = cells.find((r) => r !== null)?.length ?? 0;
  const rows = cells.map((r) => r ?? Array.from({ length: n }, () => "…"));
  const columns = Array.from({ length: n }, () => ({ title: "", align: "right" as const }));
  return textTable(columns, rows).split("\n").slice(1).join("\n");
}
