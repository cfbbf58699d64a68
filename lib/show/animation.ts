/**
 * The order of iteration, animated: which elements and which cache lines a small program touches, step by step. The
 * picture moves by CSS alone; where styles are stripped it stands still, and shading and text tell the order.
 */

import type { PrimFunc } from "../ir/index.ts";
import { BOUNDS, boundText, count, cut } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { type Html, html, markup, plain } from "./html.ts";
import {
  type AnimateOptions,
  type IterationTrace,
  iterationTrace,
  type TracedBuffer,
  type TracedStep,
} from "./iteration-trace.ts";
import { Motion } from "./motion.ts";
import { frame } from "./style.ts";
import { INK, INK_STYLE, MONO, round, svg } from "./svg.ts";
import { type Column, htmlTable, textTable } from "./table.ts";

/** Cells of a grid in one direction; what lies beyond is not drawn. */
const CELLS = 32;
/** Pixels of a grid in one direction. */
const GRID = 210;
const WIDTH = 720;
const LOAD = "#2f81f7";
const STORE = "#d4572c";
const LINE = "#c9930a";

/** Shows how a small program goes through memory. Sizes must be constant. */
export function animate(
  func: PrimFunc,
  o: AnimateOptions = {},
): Displayable<MimeBundle> & { toString(): string } {
  return displayable(() => {
    const trace = iterationTrace(func, o);
    const text = traceText(trace);
    const motion = new Motion(JSON.stringify([trace, o.stepMs]), trace.steps.length, o.stepMs ?? 400);
    const picture = pictureOf(trace, motion);
    const body = html`<style>${markup(motion.css())}</style><div class="tw-anim">${picture}<p class="tw-note"><label><input type="checkbox"/> pause</label>  ${legend(trace)}</p></div>${htmlTable(COLUMNS, tableRows(trace))}<details class="tw-more"><summary>steps as text</summary><pre class="tw-code">${text}</pre></details>`;
    return { "text/plain": text, "text/html": frame(["code", "table"], body) };
  });
}

function legend(t: IterationTrace): Html {
  const end = t.complete && t.counted === t.steps.length ? "all" : "the first";
  return html`<span style="color:${LOAD}">■</span> load <span style="color:${STORE}">■</span> store <span style="color:${LINE}">■</span> cache line of ${t.cacheLine} bytes; shaded from dark to light in the order of first accesses. Shown: ${end} ${count(t.steps.length, "step")}.`;
}

/** How the elements of a buffer are laid out on paper: rows of the last dimension, a vector broken into lines. */
interface Grid {
  readonly buffer: TracedBuffer;
  readonly rows: number;
  readonly columns: number;
  readonly cell: number;
  readonly x: number;
  readonly y: number;
}

const elements = (b: TracedBuffer): number => b.shape.reduce((n, s) => n * s, 1);

function rowLength(b: TracedBuffer): number {
  const last = b.shape.at(-1) ?? 1;
  return b.shape.length < 2 ? Math.min(CELLS, Math.max(1, last)) : Math.max(1, last);
}

function grids(t: IterationTrace, top: number): { grids: Grid[]; bottom: number } {
  const out: Grid[] = [];
  let [x, y, tallest] = [4, top, 0];
  for (const buffer of t.buffers.filter((b) => b.accesses > 0)) {
    const columns = Math.min(CELLS, rowLength(buffer));
    const rows = Math.max(1, Math.min(CELLS, Math.ceil(elements(buffer) / rowLength(buffer))));
    const cell = Math.max(6, Math.min(18, Math.floor(GRID / Math.max(rows, columns))));
    const width = Math.max(columns * cell, 110) + 22;
    if (x > 4 && x + width > WIDTH) {
      x = 4;
      y += tallest + 40;
      tallest = 0;
    }
    out.push({ buffer, rows, columns, cell, x, y: y + 18 });
    x += width;
    tallest = Math.max(tallest, rows * cell + (t.banks ? 24 : 0));
  }
  return { grids: out, bottom: y + tallest + 26 };
}

/** Where an element is drawn; undefined beyond the grid. */
function place(g: Grid, offset: number): { x: number; y: number } | undefined {
  const length = rowLength(g.buffer);
  const [row, column] = [Math.floor(offset / length), offset % length];
  if (row >= g.rows || column >= g.columns) return undefined;
  return { x: g.x + column * g.cell, y: g.y + row * g.cell };
}

