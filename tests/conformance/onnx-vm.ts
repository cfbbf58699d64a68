/** The virtual machine as what runs the cases of ONNX's test data. */
import type { GraphData } from "../../lib/codegen/index.ts";
import type { ModelInput } from "../../lib/frontend/onnx/index.ts";
import { OnnxSession, type SessionInput, type Tensor } from "../../lib/runtime/index.ts";
import { free, toData, toTensor } from "../lib/runtime/vm-support.ts";
import type { Runner } from "./onnx-cases.ts";

const isTensor = (v: ModelInput): v is Exclude<ModelInput, readonly ModelInput[] | null> =>
  v !== null && !Array.isArray(v);

/** Compiles to WebAssembly and runs; gives all memory back. */
export const compiled: Runner = async (model, inputs) => {
  const session = new OnnxSession(model);
  const made: Tensor[] = [];
  const given = (v: ModelInput): SessionInput => {
    if (!isTensor(v)) return v === null ? null : v.map(given);
    const t = toTensor(v);
    made.push(t);
    return t;
  };
  try {
    const wanted = model.inputs.map(({ name }) => [name, given(inputs[name])] as const);
    const outputs = await session.run(Object.fromEntries(wanted));
    return model.outputs.map(({ name }): GraphData => {
      const data = toData(outputs[name]);
      free(outputs[name]);
      return data;
    });
  } finally {
    for (const t of made) t.dispose();
    session.dispose();
  }
};
