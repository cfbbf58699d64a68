/**
 * Recurrent layers: LSTM, GRU and plain ones, in one or both directions, with the formulas and the order of gates of
 * ONNX. A layer is one matrix product for the inputs of all steps, and then the steps (`recurrent-steps.ts`).
 */
import {
  constInt,
  type GraphExpr,
  isFloat,
  type PrimFunc,
  shapeLiteral,
  type TensorType,
  tupleType,
} from "../../ir/index.ts";
import type { BlockBuilder } from "../block-builder.ts";
import type { ArgSpec, OpArgs, OpDef, TypedCall } from "../op.ts";
import { callsOf } from "../op-call.ts";
import { product, type Size, sameShape } from "../shape.ts";
import { ACTIVATION_NAMES, namedActivation } from "./activation-name.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LINEAR } from "./linear.ts";
import { MANIPULATE } from "./manipulate.ts";
import { gruSteps, lstmSteps, rnnSteps } from "./recurrent-cells.ts";
import { directionsOf } from "./recurrent-steps.ts";

interface Kind {
  readonly gates: number;
  /** How many activations a direction has, and which by default. */
  readonly activations: readonly string[];
  readonly steps: (c: TypedCall) => PrimFunc;
  readonly lstm?: true;
  readonly doc: string;
  readonly attrs?: OpDef["attrs"];
}

const KINDS = {
  rnn: { gates: 1, activations: ["Tanh"], steps: rnnSteps, doc: "plain recurrent layer" },
  gru: {
    gates: 3,
    activations: ["Sigmoid", "Tanh"],
    steps: gruSteps,
    doc: "GRU layer",
    attrs: {
      linearBeforeReset: {
        doc: "whether the reset applies to the sum over the state, not the state",
        default: false,
      },
    },
  },
  lstm: {
    gates: 4,
    activations: ["Sigmoid", "Tanh", "Tanh"],
    steps: lstmSteps,
    lstm: true,
    doc: "LSTM layer",
    attrs: {
      inputForget: { doc: "whether the forget gate is 1 less the input gate", default: false },
    },
  },
} as const satisfies Record<string, Kind>;

const call = callsOf({ ...ELEMENTWISE, ...MANIPULATE, ...LINEAR, ...stepOps() });

function tensor(name: string, optional = false): ArgSpec {
  return { name, kind: "tensor", ...(optional ? { optional } : {}) };
}

/** States and what follows them, as the layers and their steps take it. */
function stateArgs(lstm: boolean): ArgSpec[] {
  return [
    tensor("h0"),
    ...(lstm ? [tensor("c0")] : []),
    tensor("lengths", true),
    ...(lstm ? [tensor("peepholes", true)] : []),
  ];
}

function attrsOf(k: Kind): OpDef["attrs"] {
  return {
    direction: { doc: "forward, reverse or bidirectional", default: "forward" },
    activations: {
      doc: `[name, alpha, beta] of each activation of each direction: ${ACTIVATION_NAMES.join(", ")}; ${k.activations.join(", ")} unless given`,
      default: [],
    },
    clip: { doc: "activations are applied to values between -clip and clip; 0 for no bounds", default: 0 },
    ...k.attrs,
  };
}

/** The attributes with the activations written out and checked. */
function completed(c: OpArgs, k: Kind): OpArgs["attrs"] {
  const given = c.attrs.activations as unknown as readonly (readonly [string, number?, number?])[];
  const n = directionsOf(c).length * k.activations.length;
  const list =
    given.length > 0
      ? given
      : Array.from({ length: n }, (_, i) => [k.activations[i % k.activations.length]] as const);
  if (list.length !== n) c.refuse(`${n} activations are needed, got ${list.length}`);
  const activations = list.map(
    (a) =>
      namedActivation(...(a as readonly [string])) ??
      c.refuse(`there is no activation "${a[0]}"; there are ${ACTIVATION_NAMES.join(", ")}`),
  );
  return { ...c.attrs, activations };
}

/** The result: y [steps, directions, batch, hidden], and the last states. */
function resultType(k: Kind, dtype: TensorType["dtype"], [t, d, b, h]: readonly Size[]) {
  const state: TensorType = { kind: "tensor", dtype, shape: [d, b, h] };
  return tupleType([{ ...state, shape: [t, d, b, h] }, state, ...(k.lstm ? [state] : [])]);
}

