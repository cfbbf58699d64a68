/** Nests in which loops and axes are the same thing. */
import { type Block, constInt, type For } from "../ir/index.ts";
import { refuse } from "./error.ts";
import { type Located, loopsOf, scopeBlock } from "./lookup.ts";

/**
 * The loops of a block, outermost first. Refuses unless each axis follows one loop of the same fixed extent, from 0, each
 * loop an axis, and nothing else stands in the nest, which stands directly in its scope.
 */
export function plainNest(primitive: string, at: Located<Block>): readonly For[] {
  const b = at.node;
  const scope = scopeBlock(at);
  const no = (detail: string): never =>
    refuse(primitive, "the block is not bound to a plain nest", detail, [b]);
  const loops = loopsOf(at);
  if (b.predicate) no(`${b.name} runs under a condition`);
  if (loops.length !== b.axes.length || loops.length === 0) {
    no(`${b.name} has ${b.axes.length} axes under ${loops.length} loops`);
  }
  loops.forEach((l, i) => {
    if (l.body !== (loops[i + 1] ?? b))
      no(`${l.v.name} contains more than ${loops[i + 1]?.v.name ?? b.name}`);
  });
  const top = at.path[at.path.indexOf(scope) + 1];
  if (top !== loops[0] && top.kind !== "seq") no(`around its loops stands a ${top.kind}`);
  for (const a of b.axes) {
    const l =
      a.binding.kind === "var" ? loops.find((x) => x.v.id === (a.binding as { id?: number }).id) : undefined;
    const n = constInt(a.extent);
    const fits = l && n !== undefined && constInt(l.extent) === n && constInt(l.min) === 0;
    if (!fits) no(`axis ${a.v.name} is not bound to one loop of the same fixed extent`);
  }
  return loops;
}
