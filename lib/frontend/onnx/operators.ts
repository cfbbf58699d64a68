/** What a node means: a function of the model, something of the importer's own, known values, or a converter. */
import { NodeContext, Refusal } from "./context.ts";
import { converterOf } from "./convert/index.ts";
import { functionKey } from "./decode.ts";
import type { Env } from "./env.ts";
import { evaluate } from "./evaluate.ts";
import { callFunction } from "./functions.ts";
import type { Frame, Importer, Inputs, Operators } from "./importer.ts";
import { SPECIAL } from "./special.ts";
import type { OnnxNode } from "./types.ts";
import type { Value } from "./value.ts";

/** The newest operator set whose meaning the converters follow. */
export const NEWEST_OPSET = 27;

function apply(
  im: Importer,
  n: OnnxNode,
  inputs: Inputs,
  env: Env,
  frame: Frame,
): readonly (Value | undefined)[] {
  const func = im.file.functions.get(functionKey(n.domain, n.opType));
  if (func) return callFunction(im, func, n, inputs, frame);
  const opset = known(im, n, frame);
  const cx = new NodeContext(n, opset, im.bb, inputs, n.attrs);
  const special = n.domain === "" && Object.hasOwn(SPECIAL, n.opType) ? SPECIAL[n.opType] : undefined;
  const done = special?.({ im, cx, env, frame });
  if (done) return done;
  const values = evaluate(cx);
  if (values?.literals) return values.literals.map((l, k) => im.ofLiteral(l, n.outputs[k]));
  const convert = converterOf(n.domain, n.opType) ?? cx.refuse("it is not supported on these inputs");
  return im.bindAll(n, convert(cx), values?.needs);
}

/** The version of the operator's set. Throws when no converter knows it, or the set is too new. */
function known(im: Importer, n: OnnxNode, frame: Frame): number {
  if (im.file.functions.has(functionKey(n.domain, n.opType))) return 0;
  const opset = frame.opsets.get(n.domain) ?? (n.domain === "" ? undefined : 1);
  const op = n.domain === "" ? n.opType : `${n.domain}:${n.opType}`;
  const special = n.domain === "" && Object.hasOwn(SPECIAL, n.opType);
  if (!special && !converterOf(n.domain, n.opType)) {
    throw new Refusal(`the operator ${op} is not supported (version ${opset ?? "unknown"} of its set)`);
  }
  if (opset === undefined) throw new Refusal(`the model does not say which version of ${op} it uses`);
  if (n.domain === "" && opset > NEWEST_OPSET) {
    throw new Refusal(
      `what ${op} means in operator set ${opset} is not known (the newest known set is ${NEWEST_OPSET}): export the model ` +
        `for an older set (opset_version of torch.onnx.export), or take it there with onnx.version_converter`,
    );
  }
  return opset;
}

export const OPERATORS: Operators = { apply, check: known };
