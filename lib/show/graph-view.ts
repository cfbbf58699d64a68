/**
 * The graph view: graph-level functions as layered pictures. Above some hundred nodes they are folded. Every node opens in
 * its place: a group to its own picture, the others to the tensor program behind them, without a script or a kernel.
 */
import { type GraphFunc, getGraphFunc, type IRModule } from "../ir/index.ts";
import { BOUNDS, boundText, count, cut, take } from "./bounds.ts";
import { DISPLAY, type Displayable, type MimeBundle } from "./display.ts";
import { type Behind, behindNodes } from "./graph-behind.ts";
import {
  type GraphNode,
  type GraphViewData,
  graphData,
  graphsOf,
  type NodeTimes,
  nodeTimes,
  type StepTimes,
} from "./graph-data.ts";
import { foldGraph, type Group } from "./graph-fold.ts";
import { drawPicture, msOf, type Picture, pictureInside, pictureOf, summary } from "./graph-picture.ts";
import { type Html, html } from "./html.ts";
import type { Placement } from "./layered.ts";
import { layOut } from "./layout.ts";
import { linesOf } from "./lines.ts";
import { hash } from "./motion.ts";
import { duration } from "./number.ts";
import { scriptHtml } from "./program.ts";
import { frame } from "./style.ts";

export interface GraphViewOptions {
  /** One function; all graph-level functions of the module otherwise. */
  readonly func?: string;
  /** What `profile()` of the built module gave: its times are drawn on the nodes. */
  readonly profile?: StepTimes;
  /** Milliseconds by the name of the value, for times from elsewhere. */
  readonly times?: NodeTimes;
  /** Above so many nodes the picture is folded (120). */
  readonly foldAbove?: number;
  /** Calls the layout of a large graph off. */
  readonly signal?: AbortSignal;
  /** Milliseconds that all layouts of the view may take (5000). */
  readonly layoutMs?: number;
}

const FOLD_ABOVE = 120;
/** Characters of what opens, and of one program in it. */
const ROOM = 0.7 * BOUNDS.html;
const ONE_PROGRAM = 0.1 * BOUNDS.html;
/** Of these, how many go to programs that were shown before at another node. */
const REPEATS = 0.15 * BOUNDS.html;

export class GraphView implements Displayable<Promise<MimeBundle>> {
  readonly graphs: readonly GraphViewData[];
  readonly #funcs: readonly GraphFunc[];
  readonly #mod: IRModule | undefined;
  readonly #options: GraphViewOptions;

  /** Use `graphView`. `funcs` are the functions of `graphs`, in their order. */
  constructor(
    graphs: readonly GraphViewData[],
    funcs: readonly GraphFunc[],
    mod: IRModule | undefined,
    options: GraphViewOptions,
  ) {
    this.graphs = graphs;
    this.#funcs = funcs;
    this.#mod = mod;
    this.#options = options;
  }

  toJSON(): readonly GraphViewData[] {
    return this.graphs;
  }

  toString(): string {
    return boundText(this.graphs.map(graphText).join("\n\n"));
  }

