/** Models of one ONNX node, run by the reference interpreter or compiled. */
import { type GraphData, interpretGraph } from "../../lib/codegen/index.ts";
import { OnnxModel } from "../../lib/frontend/onnx/index.ts";
import { assertModuleWellFormed, type NDArray } from "../../lib/ir/index.ts";
import { compiled } from "../conformance/onnx-compiled.ts";
import { type AttrValue, model, type TypeName } from "./onnx-model.ts";

export interface NodeCase {
  readonly op: string;
  readonly opset: number;
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly outputs?: number;
}

function modelOf(spec: NodeCase, inputs: readonly (NDArray | undefined)[]) {
  const { op, opset, attrs, outputs = 1 } = spec;
  const names = inputs.map((x, i) => (x ? `x${i}` : ""));
  const outs = Array.from({ length: outputs }, (_, k) => `y${k}`);
  const given = inputs.flatMap((x, i) => (x ? [[`x${i}`, x] as const] : []));
  const bytes = model({
    opset,
    inputs: Object.fromEntries(given.map(([name, x]) => [name, [x.dtype as TypeName, x.shape] as const])),
    outputs: outs,
    nodes: [{ op, in: names, out: outs, attrs }],
  });
  return { model: new OnnxModel(bytes), values: Object.fromEntries(given) };
}

/** One node on these inputs, as a model of its own. An input may be left out. */
export function runNode(spec: NodeCase, inputs: readonly (NDArray | undefined)[]): NDArray[] {
  const { model: m, values } = modelOf(spec, inputs);
  const mod = assertModuleWellFormed(m.specialise(values));
  const data: GraphData[] = m.inputs.map((v) => values[v.name]);
  return interpretGraph(mod, "main", data) as NDArray[];
}

/** The same, compiled as WebAssembly. */
export async function runNodeCompiled(
  spec: NodeCase,
  inputs: readonly (NDArray | undefined)[],
): Promise<NDArray[]> {
  const { model: m, values } = modelOf(spec, inputs);
  return (await compiled(m, values)) as NDArray[];
}
