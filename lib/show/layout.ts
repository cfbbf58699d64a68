/**
 * Where the boxes of graphs go. Large graphs are laid out beside the thread that asks, which in a kernel is the one that
 * runs cells and in a page the one that scrolls: by a worker thread in Node, a module worker in a page. A layout has a
 * limit on its time and can be called off. Where no worker can be had, graphs of bounded size are laid out here.
 */
import { type LayoutInput, layered, type Placement } from "./layered.ts";
import { layOutInPage } from "./layout-page.ts";

export interface LayoutOptions {
  /** Calls the layout off; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for all graphs together (5000). What is not placed by then is stacked. */
  readonly ms?: number;
}

export interface Layout {
  /** One for each graph, in order. */
  readonly placements: readonly Placement[];
  /** What a reader should know: that something was stacked, or that the layout held up the page. */
  readonly note?: string;
}

/** Below so many boxes and lines a layout takes a few milliseconds, less than starting a worker. */
const SMALL = 60;
/** As much as may be laid out without a worker: about half a second. */
const WITHOUT_WORKER = 600;
const LIMIT_MS = 5000;

const sizeOf = (g: LayoutInput): number => g.nodes.length + g.edges.length;

/** Places the boxes of each graph in layers from top to bottom. Throws the signal's reason when it is aborted. */
export async function layOut(graphs: readonly LayoutInput[], o: LayoutOptions = {}): Promise<Layout> {
  o.signal?.throwIfAborted();
  // Folded groups are small: only the large graphs are worth sending.
  const large = graphs.filter((g) => sizeOf(g) > SMALL);
  const layouts = large.map(({ nodes, edges }) => ({
    nodes: nodes.map(({ id, width, height }) => ({ id, width, height })),
    edges: edges.map(({ from, to }) => ({ from, to })),
  }));
  const { placed, note } =
    large.length === 0 ? { placed: [], note: undefined } : await placeLarge(layouts, o);
  const of = new Map(large.map((g, i) => [g, placed[i]]));
  const placements = graphs.map((g) => of.get(g) ?? (sizeOf(g) > SMALL ? stacked(g) : layered(g)));
  return note === undefined ? { placements } : { placements, note };
}

interface Placed {
  readonly placed: readonly (Placement | undefined)[];
  readonly note: string | undefined;
}

async function placeLarge(layouts: readonly LayoutInput[], o: LayoutOptions): Promise<Placed> {
  const ms = o.ms ?? LIMIT_MS;
  const limits = { ms, signal: o.signal };
  const inNode = typeof process === "object" && process.versions?.node !== undefined;
  if (inNode) {
    const { layOutAside } = await import("./layout-worker.node.ts");
    return inTime(await layOutAside({ layouts }, limits), layouts.length, ms);
  }
  if (typeof Worker !== "function") return placeHere(layouts, "there are no workers here", o);
  try {
    return inTime(await layOutInPage({ layouts }, limits), layouts.length, ms);
  } catch (e) {
    if (o.signal?.aborted) throw e;
    return placeHere(layouts, e instanceof Error ? e.message : String(e), o);
  }
}

function inTime(placed: readonly Placement[], asked: number, ms: number): Placed {
  const note =
    placed.length < asked ? `No layout was found in ${ms / 1000} s: boxes are stacked in order.` : undefined;
  return { placed, note };
}

/** Without a worker: the fallback, which says so. */
function placeHere(layouts: readonly LayoutInput[], why: string, o: LayoutOptions): Placed {
  let room = WITHOUT_WORKER;
  const placed = layouts.map((g) => {
    o.signal?.throwIfAborted();
    room -= sizeOf(g);
    return room < 0 ? undefined : layered(g);
  });
  const rest = room < 0 ? " What is too large for that is stacked." : "";
  return { placed, note: `Laid out on this thread, without a worker (${why}).${rest}` };
}

/** One box under the other: what is drawn when there is no layout. */
function stacked(input: LayoutInput): Placement {
  const width = Math.max(...input.nodes.map((n) => n.width), 0) + 80;
  let y = 4;
  const at: Record<string, { x: number; y: number }> = {};
  for (const n of input.nodes) {
    at[n.id] = { x: width / 2, y: y + n.height / 2 };
    y += n.height + 24;
  }
  const lines = input.edges.map((e) => [at[e.from], at[e.to]]);
  return { width, height: y, at, lines };
}