  /** Rejects with the signal's reason when the layout was called off. */
  async [DISPLAY](): Promise<MimeBundle> {
    const { foldAbove = FOLD_ABOVE, signal, layoutMs } = this.#options;
    const parts = this.graphs.map((g) => {
      const groups = foldGraph(g, foldAbove);
      const folded = groups.filter((x) => x.nodes.length > 1);
      return { main: pictureOf(g, groups), folded, inner: folded.map((x) => pictureInside(g, x)) };
    });
    const inputs = parts.flatMap(({ main, inner }) => [main, ...inner].map((p) => p.input));
    const layout = await layOut(inputs, {
      ...(signal ? { signal } : {}),
      ...(layoutMs === undefined ? {} : { ms: layoutMs }),
    });
    const text = this.toString();
    const ids = `tw-${hash(text)}`;
    const opened = new Opened();
    let next = 0;
    const bodies = parts.map(({ main, folded, inner }, i) => {
      const places = layout.placements.slice(next, next + 1 + inner.length);
      next += places.length;
      const drawing = new Drawing(main.graph, behindNodes(this.#funcs[i], this.#mod), opened, `${ids}-${i}`);
      const head = this.graphs.length > 1 && html`<p class="tw-head"><b>${cut(main.graph.name, 60)}</b></p>`;
      return html`<div>${head}${this.#aboutTimes(i)}${drawing.whole(main, folded, inner, places)}</div>`;
    });
    const note = layout.note !== undefined && html`<p class="tw-note">${layout.note}</p>`;
    const alternative = html`<details class="tw-more"><summary>as text</summary><pre class="tw-code">${text}</pre></details>`;
    return {
      "text/plain": text,
      "text/html": frame(["code", "graph"], html`${note}${bodies}${alternative}`),
    };
  }

  /** How the profile's steps and the nodes of a graph go together, where they are not one to one. */
  #aboutTimes(i: number): Html | false {
    const { profile } = this.#options;
    if (!profile || this.graphs.length > 1) return false;
    const { name, nodes } = this.graphs[i];
    const values = new Set(nodes.map((n) => n.value));
    const elsewhere = profile.steps.filter((s) => !values.has(s.name));
    const fused =
      nodes.some((n) => n.kind === "operator" && n.ms === undefined && !n.label.startsWith("memory.")) &&
      "A time stands at the value that a step computes; operators that were fused into it have none of their own.";
    const ms = elsewhere.reduce((sum, s) => sum + s.ms, 0);
    const rest =
      elsewhere.length > 0 &&
      `${count(elsewhere.length, "step")} (${duration(ms)}) compute values that are not in this graph.`;
    if (!fused && !rest) return false;
    return html`<p class="tw-note">${fused} ${rest} With a node for each step: <code>graphView(lib.lowered("${cut(name, 60)}"), { profile })</code></p>`;
  }
}

/**
 * A module's graph-level functions, or one function, as pictures. With `{ profile: await lib.profile("main", args) }` the
 * nodes say what they took. Throws where `func` names no graph-level function.
 */
export function graphView(x: IRModule | GraphFunc, o: GraphViewOptions = {}): GraphView {
  const times = { ...(o.profile ? nodeTimes(o.profile) : {}), ...o.times };
  if (x.kind === "graphFunc") return new GraphView([graphData(x, "main", times)], [x], undefined, o);
  const names = o.func === undefined ? graphsOf(x).map((g) => g.name) : [o.func];
  const funcs = names.map((n) => getGraphFunc(x, n));
  return new GraphView(
    funcs.map((f, i) => graphData(f, names[i], times)),
    funcs,
    x,
    o,
  );
}

/** What opens in one display, and the room that is left for it. */
class Opened {
  room = ROOM;
  repeats = REPEATS;
  /** At which value each program was shown first, by its script: operators of one kind often become the same. */
  readonly at = new Map<string, string>();
}

/** One graph: its picture and those of its groups, and what their boxes open to. */
class Drawing {
  private readonly graph: GraphViewData;
  private readonly behind: (id: string) => Behind | undefined;
  private readonly opened: Opened;
  private readonly name: string;
  private readonly hottest: number;
  private readonly total: number;

  constructor(
    graph: GraphViewData,
    behind: (id: string) => Behind | undefined,
    opened: Opened,
    name: string,
  ) {
    this.graph = graph;
    this.behind = behind;
    this.opened = opened;
    this.name = name;
    const times = graph.nodes.map((n) => n.ms ?? 0);
    this.hottest = Math.max(0, ...times);
    this.total = times.reduce((a, b) => a + b, 0);
  }

  whole(
    main: Picture,
    folded: readonly Group[],
    inner: readonly Picture[],
    places: readonly Placement[],
  ): Html {
    const inside = (g: Group): Html | undefined => {
      const i = folded.indexOf(g);
      return i < 0 ? this.node(g.nodes[0]) : this.group(g, inner[i], places[i + 1], i);
    };
    const hottest = Math.max(this.hottest, ...folded.map((g) => msOf(g) ?? 0));
    return drawPicture(main, places[0], { name: this.name, hottest, inside });
  }

