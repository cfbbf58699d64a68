/** What of a bundle for WebGPU runs on the CPU: WebAssembly, library functions, and the memory they work in. */
import { compileWasm } from "../../codegen/wasm/index.ts";
import { planOffsets } from "../../graph/passes/plan-offsets.ts";
import { BYTES, type Expr, irModule, ops, type PrimFunc } from "../../ir/index.ts";
import type { GpuValue } from "../../runtime/vm/gpu/values.ts";
import { sizesOfCall } from "../../runtime/vm/kernels.ts";
import { applyDefaultSchedule } from "../../tune/default/index.ts";
import { refuseDeploy } from "../error.ts";
import { arrayOf } from "../ports.ts";
import { Programs } from "../programs.ts";
import { sizeText } from "../sizes.ts";
import { callText, type Kernel, workspaceOf } from "../wasm/calls.ts";
import { hostsOf, type Linked } from "../wasm/hosts.ts";
import { type EntryPoint, type StepOf, stepsOf } from "./entry-points.ts";

type CpuStep = StepOf<"cpu">;

/** Address 0 stays unused, so that it can mean "none". */
const FIRST = 64;
const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;
const cpuBytes = (v: GpuValue): number => v.size * BYTES[v.dtype];

export interface CpuCode {
  /** `kernels.wasm`; undefined when no tensor program runs on the CPU. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly linked: readonly (Linked & { readonly bytes: Uint8Array })[];
  readonly hosts: readonly string[];
  /** What a step calls, and its program. */
  kernel(s: CpuStep): { readonly kernel: Kernel; readonly func: PrimFunc };
}

/** Compiles the tensor programs that run on the CPU. */
export function cpuCode(entries: readonly EntryPoint[], relaxedSimd: boolean): CpuCode {
  const programs = new Programs();
  const names = new Map<CpuStep, string>();
  for (const { linked, plain } of entries) {
    for (const s of stepsOf(linked, "cpu")) {
      if ("program" in s.run) names.set(s, programs.put(s.run.program, plain(s.run.program)));
    }
  }
  const code =
    names.size > 0
      ? compileWasm(applyDefaultSchedule.run(irModule(programs.funcs)), { relaxedSimd })
      : undefined;
  return {
    bytes: code?.bytes,
    linked: (code?.kernels ?? []).map((k) => ({
      ...{ file: `kernel-${k.name}.wasm`, name: k.name, export: k.export, bytes: k.bytes },
    })),
    hosts: code ? hostsOf(code.bytes) : [],
    kernel(s) {
      const name = names.get(s) as string;
      const made = code as NonNullable<typeof code>;
      return { kernel: { name, code: made.functions[name] }, func: programs.funcs[name] };
    },
  };
}

/** The CPU's memory as one entry point uses it. */
export class CpuMemory {
  /** The first byte that is not used. */
  readonly end: number;
  private readonly code: CpuCode;
  private readonly addresses = new Map<GpuValue, number>();
  private readonly constant: (index: number) => number;
  private readonly scratch: number;

  /** `start`: memory from here on is the entry's; `constant`: addresses of constants. */
  constructor(entry: EntryPoint, code: CpuCode, start: number, constant: (index: number) => number) {
    this.code = code;
    this.constant = constant;
    let end = lines(Math.max(start, FIRST));
    const here = entry.linked.values.filter((v) => v.here && v.kind !== "constant");
    const plan = planOffsets(here.map((v) => spanOf(v)));
    here.forEach((v, i) => {
      this.addresses.set(v, end + plan.offsets[i]);
    });
    end += lines(plan.total);
    this.scratch = end;
    const spaces = stepsOf(entry.linked, "cpu").map((s) => this.workspace(s));
    this.end = end + lines(Math.max(0, ...spaces));
  }

  /** The address of a value that the CPU touches. */
  at(v: GpuValue): number {
    return v.kind === "constant" ? this.constant(v.index) : (this.addresses.get(v) as number);
  }

  /** A step as text. */
  call(s: CpuStep): string {
    const at = s.operands.map((o) => this.at(o.value));
    if ("program" in s.run) {
      const { kernel, func } = this.code.kernel(s);
      return callText(kernel, func, at, s.run.scalars, this.sizes(s, func), { size }, this.scratch);
    }
    const list = (from: number, to: number): string => {
      const some = s.operands.slice(from, to).map(({ value, shape }, i) => {
        return `[${at[from + i]}, ${arrayOf(value.dtype)}, [${shape.join(", ")}]]`;
      });
      return `[${some.join(", ")}]`;
    };
    const { packed, inputs, attrs } = s.run;
    const [name, given] = [JSON.stringify(packed), JSON.stringify(attrs)];
    return `call(${name}, ${list(0, inputs)}, ${list(inputs, s.operands.length)}, ${given});`;
  }

  private sizes(s: CpuStep, func: PrimFunc): Map<number, Expr> {
    const scalars = "program" in s.run ? s.run.scalars : [];
    return sizesOfCall<Expr>(
      func,
      s.operands.map((o) => o.shape.map((n) => ops.toExpr(n))),
      scalars.map((x) => ops.toExpr(x)),
    );
  }

  private workspace(s: CpuStep): number {
    if (!("program" in s.run)) return 0;
    const { kernel, func } = this.code.kernel(s);
    return workspaceOf(kernel.code, this.sizes(s, func), new Map(), s.info.node);
  }
}

/** Steps have fixed sizes. */
const size = (e: Expr): string => sizeText(e, (v) => refuseDeploy(`the size ${v.name} has no value`));

/** When a value is needed on the CPU: inputs are written before the first step. */
function spanOf(v: GpuValue): { bytes: number; start: number; end: number } {
  const { start, end } = v.here as { start: number; end: number };
  return { bytes: cpuBytes(v), start: v.kind === "param" ? 0 : start, end };
}
