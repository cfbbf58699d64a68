/**
 * A memory plan as a picture: the steps from left to right, the bytes of the arena from top to bottom, and each value as
 * a rectangle over the steps in which it lives. What lies beneath another rectangle in the same rows has its bytes reused.
 */
import type { IRModule } from "../ir/index.ts";
import { count, cut, take } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { type Html, html } from "./html.ts";
import { bytes } from "./number.ts";
import { type MemoryPlanLike, plannedFunction } from "./planned-function.ts";
import { frame } from "./style.ts";
import { INK, INK_STYLE, round, SANS, svg } from "./svg.ts";
import { type Column, htmlTable, textTable } from "./table.ts";

const WIDTH = 760;
const LEFT = 64;
const TOP = 22;
const HEIGHT = 320;
const CHAR = 6.2;
const ROWS = 100;
const BOXES = 1000;
/** Neighbours in the list get tones far apart on the circle: multiples of the golden angle. */
const hue = (i: number): number => Math.round((i * 137.508) % 360);

const COLUMNS: readonly Column[] = [
  { title: "value" },
  { title: "bytes", align: "right" },
  { title: "offset", align: "right" },
  { title: "steps", align: "right" },
  { title: "in place of" },
];

/**
 * The plan, to be shown: the picture, the sizes, and the list of values. Of a module that went through the pipeline, that
 * of its function `func`.
 */
export function memoryPlanView(
  of: MemoryPlanLike | IRModule,
  func = "main",
): Displayable<MimeBundle> & { toString(): string } {
  const plan = "funcs" in of ? plannedFunction(of, func) : of;
  return displayable(() => {
    const { shown, left } = take(plan.tensors, ROWS);
    const rows = shown.map((t) => [
      cut(t.name, 40),
      bytes(t.bytes),
      String(t.offset),
      `${t.first} – ${t.last}`,
      cut(t.reuses.map((r) => plan.tensors[r].name).join(", "), 60),
    ]);
    const more = left > 0 ? `… ${count(left, "more value")}` : "";
    const text = [headline(plan), textTable(COLUMNS, rows), more].filter((x) => x !== "").join("\n");
    const list = html`<details class="tw-more"><summary>${count(plan.tensors.length, "value")}</summary>${htmlTable(COLUMNS, rows)}${more !== "" && html`<p class="tw-note">${more}</p>`}</details>`;
    const body = html`<p class="tw-head">${headline(plan)}</p>${picture(plan)}${list}`;
    return { "text/plain": text, "text/html": frame(["table"], body) };
  });
}

function headline(p: MemoryPlanLike): string {
  const apart = p.tensors.reduce((n, t) => n + t.bytes, 0);
  const over =
    p.lowerBound > 0
      ? ` (${(p.arenaBytes / p.lowerBound).toFixed(2)} × the largest live set, ${bytes(p.lowerBound)})`
      : "";
  return `${p.name}: arena of ${bytes(p.arenaBytes)}${over} for ${bytes(apart)} of values; constants ${bytes(p.constantBytes)}`;
}

function picture(p: MemoryPlanLike): Html {
  const steps = Math.max(1, p.steps.length);
  const total = Math.max(1, p.arenaBytes);
  const x = (step: number): number => LEFT + ((WIDTH - LEFT) * step) / steps;
  const y = (at: number): number => TOP + (HEIGHT * at) / total;
  const { shown } = take(p.tensors, BOXES);
  const boxes = shown.map((t, i) => {
    const [left, right] = [x(t.first), x(t.last + 1)];
    const [top, bottom] = [y(t.offset), y(t.offset + t.bytes)];
    const colour = `hsl(${hue(i)} 60% 55%)`;
    const [w, h] = [right - left, bottom - top];
    const room = Math.floor((w - 6) / CHAR);
    const label =
      h >= 12 &&
      room >= 3 &&
      html`<text x="${round(left + 4)}" y="${round(top + h / 2 + 4)}" style="${INK_STYLE};font:10.5px ${SANS}">${cut(t.name, room)}</text>`;
    const taken =
      t.reuses.length > 0 ? `, in place of ${t.reuses.map((r) => p.tensors[r].name).join(", ")}` : "";
    return html`<g><title>${`${t.name}: ${bytes(t.bytes)} at ${t.offset}, steps ${t.first} to ${t.last}${taken}`}</title><rect x="${round(left)}" y="${round(top)}" width="${round(Math.max(w - 0.6, 0.6))}" height="${round(Math.max(h - 0.6, 0.6))}" fill="${colour}" fill-opacity="0.35" stroke="${colour}" stroke-width="0.8"/>${label}</g>`;
  });
  const axis = [0, 0.5, 1].map(
    (f) =>
      html`<text x="${LEFT - 6}" y="${round(y(f * total) + 4)}" text-anchor="end" style="${INK_STYLE};font:10.5px ${SANS}">${bytes(Math.round(f * total))}</text>`,
  );
  const outline = html`<rect x="${LEFT}" y="${TOP}" width="${WIDTH - LEFT}" height="${HEIGHT}" fill="none" stroke="${INK}" stroke-opacity="0.5"/>`;
  const title = html`<text x="${LEFT}" y="14" style="${INK_STYLE};font:11px ${SANS}">${`${count(p.steps.length, "step")} →`}</text>`;
  const box = svg(
    WIDTH,
    TOP + HEIGHT + 6,
    `memory plan of ${p.name}`,
    html`${outline}${boxes}${axis}${title}`,
  );
  return html`<div class="tw-scroll">${box}</div>`;
}
