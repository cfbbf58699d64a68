/** The loop tree as a picture: a box for each loop around what it repeats, the kind of the loop as its colour. */
import { BOUNDS, count, cut } from "./bounds.ts";
import { type Html, html } from "./html.ts";
import { type BlockNode, type LoopTree, loopLabel, type TreeNode } from "./loop-tree.ts";
import { INK, INK_STYLE, MONO, svg } from "./svg.ts";

const HEAD = 22;
const ROW = 17;
const PAD = 8;
/** Width of a character of the 12-pixel monospace font; a little more than most fonts need. */
const CHAR = 7.4;
const MIN_WIDTH = 300;
const MAX_WIDTH = 760;

/** Middle tones for pictures shown on an unknown ground; within a display the theme's own take over. */
const COLOURS: Readonly<Record<string, string>> = {
  serial: "#767676",
  parallel: "#2f81f7",
  vectorized: "#1f8f43",
  unrolled: "#c4620b",
  thread: "#9a5fe0",
};

/** A line of text in a box: parts one after another, each with its colour ("" for ink). */
type Part = readonly [text: string, colour?: string, bold?: boolean];
type Row = readonly Part[];

interface Box {
  readonly key?: string;
  readonly colour: string;
  /** Blocks are filled, loops only tinted. */
  readonly solid: boolean;
  readonly rows: readonly Row[];
  /** At the right end of the first row. */
  readonly tag: string;
  readonly children: readonly Box[];
}

/** The picture of one function, as markup. */
export function loopTreeSvg(t: LoopTree): Html {
  const room = { nodes: BOUNDS.treeNodes };
  const boxes = t.children.map((n) => boxOf(n, room)).filter((b) => b !== undefined);
  const left = countNodes(t.children) - (BOUNDS.treeNodes - Math.max(0, room.nodes));
  const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, ...boxes.map(widthOf)));
  const out: Html[] = [];
  let y = 1;
  for (const b of boxes) {
    draw(b, 1, y, width - 2, out);
    y += heightOf(b) + PAD;
  }
  if (left > 0) {
    out.push(
      textRow(
        [[`… ${count(left, "more loop or block", "more loops and blocks")} left out`]],
        8,
        y + 14,
        width,
      ),
    );
    y += HEAD;
  }
  return svg(
    width,
    Math.max(y - PAD + 1, HEAD),
    `loop tree of ${t.name}: ${count(countNodes(t.children), "loop or block", "loops and blocks")}`,
    out,
  );
}

const countNodes = (children: readonly TreeNode[]): number =>
  children.reduce((n, c) => n + 1 + countNodes(c.children), 0);

function boxOf(n: TreeNode, room: { nodes: number }): Box | undefined {
  if (room.nodes <= 0) return undefined;
  room.nodes--;
  const children = () => n.children.map((c) => boxOf(c, room)).filter((b) => b !== undefined);
  if (n.kind === "if")
    return {
      colour: "serial",
      solid: false,
      rows: [[["if ", "serial"], [n.cond]]],
      tag: "",
      children: children(),
    };
  if (n.kind === "block")
    return { key: n.key, colour: "serial", solid: true, rows: blockRows(n), tag: "", children: children() };
  const { range, kind } = loopLabel(n);
  const colour = n.thread !== undefined ? "thread" : n.loopKind in COLOURS ? n.loopKind : "serial";
  const annotations = n.annotations.map((a): Row => [["  @ ", colour], [a]]);
  return {
    key: n.key,
    colour,
    solid: false,
    rows: [[["for ", colour], [n.name, "", true], [" in ", colour], [range]], ...annotations],
    tag: kind,
    children: children(),
  };
}

/** At most this many axes, accesses or annotations are listed. */
const LISTED = 8;

