/**
 * Folding of large graphs. The nodes stand in an order in which every edge goes forward; groups are pieces of that order,
 * so folding never makes a circle. Borders are put where one value alone goes on (between layers, between residual
 * blocks), as far as there are such places. Where there are many inputs (weights as parameters), those that one group
 * alone uses belong to it.
 */
import type { GraphEdge, GraphNode, GraphViewData } from "./graph-data.ts";

export interface Group {
  readonly id: string;
  readonly nodes: readonly GraphNode[];
}

/** Groups of one node or more, at most about `limit` of them; inputs and outputs stay by themselves. */
export function foldGraph(g: GraphViewData, limit: number): readonly Group[] {
  const alone = (n: GraphNode): Group => ({ id: n.id, nodes: [n] });
  if (g.nodes.length <= limit) return g.nodes.map(alone);
  const inner = g.nodes.filter((n) => n.kind !== "input" && n.kind !== "output");
  const size = Math.ceil(inner.length / limit);
  const borders = narrowPlaces(inner, g.edges);
  const groups: GraphNode[][] = [];
  let open: GraphNode[] = [];
  inner.forEach((n, i) => {
    open.push(n);
    // A border that comes soon is worth waiting for.
    const full = open.length >= size && (borders.has(i) || open.length >= 3 * size);
    if (full || i === inner.length - 1) {
      groups.push(open);
      open = [];
    }
  });
  const named = (nodes: readonly GraphNode[]): Group => ({
    id: nodes.length === 1 ? nodes[0].id : `g${nodes[0].id}`,
    nodes,
  });
  const inputs = g.nodes.filter((n) => n.kind === "input");
  const taken = inputs.length > limit / 4 ? withInputs(groups, inputs, g.edges) : groups;
  const within = new Set(taken.flat());
  return [
    ...inputs.filter((n) => !within.has(n)).map(alone),
    ...taken.map(named),
    ...g.nodes.filter((n) => n.kind === "output").map(alone),
  ];
}

/** The groups, each with the inputs that nothing outside it uses. */
function withInputs(
  groups: readonly GraphNode[][],
  inputs: readonly GraphNode[],
  edges: readonly GraphEdge[],
): readonly GraphNode[][] {
  const groupOf = new Map(groups.flatMap((nodes, i) => nodes.map((n) => [n.id, i] as const)));
  const users = new Map<string, Set<number>>();
  for (const e of edges) {
    const at = users.get(e.from) ?? new Set();
    users.set(e.from, at.add(groupOf.get(e.to) ?? -1));
  }
  return groups.map((nodes, i) => [
    ...inputs.filter(({ id }) => users.get(id)?.size === 1 && users.get(id)?.has(i)),
    ...nodes,
  ]);
}

/** Positions after which a single node's value is all that later nodes use of those before. */
function narrowPlaces(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): ReadonlySet<number> {
  const at = new Map(nodes.map((n, i) => [n.id, i]));
  const last = nodes.map((_, i) => i);
  for (const e of edges) {
    const from = at.get(e.from);
    if (from !== undefined) last[from] = Math.max(last[from], at.get(e.to) ?? nodes.length);
  }
  const out = new Set<number>();
  let live: number[] = [];
  nodes.forEach((_, i) => {
    live = [...live.filter((j) => last[j] > i), i];
    if (live.filter((j) => last[j] > i).length <= 1) out.add(i);
  });
  return out;
}

/** The edges between groups, each pair once. */
export function edgesBetween(groups: readonly Group[], edges: readonly GraphEdge[]): readonly GraphEdge[] {
  const of = new Map(groups.flatMap((g) => g.nodes.map((n) => [n.id, g.id] as const)));
  const seen = new Map<string, GraphEdge>();
  for (const e of edges) {
    const [from, to] = [of.get(e.from), of.get(e.to)];
    if (from === undefined || to === undefined || from === to) continue;
    const key = `${from} ${to}`;
    if (!seen.has(key)) seen.set(key, { from, to, type: e.type });
  }
  return [...seen.values()];
}
