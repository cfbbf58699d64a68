/** toMixedPrecision: products of f16 operands, added up in f32. */
import { type GraphExpr, type GraphFunc, type GraphVar, type OpCall, opCall } from "../../ir/index.ts";
import { R } from "../r.ts";
import { inferAgain } from "../registry.ts";
import { graphPass, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";

export interface MixedPrecisionOptions {
  /**
   * The operators that read f16; each has an attribute `outDtype`, in which it forms its sums. Default: matrix products and
   * convolutions, in which nearly all of a network's time goes.
   */
  readonly ops?: readonly string[];
}

const PRODUCTS = [
  "matmul",
  ...["nn.conv1d", "nn.conv2d", "nn.conv3d"],
  ...["nn.conv1dTranspose", "nn.conv2dTranspose", "nn.conv3dTranspose"],
] as const;

/**
 * The f32 operands of products are rounded to f16, and their results stay f32, as do all other operators: norms, softmax and
 * sums keep their digits. A value that several products read is converted once; weights are converted when constants are
 * folded, and take half their bytes. Results differ from those of f32 by f16's rounding of operands (2^-11 each), and values
 * beyond 65504 become infinite. Worth it where the target reads or computes f16 quickly; on WebAssembly it saves bytes, not
 * time. It works on operators: before the pipeline, or in it by `{ after: { decomposeForInference: [toMixedPrecision()] } }`.
 */
export function toMixedPrecision({ ops = PRODUCTS }: MixedPrecisionOptions = {}): Pass {
  const chosen = new Set(ops);
  return graphPass("toMixedPrecision", (f) => mixed(f, chosen));
}

function mixed(f: GraphFunc, ops: ReadonlySet<string>): GraphFunc {
  // What was converted is seen to the end of the body, or of the block of bindings, it stands in.
  let halves: Map<unknown, GraphVar>[] = [new Map()];
  const half = (x: GraphExpr, at: Place): GraphExpr => {
    if (x.type.kind !== "tensor" || x.type.dtype !== "f32") return x;
    const key = x.kind === "graphVar" ? x.id : x.kind === "constant" ? x.data : x;
    const known = halves.map((m) => m.get(key)).find(Boolean);
    if (known) return known;
    const made = at.emit(R.astype(x, { dtype: "f16" }), x.kind === "graphVar" ? `${x.name}_half` : "half");
    halves[0]?.set(key, made);
    return made;
  };
  return rewriteFunc(f, {
    enter: () => {
      halves = [new Map(), ...halves];
    },
    leave: () => {
      halves = halves.slice(1);
    },
    // Outputs of a dataflow block are decided before the blocks after it are seen.
    endBlock: (seen) => {
      if (seen) halves = [new Map(), ...halves.slice(1)];
    },
    value: (e, at) => (e.kind === "opCall" && ops.has(e.op) ? product(e, (x) => half(x, at)) : e),
  });
}

/** The product of converted operands; itself where it is none of f32. */
function product(e: OpCall, half: (x: GraphExpr) => GraphExpr): OpCall {
  if (e.type.kind !== "tensor" || e.type.dtype !== "f32") return e;
  const args = e.args.map(half);
  return args.every((x, i) => x === e.args[i])
    ? e
    : inferAgain(opCall(e.op, args, { ...e.attrs, outDtype: "f32" }, e.type));
}
