/**
 * A linked program that runs. Steps on the GPU are recorded into one list of commands, which is submitted when a step on
 * the CPU needs something of it, or at the end, with what brings the results back. A program all of whose steps are on
 * the GPU is one submit and one read-back.
 */

import type { VmProgram } from "../../../graph/vm-code.ts";
import { type NDArray, sizeOf } from "../../../ir/index.ts";
import { cpuMemory } from "../../memory.ts";
import { Tensor } from "../../tensor.ts";
import type { GpuDevice } from "../../webgpu/device.ts";
import { fromDevice, toDevice } from "../../webgpu/elements.ts";
import { GpuError } from "../../webgpu/error.ts";
import { STORAGE } from "../../webgpu/pool.ts";
import { bytesOnDevice, GpuTensor } from "../../webgpu/tensor.ts";
import { Timestamps } from "../../webgpu/timestamps.ts";
import { cpuConstants } from "../constants.ts";
import { GpuBuffers } from "./buffers.ts";
import type { CpuRun } from "./cpu-steps.ts";
import { allSteps, type GpuLinked, type GpuLoop, type GpuStep, rowBytes } from "./gpu-steps.ts";
import { type BindGroups, Recording } from "./recording.ts";
import type { GpuValue } from "./values.ts";

export type GpuInput = Tensor | GpuTensor;

/** Is told what happens, one step after another; recording one makes every step a submit of its own. */
export interface Observer {
  step(step: GpuStep, ms: number): void;
}

/** What a program is made of. */
interface Parts {
  readonly name: string;
  readonly program: VmProgram;
  readonly cpu: ReadonlyMap<GpuStep, CpuRun>;
  readonly buffers: GpuBuffers;
  readonly pipelines: ReadonlyMap<object, GPUComputePipeline>;
  readonly groups: BindGroups;
}

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

/** One run. */
class Run {
  private readonly p: GpuProgram;
  private readonly args: readonly GpuInput[];
  private readonly keep: boolean;
  private readonly observer: Observer | undefined;
  /** What values hold on the CPU. */
  private readonly here = new Map<GpuValue, Tensor>();
  private readonly given = new Map<number, GPUBuffer>();
  private readonly staging: GPUBuffer[] = [];
  private recording: Recording;

  constructor(p: GpuProgram, args: readonly GpuInput[], keep: boolean, observer: Observer | undefined) {
    this.p = p;
    this.args = args;
    this.keep = keep;
    this.observer = observer;
    this.recording = this.fresh();
  }

  private fresh(passOptions?: () => GPUComputePassDescriptor | undefined): Recording {
    const { device, parts } = this.p;
    return new Recording(device, parts.buffers, parts.pipelines, parts.groups, this.given, passOptions);
  }

  /** Everything in one submit; gives what waits for the results. */
  async enqueue(): Promise<() => Promise<GpuInput[]>> {
    const { device, linked, parts } = this.p;
    return device.guarded(parts.name, () => {
      this.parameters();
      for (const s of linked.steps) if (s.kind === "kernels") this.recording.kernels(s);
      return this.outputs();
    });
  }

  /** Step by step, with what the CPU does in between. */
  async all(): Promise<() => Promise<GpuInput[]>> {
    const { device, linked, parts } = this.p;
    const { name } = parts;
    await this.parametersHere();
    for (const value of linked.values) {
      if (value.kind !== "param" || !linked.paramsOn.gpu.has(value.index)) continue;
      const bring = async (): Promise<void> => device.guarded(name, () => this.parameter(value));
      if (this.args[value.index] instanceof GpuTensor) await bring();
      else await this.observed({ kind: "up", value }, bring);
    }
    await this.block(linked.steps);
    return device.guarded(name, () => this.outputs());
  }

  private async block(steps: readonly GpuStep[]): Promise<void> {
    let waiting: GpuValue[] = [];
    const flush = async (): Promise<void> => {
      const values = waiting;
      waiting = [];
      if (values.length > 0) await this.bringHere(values);
    };
    for (const s of steps) {
      if (s.kind === "down") {
        waiting.push(s.value);
        if (this.observer) await this.observed(s, flush);
        continue;
      }
      if (s.kind === "kernels") {
        if (this.observer) this.observer.step(s, await this.timed(s));
        else this.recording.kernels(s);
        continue;
      }
      await flush();
      if (s.kind === "if") await this.block(s.branches[this.flag(s.cond) ? 0 : 1]);
      else if (s.kind === "loop") await this.loop(s);
      else await this.observed(s, () => this.simple(s));
    }
    await flush();
  }

