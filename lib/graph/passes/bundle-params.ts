/** bundleParams: the weights of a function come as one tuple. */
import { type GraphExpr, graphFunc, graphVar, irModule, tupleGet, tupleType } from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import type { Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/** The name of the parameter that holds the weights. */
const BUNDLE = "model_params";

/**
 * `func`'s parameters from number `numInput` on (its attribute `numInput` unless given) become one last parameter,
 * `model_params`, a tuple of them in their order: who calls the function hands all weights on at once, for instance what
 * `liftTransformParams` made of them. Throws when the function is not there, or nobody says how many inputs it has.
 */
export function bundleParams(func = "main", numInput?: number): Pass {
  return {
    name: "bundleParams",
    run: (mod) => {
      const f = mod.funcs[func];
      if (f?.kind !== "graphFunc") return refuseGraph("bundleParams", `no graph-level function ${func}`);
      const inputs = numInput ?? f.attrs.numInput;
      if (typeof inputs !== "number" || !Number.isInteger(inputs) || inputs < 0 || inputs > f.params.length)
        return refuseGraph(
          "bundleParams",
          `${func} has ${f.params.length} parameter(s), and ${inputs ?? "no number"} is said to be inputs: give it as the second argument`,
        );
      const weights = f.params.slice(inputs);
      const bundle = graphVar(BUNDLE, tupleType(weights.map((p) => p.type)));
      const fields = weights.map((p, i) => ({ v: graphVar(p.name, p.type), value: tupleGet(bundle, i) }));
      const env = new Map<number, GraphExpr>(weights.map((p, i) => [p.id, fields[i]!.v]));
      const { body } = rewriteFunc(f, {}, env);
      const taken = {
        dataflow: false,
        bindings: fields.map((x) => ({ kind: "bind" as const, ...x })),
        outputs: [],
      };
      const made = graphFunc(
        [...f.params.slice(0, inputs), bundle],
        { ...body, blocks: [taken, ...body.blocks] },
        { ...f.attrs, numInput: inputs },
      );
      return irModule({ ...mod.funcs, [func]: made }, mod.attrs);
    },
  };
}
