/** ONNX's Scan: a loop over slices of its scan inputs, from opset 9 on; before that, over a batch of them. */
import { constInt, type Expr } from "../../ir/index.ts";
import type { NodeContext } from "./context.ts";
import { literal } from "./literal.ts";
import { emitLoop } from "./loop-body.ts";
import type { Special, SpecialCall } from "./special-call.ts";
import { runGraph } from "./subgraph.ts";
import { applyOp, i64, stack } from "./synthetic.ts";
import type { OnnxGraph } from "./types.ts";
import type { TensorValue, Value } from "./value.ts";

interface Scan {
  readonly body: OnnxGraph;
  readonly states: readonly TensorValue[];
  readonly inputs: readonly TensorValue[];
  readonly inputAxes: readonly number[];
  readonly outputAxes: readonly number[];
  /** 1: from the end. */
  readonly inputDirections: readonly number[];
  readonly outputDirections: readonly number[];
}

export const importScan: Special = (c) => {
  const { cx } = c;
  const body = cx.attr.get("graph", "body");
  const given = cx.values.slice(cx.opset < 9 ? 1 : 0).map((_, i) => cx.tensor(i + (cx.opset < 9 ? 1 : 0)));
  const count = cx.attr.int("num_scan_inputs");
  const n = given.length - count;
  const outputs = body.outputs.length - n;
  if (count < 1 || n < 0 || outputs < 0 || body.inputs.length !== given.length) {
    cx.refuse(
      `its body takes ${body.inputs.length} and gives ${body.outputs.length} values; ${given.length} are given`,
    );
  }
  const list = (name: string, length: number): readonly number[] =>
    cx.attr.ints(name, new Array<number>(length).fill(0));
  const scan: Scan = {
    body,
    states: given.slice(0, n),
    inputs: given.slice(n),
    inputAxes: list("scan_input_axes", count),
    outputAxes: list("scan_output_axes", outputs),
    inputDirections: list(cx.opset < 9 ? "directions" : "scan_input_directions", count),
    outputDirections: list("scan_output_directions", outputs),
  };
  return cx.opset < 9 ? batched(c, scan) : scanned(c, scan);
};

/** Every member of the batch by itself (Scan-8). */
function batched(c: SpecialCall, scan: Scan): Value[] {
  const { im, cx } = c;
  if (cx.has(0)) cx.refuse("lengths of sequences (input 0) are not supported");
  const size = constInt([...scan.states, ...scan.inputs][0].type.shape[0]);
  if (size === undefined || size < 1) return cx.refuse("the size of its batch must be known");
  const results = Array.from({ length: size }, (_, b) => {
    const member = (v: TensorValue): TensorValue =>
      applyOp(im, "Gather", [v, i64(im, b)], { axis: 0 }) as TensorValue;
    return scanned(c, { ...scan, states: scan.states.map(member), inputs: scan.inputs.map(member) });
  });
  return results[0].map((_, k) =>
    stack(
      im,
      results.map((r) => r[k]),
      0,
    ),
  );
}

function scanned(c: SpecialCall, scan: Scan): Value[] {
  const { im, cx } = c;
  const [first] = scan.inputs;
  const length = first.type.shape[axisOf(cx, scan.inputAxes[0], first.type.shape.length)];
  const trip = im.ofLiteral(literal("i64", [], [length]));
  const made = emitLoop(c, {
    name: "scan_body",
    trip,
    ...(constInt(length) === undefined ? {} : { count: constInt(length) as number }),
    carried: scan.states,
    scans: scan.outputAxes.length,
    keepShapes: true,
    closed: false,
    build: ({ env, inside, iteration, carried }) => {
      carried.forEach((v, k) => {
        env.set(scan.body.inputs[k].name, v);
      });
      scan.inputs.forEach((v, k) => {
        const axis = axisOf(cx, scan.inputAxes[k], v.type.shape.length);
        const at = scan.inputDirections[k] === 1 ? fromEnd(c, length, iteration) : iteration;
        const slice = applyOp(im, "Gather", [inside(v), at], { axis });
        env.set(scan.body.inputs[scan.states.length + k].name, slice);
      });
      return { values: runGraph(im, scan.body, env, c.frame) };
    },
  });
  return made.map((v, k) => (k < scan.states.length ? v : arranged(c, v, scan, k - scan.states.length)));
}

function fromEnd({ im }: SpecialCall, length: Expr, iteration: TensorValue): Value {
  const last = im.ofLiteral(literal("i64", [], [length]));
  return applyOp(im, "Sub", [applyOp(im, "Sub", [last, i64(im, 1)]), iteration]);
}

/** A stacked output in the order and along the axis that is asked for. */
function arranged({ im, cx }: SpecialCall, v: Value, scan: Scan, k: number): Value {
  if (v.kind !== "tensor") return v;
  const rank = v.type.shape.length;
  const axis = axisOf(cx, scan.outputAxes[k], rank);
  const end = -(2 ** 31);
  const ordered =
    scan.outputDirections[k] === 1
      ? applyOp(im, "Slice", [v, i64(im, [-1]), i64(im, [end]), i64(im, [0]), i64(im, [-1])])
      : v;
  if (axis === 0) return ordered;
  const rest = Array.from({ length: rank - 1 }, (_, d) => d + 1);
  return applyOp(im, "Transpose", [ordered], { perm: rest.toSpliced(axis, 0, 0) });
}

function axisOf(cx: NodeContext, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  return a >= 0 && a < rank ? a : cx.refuse(`axis ${axis} does not exist: the rank is ${rank}`);
}