function pictureOf(t: IterationTrace, m: Motion): Html {
  const odometer = loopRows(t, m);
  const { grids: all, bottom } = grids(t, odometer.height);
  const out: Html[] = [...odometer.marks];
  for (const g of all) out.push(...gridOf(g, t, m));
  return svg(WIDTH, Math.max(bottom, 30), `order of iteration: ${count(t.steps.length, "step")}`, out);
}

/** A line for each loop with a mark at the value it has. */
function loopRows(t: IterationTrace, m: Motion): { marks: Html[]; height: number } {
  const marks: Html[] = [];
  const loops = t.loops.slice(0, 8);
  const track = 330;
  const left = 16 + 7.3 * Math.max(2, ...loops.map((l) => Math.min(16, l.name.length)));
  loops.forEach((l, n) => {
    const y = 6 + n * 20;
    const values = t.steps.map((s) => s.loops.find((x) => x.name === l.name)?.value);
    const most = Math.max(1, ...values.filter((v) => v !== undefined).map((v) => v + 1), l.extent ?? 1);
    const step = Math.min(18, track / most);
    marks.push(text(cut(l.name, 16), 4, y + 12, INK));
    for (let v = 0; v < Math.min(most, 64); v++) {
      if (most > 64) break;
      marks.push(
        html`<rect x="${round(left + v * step)}" y="${y}" width="${round(step - 1)}" height="15" fill="${INK}" fill-opacity="0.12"/>`,
      );
    }
    if (most > 64)
      marks.push(
        html`<rect x="${round(left)}" y="${y}" width="${track}" height="15" fill="${INK}" fill-opacity="0.12"/>`,
      );
    const motion = m.move(values.map((v) => (v === undefined ? undefined : { x: v * step, y: 0 })));
    marks.push(
      html`<rect x="${round(left)}" y="${y}" width="${round(Math.max(3, step - 1))}" height="15" fill="${LOAD}" transform="translate(-9999 0)" class="${motion}"/>`,
    );
  });
  return { marks, height: loops.length * 20 + 12 };
}

function gridOf(g: Grid, t: IterationTrace, m: Motion): Html[] {
  const { buffer, rows, columns, cell } = g;
  const here = t.steps.map((s) => s.accesses.filter((a) => a.buffer === buffer.name));
  const out: Html[] = [text(`${cut(buffer.name, 20)} ${buffer.shape.join("×")}`, g.x, g.y - 6, INK)];
  // The order of first accesses, in shades: what was touched first is the darkest.
  const first = new Map<number, number>();
  here.forEach((as, n) => {
    for (const a of as) if (!first.has(a.offset)) first.set(a.offset, n);
  });
  for (const [offset, n] of first) {
    const p = place(g, offset);
    if (!p) continue;
    const shade = 0.5 - 0.4 * (n / Math.max(1, t.steps.length - 1));
    out.push(
      html`<rect x="${p.x}" y="${p.y}" width="${cell}" height="${cell}" fill="${LOAD}" fill-opacity="${Math.round(shade * 100) / 100}"/>`,
    );
  }
  const lines = [
    ...Array.from({ length: rows + 1 }, (_, r) => `M${g.x},${g.y + r * cell}h${columns * cell}`),
    ...Array.from({ length: columns + 1 }, (_, c) => `M${g.x + c * cell},${g.y}v${rows * cell}`),
  ].join("");
  out.push(html`<path d="${lines}" fill="none" stroke="${INK}" stroke-width="0.6" stroke-opacity="0.45"/>`);
  out.push(...cacheLines(g, here, m));
  out.push(...cursors(g, here, m));
  if (t.banks) out.push(...bankStrip(g, here, t.banks, m));
  if (rows * rowLength(buffer) < elements(buffer) || columns < rowLength(buffer))
    out.push(text(`first ${rows} × ${columns} drawn`, g.x, g.y + rows * cell + 13, INK, 10.5));
  return out;
}

type Here = readonly TracedStep["accesses"][];