function blockRows(b: BlockNode): Row[] {
  const rows: Row[] = [
    [["block ", "serial"], [b.name, "", true], ...(b.init ? ([["  with init", "serial"]] as const) : [])],
  ];
  for (const a of b.axes.slice(0, LISTED)) {
    const colour = a.type === "R" ? "unrolled" : a.type === "S" ? "parallel" : "thread";
    rows.push([[`${a.type} `, colour, true], [`${a.name} = ${a.binding}`], [`  of ${a.extent}`, "serial"]]);
  }
  if (b.axes.length > LISTED) rows.push([[`… ${b.axes.length - LISTED} more axes`, "serial"]]);
  if (b.predicate !== undefined) rows.push([["where ", "serial"], [b.predicate]]);
  const list = (word: string, items: readonly string[]): void => {
    if (items.length === 0) return;
    const more = items.length > LISTED ? ` … ${items.length - LISTED} more` : "";
    rows.push([[`${word} `, "serial"], [items.slice(0, LISTED).join("  ") + more]]);
  };
  list("reads", b.reads);
  list("writes", b.writes);
  list("allocates", b.allocs);
  list("@", b.annotations);
  return rows;
}

const rowsHeight = (b: Box): number => HEAD + (b.rows.length - 1) * ROW;

function heightOf(b: Box): number {
  const inner = b.children.reduce((h, c) => h + heightOf(c) + PAD, 0);
  return rowsHeight(b) + inner + (b.children.length === 0 ? 4 : 0);
}

function widthOf(b: Box): number {
  const own = Math.max(...b.rows.map((r, i) => rowChars(r) + (i === 0 && b.tag ? b.tag.length + 4 : 0)));
  return Math.max(own * CHAR + 2 * PAD, ...b.children.map((c) => widthOf(c) + 2 * PAD)) + 4;
}

const rowChars = (r: Row): number => r.reduce((n, [t]) => n + t.length, 0);

function draw(b: Box, x: number, y: number, width: number, out: Html[]): void {
  const c = COLOURS[b.colour];
  const paint = `stroke:var(--tw-${b.colour},${c});fill:var(--tw-${b.colour},${c})`;
  const key = b.key !== undefined && html` data-node="${b.key}"`;
  const dash = b.solid && html` stroke-dasharray="4 3"`;
  out.push(
    html`<rect x="${x}" y="${y}" width="${width}" height="${heightOf(b)}" rx="6" stroke="${c}" fill="${c}" fill-opacity="${b.solid ? 0.1 : 0.04}" stroke-width="1.2"${dash} style="${paint}"${key}/>`,
  );
  const chars = Math.floor((width - 2 * PAD - (b.tag ? (b.tag.length + 3) * CHAR : 0)) / CHAR);
  b.rows.forEach((r, i) => {
    out.push(
      textRow(
        r,
        x + PAD,
        y + 15 + i * ROW,
        Math.max(4, i === 0 ? chars : Math.floor((width - 2 * PAD) / CHAR)),
      ),
    );
  });
  if (b.tag) {
    const style = `fill:var(--tw-${b.colour},${c})`;
    out.push(
      html`<text x="${x + width - PAD}" y="${y + 15}" text-anchor="end" font-family="${MONO}" font-size="12" font-weight="600" fill="${c}" style="${style}">${cut(b.tag, BOUNDS.label)}</text>`,
    );
  }
  let at = y + rowsHeight(b);
  for (const child of b.children) {
    draw(child, x + PAD, at, width - 2 * PAD, out);
    at += heightOf(child) + PAD;
  }
}

function textRow(row: Row, x: number, y: number, chars: number): Html {
  let room = chars;
  const spans = row.map(([text, colour, bold]) => {
    const shown = cut(text, Math.max(1, room));
    room -= shown.length;
    if (room < 0) return false;
    const c = colour ? COLOURS[colour] : INK;
    const style = colour ? `fill:var(--tw-${colour},${c})` : INK_STYLE;
    return html`<tspan fill="${c}" style="${style}"${bold && html` font-weight="600"`}>${shown}</tspan>`;
  });
  return html`<text x="${x}" y="${y}" font-family="${MONO}" font-size="12" xml:space="preserve">${spans}</text>`;
}
