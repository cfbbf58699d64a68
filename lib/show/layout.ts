/** Where the boxes of a graph go. Large graphs are laid out beside the main thread, with a limit on the time. */
import { type LayoutInput, layered, type Placement } from "./layered.ts";

/** Below so many boxes and lines a layout takes a few milliseconds, less than starting a worker. */
const SMALL = 60;
const LIMIT_MS = 5000;

export async function layOut(input: LayoutInput): Promise<Placement> {
  if (input.nodes.length + input.edges.length <= SMALL) return layered(input);
  const inNode = typeof process === "object" && process.versions?.node !== undefined;
  if (!inNode) return layered(input);
  const { layOutAside } = await import("./layout-worker.node.ts");
  return (await layOutAside(input, LIMIT_MS)) ?? stacked(input);
}

/** One box under the other: what is drawn when no layout was found in time. */
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
