/**
 * The graph view: graph-level functions as layered pictures. Above some hundred nodes they are folded; each group opens
 * to a picture of its own, and each node to the tensor program behind it, without a script.
 */
import { type GraphFunc, getGraphFunc, type IRModule, type PrimFunc } from "../ir/index.ts";
import { count, cut, take } from "./bounds.ts";
import { DISPLAY, type Displayable, type MimeBundle } from "./display.ts";
import {
  type GraphNode,
  type GraphNodeKind,
  type GraphViewData,
  graphData,
  graphsOf,
  type NodeTimes,
} from "./graph-data.ts";
import { edgesBetween, foldGraph, type Group } from "./graph-fold.ts";
import { type Html, html } from "./html.ts";
import { layOut } from "./layout.ts";
import { programHtml } from "./program.ts";
import { frame } from "./style.ts";
import { INK, INK_STYLE, MONO, round, SANS, svg } from "./svg.ts";

export interface GraphViewOptions {
  /** One function; all graph-level functions of the module otherwise. */
  readonly func?: string;
  /** Milliseconds by the name of the value, drawn on the nodes. */
  readonly times?: NodeTimes;
  /** Above so many nodes the picture is folded. */
  readonly foldAbove?: number;
}

const FOLD_ABOVE = 120;
const CHAR = 6.6;
const LINE = 15;
const WIDEST = 34;
/** Groups and tensor programs that open beneath a picture. */
const OPENED = 60;

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

export class GraphView implements Displayable<Promise<MimeBundle>> {
  readonly graphs: readonly GraphViewData[];
  readonly #mod: IRModule | undefined;
  readonly #foldAbove: number;

  constructor(graphs: readonly GraphViewData[], mod: IRModule | undefined, foldAbove = FOLD_ABOVE) {
    this.graphs = graphs;
    this.#mod = mod;
    this.#foldAbove = foldAbove;
  }

  toJSON(): readonly GraphViewData[] {
    return this.graphs;
  }

  toString(): string {
    return this.graphs.map(graphText).join("\n\n");
  }

  async [DISPLAY](): Promise<MimeBundle> {
    const parts: Html[] = [];
    for (const g of this.graphs) {
      const name = this.graphs.length > 1 && html`<p class="tw-head"><b>${cut(g.name, 60)}</b></p>`;
      parts.push(html`<div>${name}${await picture(g, this.#foldAbove)}${this.#programs(g)}</div>`);
    }
    const text = this.toString();
    const alternative = html`<details class="tw-more"><summary>as text</summary><pre class="tw-code">${text}</pre></details>`;
    return { "text/plain": text, "text/html": frame(["code"], html`${parts}${alternative}`) };
  }

  #programs(g: GraphViewData): Html | false {
    const names = [...new Set(g.nodes.flatMap((n) => (n.program === undefined ? [] : [n.program])))];
    const found = names.flatMap((name): [string, PrimFunc][] => {
      const f = this.#mod?.funcs[name];
      return f?.kind === "primFunc" ? [[name, f]] : [];
    });
    const { shown, left } = take(found, OPENED);
    if (shown.length === 0) return false;
    const items = shown.map(
      ([name, f]) =>
        html`<details class="tw-more"><summary>${cut(name, 60)}</summary>${programHtml(f, {})}</details>`,
    );
    return html`<details class="tw-more"><summary>${count(found.length, "tensor program")} behind the nodes</summary>${items}${
      left > 0 && html`<p class="tw-note">… ${count(left, "more program")} left out</p>`
    }</details>`;
  }
}

/** A module's graph-level functions, or one function, as pictures. */
export function graphView(x: IRModule | GraphFunc, o: GraphViewOptions = {}): GraphView {
  if (x.kind === "graphFunc") return new GraphView([graphData(x, "main", o.times)], undefined, o.foldAbove);
  const graphs =
    o.func === undefined
      ? graphsOf(x).map((g) => (o.times ? graphData(getGraphFunc(x, g.name), g.name, o.times) : g))
      : [graphData(getGraphFunc(x, o.func), o.func, o.times)];
  return new GraphView(graphs, x, o.foldAbove);
}

async function picture(g: GraphViewData, foldAbove: number): Promise<Html> {
  const groups = foldGraph(g, foldAbove);
  const main = await drawn(g, groups);
  const folded = groups.filter((x) => x.nodes.length > 1);
  if (folded.length === 0) return main;
  const { shown, left } = take(folded, OPENED);
  const inside: Html[] = [];
  for (const x of shown) {
    const ids = new Set(x.nodes.map((n) => n.id));
    const part = { ...g, nodes: x.nodes, edges: g.edges.filter((e) => ids.has(e.from) && ids.has(e.to)) };
    const open = await drawn(
      part,
      x.nodes.map((n) => ({ id: n.id, nodes: [n] })),
    );
    inside.push(html`<details class="tw-more"><summary>${groupLabel(x)}</summary>${open}</details>`);
  }
  return html`${main}<details class="tw-more"><summary>${count(folded.length, "folded group")}</summary>${inside}${
    left > 0 && html`<p class="tw-note">… ${count(left, "more group")} left out</p>`
  }</details>`;
}

const groupLabel = (x: Group): string =>
  `${x.nodes[0].value} … ${x.nodes[x.nodes.length - 1].value}: ${summary(x.nodes)}`;

