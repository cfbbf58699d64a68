/** Functions of the model: a call becomes the nodes of the body. */
import { Refusal } from "./context.ts";
import { Env } from "./env.ts";
import type { Frame, Importer } from "./importer.ts";
import type { OnnxFunction, OnnxNode } from "./types.ts";
import type { Value } from "./value.ts";

/** Functions that call functions deeper than this call themselves. */
const MAX_DEPTH = 32;

export function callFunction(
  im: Importer,
  f: OnnxFunction,
  call: OnnxNode,
  inputs: readonly (Value | undefined)[],
  frame: Frame,
): readonly (Value | undefined)[] {
  if (frame.depth >= MAX_DEPTH) throw new Refusal(`the function ${f.name} calls itself`);
  const env = new Env();
  f.inputs.forEach((name, i) => {
    const v = inputs[i];
    if (v) env.set(name, v);
  });
  const part = `function ${f.name}`;
  const refs = new Map([...f.defaults, ...call.attrs]);
  im.nodes(f.nodes, env, { part, opsets: f.opsets, refs, depth: frame.depth + 1 });
  return f.outputs.map((name) => env.get(name));
}
