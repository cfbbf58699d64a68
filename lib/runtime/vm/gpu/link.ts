/**
 * A lowered function as steps for a GPU: kernels there, what has no form there on the CPU, and the copies between. Functions
 * with sizes that are found while running are not linked; `obstacle` says so.
 */

import type { Bound } from "../../../codegen/index.ts";
import { WgslError } from "../../../codegen/wgsl/index.ts";
import type { Slot, VmFunction, VmInstr, VmProgram } from "../../../graph/vm-code.ts";
import type { PrimFunc, Scalar } from "../../../ir/index.ts";
import { launchSteps } from "../../webgpu/launch.ts";
import { checkBytes } from "../../webgpu/tensor.ts";
import { writtenBy } from "../../written.ts";
import { sizesOfCall } from "../kernels.ts";
import type { StepInfo } from "../types.ts";
import { unfit } from "./constants.ts";
import { linkCall, linkIf, linkLoop, type Valid } from "./control.ts";
import type { GpuLinked, GpuOperand, GpuStep, Side } from "./gpu-steps.ts";
import type { GpuKernels, GpuTraits } from "./kernels.ts";
import { type GpuValue, GpuValues, placeValues, touch } from "./values.ts";

const LINKED = new Set<VmInstr["op"]>([
  ...(["callTir", "callPacked", "callFunc", "if", "loop"] as const),
  ...(["alloc", "view", "move", "kill"] as const),
]);

/** What keeps a program from being linked: sizes that only data decides. */
export function obstacle(program: VmProgram, name: string): string | undefined {
  const f = program.functions[name];
  const sizes = `${name} has sizes that depend on data`;
  if (f.slots.some((s) => s.sizes)) return sizes;
  const within = (code: readonly VmInstr[]): string | undefined => {
    for (const i of code) {
      if (!LINKED.has(i.op))
        return i.op === "size" ? sizes : `${name} has a step (${i.op}) that depends on data`;
      if (i.op === "callTir" && i.scalars.some((x) => typeof x !== "number")) return sizes;
      if (i.op === "loop" && i.count) return sizes;
      const inside =
        i.op === "if"
          ? (within(i.then) ?? within(i.else))
          : i.op === "loop" || i.op === "callFunc"
            ? obstacle(program, i.func)
            : undefined;
      if (inside !== undefined) return inside;
    }
    return undefined;
  };
  return within(f.code);
}

export function link(program: VmProgram, name: string, kernels: GpuKernels, device: GpuTraits): GpuLinked {
  return new Linker(program, program.functions[name], kernels, device).run();
}

class Linker {
  readonly program: VmProgram;
  readonly valid = new Map<GpuValue, Valid>();
  /** All values, and those of the function that is being linked. */
  readonly all: GpuValue[] = [];
  values: GpuValues;
  /** The number of the next step. */
  at = 0;
  private func: VmFunction;
  private steps: GpuStep[] = [];
  private readonly kernels: GpuKernels;
  private readonly device: GpuTraits;
  private readonly constants = new Map<number, GpuValue>();
  private readonly onGpu = new Set<number>();
  private readonly onCpu = new Set<number>();
  private readonly unfitConstants = new Map<number, string | undefined>();

  constructor(program: VmProgram, func: VmFunction, kernels: GpuKernels, device: GpuTraits) {
    this.program = program;
    this.func = func;
    this.kernels = kernels;
    this.device = device;
    this.values = new GpuValues(func, this.all, this.constants);
  }

  run(): GpuLinked {
    this.code(this.func.code);
    const results = this.func.results.map((slot) => {
      const value = this.values.read(slot);
      const { dtype, shape } = this.func.slots[slot];
      const v = this.validity(value);
      const on = v.gpu && !v.cpu ? ("gpu" as const) : ("cpu" as const);
      touch(value, this.at, on);
      return { value, shape, dtype, on };
    });
    return {
      steps: this.steps,
      values: this.all,
      results,
      arenaBytes: placeValues(this.all),
      paramsOn: { gpu: this.onGpu, cpu: this.onCpu },
    };
  }

  code(code: readonly VmInstr[]): void {
    for (const i of code) {
      if (i.op === "callTir") this.tir(i);
      else if (i.op === "callPacked") this.packed(i);
      else if (i.op === "callFunc") linkCall(this, i);
      else if (i.op === "if") linkIf(this, i);
      else if (i.op === "loop") linkLoop(this, i);
      else if (i.op === "view" || i.op === "move") this.values.alias(i.dst, i.src);
    }
  }

  push(step: GpuStep): void {
    this.steps.push(step);
    this.at++;
  }

  nested(work: () => void): readonly GpuStep[] {
    const outside = this.steps;
    const inside: GpuStep[] = [];
    this.steps = inside;
    work();
    this.steps = outside;
    return inside;
  }

  inside(name: string, args: readonly GpuValue[]): GpuValue[] {
    const { func, values } = this;
    this.func = this.program.functions[name];
    this.values = new GpuValues(this.func, this.all, this.constants, args);
    this.code(this.func.code);
    const results = this.func.results.map((slot) => this.values.read(slot));
    this.func = func;
    this.values = values;
    return results;
  }

  own(slot: Slot): GpuValue {
    return this.values.make(slot, "result", 0);
  }

  copy(from: GpuValue, to: GpuValue, on: Side): void {
    this.bring(from, on);
    for (const v of [from, to]) touch(v, this.at, on);
    this.push({ kind: "copy", from, to, on });
    this.only(to, on);
  }

  only(v: GpuValue, on: Side): void {
    this.valid.set(v, { gpu: on === "gpu", cpu: on === "cpu" });
  }

  /** Parameters are wherever the caller has them; the rest of the way is made at the start of a run. */
  validity(v: GpuValue): Valid {
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
      touch(value, this.at);
      if (isOut[k]) this.valid.set(value, { gpu: true, cpu: false });
    });
    this.push({ kind: "kernels", info, operands, again, ...made });
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
    for (const { value } of operands) touch(value, this.at, "cpu");
    this.push({ kind: "cpu", info, why, operands, written, run });
  }

  bring(v: GpuValue, to: Side): void {
    if (v.kind === "param") (to === "gpu" ? this.onGpu : this.onCpu).add(v.index);
    const valid = this.validity(v);
    if (valid[to]) return;
    for (const on of ["gpu", "cpu"] as const) touch(v, this.at, on);
    this.push(to === "gpu" ? { kind: "up", value: v } : { kind: "down", value: v });
    valid[to] = true;
  }
}

function scalarsOf(f: PrimFunc, values: readonly number[]): Map<number, Scalar> {
  const vars = f.params.filter((p) => p.kind === "var");
  return new Map(vars.map((v, i) => [v.id, v.dtype === "i64" ? BigInt(values[i]) : values[i]]));
}
