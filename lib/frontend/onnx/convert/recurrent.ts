/** Recurrent layers. */
import { namedActivation, R } from "../../../graph/index.ts";
import { constInt, type Expr, type GraphExpr, numbersOf } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";

type Kind = "rnn" | "gru" | "lstm";
const GATES = { rnn: 1, gru: 3, lstm: 4 } as const;
const NAMES = { rnn: ["Tanh"], gru: ["Sigmoid", "Tanh"], lstm: ["Sigmoid", "Tanh", "Tanh"] } as const;

/** Activations that take numbers: `activation_alpha` and `activation_beta` go to them in order. */
const WITH_ALPHA = ["leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu", "affine"];
const WITH_BETA = ["scaledtanh", "hardsigmoid", "affine"];

function activations(cx: NodeContext, kind: Kind, directions: number): (readonly [string, number, number])[] {
  const standard = Array.from({ length: directions }, () => NAMES[kind]).flat();
  const names = cx.attr.strings("activations", standard);
  const [alphas, betas] = [
    [...cx.attr.floats("activation_alpha", [])],
    [...cx.attr.floats("activation_beta", [])],
  ];
  if (names.length !== standard.length)
    cx.refuse(`${standard.length} activations are needed, got ${names.length}`, "activations");
  return names.map((n) => {
    const low = n.toLowerCase();
    const alpha = WITH_ALPHA.includes(low) ? alphas.shift() : undefined;
    const beta = WITH_BETA.includes(low) ? betas.shift() : undefined;
    return namedActivation(n, alpha, beta) ?? cx.refuse(`the activation ${n} is unknown`, "activations");
  });
}

const zeros = (cx: NodeContext, shape: readonly (Expr | number)[]): GraphExpr =>
  cx.emit(R.op("full", [shape, R.const(0, cx.dtype(0))]));

/** Part `k` of the bias, which lists the one for the inputs and the one for the state in a row. */
function biasPart(cx: NodeContext, k: 0 | 1, directions: number, rows: number): GraphExpr {
  if (!cx.has(3)) return zeros(cx, [directions, rows]);
  const [begin, end] = [[k * rows], [(k + 1) * rows]];
  return cx.emit(R.op("stridedSlice", [cx.input(3), begin, end], { axes: [1] }));
}

/** Lengths of the sequences, unless it is known that all are whole. */
function lengths(cx: NodeContext, steps: Expr): GraphExpr | undefined {
  if (!cx.has(4)) return undefined;
  const [known, n] = [cx.known(4), constInt(steps)];
  if (known && n !== undefined && numbersOf(known).every((l) => l === n)) return undefined;
  return cx.emit(R.op("astype", [cx.input(4)], { dtype: "i32" }));
}

function recurrent(kind: Kind): Converter {
  return (cx) => {
    const lstm = kind === "lstm";
    const batchFirst = cx.attr.flag("layout");
    const direction = cx.attr.string("direction", "forward");
    const directions = direction === "bidirectional" ? 2 : 1;
    const hidden = constInt(cx.shape(2)[2]) ?? cx.refuse("the sizes of its weights must be known");
    const rows = GATES[kind] * hidden;
    const turned = (x: GraphExpr, axes: readonly number[]): GraphExpr =>
      cx.emit(R.op("permuteDims", [x], { axes }));
    const data = batchFirst ? turned(cx.input(0), [1, 0, 2]) : cx.input(0);
    const [steps, batch] = batchFirst ? [cx.shape(0)[1], cx.shape(0)[0]] : cx.shape(0);
    const state = (i: number): GraphExpr => {
      if (!cx.has(i)) return zeros(cx, [directions, batch, hidden]);
      return batchFirst ? turned(cx.input(i), [1, 0, 2]) : cx.input(i);
    };
    const args = [
      data,
      cx.input(1),
      cx.input(2),
      biasPart(cx, 0, directions, rows),
      biasPart(cx, 1, directions, rows),
    ];
    args.push(state(5), ...(lstm ? [state(6)] : []));
    const peepholes = lstm && cx.has(7);
    const given = lengths(cx, steps);
    if (given) args.push(given);
    // Peepholes stand behind the lengths.
    else if (peepholes) args.push(whole(cx, steps, batch));
    if (peepholes) args.push(cx.input(7));
    const attrs = {
      direction,
      activations: activations(cx, kind, directions),
      clip: cx.attr.float("clip", 0),
      ...(lstm ? { inputForget: cx.attr.flag("input_forget") } : {}),
      ...(kind === "gru" ? { linearBeforeReset: cx.attr.flag("linear_before_reset") } : {}),
    };
    const result = cx.emit(R.op(`nn.${kind}`, args, attrs));
    const field = (k: number): GraphExpr | undefined => {
      if (!cx.wants(k)) return undefined;
      const value = R.get(result, k);
      if (!batchFirst) return value;
      return R.op("permuteDims", [cx.emit(value)], { axes: k === 0 ? [2, 0, 1, 3] : [1, 0, 2] });
    };
    return [field(0), field(1), ...(lstm ? [field(2)] : [])];
  };
}

/** Every sequence as long as the data. */
function whole(cx: NodeContext, steps: Expr, batch: Expr): GraphExpr {
  const n = constInt(steps) ?? cx.refuse("the number of steps must be known where peepholes are used");
  return cx.emit(R.op("full", [[batch], R.const(n, "i32")]));
}

export const RECURRENT: ConverterTable = {
  RNN: recurrent("rnn"),
  GRU: recurrent("gru"),
  LSTM: recurrent("lstm"),
};