  /** A step that neither waits nor decides anything. */
  private async simple(s: Extract<GpuStep, { kind: "up" | "cpu" | "copy" | "row" }>): Promise<void> {
    const { device, parts } = this.p;
    switch (s.kind) {
      case "cpu":
        return this.onTheCpu(s);
      case "up":
        // What was recorded before may still need what lies at the place now.
        return device.guarded(parts.name, () => {
          this.submit();
          this.upload(s.value, this.onCpu(s.value) as Tensor);
        });
      case "copy":
        if (s.on === "cpu") this.put(s.to, 0, this.onCpu(s.from) as Tensor);
        else this.recording.move(s.from, s.to, 0);
        return;
      case "row": {
        const n = Number((this.here.get(s.iteration) as Tensor).data[0]);
        if (s.on === "cpu") this.put(s.to, n * s.from.size, this.onCpu(s.from) as Tensor);
        else this.recording.move(s.from, s.to, n * rowBytes(s.from, "gpu"));
      }
    }
  }

  /** The same as the loop of the virtual machine (lib/graph/vm-code.ts). */
  private async loop(s: GpuLoop): Promise<void> {
    const refuse = (n: number): never => {
      throw new Error(`${s.node}: the loop makes ${n} iteration(s); its type has room for ${s.rows}`);
    };
    const most = s.trip ? Number((this.onCpu(s.trip) as Tensor).data[0]) : Infinity;
    let go = s.cond === undefined || this.flag(s.cond);
    let n = 0;
    for (; go && n < most; n++) {
      if (s.rows !== undefined && n >= s.rows) refuse(n + 1);
      this.put(s.iteration, 0, Tensor.from(BigInt64Array.of(BigInt(n)), [1]));
      this.put(s.given, 0, Tensor.from(Uint8Array.of(1), [1], "bool"));
      await this.block(s.body);
      go = this.flag(s.again);
    }
    if (s.rows !== undefined && n !== s.rows) refuse(n);
  }

  private flag(v: GpuValue): boolean {
    return Number((this.onCpu(v) as Tensor).data[0]) !== 0;
  }

  /** Copies elements into a value on the CPU. */
  private put(v: GpuValue, at: number, from: Tensor): void {
    let to = this.here.get(v);
    if (!to) {
      to = Tensor.empty([v.size], v.dtype);
      this.here.set(v, to);
    }
    to.data.set(from.data as never, at);
  }

  /** Milliseconds that a step takes in a submit of its own: by the GPU's clock where it has one. */
  private async timed(s: Extract<GpuStep, { kind: "kernels" }>): Promise<number> {
    const { device, parts } = this.p;
    if (device.clock === "wall") {
      const start = performance.now();
      await device.guarded(parts.name, () => {
        this.recording.kernels(s);
        this.submit();
      });
      await device.device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    }
    const resolved = await device.guarded(parts.name, () => {
      this.submit();
      // One pass for the step, or two where operands are copied in between.
      const times = new Timestamps(device.device, 2);
      this.recording = this.fresh(() => times.next());
      this.recording.kernels(s);
      const made = times.resolve(this.recording.commands());
      this.submit();
      return made;
    });
    return (await resolved.read()).reduce((ms, t) => ms + t.end - t.start, 0);
  }

  private async observed(s: GpuStep, run: () => Promise<void>): Promise<void> {
    const start = performance.now();
    await run();
    this.observer?.step(s, performance.now() - start);
  }

  /** Parameters that the CPU needs and that are on the GPU. */
  private async parametersHere(): Promise<void> {
    const { device, linked, parts } = this.p;
    const there: GpuValue[] = [];
    for (const v of linked.values) {
      if (v.kind !== "param" || !linked.paramsOn.cpu.has(v.index)) continue;
      const t = this.args[v.index];
      if (t instanceof GpuTensor) there.push(v);
      else this.here.set(v, view(t));
    }
    if (there.length === 0) return;
    // Not by `to`, which waits for its turn, and this is ours.
    await device.guarded(parts.name, () => {
      for (const v of there) this.parameter(v);
    });
    await this.bringHere(there);
  }

  private parameters(): void {
    const { linked } = this.p;
    for (const v of linked.values)
      if (v.kind === "param" && linked.paramsOn.gpu.has(v.index)) this.parameter(v);
  }

  private parameter(v: GpuValue): void {
    const { device, parts } = this.p;
    const t = this.args[v.index];
    if (!(t instanceof GpuTensor)) return this.upload(v, t);
    if (t.device !== device) throw new GpuError(`${parts.name}: ${t} is on another device than the program`);
    this.given.set(v.index, t.buffer);
  }

