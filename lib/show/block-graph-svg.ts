/**
 * The block graph as a picture: blocks in the order of the program, arrows from who makes a buffer to who reads it,
 * and each buffer as a rectangle in which the part one iteration touches is shaded, the stronger the more loops stand still.
 */

import type { BlockGraph, Box, GraphAccess, GraphBlock } from "./block-graph.ts";
import { blockGraphs, blockGraphText, extentText } from "./block-graph.ts";
import { count, cut, take } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { type Html, html } from "./html.ts";
import type { Program } from "./lines.ts";
import { frame } from "./style.ts";
import { INK, INK_STYLE, MONO, round, SANS, svg } from "./svg.ts";

const WIDTH = 720;
/** Room for the arrows, at the left. */
const GUTTER = 64;
const PAD = 10;
const THUMB = 64;
/** Width of a buffer with its words, and height. */
const CELL = 210;
const ROW = THUMB + 12;
const GAP = 12;
const CHAR = 7.3;
/** Middle tones for a picture on an unknown ground; within a display the theme's own take over. */
const READ = "#2f81f7";
const WRITE = "#1f8f43";
const THEME: Readonly<Record<string, string>> = {
  [READ]: "var(--tw-blue,#2f81f7)",
  [WRITE]: "var(--tw-green,#1f8f43)",
};
/** Blocks drawn; larger functions have the rest as text. */
const BLOCKS = 40;
/** Buffers drawn for a block, on each side. */
const THUMBS = 6;

/** Who makes what for whom, inside which loops, and which parts of the buffers are touched. */
export function graph(x: Program): Displayable<MimeBundle> & { toString(): string } {
  return displayable(() => {
    const all = blockGraphs(x);
    const text = all.map((g) => blockGraphText(g)).join("\n\n");
    const alternative = html`<details class="tw-more"><summary>as text</summary><pre class="tw-code">${text}</pre></details>`;
    return { "text/plain": text, "text/html": frame(["code"], html`${graphsHtml(all)}${alternative}`) };
  });
}

/** The pictures, without the frame. */
export function graphsHtml(all: readonly BlockGraph[]): Html {
  const { shown, left } = take(all, 12);
  const named = all.length > 1;
  const pictures = shown.map(
    (g) =>
      html`<div>${named && html`<p class="tw-head"><b>${cut(g.name, 60)}</b></p>`}${blockGraphSvg(g)}</div>`,
  );
  const legend = html`<p class="tw-note">Shaded, from faint to strong: what one iteration of each loop touches, the outermost first; the strongest is one instance of the block.</p>`;
  return html`${pictures}${left > 0 && html`<p class="tw-note">… ${count(left, "more function")} left out</p>`}${legend}`;
}

interface Placed {
  readonly block: GraphBlock;
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly lines: readonly string[];
}

/** The picture of one function, as markup. */
function blockGraphSvg(g: BlockGraph): Html {
  const { shown, left } = take(g.blocks, BLOCKS);
  const placed: Placed[] = [];
  let y = 2;
  for (const block of shown) {
    const x = GUTTER + Math.min(block.depth, 4) * 16;
    const lines = loopLines(block, Math.floor((WIDTH - x - 2 * PAD) / CHAR));
    const rows = Math.ceil(thumbs(block).length / perRow(x));
    const height = 26 + lines.length * 16 + rows * ROW + 6;
    placed.push({ block, x, y, height, lines });
    y += height + GAP;
  }
  const out: Html[] = [...arcs(g, placed), ...placed.flatMap(card)];
  if (left > 0) {
    out.push(words(`… ${count(left, "more block")}: see the text`, GUTTER, y + 14, { dim: true }));
    y += 24;
  }
  return svg(
    WIDTH,
    Math.max(y, 24),
    `block graph of ${g.name}: ${count(g.blocks.length, "block")}, ${count(g.edges.length, "edge")}`,
    out,
  );
}

const perRow = (x: number): number => Math.max(1, Math.floor((WIDTH - x - 2 * PAD) / CELL));

function thumbs(b: GraphBlock): { access: GraphAccess; colour: string; verb: string }[] {
  return [
    ...b.reads.slice(0, THUMBS).map((access) => ({ access, colour: READ, verb: "reads" })),
    ...b.writes.slice(0, THUMBS).map((access) => ({ access, colour: WRITE, verb: "writes" })),
  ];
}

