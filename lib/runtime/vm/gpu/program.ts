/**
 * A linked program that runs. Steps on the GPU are recorded into one list of commands, which is submitted when a step on
 * the CPU needs something of it, or at the end, with what brings the results back. A program all of whose steps are on
 * the GPU is one submit and one read-back.
 */

import type { VmProgram } from "../../../graph/vm-code.ts";
import type { NDArray } from "../../../ir/index.ts";
import { cpuMemory } from "../../memory.ts";
import { Tensor } from "../../tensor.ts";
import type { GpuDevice } from "../../webgpu/device.ts";
import { GpuError } from "../../webgpu/error.ts";
import { cpuConstants } from "../constants.ts";
import { GpuBuffers } from "./buffers.ts";
import type { CpuRun } from "./cpu-steps.ts";
import { allSteps, type GpuLinked, type GpuStep } from "./gpu-steps.ts";
import { type GpuInput, type Observer, type Parts, Run } from "./run.ts";

export type { GpuInput, Observer } from "./run.ts";

export class GpuProgram {
  readonly device: GpuDevice;
  readonly linked: GpuLinked;
  readonly parts: Parts;
  private readonly constantViews = new Map<number, Tensor>();
  private disposed = false;

  private constructor(device: GpuDevice, linked: GpuLinked, parts: Parts) {
    this.device = device;
    this.linked = linked;
    this.parts = parts;
  }

  /** Compiles the kernels, makes the buffers and uploads the constants. */
  static async make(
    name: string,
    device: GpuDevice,
    program: VmProgram,
    linked: GpuLinked,
    cpu: ReadonlyMap<GpuStep, CpuRun>,
  ): Promise<GpuProgram> {
    const launches = allSteps(linked.steps).flatMap((s) => (s.kind === "kernels" ? s.launches : []));
    const compiled = await Promise.all(launches.map((l) => device.pipeline(l.kernel)));
    const pipelines = new Map<object, GPUComputePipeline>(launches.map((l, i) => [l, compiled[i]]));
    const buffers = await device.guarded(name, () => new GpuBuffers(device, program, linked));
    return new GpuProgram(device, linked, { name, program, cpu, buffers, pipelines, groups: new Map() });
  }

  /** Bytes of device memory that it holds beside constants. */
  get bytes(): number {
    return this.parts.buffers.bytes;
  }

  /** Runs on tensors of either device. Results are tensors of the GPU when `keep`, otherwise of the CPU. */
  async run(args: readonly GpuInput[], keep: boolean, observer?: Observer): Promise<GpuInput[]> {
    if (this.disposed)
      throw new Error(`${this.parts.name}: the program was disposed and may not run any more`);
    const { device } = this;
    const run = new Run(this, args, keep, observer);
    const busy = observer !== undefined || this.linked.steps.some((s) => s.kind !== "kernels");
    try {
      // Where the CPU waits for the GPU in the middle, nobody else may use the buffers meanwhile.
      return await device.turns.take(
        async () => (busy ? await run.all() : await run.enqueue()),
        async (done) => done(),
      );
    } catch (e) {
      if (device.lost === undefined || e instanceof GpuError) throw e;
      throw new GpuError(`${this.parts.name}: the device was lost (${device.lost})`, { cause: e });
    } finally {
      run.dispose();
    }
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.parts.buffers.dispose();
    for (const [index, t] of this.constantViews) {
      t.dispose();
      cpuConstants().release(this.parts.program.constants[index]);
    }
    this.constantViews.clear();
  }

  /** The constant in the memory of the CPU. */
  constant(index: number): Tensor {
    let view = this.constantViews.get(index);
    if (!view) {
      const data: NDArray = this.parts.program.constants[index];
      const address = cpuConstants().acquire(data);
      view = Tensor.over(cpuMemory(), address, data.shape, data.dtype, false);
      this.constantViews.set(index, view);
    }
    return view;
  }
}