  private upload(v: GpuValue, t: Tensor): void {
    const { device, parts } = this.p;
    const { buffer, offset } = parts.buffers.at(v, this.given);
    device.upload(buffer, toDevice(t.data, t.dtype, `${parts.name}: ${v.name}`), offset);
  }

  private submit(): void {
    this.recording.submit();
    this.recording = this.fresh();
  }

  /** Values of the GPU on the CPU. */
  private async bringHere(values: readonly GpuValue[]): Promise<void> {
    const { device, parts } = this.p;
    const read = await device.guarded(parts.name, () => {
      const staged = this.recording.stage(
        values.map((v) => ({ place: parts.buffers.at(v, this.given), bytes: v.bytes })),
      );
      this.submit();
      return staged;
    });
    const data = await read.parts().finally(() => {
      for (const b of read.buffers) device.release(b);
    });
    values.forEach((v, i) => {
      const t = Tensor.empty([v.size], v.dtype);
      fromDevice(data[i], t.data, v.dtype);
      this.here.get(v)?.dispose();
      this.here.set(v, t);
    });
  }

  private onTheCpu(s: Extract<GpuStep, { kind: "cpu" }>): void {
    for (const v of s.written) {
      this.here.get(v)?.dispose();
      this.here.set(v, Tensor.empty([v.size], v.dtype));
    }
    const tensors = s.operands.map(({ value }) =>
      value.kind === "constant" ? this.p.constant(value.index) : (this.here.get(value) as Tensor),
    );
    this.p.parts.cpu.get(s)?.(tensors);
  }

  /** Submits what is left, with what the results need; gives what waits for them. */
  private outputs(): () => Promise<GpuInput[]> {
    const { linked, parts } = this.p;
    const { results } = linked;
    // Those that are passed on, whether or not a kernel reads them.
    for (const { value } of results)
      if (value.kind === "param" && this.args[value.index] instanceof GpuTensor) this.parameter(value);
    const there = results.map(
      (r) => r.on === "gpu" || (r.value.kind === "param" && this.given.has(r.value.index)),
    );
    if (this.keep) {
      const made = this.kept(there);
      return async () => made;
    }
    const back = [...results.keys()].filter((i) => there[i]);
    const staged = this.recording.stage(
      back.map((i) => ({
        place: parts.buffers.at(results[i].value, this.given),
        bytes: results[i].value.bytes,
      })),
    );
    this.staging.push(...staged.buffers);
    this.submit();
    return async () => {
      const start = performance.now();
      const data = await staged.parts();
      const ms = performance.now() - start;
      // All came back together.
      for (const i of back) this.observer?.step({ kind: "down", value: results[i].value }, ms / back.length);
      return results.map((r, i) => {
        const t = Tensor.empty(r.shape, r.dtype);
        const k = back.indexOf(i);
        if (k >= 0) fromDevice(data[k], t.data, r.dtype);
        else t.data.set((this.onCpu(r.value) as Tensor).data as never);
        return t;
      });
    };
  }

  /** The results as tensors of the device. `there`: which of them are there. */
  private kept(there: readonly boolean[]): GpuTensor[] {
    const { device, linked, parts } = this.p;
    // Elements that the GPU has no type for are refused before anything is made.
    const words = linked.results.map((r, i) => {
      const from = there[i] ? undefined : this.onCpu(r.value);
      return from && toDevice(from.data, r.dtype, `${parts.name}: ${r.value.name}`);
    });
    const made = linked.results.map((r, i) => {
      const bytes = bytesOnDevice(r.dtype, r.shape);
      const buffer = device.acquire(Math.max(16, bytes), STORAGE);
      if (there[i] && bytes > 0) this.recording.copy(parts.buffers.at(r.value, this.given), buffer);
      return new GpuTensor(device, r.dtype, r.shape, buffer);
    });
    this.submit();
    words.forEach((data, i) => {
      if (data) device.upload(made[i].buffer, data);
    });
    return made;
  }

  /** A value that the CPU has. */
  private onCpu(v: GpuValue): Tensor | undefined {
    if (v.kind === "constant") return this.p.constant(v.index);
    if (v.kind !== "param") return this.here.get(v);
    const t = this.args[v.index];
    return t instanceof Tensor ? t : this.here.get(v);
  }

  dispose(): void {
    for (const t of this.here.values()) t.dispose();
    for (const b of this.staging) this.p.device.release(b);
    this.here.clear();
  }
}

/** The same memory: disposing of it leaves the tensor alone. */
const view = (t: Tensor): Tensor => t.reshape([sizeOf(t.shape)]);
