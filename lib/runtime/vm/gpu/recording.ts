/** Commands for the GPU, until they are submitted. */
import type { Buffer } from "../../../ir/index.ts";
import type { GpuDevice } from "../../webgpu/device.ts";
import type { LaunchStep } from "../../webgpu/launch.ts";
import { USAGE } from "../../webgpu/pool.ts";
import type { GpuBuffers, Place } from "./buffers.ts";
import type { GpuStep } from "./gpu-steps.ts";
import type { GpuValue } from "./values.ts";

type KernelStep = Extract<GpuStep, { kind: "kernels" }>;

/** What is copied to where the CPU can read it. */
export interface Staged {
  readonly buffers: readonly GPUBuffer[];
  /** The bytes of each part, when the GPU is done. */
  parts(): Promise<ArrayBuffer[]>;
}

/** Bind groups of launches, with the buffers that they were made for. */
export type BindGroups = Map<object, { at: readonly GPUBuffer[]; group: GPUBindGroup }>;

export class Recording {
  private readonly device: GpuDevice;
  private readonly buffers: GpuBuffers;
  private readonly pipelines: ReadonlyMap<object, GPUComputePipeline>;
  private readonly groups: BindGroups;
  private readonly given: ReadonlyMap<number, GPUBuffer>;
  private readonly passOptions: (() => GPUComputePassDescriptor | undefined) | undefined;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;

  /** `given`: buffers of parameters that are on the device. `passOptions`: what each pass is begun with. */
  constructor(
    device: GpuDevice,
    buffers: GpuBuffers,
    pipelines: ReadonlyMap<object, GPUComputePipeline>,
    groups: BindGroups,
    given: ReadonlyMap<number, GPUBuffer>,
    passOptions?: () => GPUComputePassDescriptor | undefined,
  ) {
    this.device = device;
    this.buffers = buffers;
    this.pipelines = pipelines;
    this.groups = groups;
    this.given = given;
    this.passOptions = passOptions;
  }

  /** The encoder, outside of any pass. */
  commands(): GPUCommandEncoder {
    this.pass?.end();
    this.pass = undefined;
    this.encoder ??= this.device.device.createCommandEncoder();
    return this.encoder;
  }

  kernels(s: KernelStep): void {
    for (const k of s.again)
      this.copy(this.buffers.at(s.operands[k].value, this.given), this.buffers.copyOf(s, k).buffer);
    const params = s.func.params.filter((p): p is Buffer => p.kind === "buffer");
    const numberOf = new Map(params.map((p, k) => [p.id, k]));
    const placeOf = (b: Buffer): Place => {
      const k = numberOf.get(b.id);
      if (k === undefined) return this.buffers.temporary(s, b);
      return s.again.has(k) ? this.buffers.copyOf(s, k) : this.buffers.at(s.operands[k].value, this.given);
    };
    for (const l of s.launches) if (!l.groups.includes(0)) this.launch(l, placeOf);
  }

  private launch(l: LaunchStep, placeOf: (b: Buffer) => Place): void {
    const pipeline = this.pipelines.get(l) as GPUComputePipeline;
    const places = l.kernel.bindings.map((b) => placeOf(b.buffer));
    const known = this.groups.get(l);
    let group = known?.group;
    if (!known || known.at.some((b, i) => b !== places[i].buffer)) {
      const entries = places.map((resource, binding): GPUBindGroupEntry => ({ binding, resource }));
      const uniforms = this.buffers.uniforms.get(l);
      if (uniforms) {
        const size = l.uniforms?.byteLength as number;
        entries.push({ binding: entries.length, resource: { buffer: uniforms, size } });
      }
      group = this.device.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      this.groups.set(l, { at: places.map((p) => p.buffer), group });
    }
    this.encoder ??= this.device.device.createCommandEncoder();
    this.pass ??= this.encoder.beginComputePass(this.passOptions?.());
    this.pass.setPipeline(pipeline);
    this.pass.setBindGroup(0, group as GPUBindGroup);
    this.pass.dispatchWorkgroups(...l.groups);
    this.device.traffic.dispatches++;
  }

  /** Copies the bytes of a place to the start of a buffer. */
  copy(from: Place, to: GPUBuffer): void {
    this.commands().copyBufferToBuffer(from.buffer, from.offset, to, 0, from.size);
  }

  /** Copies a value into another, so many bytes from its start. */
  move(from: GpuValue, to: GpuValue, offset: number): void {
    if (from.bytes === 0) return;
    const [a, b] = [this.buffers.at(from, this.given), this.buffers.at(to, this.given)];
    this.commands().copyBufferToBuffer(a.buffer, a.offset, b.buffer, b.offset + offset, a.size);
  }

  /** Copies places into one buffer that the CPU can read. */
  stage(parts: readonly { readonly place: Place; readonly bytes: number }[]): Staged {
    const { device } = this;
    let total = 0;
    const offsets = parts.map((p) => {
      const at = total;
      total += p.place.size;
      return at;
    });
    if (parts.every((p) => p.bytes === 0)) {
      return { buffers: [], parts: async () => parts.map(() => new ArrayBuffer(0)) };
    }
    const buffer = device.acquire(total, USAGE.mapRead | USAGE.copyDst);
    parts.forEach(({ place }, i) => {
      this.commands().copyBufferToBuffer(place.buffer, place.offset, buffer, offsets[i], place.size);
    });
    return {
      buffers: [buffer],
      async parts() {
        const all = await device.readBack(buffer, total);
        return parts.map((p, i) => all.slice(offsets[i], offsets[i] + p.bytes));
      },
    };
  }

  submit(): void {
    if (!this.encoder) return;
    this.device.submit(this.commands());
    this.encoder = undefined;
  }
}
