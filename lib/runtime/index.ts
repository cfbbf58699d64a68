/** Tensors, and programs that run on them. */
export { allclose, assertAllclose, type Closeness, type Pair, type Tolerance } from "./allclose.ts";
export { type Clock, type Prepared, TARGETS, type Target } from "./backend.ts";
export { type BuildOptions, build } from "./build.ts";
export {
  type CnnWeights,
  dataset,
  FASHION_CLASSES,
  type ImageSet,
  loadCnnWeights,
  loadFashionMnist,
  loadIdx,
  loadMlpWeights,
  loadWeights,
  type MlpWeights,
} from "./data.ts";
export type { Nested } from "./elements.ts";
export { type Estimate, type EstimateOptions, estimate, type LoopEstimate } from "./estimate.ts";
export { type ExampleOptions, exampleInputs } from "./example-inputs.ts";
export {
  Built,
  compare,
  type Executable,
  type ExecutableMethods,
  type Kernel,
  type KernelArg,
} from "./executable.ts";
export { type Features, features } from "./features.ts";
export { countFlops } from "./flops.ts";
export { localMeasurer } from "./measure/index.ts";
export { cpuMemory, DeviceMemory, type MemoryOptions } from "./memory.ts";
export {
  loadOnnx,
  OnnxSession,
  type PlainTensor,
  type SessionInput,
  type SessionInputs,
  type SessionOptions,
  type SessionOutputs,
  type SessionPort,
} from "./onnx-session.ts";
export { Random } from "./random.ts";
export { measureRoofline, type Roofline, type RooflineOptions, roofline } from "./roofline/index.ts";
export { type RandomOptions, Tensor } from "./tensor.ts";
export { type ScalingOptions, threadScaling } from "./thread-scaling.ts";
export {
  availableThreads,
  releaseThreads,
  setThreads,
  type ThreadCount,
  type ThreadOptions,
} from "./threads/index.ts";
export {
  formatMs,
  type Measurable,
  measure,
  measureTogether,
  quantile,
  type TimeOptions,
  Timing,
} from "./timing.ts";
export { tuningTarget } from "./tuning-target.ts";
export * from "./vm/index.ts";
export { type AdapterReport, listAdapters } from "./webgpu/adapter.ts";
export { GpuDevice, gpuDevice, releaseGpu, type Traffic } from "./webgpu/device.ts";
export { DeviceList, devices } from "./webgpu/devices.ts";
export { GpuError } from "./webgpu/error.ts";
export { GpuTensor } from "./webgpu/tensor.ts";
