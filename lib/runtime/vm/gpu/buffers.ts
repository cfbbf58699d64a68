/** The buffers of a linked program on a device, made once: its arena, parameters, constants, results and scratch. */
import type { VmProgram } from "../../../graph/vm-code.ts";
import type { Buffer } from "../../../ir/index.ts";
import { boundBytes, bytesOf } from "../../webgpu/call.ts";
import type { GpuDevice } from "../../webgpu/device.ts";
import { STORAGE, USAGE } from "../../webgpu/pool.ts";
import { checkBytes } from "../../webgpu/tensor.ts";
import { acquireConstant, releaseConstant } from "./constants.ts";
import { allSteps, type GpuLinked, type GpuStep } from "./gpu-steps.ts";
import type { GpuValue } from "./values.ts";

/** A part of a buffer. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

type KernelStep = Extract<GpuStep, { kind: "kernels" }>;

export class GpuBuffers {
  private readonly device: GpuDevice;
  private readonly program: VmProgram;
  private readonly linked: GpuLinked;
  private readonly held: GPUBuffer[] = [];
  private readonly constants: number[] = [];
  private readonly own = new Map<GpuValue, GPUBuffer>();
  private readonly arena: GPUBuffer | undefined;
  /** For what kernels of one program hand on to each other: used by one step after another. */
  private readonly scratch: GPUBuffer[] = [];
  /** Copies of operands that are another one again. */
  private readonly copies: GPUBuffer[] = [];
  readonly uniforms = new Map<object, GPUBuffer>();

  /** Throws a GpuError for what is over a limit of the device. Call it inside of `guarded`. */
  constructor(device: GpuDevice, program: VmProgram, linked: GpuLinked) {
    this.device = device;
    this.program = program;
    this.linked = linked;
    if (linked.arenaBytes > device.limits.maxBufferSize) {
      checkBytes(
        { limits: { ...device.limits, maxStorageBufferBindingSize: linked.arenaBytes } },
        "what lies between the steps",
        linked.arenaBytes,
      );
    }
    this.arena = linked.arenaBytes > 0 ? this.make(linked.arenaBytes) : undefined;
    for (const v of linked.values) this.place(v);
    for (const s of allSteps(linked.steps)) if (s.kind === "kernels") this.forStep(s);
  }

  private make(bytes: number, usage: number = STORAGE): GPUBuffer {
    const made = this.device.acquire(Math.max(16, bytes), usage);
    this.held.push(made);
    return made;
  }

  private place(v: GpuValue): void {
    const touched = v.span !== undefined;
    if (v.kind === "param" && this.linked.paramsOn.gpu.has(v.index)) this.own.set(v, this.make(v.bytes));
    if (v.kind === "result" && touched) this.own.set(v, this.make(v.bytes));
    if (v.kind !== "constant" || !touched) return;
    this.own.set(v, acquireConstant(this.device, this.program.constants[v.index]));
    this.constants.push(v.index);
  }

  private forStep(s: KernelStep): void {
    s.func.temporaries.forEach((b, i) => {
      this.fit(this.scratch, i, bytesOf(b, s.info.func, s.bound));
    });
    [...s.again].forEach((k, i) => {
      this.fit(this.copies, i, s.operands[k].value.bytes);
    });
    for (const l of s.launches) {
      if (!l.uniforms) continue;
      const buffer = this.make(l.uniforms.byteLength, USAGE.uniform | USAGE.copyDst | USAGE.copySrc);
      this.device.device.queue.writeBuffer(buffer, 0, l.uniforms);
      this.uniforms.set(l, buffer);
    }
  }

  /** Makes the buffer of that number large enough. */
  private fit(list: GPUBuffer[], i: number, bytes: number): void {
    const known = list[i];
    if (known && known.size >= Math.max(16, bytes)) return;
    if (known) {
      this.held.splice(this.held.indexOf(known), 1);
      this.device.release(known);
    }
    list[i] = this.make(bytes);
  }

  /** Where a value is; `given`: the buffers of parameters that are on the device already. */
  at(v: GpuValue, given: ReadonlyMap<number, GPUBuffer>): Place {
    const size = boundBytes(v.bytes);
    if (v.kind === "between") return { buffer: this.arena as GPUBuffer, offset: v.offset, size };
    const own = v.kind === "param" ? (given.get(v.index) ?? this.own.get(v)) : this.own.get(v);
    return { buffer: own as GPUBuffer, offset: 0, size };
  }

  /** The copy of the operand of that number, where it is bound to one. */
  copyOf(s: KernelStep, operand: number): Place {
    const buffer = this.copies[[...s.again].indexOf(operand)];
    return { buffer, offset: 0, size: boundBytes(s.operands[operand].value.bytes) };
  }

  temporary(s: KernelStep, b: Buffer): Place {
    const buffer = this.scratch[s.func.temporaries.findIndex((t) => t.id === b.id)];
    return { buffer, offset: 0, size: boundBytes(bytesOf(b, s.info.func, s.bound)) };
  }

  /** Bytes that the program holds beside constants. */
  get bytes(): number {
    return this.held.reduce((n, b) => n + b.size, 0);
  }

  dispose(): void {
    for (const b of this.held) this.device.release(b);
    for (const i of this.constants) releaseConstant(this.device, this.program.constants[i]);
    this.held.length = 0;
    this.constants.length = 0;
  }
}
