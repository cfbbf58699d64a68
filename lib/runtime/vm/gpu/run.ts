/** One run of a linked program: commands recorded, submitted when there is something to wait for, and results brought back. */
import type { VmProgram } from "../../../graph/vm-code.ts";
import { sizeOf, type TypedArray } from "../../../ir/index.ts";
import { Tensor } from "../../tensor.ts";
import type { GpuDevice } from "../../webgpu/device.ts";
import { fromDevice, toDevice } from "../../webgpu/elements.ts";
import { GpuError } from "../../webgpu/error.ts";
import { STORAGE } from "../../webgpu/pool.ts";
import { bytesOnDevice, GpuTensor } from "../../webgpu/tensor.ts";
import { Timestamps } from "../../webgpu/timestamps.ts";
import type { GpuBuffers } from "./buffers.ts";
import type { CpuRun } from "./cpu-steps.ts";
import { type GpuLinked, type GpuLoop, type GpuStep, rowBytes } from "./gpu-steps.ts";
import { type BindGroups, Recording } from "./recording.ts";
import type { GpuValue } from "./values.ts";

export type GpuInput = Tensor | GpuTensor;

/** Is told what happens, one step after another; recording one makes every step a submit of its own. */
export interface Observer {
  step(step: GpuStep, ms: number): void;
}

/** What a program is made of. */
export interface Parts {
  readonly name: string;
  readonly program: VmProgram;
  readonly cpu: ReadonlyMap<GpuStep, CpuRun>;
  readonly buffers: GpuBuffers;
  readonly pipelines: ReadonlyMap<object, GPUComputePipeline>;
  readonly groups: BindGroups;
}

/** A program, as far as a run needs it. */
interface Program {
  readonly device: GpuDevice;
  readonly linked: GpuLinked;
  readonly parts: Parts;
  /** The constant in the memory of the CPU. */
  constant(index: number): Tensor;
}

/** One run. */
export class Run {
  private readonly p: Program;
  private readonly args: readonly GpuInput[];
  private readonly keep: boolean;
  private readonly observer: Observer | undefined;
  /** What values hold on the CPU. */
  private readonly here = new Map<GpuValue, Tensor>();
  private readonly given = new Map<number, GPUBuffer>();
  private readonly staging: GPUBuffer[] = [];
  private recording: Recording;

  constructor(p: Program, args: readonly GpuInput[], keep: boolean, observer: Observer | undefined) {
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
        if (s.on === "cpu") this.put(s.to, 0, (this.onCpu(s.from) as Tensor).data);
        else this.recording.move(s.from, s.to, 0);
        return;
      case "row": {
        const n = Number((this.here.get(s.iteration) as Tensor).data[0]);
        if (s.on === "cpu") this.put(s.to, n * s.from.size, (this.onCpu(s.from) as Tensor).data);
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
      this.put(s.iteration, 0, BigInt64Array.of(BigInt(n)));
      this.put(s.given, 0, Uint8Array.of(1));
      await this.block(s.body);
      go = this.flag(s.again);
    }
    if (s.rows !== undefined && n !== s.rows) refuse(n);
  }

  private flag(v: GpuValue): boolean {
    return Number((this.onCpu(v) as Tensor).data[0]) !== 0;
  }

  /** Copies elements into a value on the CPU. */
  private put(v: GpuValue, at: number, from: TypedArray): void {
    let to = this.here.get(v);
    if (!to) {
      to = Tensor.empty([v.size], v.dtype);
      this.here.set(v, to);
    }
    to.data.set(from as never, at);
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
