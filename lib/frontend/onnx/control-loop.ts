/**
 * ONNX's Loop: a graphLoop over a function made of the body; written out iteration by iteration where the body computes
 * what only the import knows (sequences, changing shapes) and the number of iterations is known.
 */

import { Env } from "./env.ts";
import { emitLoop, type LoopParts } from "./loop-body.ts";
import { placeOf } from "./order.ts";
import type { Special, SpecialCall } from "./special-call.ts";
import { runGraph } from "./subgraph.ts";
import { asScalar, asTensor, bool, i64, knownScalar, stack } from "./synthetic.ts";
import type { OnnxGraph } from "./types.ts";
import { literalIn, MISSING, type TensorValue, type Value, valueText } from "./value.ts";

/** Loops of more iterations are not written out. */
const MAX_ITERATIONS = 1024;

export const importLoop: Special = (c) => {
  const { im, cx } = c;
  const body = cx.attr.get("graph", "body");
  const initial = cx.values.slice(2);
  const carried = body.inputs.length - 2;
  if (carried < 0 || body.outputs.length < 1 + carried || initial.length > carried) {
    cx.refuse(
      `its body takes ${body.inputs.length} and gives ${body.outputs.length} values, for ${initial.length} carried ones`,
    );
  }
  if (!initial.every((v) => v?.kind === "tensor")) return unrolled(c, body, initial);
  const place = placeOf(cx.node, c.frame.part);
  const loop = im.trial(place, () => asLoop(c, body, initial as TensorValue[]));
  if ("result" in loop) return loop.result;
  const written = im.trial(place, () => unrolled(c, body, initial));
  if ("result" in written) return written.result;
  if (written.problems.length > 0) {
    const open = im.trial(place, () => asLoop(c, body, initial as TensorValue[], true));
    if ("result" in open) return open.result;
  }
  // Where values of inputs may help, ask for them; otherwise say why it is no loop.
  const failed = written.problems.length === 0 ? written : loop;
  im.problems.push(...failed.problems);
  for (const [name, problem] of failed.needed) im.needed.set(name, problem);
  return cx.node.outputs.map(() => MISSING);
};

/** The bound of the number of iterations, if it is known. */
function knownTrip({ cx }: SpecialCall): number | undefined {
  return cx.has(0) ? knownScalar(cx.values[0]) : Number.POSITIVE_INFINITY;
}

/** The loop in the program. `open`: sizes may change from iteration to iteration, each of which is compiled for its own. */
function asLoop(c: SpecialCall, body: OnnxGraph, initial: readonly TensorValue[], open = false): Value[] {
  const { im, cx } = c;
  const trip = cx.has(0) ? asScalar(im, cx.tensor(0)) : undefined;
  const cond = cx.has(1) ? asScalar(im, cx.tensor(1)) : undefined;
  const known = knownTrip(c);
  const parts: LoopParts = {
    name: "loop_body",
    ...(trip ? { trip } : {}),
    ...(cond ? { cond } : {}),
    ...(known !== undefined && Number.isFinite(known) ? { count: known } : {}),
    carried: initial,
    scans: body.outputs.length - 1 - initial.length,
    keepShapes: !open && known !== undefined && known <= MAX_ITERATIONS,
    // With the value of the input that bounds it, they will be known.
    closed: !open && trip?.needs !== undefined,
    build: ({ env, iteration, condition, carried }) => {
      const declared = (i: number, v: TensorValue): TensorValue => {
        const t = body.inputs[i].type;
        const vector = t.kind === "tensor" && t.dims?.length === 1;
        return vector ? (asReshaped(im, v) as TensorValue) : v;
      };
      env.set(body.inputs[0].name, declared(0, iteration));
      env.set(body.inputs[1].name, declared(1, condition));
      carried.forEach((v, k) => {
        env.set(body.inputs[k + 2].name, v);
      });
      const [next, ...rest] = runGraph(im, body, env, c.frame);
      return { cond: next, values: rest };
    },
  };
  return emitLoop(c, parts);
}

const asReshaped = (im: SpecialCall["im"], v: TensorValue): Value => stack(im, [v], 0);

/** The iterations one after another. */
function unrolled(c: SpecialCall, body: OnnxGraph, initial: readonly (Value | undefined)[]): Value[] {
  const { im, cx, frame } = c;
  const trip = cx.has(0) ? (knownScalar(cx.values[0]) ?? neededTrip(c)) : Number.POSITIVE_INFINITY;
  let go = cx.has(1) ? (knownScalar(cx.values[1]) ?? cx.scalar(1)) !== 0 : true;
  let carried = initial;
  const scanned: Value[][] = body.outputs.slice(1 + initial.length).map(() => []);
  for (let i = 0; i < trip && go; i++) {
    if (i === MAX_ITERATIONS)
      cx.refuse(`it would have to be written out, with more than ${MAX_ITERATIONS} iterations`);
    const env = new Env(c.env);
    env.set(body.inputs[0].name, i64(im, i));
    env.set(body.inputs[1].name, bool(im, true));
    carried.forEach((v, k) => {
      if (v) env.set(body.inputs[k + 2].name, v);
    });
    const [cond, ...rest] = runGraph(im, body, env, frame);
    if (cond.kind === "missing" || rest.some((v) => v.kind === "missing")) {
      return cx.node.outputs.map(() => MISSING);
    }
    go = conditionOf(c, cond);
    carried = rest.slice(0, initial.length);
    rest.slice(initial.length).forEach((v, k) => {
      scanned[k].push(v);
    });
  }
  const stacked = scanned.map((parts) => stack(im, parts, 0));
  return [...carried.map((v) => v ?? cx.refuse("a carried value is missing")), ...stacked];
}

function neededTrip({ cx }: SpecialCall): number {
  if (cx.tensor(0).needs) return cx.scalar(0);
  return cx.refuse(
    "it must be written out when the model is imported, and its number of iterations (input 0) is computed",
  );
}

function conditionOf({ cx }: SpecialCall, v: Value): boolean {
  const known = knownScalar(v);
  if (known !== undefined) return known !== 0;
  const t = asTensor(v, "the condition of the body");
  const why = literalIn(t) ? "is symbolic" : `is computed (${valueText(t)})`;
  return cx.refuse(
    `it must be written out when the model is imported, and after an iteration its condition ${why}`,
  );
}
