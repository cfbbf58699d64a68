/**
 * A lowered function as steps for a GPU: kernels there, what has no form there on the CPU, and the copies between. Only
 * functions without branches, calls, loops and sizes that are found while running are linked; for others `link` says why.
 */

import type { Bound } from "../../../codegen/index.ts";
import { WgslError, type WgslFunction } from "../../../codegen/wgsl/index.ts";
import type { VmFunction, VmInstr, VmProgram } from "../../../graph/vm-code.ts";
import type { Attrs, DType, PrimFunc, Scalar } from "../../../ir/index.ts";
import { type LaunchStep, launchSteps } from "../../webgpu/launch.ts";
import { checkBytes } from "../../webgpu/tensor.ts";
import { writtenBy } from "../../written.ts";
import { sizesOfCall } from "../kernels.ts";
import type { StepInfo } from "../types.ts";
import { unfit } from "./constants.ts";
import type { GpuKernels, GpuTraits } from "./kernels.ts";
import { type GpuValue, GpuValues, placeValues, touch } from "./values.ts";

/** A value under the shape that a step sees. */
export interface GpuOperand {
  readonly value: GpuValue;
  readonly shape: readonly number[];
}

export type GpuStep =
  | {
      readonly kind: "kernels";
      readonly info: StepInfo;
      readonly func: WgslFunction;
      readonly launches: readonly LaunchStep[];
      readonly bound: Bound;
      /** One for each buffer parameter. */
      readonly operands: readonly GpuOperand[];
      /** Parameters that are another one again: they are bound to a copy. */
      readonly again: ReadonlySet<number>;
    }
  | {
      readonly kind: "cpu";
      readonly info: StepInfo;
      /** Why it has no form on the GPU. */
      readonly why: string;
      readonly operands: readonly GpuOperand[];
      readonly written: readonly GpuValue[];
      readonly run:
        | { readonly program: string; readonly scalars: readonly number[] }
        | { readonly packed: string; readonly inputs: number; readonly attrs: Attrs };
    }
  /** A copy to the GPU, or back. */
  | { readonly kind: "up" | "down"; readonly value: GpuValue };

/** The steps one after another, those inside of others too. */
export const allSteps = (steps: readonly GpuStep[]): readonly GpuStep[] => steps;

export interface GpuLinked {
  readonly steps: readonly GpuStep[];
  readonly values: readonly GpuValue[];
  /** Where the results are in the end. */
  readonly results: readonly (GpuOperand & { readonly dtype: DType; readonly on: "gpu" | "cpu" })[];
  readonly arenaBytes: number;
  /** Parameters that kernels read, and that the CPU reads. */
  readonly paramsOn: { readonly gpu: ReadonlySet<number>; readonly cpu: ReadonlySet<number> };
}

const PLAIN = new Set<VmInstr["op"]>(["callTir", "callPacked", "alloc", "view", "move", "kill"]);

/** What keeps a program from being linked: instructions that decide what runs next by looking at data. */
export function obstacle(program: VmProgram, name: string): string | undefined {
  const f = program.functions[name];
  const other = f.code.find((i) => !PLAIN.has(i.op));
  if (other) return `${name} has a step (${other.op}) that depends on data`;
  const open = f.code.some((i) => i.op === "callTir" && i.scalars.some((x) => typeof x !== "number"));
  if (open || f.slots.some((s) => s.sizes)) return `${name} has sizes that depend on data`;
  return undefined;
}

export function link(program: VmProgram, name: string, kernels: GpuKernels, device: GpuTraits): GpuLinked {
  return new Linker(program, program.functions[name], kernels, device).run();
}

interface Valid {
  gpu: boolean;
  cpu: boolean;
}

class Linker {
  private readonly program: VmProgram;
  private readonly func: VmFunction;
  private readonly kernels: GpuKernels;
  private readonly device: GpuTraits;
  private readonly values: GpuValues;
  private readonly steps: GpuStep[] = [];
  private readonly valid = new Map<GpuValue, Valid>();
  private readonly onGpu = new Set<number>();
  private readonly onCpu = new Set<number>();
  private readonly unfitConstants = new Map<number, string | undefined>();

  constructor(program: VmProgram, func: VmFunction, kernels: GpuKernels, device: GpuTraits) {
    this.program = program;
    this.func = func;
    this.kernels = kernels;
    this.device = device;
    this.values = new GpuValues(func);
  }

  run(): GpuLinked {
    for (const i of this.func.code) {
      if (i.op === "callTir") this.tir(i);
      else if (i.op === "callPacked") this.packed(i);
      else if (i.op === "view" || i.op === "move") this.values.alias(i.dst, i.src);
    }
    const results = this.func.results.map((slot) => {
      const value = this.values.read(slot);
      const { dtype, shape } = this.func.slots[slot];
      const v = this.validity(value);
      const on = v.gpu && !v.cpu ? ("gpu" as const) : ("cpu" as const);
      touch(value, this.steps.length, on);
      return { value, shape, dtype, on };
    });
    return {
      steps: this.steps,
      values: this.values.all,
      results,
      arenaBytes: placeValues(this.values.all),
      paramsOn: { gpu: this.onGpu, cpu: this.onCpu },
    };
  }