/** The loops on as many lines as they need. */
function loopLines(b: GraphBlock, chars: number): string[] {
  const out: string[] = [];
  for (const [n, l] of b.loops.entries()) {
    const text = `${n > 0 ? " › " : "in "}${cut(l.name, 30)} ${cut(l.extent, 20)}${l.kind ? ` ${l.kind}` : ""}`;
    if (out.length > 0 && out[out.length - 1].length + text.length <= chars) out[out.length - 1] += text;
    else if (out.length < 4) out.push(text);
  }
  return out;
}

function card({ block, x, y, height, lines }: Placed): Html[] {
  const out: Html[] = [
    html`<rect x="${x}" y="${y}" width="${WIDTH - x - 2}" height="${height}" rx="6" fill="${INK}" fill-opacity="0.05" stroke="${INK}" style="stroke:var(--tw-line,${INK})" data-node="${block.key}"/>`,
    html`<text x="${x + PAD}" y="${y + 18}" font-family="${SANS}" font-size="13" fill="${INK}" style="${INK_STYLE}"><tspan>block </tspan><tspan font-weight="600">${cut(block.name, 60)}</tspan><tspan font-size="12" style="fill:var(--tw-dim,${INK})">${axesText(block)}</tspan></text>`,
  ];
  lines.forEach((l, n) => {
    out.push(words(l, x + PAD, y + 35 + n * 16, { mono: true }));
  });
  const top = y + 26 + lines.length * 16 + 8;
  thumbs(block).forEach((t, n) => {
    const row = perRow(x);
    const left = x + PAD + (n % row) * CELL;
    out.push(...thumb(t.access, t.colour, t.verb, left, top + Math.floor(n / row) * ROW));
  });
  const hidden = block.reads.length + block.writes.length - thumbs(block).length;
  if (hidden > 0) out.push(words(`… ${count(hidden, "more buffer")}`, WIDTH - 130, y + 18, { dim: true }));
  return out;
}

const axesText = (b: GraphBlock): string => {
  const list = b.axes.slice(0, 8).map((a) => `${a.type} ${cut(a.name, 20)}`);
  return list.length > 0 ? `   ${list.join(", ")}${b.axes.length > 8 ? ", …" : ""}` : "";
};

/** A buffer with what is touched of it. Of more than two dimensions the last two that matter are drawn. */
function thumb(a: GraphAccess, colour: string, verb: string, x: number, y: number): Html[] {
  const dims = shownDims(a);
  const [rows, columns] = dims.map((d) => (d < 0 ? 1 : (a.shape[d] ?? 1)));
  const scale = THUMB / Math.max(rows, columns, 1);
  const [w, h] = [Math.max(8, columns * scale), Math.max(8, rows * scale)];
  const out: Html[] = [
    html`<rect x="${x}" y="${y}" width="${round(w)}" height="${round(h)}" fill="none" stroke="${colour}" stroke-width="1" style="stroke:${THEME[colour]}"/>`,
  ];
  a.levels.forEach((l, n) => {
    const part = partOf(l.box, dims, rows, columns);
    // What is smaller than a few pixels is drawn so that it can be seen, inside the buffer.
    const [pw, ph] = [Math.max(Math.min(3, w), part.w * w), Math.max(Math.min(3, h), part.h * h)];
    const [px, py] = [Math.min(x + part.x * w, x + w - pw), Math.min(y + part.y * h, y + h - ph)];
    const last = n === a.levels.length - 1;
    const opacity = last ? 0.9 : 0.2 + (0.35 * n) / a.levels.length;
    out.push(
      html`<rect x="${round(px)}" y="${round(py)}" width="${round(pw)}" height="${round(ph)}" fill="${colour}" fill-opacity="${Math.round(opacity * 100) / 100}" style="fill:${THEME[colour]}"/>`,
    );
  });
  const shape = a.shape.map((s) => s ?? "?").join("×");
  const drawn = a.shape.length > 2 ? ` (${dims.join(", ")} drawn)` : "";
  const right = x + THUMB + 8;
  const { shown, left } = take([...a.levels].reverse(), 3);
  const parts = shown.map((l) => `${l.loop === null ? "instance" : cut(l.loop, 9)}: ${extentText(l.box)}`);
  if (left > 0) parts[2] = `${parts[2]} …`;
  out.push(
    words(`${verb} ${cut(a.buffer, 12)}`, right, y + 11, { colour }),
    words(cut(`${shape}${drawn}`, 22), right, y + 25, { dim: true, size: 10.5 }),
    ...parts.map((t, n) => words(cut(t, 22), right, y + 39 + 12 * n, { dim: true, size: 10.5 })),
  );
  return out;
}

