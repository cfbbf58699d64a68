/**
 * Where the values of a program are on a GPU: its parameters, constants, results, and what lies between, which shares
 * one buffer by when it is needed. Values that no kernel touches have no place there.
 */
import { planOffsets } from "../../../graph/passes/plan-offsets.ts";
import type { Slot, VmFunction } from "../../../graph/vm-code.ts";
import type { DType } from "../../../ir/index.ts";
import { bytesOnDevice } from "../../webgpu/tensor.ts";

/** What a buffer is bound at has to be a multiple of this (WebGPU specification, minStorageBufferOffsetAlignment). */
const ALIGNMENT = 256;
/** `planOffsets` works in multiples of 64. */
const SCALE = ALIGNMENT / 64;

/** The first and the last step, by their numbers. */
export interface Span {
  start: number;
  end: number;
}

export interface GpuValue {
  readonly kind: "param" | "constant" | "between" | "result";
  readonly name: string;
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  /** Bytes in the memory of the GPU. */
  readonly bytes: number;
  /** Which parameter or constant it is. */
  readonly index: number;
  /** First and last step that touches it there; undefined as long as none does. */
  span: Span | undefined;
  /** The same for what it is on the CPU. */
  here: Span | undefined;
  /** Its place in the shared buffer. */
  offset: number;
}

/** The values of a function by slot, followed through the instructions. */
export class GpuValues {
  private readonly func: VmFunction;
  private readonly all: GpuValue[];
  private readonly constants: Map<number, GpuValue>;
  private readonly args: readonly GpuValue[] | undefined;
  private readonly params = new Map<number, GpuValue>();
  private of = new Map<Slot, GpuValue>();
  /** The value that was last written at an offset of the function's arena, and the slot it was written as. */
  private arena = new Map<number, { slot: Slot; value: GpuValue }>();

  /**
   * `all`: where values are listed as they are made; `constants`: those of the program. `args`: what the parameters are, where
   * another function calls this one.
   */
  constructor(
    func: VmFunction,
    all: GpuValue[],
    constants: Map<number, GpuValue>,
    args?: readonly GpuValue[],
  ) {
    this.func = func;
    this.all = all;
    this.constants = constants;
    this.args = args;
  }

  /** The value that an instruction reads. */
  read(slot: Slot): GpuValue {
    const { source } = this.func.slots[slot];
    switch (source.kind) {
      case "param":
        return this.args?.[source.index] ?? this.once(this.params, slot, source);
      case "constant":
        return this.once(this.constants, slot, source);
      case "arena":
        return this.arena.get(source.offset)?.value ?? this.write(slot);
      case "set":
        return this.of.get(slot) ?? this.write(slot);
    }
  }

  /** The value that an instruction writes: a new one, unless the slot was allocated before. */
  write(slot: Slot): GpuValue {
    const { source } = this.func.slots[slot];
    if (source.kind === "arena") {
      const known = this.arena.get(source.offset);
      if (known?.slot === slot) return known.value;
      const value = this.make(slot, "between", 0);
      this.arena.set(source.offset, { slot, value });
      return value;
    }
    if (source.kind !== "set") return this.read(slot);
    const known = this.of.get(slot);
    if (known) return known;
    const value = this.make(slot, "result", 0);
    this.of.set(slot, value);
    return value;
  }

  /** `dst` is the value in `src`. */
  alias(dst: Slot, src: Slot): void {
    this.of.set(dst, this.read(src));
  }

  /** `slot` is the value from here on. */
  set(slot: Slot, value: GpuValue): void {
    this.of.set(slot, value);
  }

  /** Links a branch: what slots are afterwards is what they were before. */
  branch(work: () => void): void {
    const { of, arena } = this;
    this.of = new Map(of);
    this.arena = new Map(arena);
    work();
    this.of = of;
    this.arena = arena;
  }

  private once(
    known: Map<number, GpuValue>,
    slot: Slot,
    { kind, index }: { kind: "param" | "constant"; index: number },
  ): GpuValue {
    const value = known.get(index) ?? this.make(slot, kind, index);
    known.set(index, value);
    return value;
  }

  /** A new value with the dtype and shape of a slot. */
  make(slot: Slot, kind: GpuValue["kind"], index: number): GpuValue {
    const { name, dtype, shape } = this.func.slots[slot];
    return this.list(kind, name, dtype, shape, index);
  }

  /** A value of one element that no slot has. */
  scalar(name: string, dtype: DType): GpuValue {
    return this.list("result", name, dtype, [], 0);
  }

  shapeOf(slot: Slot): readonly number[] {
    return this.func.slots[slot].shape;
  }

  private list(
    kind: GpuValue["kind"],
    name: string,
    dtype: DType,
    shape: readonly number[],
    index: number,
  ): GpuValue {
    const size = shape.reduce((n, x) => n * x, 1);
    const bytes = bytesOnDevice(dtype, shape);
    const made: GpuValue = {
      ...{ kind, name, dtype, size, bytes, index },
      ...{ span: undefined, here: undefined, offset: 0 },
    };
    this.all.push(made);
    return made;
  }
}

/** Says that a step touches a value on the GPU, or what it is on the CPU. */
export function touch(v: GpuValue, step: number, on: "gpu" | "cpu" = "gpu"): void {
  const key = on === "gpu" ? "span" : "here";
  const known = v[key];
  v[key] = known
    ? { start: Math.min(known.start, step), end: Math.max(known.end, step) }
    : { start: step, end: step };
}

/** Gives the values between their places in one buffer, and returns its bytes. */
export function placeValues(values: readonly GpuValue[]): number {
  const between = values.filter((v) => v.kind === "between" && v.span);
  if (between.length === 0) return 0;
  const spans = between.map((v) => ({
    bytes: Math.ceil(Math.max(4, v.bytes) / SCALE),
    ...(v.span as { start: number; end: number }),
  }));
  const { offsets, total } = planOffsets(spans);
  between.forEach((v, i) => {
    v.offset = offsets[i] * SCALE;
  });
  return total * SCALE;
}