function infer(c: OpArgs, k: Kind) {
  const [x, w, r] = [c.tensor(0), c.tensor(1), c.tensor(2)];
  if (!isFloat(x.dtype)) c.refuse(`it is for floats, not ${x.dtype}`);
  const directions = directionsOf(c).length;
  completed(c, k);
  if (x.shape.length !== 3)
    c.refuse(`its data must be [steps, batch, inputs], it has ${x.shape.length} axes`);
  if (w.shape.length !== 3 || r.shape.length !== 3)
    c.refuse(
      "its weights must be [directions, gates · hidden, inputs] and [directions, gates · hidden, hidden]",
    );
  const [t, b, inputs] = x.shape;
  const hidden = r.shape[2];
  const n = constInt(hidden);
  const rows = n === undefined ? r.shape[1] : shapeLiteral([n * k.gates]).values[0];
  const d = shapeLiteral([directions]).values[0];
  const state = [d, b, hidden];
  const double = k.lstm ? 1 : 0;
  const wanted: [number, string, readonly Size[]][] = [
    [1, "weight of the inputs", [d, rows, inputs]],
    [2, "weight of the state", [d, rows, hidden]],
    [3, "first bias", [d, rows]],
    [4, "second bias", [d, rows]],
    [5, "initial state", state],
    ...(k.lstm ? [[6, "initial cell", state] as [number, string, readonly Size[]]] : []),
    [6 + double, "lengths", [b]],
    ...(k.lstm && n !== undefined
      ? [[8, "peepholes", [d, ...shapeLiteral([3 * n]).values]] as [number, string, readonly Size[]]]
      : []),
  ];
  for (const [i, what, shape] of wanted) {
    if (!c.has(i)) continue;
    const got = c.tensor(i);
    const dtype = what === "lengths" ? "i32" : x.dtype;
    if (got.dtype !== dtype || !sameShape(got.shape, shape))
      c.refuse(
        `its ${what} must be ${dtype}[${shape.map((s) => constInt(s) ?? "…").join(", ")}], got ${got.dtype}[${got.shape.map((s) => constInt(s) ?? "…").join(", ")}]`,
      );
  }
  return resultType(k, x.dtype, [t, d, b, hidden]);
}

/** x · wᵀ + biasₓ for all steps at once, then the steps. */
function layer(name: keyof typeof KINDS) {
  return (c: OpArgs, bb: BlockBuilder): GraphExpr => {
    const k: Kind = KINDS[name];
    const [x, w, r, inputBias, bias, ...states] = c.args;
    const [t, b, inputs] = c.tensor(0).shape;
    const [d, rows] = c.tensor(1).shape;
    const emit = (e: GraphExpr): GraphExpr => bb.emit(e);
    const turned = (m: GraphExpr): GraphExpr => emit(call("permuteDims", [m], { axes: [0, 2, 1] }));
    const flat = emit(call("reshape", [x, shapeLiteral([product([t, b]), inputs])]));
    const sums = emit(call("matmul", [flat, turned(w)]));
    const row = emit(call("reshape", [inputBias, shapeLiteral([d, 1, rows])]));
    const all = emit(call("add", [sums, row]));
    const byStep = emit(call("reshape", [all, shapeLiteral([d, t, b, rows])]));
    return call(`nn.${name}Steps`, [byStep, turned(r), bias, ...states], completed(c, k));
  };
}

/** The steps alone: what a layer is expanded to, beside operators that are there anyway. */
function stepOps() {
  const made = (Object.keys(KINDS) as (keyof typeof KINDS)[]).map((name): [string, OpDef] => {
    const k: Kind = KINDS[name];
    const def: OpDef = {
      doc: `the steps of a ${k.doc}, for inputs that are multiplied already ([directions, steps, batch, gates])`,
      args: [tensor("x"), tensor("r"), tensor("bias"), ...stateArgs(k.lstm ?? false)],
      attrs: attrsOf(k),
      infer: (c) => {
        const [d, t, b] = c.tensor(0).shape;
        return resultType(k, c.tensor(0).dtype, [t, d, b, c.tensor(1).shape[1]]);
      },
      prim: k.steps,
    };
    return [`nn.${name}Steps`, def];
  });
  return Object.fromEntries(made) as Record<`nn.${keyof typeof KINDS}Steps`, OpDef>;
}

function layerOps() {
  const made = (Object.keys(KINDS) as (keyof typeof KINDS)[]).map((name): [string, OpDef] => {
    const k: Kind = KINDS[name];
    const def: OpDef = {
      doc: `${k.doc} over data [steps, batch, inputs]: (y [steps, directions, batch, hidden], last states), with the gates of ONNX`,
      args: [
        ...["data", "inputWeight", "stateWeight", "inputBias", "stateBias"].map((n) => tensor(n)),
        ...stateArgs(k.lstm ?? false),
      ],
      attrs: attrsOf(k),
      infer: (c) => infer(c, k),
      graph: layer(name),
    };
    return [`nn.${name}`, def];
  });
  return Object.fromEntries(made) as Record<`nn.${keyof typeof KINDS}`, OpDef>;
}

export const RECURRENT = { ...stepOps(), ...layerOps() } as const satisfies Record<string, OpDef>;