/** The two dimensions drawn as rows and columns; -1 for none. Those of which only a part is touched go first. */
function shownDims(a: GraphAccess): [number, number] {
  const rank = a.shape.length;
  if (rank === 0) return [-1, -1];
  if (rank === 1) return [-1, 0];
  if (rank === 2) return [0, 1];
  const large = a.shape.flatMap((s, d) => ((s ?? 1) > 1 ? [d] : []));
  const [r, c] = large.length >= 2 ? large.slice(-2) : [rank - 2, rank - 1];
  return [r, c];
}

function partOf(b: Box, [r, c]: readonly [number, number], rows: number, columns: number) {
  const at = (d: number, of: number, size: number): number => (d < 0 ? 0 : of / Math.max(1, size));
  return {
    x: at(c, b.min[c] ?? 0, columns),
    y: at(r, b.min[r] ?? 0, rows),
    w: c < 0 ? 1 : (b.extent[c] ?? 1) / Math.max(1, columns),
    h: r < 0 ? 1 : (b.extent[r] ?? 1) / Math.max(1, rows),
  };
}

/** Arrows in the gutter; the further two blocks are apart, the further left. */
function arcs(g: BlockGraph, placed: readonly Placed[]): Html[] {
  const at = new Map(placed.map((p, n) => [p.block.key, { ...p, n }]));
  const out: Html[] = [];
  // Arrows out of a block leave below its middle, arrows into it arrive above.
  const used = new Map<string, number>();
  const port = (key: string): number => {
    const n = used.get(key) ?? 0;
    used.set(key, n + 1);
    return Math.min(n, 6) * 5;
  };
  const pairs = new Map(
    g.edges.filter((e) => e.kind !== "writeAfterRead").map((e) => [`${e.from} ${e.to}`, e]),
  );
  for (const e of pairs.values()) {
    const [from, to] = [at.get(e.from), at.get(e.to)];
    if (!from || !to) continue;
    const y1 = from.y + from.height / 2 + port(`${e.from} out`);
    const y2 = to.y + 12 + port(`${e.to} in`);
    const bend = Math.min(GUTTER - 8, 12 + 9 * (to.n - from.n));
    const dash = e.kind === "writeAfterWrite" && html` stroke-dasharray="4 3"`;
    const [x1, x2] = [from.x, to.x];
    out.push(
      html`<path d="M${x1},${round(y1)} C${x1 - bend},${round(y1)} ${x2 - bend},${round(y2)} ${x2 - 6},${round(y2)}" fill="none" stroke="${READ}" stroke-width="1.3"${dash}/>`,
      html`<path d="M${x2 - 7},${round(y2 - 4)} L${x2},${round(y2)} L${x2 - 7},${round(y2 + 4)} Z" fill="${READ}"/>`,
    );
    if (to.n === from.n + 1 || pairs.size <= 12) {
      const mid = (y1 + y2) / 2 + 4;
      out.push(
        words(
          cut(e.buffer, 6),
          Math.max(2, Math.min(x1, x2) - 0.75 * bend - 4 - 6.6 * Math.min(6, e.buffer.length)),
          mid,
          { mono: true, size: 11 },
        ),
      );
    }
  }
  return out;
}

interface Look {
  readonly mono?: boolean;
  readonly dim?: boolean;
  readonly size?: number;
  readonly colour?: string;
}

function words(text: string, x: number, y: number, o: Look): Html {
  const fill = o.colour ?? INK;
  const style = o.colour
    ? html` style="fill:${THEME[o.colour] ?? o.colour}"`
    : html` style="${o.dim ? `fill:var(--tw-dim,${INK})` : INK_STYLE}"`;
  return html`<text x="${round(x)}" y="${round(y)}" font-family="${o.mono ? MONO : SANS}" font-size="${o.size ?? 12}" fill="${fill}"${style} xml:space="preserve">${text}</text>`;
}
