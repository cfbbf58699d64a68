/** `model.d.ts` of a bundle for WebGPU. */
import { loadType, optionsText, TENSOR, unionOf } from "../text.ts";
import type { Declared } from "../wasm/declarations.ts";

/** The GPU has no f64: such tensors stay on the CPU. */
const onCpu = (array: string): boolean => array === "Float64Array";

export function declarations({ entries, functions }: Declared): string {
  const { types, members } = optionsText(functions);
  const [inputs, outputs] = [entries.map((e) => e.inputs), entries.map((e) => e.outputs)];
  const cpu = (array: string, shape: string): string => `Tensor<${array}, ${shape}>`;
  const given = (array: string, shape: string): string =>
    onCpu(array) ? cpu(array, shape) : `${cpu(array, shape)} | GpuInput<${shape}>`;
  const kept = (array: string, shape: string): string =>
    onCpu(array) ? cpu(array, shape) : `GpuTensor<${array}, ${shape}>`;
  return `${TENSOR}
/** A type of WebGPU, where the compiler knows it. */
type Known<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : object;
type Device = Known<"GPUDevice">;
type Buffer = Known<"GPUBuffer">;
/** A tensor in a buffer of the model's device: 4 bytes an element (f32, or i32 for integers and bool), 2 for f16. */
export interface GpuInput<Shape extends readonly number[]> {
  /** With the usages STORAGE and COPY_SRC. */
  readonly buffer: Buffer;
  readonly shape: Readonly<Shape>;
}
/** A result that stayed on the device. Its buffer belongs to the caller, who destroys it. */
export interface GpuTensor<Data, Shape extends readonly number[]> extends GpuInput<Shape> {
  /** Brings the elements back. */
  read(): Promise<Tensor<Data, Shape>>;
}
export type Inputs = ${unionOf(inputs, given)};
export type Outputs = ${unionOf(outputs, cpu)};
export type GpuOutputs = ${unionOf(outputs, kept)};
export interface Model {
  /**
   * Runs the model. The inputs may not change until it is done. Throws a TypeError where they do not fit, and an Error for
   * what the device reports; after a device was lost, the next call makes another (unless it was given to load).
   */
  run(inputs: Inputs, options?: { readonly outputs?: "cpu" }): Promise<Outputs>;
  /** The same; the results stay on the device. */
  run(inputs: Inputs, options: { readonly outputs: "gpu" }): Promise<GpuOutputs>;
  /** The device in use. */
  readonly device: Device;
  /** Gives back the memory of the GPU. */
  dispose(): void;
}
${types}export interface Options {
${members}
  /** Where WebGPU comes from. Default: \`navigator.gpu\`. In Node: what \`create([])\` of the package \`webgpu\` gives. */
  readonly gpu?: object;
  /** A device to use instead of a new one. */
  readonly device?: Device;
  /** Which GPU, where there are several. Default: "high-performance". */
  readonly powerPreference?: "high-performance" | "low-power";
}
${loadType(functions)}`;
}