/** What a group holds: `2 matmul, add, relu`. */
function summary(nodes: readonly GraphNode[]): string {
  const counts = new Map<string, number>();
  for (const n of nodes) {
    const label = short(n.label);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const { shown, left } = take([...counts], 4);
  const text = shown.map(([l, n]) => (n > 1 ? `${n} ${l}` : l)).join(", ");
  return left > 0 ? `${text}, …` : text;
}

const short = (label: string): string => label.split(".").at(-1) ?? label;

/** The words in a box, the first in bold. */
function wordsOf(x: Group): readonly string[] {
  if (x.nodes.length > 1) {
    const ms = x.nodes.reduce((sum, n) => sum + (n.ms ?? 0), 0);
    const time = ms > 0 ? [`${ms.toPrecision(3)} ms`] : [];
    return [count(x.nodes.length, "node"), summary(x.nodes), x.nodes[x.nodes.length - 1].type, ...time];
  }
  const [n] = x.nodes;
  const constants =
    n.constants.length > 0
      ? [`with ${n.constants.slice(0, 2).join(", ")}${n.constants.length > 2 ? ", …" : ""}`]
      : [];
  const time = n.ms === undefined ? [] : [`${n.ms.toPrecision(3)} ms`];
  return [n.label, ...constants, n.type, ...time];
}

async function drawn(g: GraphViewData, groups: readonly Group[]): Promise<Html> {
  const boxes = groups.map((x) => {
    const words = wordsOf(x).map((w) => cut(w, WIDEST));
    const width = Math.max(60, ...words.map((w) => w.length * CHAR)) + 16;
    return { id: x.id, group: x, words, width, height: words.length * LINE + 10 };
  });
  const edges = edgesBetween(groups, g.edges);
  const place = await layOut({ nodes: boxes.map(({ id, width, height }) => ({ id, width, height })), edges });
  const lines = place.lines.map((points, i) => {
    const path = points.map((p, k) => `${k === 0 ? "M" : "L"}${round(p.x)} ${round(p.y)}`).join("");
    return html`<path d="${path}" fill="none" stroke="${INK}" stroke-width="1"><title>${edges[i].type}</title></path>${head(points)}`;
  });
  const hottest = Math.max(...g.nodes.map((n) => n.ms ?? 0));
  const rects = boxes.map((b) => box(b, place.at[b.id], hottest));
  const title = `graph of ${g.name}: ${count(g.nodes.length, "node")}`;
  const drawing = svg(place.width, place.height, title, html`${lines}${rects}`);
  return html`<div class="tw-scroll" style="overflow:auto;max-height:720px">${drawing}</div>`;
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

interface Box {
  readonly group: Group;
  readonly words: readonly string[];
  readonly width: number;
  readonly height: number;
}

function box(b: Box, at: { readonly x: number; readonly y: number }, hottest: number): Html {
  const [x, y] = [at.x - b.width / 2, at.y - b.height / 2];
  const single = b.group.nodes.length === 1 ? b.group.nodes[0] : undefined;
  const colour = COLOURS[single?.kind ?? "group"];
  const ms = b.group.nodes.reduce((sum, n) => sum + (n.ms ?? 0), 0);
  const heat = hottest > 0 ? Math.min(1, ms / hottest) * 0.35 : 0;
  const words = b.words.map((w, i) => {
    const font = i === 0 ? `font:600 11px ${SANS}` : `font:10.5px ${MONO}`;
    return html`<text x="${round(at.x)}" y="${round(y + 16 + i * LINE)}" text-anchor="middle" style="${INK_STYLE};${font}">${w}</text>`;
  });
  const hint = single ? `${single.value}: ${single.type}` : groupLabel(b.group);
  const fill =
    heat > 0
      ? html`<rect x="${round(x)}" y="${round(y)}" width="${round(b.width)}" height="${round(b.height)}" rx="5" fill="#d1242f" fill-opacity="${heat.toFixed(2)}"/>`
      : false;
  const dash = single ? false : html` stroke-dasharray="4 2"`;
  return html`<g><title>${hint}</title><rect x="${round(x)}" y="${round(y)}" width="${round(b.width)}" height="${round(b.height)}" rx="5" fill="${colour}" fill-opacity="0.1" stroke="${colour}"${dash}/>${fill}${words}</g>`;
}

/** One line for each node: what it gives, what it is, what it uses. */
function graphText(g: GraphViewData): string {
  const { shown, left } = take(g.nodes, 400);
  const by = new Map(g.nodes.map((n) => [n.id, n]));
  const lines = shown.map((n) => {
    const uses = g.edges.filter((e) => e.to === n.id).map((e) => by.get(e.from)?.value ?? "");
    const time = n.ms === undefined ? "" : `  ${n.ms.toPrecision(3)} ms`;
    if (n.kind === "input") return `  input ${n.value}: ${n.type}`;
    return `  ${n.value === "" ? n.label : `${n.value}: ${n.type} = ${n.label}`}(${uses.join(", ")})${time}`;
  });
  const rest = left > 0 ? [`  … ${count(left, "more node")}`] : [];
  return [`${g.name}: ${count(g.nodes.length, "node")}`, ...lines, ...rest].join("\n");
}
