/** Graphs that are attributes of nodes: branches and bodies. */
import type { Env } from "./env.ts";
import type { Frame, Importer } from "./importer.ts";
import type { OnnxGraph } from "./types.ts";
import { MISSING, type Value } from "./value.ts";

/** Imports the nodes of a graph where the builder is now; `env` has its inputs. Gives the values of its outputs. */
export function runGraph(im: Importer, g: OnnxGraph, env: Env, frame: Frame): Value[] {
  for (const [name, t] of g.initializers) {
    const made = im.guarded({ part: `initializer "${name}"` }, () => im.ofTensor(t, "it"));
    env.set(name, made ?? MISSING);
  }
  im.nodes(g.nodes, env, frame);
  return g.outputs.map((v) => env.get(v.name) ?? MISSING);
}