  /** Parameters are wherever the caller has them; the rest of the way is made at the start of a run. */
  private validity(v: GpuValue): Valid {
    let known = this.valid.get(v);
    if (!known) {
      const everywhere = v.kind === "param" || v.kind === "constant";
      known = { gpu: everywhere, cpu: everywhere };
      this.valid.set(v, known);
    }
    return known;
  }

  private operands(slots: readonly number[], isOut: (k: number) => boolean): GpuOperand[] {
    // What is read is looked up before anything is written: a program may take over the place of an operand.
    const read = slots.map((s, k) => (isOut(k) ? undefined : this.values.read(s)));
    return slots.map((s, k) => ({ value: read[k] ?? this.values.write(s), shape: this.func.slots[s].shape }));
  }

  private tir(i: Extract<VmInstr, { op: "callTir" }>): void {
    const func = this.kernels.func(i.func);
    const written = writtenBy(func);
    const isOut = func.params.flatMap((p) => (p.kind === "buffer" ? [written.has(p.id)] : []));
    const operands = this.operands(i.args, (k) => isOut[k]);
    const shapes = operands.map((o) => o.shape);
    // Programs with sizes that are found while running are not linked.
    const scalars = i.scalars as readonly number[];
    const sizes = sizesOfCall(func, shapes, scalars) as ReadonlyMap<number, number>;
    const info: StepInfo = {
      node: i.node,
      func: i.func,
      program: func,
      sizes,
      bytes: operands.reduce((n, o) => n + o.value.bytes, 0),
    };
    const made = this.compiled(i.func, func, operands, { sizes, scalars: scalarsOf(func, scalars) });
    if (typeof made === "string") {
      this.onTheCpu(info, made, operands, isOut, { program: i.func, scalars });
      return;
    }
    operands.forEach((o, k) => {
      if (!isOut[k]) this.bring(o.value, "gpu");
    });
    const seen = new Set<GpuValue>();
    const again = new Set<number>();
    operands.forEach(({ value }, k) => {
      if (value.kind === "between" && seen.has(value)) again.add(k);
      seen.add(value);
      touch(value, this.steps.length);
      if (isOut[k]) this.valid.set(value, { gpu: true, cpu: false });
    });
    this.steps.push({ kind: "kernels", info, operands, again, ...made });
  }

  /** The kernels, or why there are none. */
  private compiled(name: string, func: PrimFunc, operands: readonly GpuOperand[], bound: Bound) {
    for (const { value } of operands) {
      const why = this.whyNotOnGpu(value);
      if (why !== undefined) return why;
    }
    const made = this.kernels.get(
      name,
      operands.map((o) => o.value.kind === "between"),
    );
    if (made instanceof WgslError) return made.message.replace(`${name}: `, "");
    try {
      for (const { value } of operands) checkBytes(this.device, value.name, value.bytes);
      return { func: made, bound, launches: launchSteps(this.device, made, bound) };
    } catch (e) {
      return (e as Error).message.replace(`${func.attrs.name ?? name}: `, "");
    }
  }

  private whyNotOnGpu(v: GpuValue): string | undefined {
    if (v.dtype === "f64") return "WGSL has no f64";
    if (v.dtype === "f16" && !this.device.features.has("shader-f16")) return "the device has no f16";
    if (v.kind !== "constant") return undefined;
    if (!this.unfitConstants.has(v.index))
      this.unfitConstants.set(v.index, unfit(this.program.constants[v.index]));
    return this.unfitConstants.get(v.index);
  }

  private packed(i: Extract<VmInstr, { op: "callPacked" }>): void {
    const n = i.args.length;
    const operands = this.operands([...i.args, ...i.outputs], (k) => k >= n);
    const info: StepInfo = {
      node: i.node,
      func: i.func,
      bytes: operands.reduce((b, o) => b + o.value.bytes, 0),
    };
    const isOut = operands.map((_, k) => k >= n);
    const run = { packed: i.func, inputs: n, attrs: i.attrs };
    this.onTheCpu(info, "a library function", operands, isOut, run);
  }

  private onTheCpu(
    info: StepInfo,
    why: string,
    operands: readonly GpuOperand[],
    isOut: readonly boolean[],
    run: Extract<GpuStep, { kind: "cpu" }>["run"],
  ): void {
    operands.forEach((o, k) => {
      if (!isOut[k]) this.bring(o.value, "cpu");
    });
    const written = operands.filter((_, k) => isOut[k]).map((o) => o.value);
    for (const v of written) this.valid.set(v, { gpu: false, cpu: true });
    for (const { value } of operands) touch(value, this.steps.length, "cpu");
    this.steps.push({ kind: "cpu", info, why, operands, written, run });
  }

  private bring(v: GpuValue, to: "gpu" | "cpu"): void {
    if (v.kind === "param") (to === "gpu" ? this.onGpu : this.onCpu).add(v.index);
    const valid = this.validity(v);
    if (valid[to]) return;
    for (const on of ["gpu", "cpu"] as const) touch(v, this.steps.length, on);
    this.steps.push({ kind: to === "gpu" ? "up" : "down", value: v });
    valid[to] = true;
  }
}

function scalarsOf(f: PrimFunc, values: readonly number[]): Map<number, Scalar> {
  const vars = f.params.filter((p) => p.kind === "var");
  return new Map(vars.map((v, i) => [v.id, v.dtype === "i64" ? BigInt(values[i]) : values[i]]));
}