/** Each cache line that is touched, shown while it is. */
function cacheLines(g: Grid, here: Here, m: Motion): Html[] {
  const touched = new Set(here.flatMap((as) => as.map((a) => a.line)));
  return [...touched].map((line) => {
    const cells: string[] = [];
    for (let e = line * g.buffer.perLine; e < (line + 1) * g.buffer.perLine && e < elements(g.buffer); e++) {
      const p = place(g, e);
      if (p) cells.push(`M${p.x},${p.y}h${g.cell}v${g.cell}h-${g.cell}z`);
    }
    const motion = m.show(here.map((as) => as.some((a) => a.line === line)));
    return html`<path d="${cells.join("")}" fill="${LINE}" fill-opacity="0.45" opacity="0" class="${motion}"/>`;
  });
}

/** A frame around each element while it is loaded or stored. */
function cursors(g: Grid, here: Here, m: Motion): Html[] {
  const out: Html[] = [];
  for (const [verb, colour] of [
    ["load", LOAD],
    ["store", STORE],
  ] as const) {
    const now = here.map((as) => as.filter((a) => a.verb === verb));
    const most = Math.min(8, Math.max(0, ...now.map((as) => as.length)));
    for (let slot = 0; slot < most; slot++) {
      const motion = m.move(now.map((as) => (as[slot] ? place(g, as[slot].offset) : undefined)));
      out.push(
        html`<rect width="${g.cell}" height="${g.cell}" fill="${colour}" fill-opacity="${verb === "load" ? 0.75 : 0.85}" stroke="${colour}" stroke-width="2" transform="translate(-9999 0)" class="${motion}"/>`,
      );
    }
  }
  return out;
}

function bankStrip(g: Grid, here: Here, banks: number, m: Motion): Html[] {
  const width = Math.max(3, Math.min(8, GRID / banks));
  const y = g.y + g.rows * g.cell + 6;
  const shown = Math.min(banks, 64);
  return Array.from({ length: shown }, (_, b) => {
    const motion = m.show(here.map((as) => as.some((a) => a.bank === b)));
    const x = round(g.x + b * width);
    return html`<rect x="${x}" y="${y}" width="${round(width - 0.6)}" height="9" fill="${INK}" fill-opacity="0.2"/><rect x="${x}" y="${y}" width="${round(width - 0.6)}" height="9" fill="${STORE}" opacity="0" class="${motion}"/>`;
  });
}

function text(s: string, x: number, y: number, colour: string, size = 12): Html {
  return html`<text x="${round(x)}" y="${round(y)}" font-family="${MONO}" font-size="${size}" fill="${colour}" style="${INK_STYLE}">${s}</text>`;
}

const COLUMNS: readonly Column[] = [
  { title: "buffer" },
  { title: "accesses", align: "right" },
  { title: "lines touched", align: "right" },
  { title: "lines fetched", align: "right" },
  { title: "accesses per fetch", align: "right" },
];

function tableRows(t: IterationTrace): string[][] {
  const n = (x: number): string => x.toLocaleString("en-US");
  return t.buffers.map((b) => [
    cut(b.name, BOUNDS.label),
    n(b.accesses),
    n(b.lines),
    n(b.fetches),
    b.fetches === 0 ? "" : String(Math.round((10 * b.accesses) / b.fetches) / 10),
  ]);
}

/** The counts, and the steps one a line. */
function traceText(t: IterationTrace): string {
  const head = `${count(t.counted, "step")}${t.complete ? "" : " counted"}, cache lines of ${t.cacheLine} bytes, a cache of ${count(t.capacity, "line")}`;
  const steps = t.steps.map((s, n) => {
    const at = s.loops.map((l) => `${l.name}=${l.value}`).join(" ");
    const of = (verb: string): string =>
      s.accesses
        .filter((a) => a.verb === verb)
        .map(
          (a) =>
            `${a.buffer}[${a.indices.join(",")}] line ${a.line}${a.bank === undefined ? "" : ` bank ${a.bank}`}`,
        )
        .join(", ");
    const loads = of("load");
    return `${String(n).padStart(4)}  ${at}: ${loads}${loads && " "}→ ${of("store") || "–"}`;
  });
  return boundText(plain([head, textTable(COLUMNS, tableRows(t)), ...steps].join("\n")));
}
