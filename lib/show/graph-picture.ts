/**
 * The picture of one graph: boxes in layers over drawn lines. A box is a `details` element that opens in its place, so
 * the picture needs no script and no kernel; where styles are stripped the boxes are a list that still opens.
 */
import { count, cut, take } from "./bounds.ts";
import type { GraphEdge, GraphNode, GraphNodeKind, GraphViewData } from "./graph-data.ts";
import { edgesBetween, type Group } from "./graph-fold.ts";
import { type Html, html } from "./html.ts";
import type { LayoutInput, Placement } from "./layered.ts";
import { duration } from "./number.ts";
import { INK, round, svg } from "./svg.ts";

const CHAR = 6.6;
const LINE = 15;
const WIDEST = 34;
/** What opens beneath a box, in CSS pixels. */
const INSIDE = { node: 560, group: 620 } as const;

const COLOURS: Readonly<Record<GraphNodeKind | "group", string>> = {
  input: "#6e7781",
  output: "#6e7781",
  operator: "#2f81f7",
  program: "#1f8f43",
  library: "#a371f7",
  call: "#bf8700",
  control: "#bf8700",
  sizes: "#6e7781",
  group: "#57606a",
};

interface Box {
  readonly id: string;
  readonly group: Group;
  readonly words: readonly string[];
  readonly width: number;
  readonly height: number;
}

/** A picture whose boxes have sizes and wait for their places. */
export interface Picture {
  readonly graph: GraphViewData;
  readonly boxes: readonly Box[];
  readonly edges: readonly GraphEdge[];
  /** What the layout is asked. */
  readonly input: LayoutInput;
}

export function pictureOf(graph: GraphViewData, groups: readonly Group[]): Picture {
  const boxes = groups.map((group) => {
    const words = wordsOf(group).map((w) => cut(w, WIDEST));
    // The mark behind the first word takes two characters.
    const longest = Math.max(words[0].length + 2, ...words.map((w) => w.length));
    const width = Math.max(60, longest * CHAR) + 16;
    return { id: group.id, group, words, width, height: words.length * LINE + 10 };
  });
  const edges = edgesBetween(groups, graph.edges);
  return { graph, boxes, edges, input: { nodes: boxes, edges } };
}

/** The part of a graph that a group stands for, as a picture of its own. */
export function pictureInside(graph: GraphViewData, { nodes }: Group): Picture {
  const ids = new Set(nodes.map((n) => n.id));
  const part = { ...graph, nodes, edges: graph.edges.filter((e) => ids.has(e.from) && ids.has(e.to)) };
  return pictureOf(
    part,
    nodes.map((n) => ({ id: n.id, nodes: [n] })),
  );
}

/**
 * The picture as markup. `inside` gives what a box opens to, or nothing; of the boxes of one picture, which share `name`,
 * one is open at a time. `hottest`: the milliseconds that are painted in full red.
 */
export function drawPicture(
  p: Picture,
  at: Placement,
  o: {
    readonly name: string;
    readonly hottest: number;
    readonly inside: (g: Group) => Html | undefined;
  },
): Html {
  const lines = at.lines.map((points, i) => {
    const path = points.map((q, k) => `${k === 0 ? "M" : "L"}${round(q.x)} ${round(q.y)}`).join("");
    return html`<path d="${path}" fill="none" stroke="${INK}" stroke-width="1"><title>${p.edges[i].type}</title></path>${head(points)}`;
  });
  const title = `graph of ${p.graph.name}: ${count(p.graph.nodes.length, "node")}`;
  const boxes = p.boxes.map((b) => {
    const open = o.inside(b.group);
    const [x, y] = [at.at[b.id].x - b.width / 2, at.at[b.id].y - b.height / 2];
    const place = `left:${round(x)}px;top:${round(y)}px;width:${round(b.width)}px;height:${round(b.height)}px`;
    const style = `${place};${colours(b, o.hottest)}`;
    const face = b.words.map((w, i) => (i === 0 ? html`<b>${w}</b> ` : html`<span>${w}</span> `));
    const kind = b.group.nodes.length > 1 ? "tw-box tw-group" : "tw-box";
    if (!open) return html`<div class="${kind}" style="${style}"><div class="tw-face">${face}</div></div>`;
    const width = b.group.nodes.length > 1 ? INSIDE.group : INSIDE.node;
    // To the left as far as it would stick out to the right, where there is room.
    const left = -Math.max(0, Math.min(x, x + width - at.width));
    return html`<details class="${kind}" name="${o.name}" style="${style}"><summary class="tw-face">${face}</summary><div class="tw-inside" style="left:${round(left)}px;width:${width}px">${open}</div></details>`;
  });
  const size = `width:${round(at.width)}px;height:${round(at.height)}px`;
  return html`<div class="tw-graph"><div class="tw-canvas" style="${size}">${svg(at.width, at.height, title, lines)}${boxes}</div></div>`;
}

/** The milliseconds of a group's nodes, if any was measured. */
export function msOf(g: Group): number | undefined {
  const known = g.nodes.flatMap((n) => (n.ms === undefined ? [] : [n.ms]));
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) : undefined;
}

/** What a group holds: `2 matmul, add, relu`. */
export function summary(nodes: readonly GraphNode[]): string {
  const counts = new Map<string, number>();
  for (const n of nodes.filter((x) => x.kind !== "input" || nodes.length === 1)) {
    const label = n.label.split(".").at(-1) ?? n.label;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const { shown, left } = take([...counts], 4);
  const text = shown.map(([l, n]) => (n > 1 ? `${n} ${l}` : l)).join(", ");
  return left > 0 ? `${text}, …` : text;
}

/** The lines in a box, the first of them in bold. */
function wordsOf(g: Group): readonly string[] {
  const ms = msOf(g);
  const time = ms === undefined ? [] : [duration(ms)];
  if (g.nodes.length > 1) {
    const last = g.nodes[g.nodes.length - 1];
    return [count(g.nodes.length, "node"), summary(g.nodes), last.type, ...time];
  }
  const [n] = g.nodes;
  const more = n.constants.length > 2 ? ", …" : "";
  const constants = n.constants.length > 0 ? [`with ${n.constants.slice(0, 2).join(", ")}${more}`] : [];
  return [n.label, ...constants, n.type, ...time];
}

/** Border, ground, and the red that grows with the time. */
function colours(b: Box, hottest: number): string {
  const colour = COLOURS[b.group.nodes.length === 1 ? b.group.nodes[0].kind : "group"];
  const heat = hottest > 0 ? Math.min(1, (msOf(b.group) ?? 0) / hottest) : 0;
  const alpha = Math.round(heat * 0x59)
    .toString(16)
    .padStart(2, "0");
  return `--tw-b:${colour};--tw-a:${colour}1a;--tw-h:#d1242f${alpha}`;
}

/** The tip of an arrow, along its last piece. */
function head(points: readonly { readonly x: number; readonly y: number }[]): Html | false {
  const [a, b] = points.slice(-2);
  if (!a || !b) return false;
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [dx, dy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const corner = (side: number): string =>
    `${round(b.x - 6 * dx + side * 3 * dy)} ${round(b.y - 6 * dy - side * 3 * dx)}`;
  return html`<path d="M${round(b.x)} ${round(b.y)}L${corner(1)}L${corner(-1)}z" fill="${INK}"/>`;
}