  private group(g: Group, p: Picture, at: Placement, i: number): Html {
    const inside = (x: Group): Html | undefined => this.node(x.nodes[0]);
    const before = this.opened.room;
    const drawn = drawPicture(p, at, { name: `${this.name}-${i}`, hottest: this.hottest, inside });
    const programs = before - this.opened.room;
    const [first, last] = [g.nodes[0], g.nodes[g.nodes.length - 1]];
    const head = html`<p class="tw-head">${cut(`${first.value} … ${last.value}: ${summary(g.nodes)}`, 200)}</p>`;
    return html`${head}${this.fits(drawn.toString().length - programs) ? drawn : tooLarge(`graphView(mod, { func: "${this.graph.name}", foldAbove: … })`)}`;
  }

  private node(n: GraphNode): Html | undefined {
    if (n.kind === "input" || n.kind === "output") return undefined;
    const uses = this.graph.edges.filter((e) => e.to === n.id);
    const by = new Map(this.graph.nodes.map((x) => [x.id, x.value]));
    const { shown, left } = take([...uses.map((e) => `${by.get(e.from)}: ${e.type}`), ...n.constants], 12);
    const from = shown.join(", ") + (left > 0 ? `, … ${left} more` : "");
    const time = n.ms !== undefined && html`<p class="tw-note">${this.share(n.ms)}</p>`;
    const head = html`<p class="tw-head"><b>${cut(n.value, 60)}</b>: <code>${n.type}</code></p>`;
    const how = html`<p class="tw-note">${cut(n.label, 60)} of ${from === "" ? "nothing" : cut(from, 400)}</p>`;
    return html`${head}${how}${time}${this.program(n)}`;
  }

  private share(ms: number): string {
    const part =
      this.total > 0 ? `, ${((100 * ms) / this.total).toFixed(1)} % of what was measured here` : "";
    return `${duration(ms)}${part}`;
  }

  private program(n: GraphNode): Html | false {
    const found = this.behind(n.id);
    if (!found) return false;
    const lines = linesOf(found.program);
    const key = lines.map((l) => l.text).join("\n");
    const body = scriptHtml(lines);
    const size = body.toString().length;
    const before = this.opened.at.get(key);
    if (before !== undefined) {
      if (size > this.opened.repeats)
        return html`<p class="tw-note">The tensor program ${cut(found.name, 60)} is shown at ${cut(before, 60)}.</p>`;
      this.opened.repeats -= size;
    }
    if (size > ONE_PROGRAM || !this.fits(size))
      return tooLarge(
        found.legalized ? "legalizeOps.run(mod)" : `mod.funcs[${JSON.stringify(cut(found.name, 60))}]`,
      );
    if (before === undefined) this.opened.at.set(key, n.value);
    const note = found.legalized && html`<p class="tw-note">What the operator becomes:</p>`;
    return html`${note}${body}`;
  }

  /** Takes so many characters of the room that is left, if they fit. */
  private fits(size: number): boolean {
    if (size > this.opened.room) return false;
    this.opened.room -= size;
    return true;
  }
}

const tooLarge = (instead: string): Html =>
  html`<p class="tw-note">… left out, the display would be too large; <code>${instead}</code> shows it</p>`;

/** One line for each node: what it gives, what it is, what it uses. */
function graphText(g: GraphViewData): string {
  const { shown, left } = take(g.nodes, 400);
  const by = new Map(g.nodes.map((n) => [n.id, n]));
  const lines = shown.map((n) => {
    const uses = g.edges.filter((e) => e.to === n.id).map((e) => by.get(e.from)?.value ?? "");
    const time = n.ms === undefined ? "" : `  ${duration(n.ms)}`;
    if (n.kind === "input") return `  input ${n.value}: ${n.type}`;
    return `  ${n.value === "" ? n.label : `${n.value}: ${n.type} = ${n.label}`}(${uses.join(", ")})${time}`;
  });
  const rest = left > 0 ? [`  … ${count(left, "more node")}`] : [];
  return [`${g.name}: ${count(g.nodes.length, "node")}`, ...lines, ...rest].join("\n");
}
