/** Tensors in the memory of the GPU: made by `tensor.to("webgpu")`, brought back by `await t.to("cpu")`. */
import type { RemoteArg } from "../../codegen/index.ts";
import { elementBytes } from "../../codegen/wgsl/index.ts";
import type { DType } from "../../ir/index.ts";
import { sizeOf } from "../../ir/index.ts";
import { Tensor } from "../tensor.ts";
import { type GpuDevice, gpuDevice } from "./device.ts";
import { fromDevice, toDevice } from "./elements.ts";
import { GpuError } from "./error.ts";
import { STORAGE, USAGE } from "./pool.ts";

/** Gives the buffers of tensors that were dropped without `dispose()` back. */
const forgotten = new FinalizationRegistry<() => void>((release) => release());

/**
 * A dense row-major array in device memory. Functions built for "webgpu" take it in place of a `Tensor`; what they write
 * stays there. Its elements are read by bringing it back.
 */
export class GpuTensor implements RemoteArg {
  readonly remote = true;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  readonly device: GpuDevice;
  #buffer: GPUBuffer | undefined;

  /** Use `Tensor.to("webgpu")`, `GpuTensor.from` or `GpuTensor.empty`. */
  constructor(device: GpuDevice, dtype: DType, shape: readonly number[], buffer: GPUBuffer) {
    this.device = device;
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.size = sizeOf(shape);
    this.#buffer = buffer;
    forgotten.register(this, () => device.release(buffer), this);
  }

  /** A tensor whose elements are whatever the memory held before: for outputs that are written whole. */
  static async empty(shape: readonly number[], dtype: DType = "f32"): Promise<GpuTensor> {
    return GpuTensor.#make(await gpuDevice(), shape, dtype, () => {});
  }

  /** A copy on the GPU. Throws an ArgumentError for elements that WGSL has no type for, such as f64. */
  static async from(t: Tensor): Promise<GpuTensor> {
    const words = toDevice(t.data, t.dtype, String(t));
    const device = await gpuDevice();
    return GpuTensor.#make(device, t.shape, t.dtype, (buffer) => device.upload(buffer, words));
  }

  static async #make(
    device: GpuDevice,
    shape: readonly number[],
    dtype: DType,
    fill: (b: GPUBuffer) => void,
  ): Promise<GpuTensor> {
    const what = `Tensor ${dtype}[${shape.join(", ")}]`;
    const bytes = bytesOnDevice(dtype, shape);
    checkBytes(device, what, bytes);
    const buffer = await device.guarded(what, () => {
      const made = device.acquire(Math.max(16, bytes), STORAGE);
      fill(made);
      return made;
    });
    return new GpuTensor(device, dtype, shape, buffer);
  }

  /** The buffer; its first `bytes` are the elements. Throws when the tensor was disposed or its device lost. */
  get buffer(): GPUBuffer {
    if (!this.#buffer) throw new Error(`${this} was disposed and may not be used any more`);
    if (this.device.lost !== undefined)
      throw new GpuError(`${this}: its device was lost (${this.device.lost}); make it anew from its data`);
    return this.#buffer;
  }

  /** Bytes of the elements in device memory (4 each but for f16). */
  get bytes(): number {
    return bytesOnDevice(this.dtype, this.shape);
  }

  get disposed(): boolean {
    return this.#buffer === undefined;
  }

  /** The elements in a tensor of the CPU; after all calls that were awaited. On "webgpu": itself. */
  to(device: "cpu"): Promise<Tensor>;
  to(device: "webgpu"): Promise<GpuTensor>;
  async to(where: "cpu" | "webgpu"): Promise<Tensor | GpuTensor> {
    if (where === "webgpu") return this;
    const { device, buffer, bytes } = this;
    const out = Tensor.empty(this.shape, this.dtype);
    if (bytes === 0) return out;
    await device.turns.take(
      () =>
        device.guarded(String(this), () => {
          const made = device.acquire(bytes, USAGE.mapRead | USAGE.copyDst);
          const encoder = device.device.createCommandEncoder();
          encoder.copyBufferToBuffer(buffer, 0, made, 0, Math.ceil(bytes / 4) * 4);
          device.submit(encoder);
          return made;
        }),
      async (made) => {
        try {
          fromDevice(await device.readBack(made, bytes), out.data, this.dtype);
        } catch (e) {
          out.dispose();
          throw e;
        } finally {
          device.release(made);
        }
      },
    );
    return out;
  }

  /** Gives the memory back. */
  dispose(): void {
    if (!this.#buffer) return;
    forgotten.unregister(this);
    this.device.release(this.#buffer);
    this.#buffer = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** `Tensor f32[2, 3] on webgpu`. */
  toString(): string {
    const state = this.disposed ? " (disposed)" : "";
    return `Tensor ${this.dtype}[${this.shape.join(", ")}] on webgpu${state}`;
  }
}

/** Bytes of a tensor in device memory. */
export const bytesOnDevice = (dtype: DType, shape: readonly number[]): number =>
  sizeOf(shape) * elementBytes(dtype);

/** Throws a GpuError that names the limit when a buffer of so many bytes is over one. */
export function checkBytes(device: Pick<GpuDevice, "limits">, what: string, bytes: number): void {
  for (const limit of ["maxStorageBufferBindingSize", "maxBufferSize"] as const) {
    if (bytes > device.limits[limit]) {
      throw new GpuError(`${what} takes ${bytes} bytes; the adapter's ${limit} is ${device.limits[limit]}`);
    }
  }
}

declare module "../tensor.ts" {
  interface Tensor {
    /** A copy in the memory of the GPU. */
    to(device: "webgpu"): Promise<GpuTensor>;
    /** Itself. */
    to(device: "cpu"): Promise<Tensor>;
  }
}

Tensor.prototype.to = async function (this: Tensor, where: "cpu" | "webgpu") {
  return where === "cpu" ? this : GpuTensor.from(this);
} as Tensor["to"];
