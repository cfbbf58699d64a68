/** ONNX's If: the branch is chosen at import where the condition is known; otherwise both are in the program. */
import { sameSize } from "../../graph/index.ts";
import {
  type Expr,
  type GraphBody,
  type GraphExpr,
  numbersOf,
  type TensorType,
  tupleExpr,
  tupleGet,
  tupleType,
  typeText,
  variable,
} from "../../ir/index.ts";
import { Env } from "./env.ts";
import { placeOf } from "./order.ts";
import type { Special, SpecialCall } from "./special-call.ts";
import { runGraph } from "./subgraph.ts";
import { asScalar } from "./synthetic.ts";
import type { OnnxGraph } from "./types.ts";
import { MISSING, type TensorValue, type Value, valueText } from "./value.ts";

export const importIf: Special = (c) => {
  const { im, cx } = c;
  const thenGraph = cx.attr.get("graph", "then_branch");
  const elseGraph = cx.attr.get("graph", "else_branch");
  const known = cx.known(0);
  if (known) {
    const g = numbersOf(known)[0] !== 0 ? thenGraph : elseGraph;
    return runGraph(im, g, new Env(c.env), c.frame);
  }
  const made = im.trial(placeOf(cx.node, c.frame.part), () => bothBranches(c, thenGraph, elseGraph));
  if ("result" in made) return made.result;
  // One of the branches may not fit these inputs at all: the condition tells which one counts.
  if (cx.tensor(0).needs) cx.need(0);
  im.problems.push(...made.problems);
  for (const [name, problem] of made.needed) im.needed.set(name, problem);
  return cx.node.outputs.map(() => MISSING);
};

function bothBranches(c: SpecialCall, thenGraph: OnnxGraph, elseGraph: OnnxGraph): readonly Value[] {
  const { im, cx } = c;
  const cond = asScalar(im, cx.tensor(0)).leaf();
  const a = branch(c, thenGraph);
  const b = branch(c, elseGraph);
  if (!a || !b) return cx.node.outputs.map(() => MISSING);
  if (a.values.length !== b.values.length) cx.refuse("its branches give different numbers of values");
  const types = a.values.map((v, k) => common(c, v, b.values[k], k));
  const type = tupleType(types.map((t) => t.type));
  // biome-ignore lint/suspicious/noThenProperty: the node's own field; nobody awaits it
  const value: GraphExpr = { kind: "graphIf", cond, then: a.body, else: b.body, type };
  const open = types.some((t) => t.open);
  const all = open ? im.bb.matchCast(value, type) : im.bb.emit(value);
  return types.map((_, k) => im.bind(tupleGet(all, k), cx.node.outputs[k]));
}

interface Branch {
  readonly body: GraphBody;
  readonly values: readonly TensorValue[];
}

/** The body of a branch; undefined (with its problems reported) when it cannot be imported. */
function branch(c: SpecialCall, g: OnnxGraph): Branch | undefined {
  const { im, env, frame } = c;
  let values: readonly Value[] = [];
  const body = im.scoped(() =>
    im.bb.branch(() => {
      values = runGraph(im, g, new Env(env), frame);
      return tupleExpr(values.map((v) => im.resultOf(v)));
    }),
  );
  if (values.includes(MISSING)) return undefined;
  const tensors = values.filter((v): v is TensorValue => v.kind === "tensor");
  const other = values.find((v) => v.kind !== "tensor");
  if (other) mustBeKnown(c, `a branch gives ${valueText(other)}`);
  return { body, values: tensors };
}

/** A type for the values of both branches. Sizes that differ become symbolic ones, which the program finds out. */
function common(
  c: SpecialCall,
  a: TensorValue,
  b: TensorValue,
  k: number,
): { readonly type: TensorType; readonly open: boolean } {
  if (a.type.dtype !== b.type.dtype || a.type.shape.length !== b.type.shape.length) {
    mustBeKnown(c, `its branches give ${typeText(a.type)} and ${typeText(b.type)} for output ${k}`);
  }
  let open = false;
  const shape = a.type.shape.map((s, d): Expr => {
    if (sameSize(s, b.type.shape[d])) return s;
    open = true;
    return variable(`if_${k}_${d}`);
  });
  return { type: { ...a.type, shape }, open };
}

/** The condition decides what only the import knows: sequences, ranks. */
function mustBeKnown({ cx }: SpecialCall, why: string): never {
  return cx.refuse(`${why}: the condition must be known when the model is imported`);
}
