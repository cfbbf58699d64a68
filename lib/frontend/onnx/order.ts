/** The order of a graph's nodes, and which names they may use. */
import { type OnnxPlace, refuseOnnx } from "./error.ts";
import type { OnnxGraph, OnnxNode } from "./types.ts";

export const placeOf = (n: OnnxNode, part?: string): OnnxPlace => ({
  ...(part && part !== "graph" ? { part } : {}),
  node: { name: n.name, opType: n.opType, index: n.index },
});

/** Names that a node reads: its inputs, and what its branches and bodies take from outside. */
export function readsOf(n: OnnxNode): string[] {
  const names = n.inputs.filter((x) => x !== "");
  for (const a of n.attrs.values()) if (a.kind === "graph") names.push(...capturedBy(a.value));
  return [...new Set(names)];
}

const captured = new WeakMap<OnnxGraph, readonly string[]>();

/** Names that a graph uses and does not define. */
export function capturedBy(g: OnnxGraph): readonly string[] {
  const known = captured.get(g);
  if (known) return known;
  const own = new Set([
    ...g.inputs.map((v) => v.name),
    ...g.initializers.keys(),
    ...g.nodes.flatMap((n) => n.outputs),
  ]);
  const used = [...g.nodes.flatMap(readsOf), ...g.outputs.map((v) => v.name)];
  const names = [...new Set(used.filter((x) => !own.has(x)))];
  captured.set(g, names);
  return names;
}

/**
 * The nodes in an order in which every value is made before it is used: the file's, where that is one. Throws an
 * OnnxError for a value that nothing makes, or two nodes make, and for a cycle.
 */
export function sortNodes(nodes: readonly OnnxNode[], given: ReadonlySet<string>, part: string): OnnxNode[] {
  const maker = new Map<string, OnnxNode>();
  for (const n of nodes) {
    for (const o of n.outputs) {
      if (o === "") continue;
      const other = maker.get(o);
      if (other)
        refuseOnnx(
          `its output "${o}" is also made by node ${other.index} (${other.opType})`,
          placeOf(n, part),
        );
      maker.set(o, n);
    }
  }
  const sorted: OnnxNode[] = [];
  const done = new Set<OnnxNode>();
  const started = new Set<OnnxNode>();
  for (const root of nodes) {
    // Depth first without recursion: graphs are thousands of nodes deep.
    const stack: { n: OnnxNode; reads: string[]; next: number }[] = [];
    const push = (n: OnnxNode): void => {
      started.add(n);
      stack.push({ n, reads: readsOf(n), next: 0 });
    };
    if (!done.has(root)) push(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next === top.reads.length) {
        stack.pop();
        done.add(top.n);
        sorted.push(top.n);
        continue;
      }
      const name = top.reads[top.next++];
      const made = maker.get(name);
      if (!made) {
        if (!given.has(name)) refuseOnnx(`nothing computes its input "${name}"`, placeOf(top.n, part));
      } else if (!done.has(made)) {
        if (started.has(made))
          cycle(
            stack.map((s) => s.n),
            made,
            part,
          );
        push(made);
      }
    }
  }
  return sorted;
}

function cycle(path: readonly OnnxNode[], from: OnnxNode, part: string): never {
  const ring = path.slice(path.indexOf(from)).reverse();
  const names = ring.slice(0, 8).map((n) => `${n.opType}${n.name ? ` "${n.name}"` : ` (node ${n.index})`}`);
  const more = ring.length > 8 ? ", …" : "";
  return refuseOnnx(`the graph has a cycle: ${names.join(" → ")}${more} → back`, placeOf(from, part));
}
