/** Models compiled and run by the virtual machine, as `Runner` of the test data's cases. */
import type { GraphData } from "../../lib/codegen/index.ts";
import type { ModelInput } from "../../lib/frontend/onnx/index.ts";
import { type NDArray, ndarray } from "../../lib/ir/index.ts";
import { OnnxSession, type SessionInput, type Target, Tensor } from "../../lib/runtime/index.ts";
import type { Runner } from "./onnx-cases.ts";

type Result = Tensor | readonly Result[];

const given = (v: ModelInput): SessionInput => {
  if (v === null) return null;
  if (Array.isArray(v)) return v.map(given);
  const a = v as NDArray;
  const t = Tensor.empty(a.shape, a.dtype);
  new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength).set(a.bytes);
  return t;
};

const taken = (v: Result): GraphData => {
  if (!(v instanceof Tensor)) return v.map(taken);
  const { buffer, byteOffset, byteLength } = v.data;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice();
  v.dispose();
  return ndarray(v.dtype, v.shape, bytes);
};

const release = (v: SessionInput): void => {
  if (v instanceof Tensor) v.dispose();
  else if (Array.isArray(v)) v.forEach(release);
};

/** `noted` is told what runs on the CPU though the target is another device, and why. */
export const compiledFor =
  (target: Target, noted?: (notes: readonly string[]) => void): Runner =>
  async (model, inputs) => {
    const session = new OnnxSession(model, { target });
    const args = Object.fromEntries(Object.entries(inputs).map(([name, v]) => [name, given(v)]));
    try {
      const outputs = await session.run(args);
      noted?.(await session.notes(args));
      return model.outputs.map((v) => taken(outputs[v.name] as Result));
    } finally {
      Object.values(args).forEach(release);
      session.dispose();
    }
  };

export const compiled = compiledFor("wasm");
