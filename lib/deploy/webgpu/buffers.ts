/**
 * The buffers of a bundle on the device. Entry points run one after another, so what they have in common by its role (the
 * first input, what lies between the steps, …) is one buffer, as large as the largest.
 */
import type { Buffer } from "../../ir/index.ts";
import type { GpuValue } from "../../runtime/vm/gpu/values.ts";
import { boundBytes, bytesOf } from "../../runtime/webgpu/call.ts";
import type { EntryPoint, StepOf } from "./entry-points.ts";

/** A part of a buffer: its number, where the part begins, and its bytes. */
export type Place = readonly [buffer: number, offset: number, bytes: number];

export class DeviceBuffers {
  /** By the number of the buffer. */
  readonly bytes: number[] = [];
  /** The words of buffers that are filled once and for all. */
  readonly contents = new Map<number, readonly number[]>();
  private readonly numbers = new Map<string, number>();

  /** The buffer with a role, at least so large. */
  of(role: string, bytes: number): number {
    let number = this.numbers.get(role);
    if (number === undefined) {
      number = this.bytes.push(0) - 1;
      this.numbers.set(role, number);
    }
    this.bytes[number] = Math.max(this.bytes[number], 16, boundBytes(bytes));
    return number;
  }
}

/** Where the values of one entry point are. `constant`: the role of the buffer of a constant, by its number. */
export class EntryBuffers {
  private readonly buffers: DeviceBuffers;
  private readonly entry: EntryPoint;
  private readonly constant: (index: number) => string;
  private readonly results: GpuValue[];

  constructor(buffers: DeviceBuffers, entry: EntryPoint, constant: (index: number) => string) {
    this.buffers = buffers;
    this.entry = entry;
    this.constant = constant;
    this.results = entry.linked.values.filter((v) => v.kind === "result" && v.span);
  }

  at(v: GpuValue): Place {
    const bytes = boundBytes(v.bytes);
    switch (v.kind) {
      case "between":
        return [this.buffers.of("between", this.entry.linked.arenaBytes), v.offset, bytes];
      case "param":
        return [this.buffers.of(`input ${v.index}`, v.bytes), 0, bytes];
      case "result":
        return [this.buffers.of(`result ${this.results.indexOf(v)}`, v.bytes), 0, bytes];
      case "constant":
        return [this.buffers.of(this.constant(v.index), v.bytes), 0, bytes];
    }
  }

  /** The copy of an operand that is another one again. */
  copyOf(s: StepOf<"kernels">, operand: number): Place {
    const { bytes } = s.operands[operand].value;
    return [this.buffers.of(`copy ${[...s.again].indexOf(operand)}`, bytes), 0, boundBytes(bytes)];
  }

  /** What kernels of one program hand on to each other. */
  temporary(s: StepOf<"kernels">, b: Buffer): Place {
    const bytes = bytesOf(b, s.info.func, s.bound);
    const number = s.func.temporaries.findIndex((t) => t.id === b.id);
    return [this.buffers.of(`scratch ${number}`, bytes), 0, boundBytes(bytes)];
  }

  /** Scalars of a kernel: a buffer for each content. */
  uniforms(data: ArrayBuffer): Place {
    const words = [...new Uint32Array(data)];
    const number = this.buffers.of(`uniform ${words.join(",")}`, data.byteLength);
    this.buffers.contents.set(number, words);
    return [number, 0, data.byteLength];
  }
}
