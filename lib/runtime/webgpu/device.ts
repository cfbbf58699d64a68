/** A device with pooled buffers, counted traffic, cached pipelines, and errors that belong to a call. */
import type { WgslKernel, WgslLimits } from "../../codegen/wgsl/index.ts";
import { type AdapterReport, limitsOf, reportOf, requestAdapter } from "./adapter.ts";

/** Flags of GPUBufferUsage and GPUMapMode (WebGPU specification, 5.1 and 5.4), which Node has not as globals. */
export const USAGE = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 0x40, storage: 0x80 } as const;
const MAP_READ = 1;

/** What went over the bus, and what was run, since the device was made. */
export interface Traffic {
  uploads: number;
  uploadedBytes: number;
  readBacks: number;
  readBackBytes: number;
  dispatches: number;
  submits: number;
  /** Buffers made, and those handed out again instead. */
  buffersMade: number;
  buffersReused: number;
}

/** Thrown for what the device reports of a call: validation, memory, loss. */
export class GpuError extends Error {
  override readonly name = "GpuError";
}

/** Bytes that the pool keeps; what is given back beyond that is destroyed. */
const MAX_POOLED = 256 * 2 ** 20;

export class GpuDevice {
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
  readonly limits: WgslLimits;
  readonly features: ReadonlySet<string>;
  readonly traffic: Traffic = {
    uploads: 0,
    uploadedBytes: 0,
    readBacks: 0,
    readBackBytes: 0,
    dispatches: 0,
    submits: 0,
    buffersMade: 0,
    buffersReused: 0,
  };
  #lost: string | undefined;
  readonly #free = new Map<string, GPUBuffer[]>();
  #pooled = 0;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, adapter: AdapterReport) {
    this.device = device;
    this.adapter = adapter;
    this.limits = limitsOf(device.limits);
    this.features = new Set(device.features);
    device.lost.then((info) => {
      this.#lost = info.message || info.reason || "unknown";
    });
  }

  /** A device of the adapter at hand with all its limits, and the features that generated code may use. */
  static async request(): Promise<GpuDevice> {
    const adapter = await requestAdapter();
    const report = reportOf(adapter);
    const wanted = ["shader-f16", "timestamp-query", "subgroups"].filter((f) => adapter.features.has(f));
    const limits = Object.fromEntries(
      Object.entries(limitsOf(adapter.limits)).filter(([name]) => REQUESTED.has(name)),
    );
    const device = await adapter.requestDevice({
      requiredFeatures: wanted as GPUFeatureName[],
      requiredLimits: limits,
    });
    return new GpuDevice(device, report);
  }

  get lost(): string | undefined {
    return this.#lost;
  }

  /** A buffer of at least so many bytes; its contents are whatever they were. */
  acquire(bytes: number, usage: number): GPUBuffer {
    const size = roundedSize(bytes);
    const key = `${usage} ${size}`;
    const known = this.#free.get(key)?.pop();
    if (known) {
      this.#pooled -= size;
      this.traffic.buffersReused++;
      return known;
    }
    this.traffic.buffersMade++;
    return this.device.createBuffer({ size, usage });
  }

  release(buffer: GPUBuffer): void {
    if (this.#lost !== undefined || this.#pooled + buffer.size > MAX_POOLED) {
      buffer.destroy();
      return;
    }
    const key = `${buffer.usage} ${buffer.size}`;
    const list = this.#free.get(key);
    if (list) list.push(buffer);
    else this.#free.set(key, [buffer]);
    this.#pooled += buffer.size;
  }

  upload(buffer: GPUBuffer, data: ArrayBufferView<ArrayBuffer>): void {
    if (data.byteLength === 0) return;
    this.traffic.uploads++;
    this.traffic.uploadedBytes += data.byteLength;
    const rest = data.byteLength % 4;
    if (rest === 0) {
      this.device.queue.writeBuffer(buffer, 0, data);
      return;
    }
    // Writes are whole words.
    const padded = new Uint8Array(data.byteLength + 4 - rest);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.device.queue.writeBuffer(buffer, 0, padded);
  }

  /** The first bytes of a staging buffer, copied. */
  async readBack(staging: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const size = Math.ceil(bytes / 4) * 4;
    await staging.mapAsync(MAP_READ, 0, size);
    const copy = staging.getMappedRange(0, size).slice(0, bytes);
    staging.unmap();
    this.traffic.readBacks++;
    this.traffic.readBackBytes += bytes;
    return copy;
  }

  /** The kernel's pipeline, compiled once. Rejects with the WGSL line that the compiler objects to. */
  pipeline(kernel: WgslKernel): Promise<GPUComputePipeline> {
    let made = this.#pipelines.get(kernel.code);
    if (!made) {
      made = this.#compile(kernel);
      this.#pipelines.set(kernel.code, made);
      made.catch(() => this.#pipelines.delete(kernel.code));
    }
    return made;
  }

  async #compile(kernel: WgslKernel): Promise<GPUComputePipeline> {
    const { device } = this;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: kernel.code });
    const scope = device.popErrorScope();
    const [info, invalid] = [await module.getCompilationInfo(), await scope];
    const first = info.messages.find((m) => m.type === "error");
    if (first) {
      const line = kernel.code.split("\n")[first.lineNum - 1]?.trim() ?? "";
      throw new GpuError(`${kernel.name}: WGSL line ${first.lineNum}, \`${line}\`: ${first.message}`);
    }
    if (invalid) throw new GpuError(`${kernel.name}: ${invalid.message}`);
    try {
      return await device.createComputePipelineAsync({
        layout: "auto",
        compute: { module, entryPoint: "main" },
      });
    } catch (e) {
      throw new GpuError(`${kernel.name}: ${e instanceof Error ? e.message : String(e)}`, { cause: e });
    }
  }

  /** Runs what enqueues work; whatever the device reports of it is thrown, with the name of the call. */
  async guarded<T>(name: string, work: () => T): Promise<T> {
    const { device } = this;
    for (const filter of ["internal", "out-of-memory", "validation"] as const) device.pushErrorScope(filter);
    let result: T | undefined;
    let failed: unknown;
    try {
      result = work();
    } catch (e) {
      failed = e;
    }
    const errors = await Promise.all([1, 2, 3].map(() => device.popErrorScope().catch(() => null)));
    if (this.#lost !== undefined) throw new GpuError(`${name}: the device was lost (${this.#lost})`);
    const [validation, memory, internal] = errors;
    if (memory) throw new GpuError(`${name}: out of device memory: ${memory.message}`);
    const other = validation ?? internal;
    if (other) throw new GpuError(`${name}: ${other.message}`);
    if (failed) throw failed;
    return result as T;
  }

  destroy(): void {
    this.device.destroy();
  }
}

const REQUESTED = new Set([
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
]);

/** Sizes come in steps of an eighth of a power of two, so that buffers of nearly one size are one kind. */
function roundedSize(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(8, Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

let current: Promise<GpuDevice> | undefined;

/** The device in use, made at first use, and anew after it was lost. */
export async function gpuDevice(): Promise<GpuDevice> {
  const known = await current?.catch(() => undefined);
  if (known && known.lost === undefined) return known;
  current = GpuDevice.request();
  return current;
}

/** Gives the device back. The next call makes another. */
export async function releaseGpu(): Promise<void> {
  const known = await current?.catch(() => undefined);
  current = undefined;
  known?.destroy();
}
