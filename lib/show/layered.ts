/** Layered layout with dagre: boxes in ranks from top to bottom. What the worker runs, and small graphs run here. */
import { Graph, layout } from "@dagrejs/dagre";

export interface LayoutInput {
  readonly nodes: readonly { readonly id: string; readonly width: number; readonly height: number }[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

export interface Placement {
  readonly width: number;
  readonly height: number;
  /** Centres of the boxes, in CSS pixels. */
  readonly at: Readonly<Record<string, { readonly x: number; readonly y: number }>>;
  /** Corners of the lines, in the order of the edges given. */
  readonly lines: readonly (readonly { readonly x: number; readonly y: number }[])[];
}

export function layered(input: LayoutInput): Placement {
  const g = new Graph({ multigraph: true });
  g.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 34, marginx: 4, marginy: 4 });
  g.setDefaultEdgeLabel(() => ({}));
  for (const n of input.nodes) g.setNode(n.id, { width: n.width, height: n.height });
  input.edges.forEach((e, i) => {
    g.setEdge(e.from, e.to, {}, String(i));
  });
  layout(g);
  const size = g.graph() as { width?: number; height?: number };
  const at = Object.fromEntries(
    input.nodes.map((n) => {
      const { x = 0, y = 0 } = g.node(n.id) as { x?: number; y?: number };
      return [n.id, { x, y }];
    }),
  );
  const lines = input.edges.map(
    (e, i) => (g.edge(e.from, e.to, String(i)) as { points?: { x: number; y: number }[] }).points ?? [],
  );
  return { width: size.width ?? 0, height: size.height ?? 0, at, lines };
}
