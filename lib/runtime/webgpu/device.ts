/** A device with pooled buffers, counted traffic, cached pipelines, and errors that belong to a call. */
import {
  MATRIX_FEATURE,
  type MatrixUnits,
  type WgslKernel,
  type WgslLimits,
} from "../../codegen/wgsl/index.ts";
import type { Clock } from "../backend.ts";
import { type AdapterReport, gpu, limitsOf, reportOf, requestAdapter } from "./adapter.ts";
import { GpuError } from "./error.ts";
import { BufferPool } from "./pool.ts";
import { Turns } from "./turns.ts";

const MAP_READ = 1;
/** Calls that are on their way at a time. */
const MOST_CALLS = 4;
/** Compiled kernels that are kept: a search makes thousands, a large model a few hundred. */
const MOST_PIPELINES = 1024;

/** What went over the bus, and what was run, since the device was made. */
export interface Traffic {
  uploads: number;
  uploadedBytes: number;
  readBacks: number;
  readBackBytes: number;
  dispatches: number;
  submits: number;
  /** Buffers made, and those handed out again instead. */
  readonly buffersMade: number;
  readonly buffersReused: number;
  /** Bytes of the buffers that are there: in use, or kept to be handed out again. */
  readonly bufferBytes: number;
}

export class GpuDevice {
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
  readonly limits: WgslLimits;
  readonly features: ReadonlySet<string>;
  /** Language features of the WGSL that the compiler takes. */
  readonly language: ReadonlySet<string>;
  /** What its matrix units do, if it has any. */
  readonly matrix?: MatrixUnits;
  readonly turns = new Turns(MOST_CALLS);
  readonly traffic: Traffic;
  #lost: string | undefined;
  readonly #pool: BufferPool;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, adapter: AdapterReport, language: Iterable<string> = []) {
    this.device = device;
    this.adapter = adapter;
    this.limits = limitsOf(device.limits);
    this.features = new Set(device.features);
    this.language = new Set(language);
    if (adapter.matrix && device.features.has(MATRIX_FEATURE)) this.matrix = adapter.matrix;
    const pool = new BufferPool(device);
    this.#pool = pool;
    this.traffic = {
      uploads: 0,
      uploadedBytes: 0,
      readBacks: 0,
      readBackBytes: 0,
      dispatches: 0,
      submits: 0,
      get buffersMade() {
        return pool.made;
      },
      get buffersReused() {
        return pool.reused;
      },
      get bufferBytes() {
        return pool.bytes;
      },
    };
    device.lost.then((info) => {
      this.#lost = info.message || info.reason || "unknown";
    });
  }

  /** A device of the adapter at hand with all its limits, and the features that generated code may use. */
  static async request(): Promise<GpuDevice> {
    const adapter = await requestAdapter();
    const report = reportOf(adapter);
    const wanted = ["shader-f16", "timestamp-query", "subgroups", MATRIX_FEATURE].filter((f) =>
      adapter.features.has(f),
    );
    const limits = Object.fromEntries(
      Object.entries(limitsOf(adapter.limits)).filter(([name]) => REQUESTED.has(name)),
    );
    const device = await adapter.requestDevice({
      requiredFeatures: wanted as GPUFeatureName[],
      requiredLimits: limits,
    });
    return new GpuDevice(device, report, (await gpu()).wgslLanguageFeatures ?? []);
  }

  get lost(): string | undefined {
    return this.#lost;
  }

  /** What kernels are timed with. */
  get clock(): Clock {
    return this.features.has("timestamp-query") ? "timestamp-query" : "wall";
  }

  /** A buffer of at least so many bytes; its contents are whatever they were. */
  acquire(bytes: number, usage: number): GPUBuffer {
    return this.#pool.acquire(bytes, usage);
  }

  release(buffer: GPUBuffer): void {
    this.#pool.release(buffer, this.#lost !== undefined);
  }

  upload(buffer: GPUBuffer, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    if (data.byteLength === 0) return;
    this.traffic.uploads++;
    this.traffic.uploadedBytes += data.byteLength;
    const rest = data.byteLength % 4;
    if (rest === 0 && !isShared(data.buffer)) {
      this.device.queue.writeBuffer(buffer, offset, data);
      return;
    }
    // Writes are whole words, and Dawn takes no memory that threads share.
    const own = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    own.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.device.queue.writeBuffer(buffer, offset, own);
  }

  submit(encoder: GPUCommandEncoder): void {
    this.device.queue.submit([encoder.finish()]);
    this.traffic.submits++;
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
  pipeline(kernel: Pick<WgslKernel, "code" | "name">): Promise<GPUComputePipeline> {
    let made = this.#pipelines.get(kernel.code);
    if (!made) {
      made = this.#compile(kernel);
      made.catch(() => this.#pipelines.delete(kernel.code));
    }
    // In the order of last use.
    this.#pipelines.delete(kernel.code);
    this.#pipelines.set(kernel.code, made);
    const [oldest] = this.#pipelines.keys();
    if (this.#pipelines.size > MOST_PIPELINES) this.#pipelines.delete(oldest);
    return made;
  }

  async #compile(kernel: Pick<WgslKernel, "code" | "name">): Promise<GPUComputePipeline> {
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

  /** `swiftshader (subzero), lost`. */
  toString(): string {
    const { vendor, architecture, device, description } = this.adapter;
    const name =
      [description || device, architecture, vendor].filter((x) => x !== "").join(", ") || "unknown";
    return `GPU ${name}${this.#lost === undefined ? "" : " (lost)"}`;
  }
}

const isShared = (b: ArrayBufferLike): boolean =>
  typeof SharedArrayBuffer !== "undefined" && b instanceof SharedArrayBuffer;

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

let current: Promise<GpuDevice> | undefined;
let ready: GpuDevice | undefined;

/** The device in use, if there is one already. */
export const gpuDeviceNow = (): GpuDevice | undefined => (ready?.lost === undefined ? ready : undefined);

/** The device in use, made at first use, and anew after it was lost. */
export async function gpuDevice(): Promise<GpuDevice> {
  const asked = current;
  const known = await asked?.catch(() => undefined);
  if (known && known.lost === undefined) return known;
  // Somebody else may have asked for another meanwhile.
  if (current === asked) current = GpuDevice.request();
  const mine = current as Promise<GpuDevice>;
  const device = await mine;
  if (current === mine) ready = device;
  return device;
}

/** Gives the device back. The next call makes another. */
export async function releaseGpu(): Promise<void> {
  const known = await current?.catch(() => undefined);
  current = undefined;
  ready = undefined;
  known?.destroy();
}
