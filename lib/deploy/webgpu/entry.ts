/** One entry point as JavaScript: launches in ranges, copies, and calls of what runs on the CPU. */
import type { Buffer } from "../../ir/index.ts";
import { type GpuLoop, type GpuStep, rowBytes } from "../../runtime/vm/gpu/gpu-steps.ts";
import type { GpuValue } from "../../runtime/vm/gpu/values.ts";
import { arrayOf, type Port } from "../ports.ts";
import type { EntryBuffers, Place } from "./buffers.ts";
import type { CpuMemory } from "./cpu.ts";
import type { EntryPoint, StepOf } from "./entry-points.ts";
import type { Shaders } from "./shaders.ts";

export interface EntryText {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** `[what runs, inputs, outputs]`, as the module's table has it. */
  readonly text: string;
  /** Whether it has to wait for the GPU in the middle. */
  readonly waits: boolean;
  readonly functions: ReadonlySet<string>;
  /** Whether it has loops whose iterations the CPU counts. */
  readonly loops: boolean;
}

/** `memory`: what the CPU works in, where it does. */
export function entryText(
  entry: EntryPoint,
  buffers: EntryBuffers,
  memory: CpuMemory | undefined,
  shaders: Shaders,
): EntryText {
  const writer = new EntryWriter(buffers, memory as CpuMemory, shaders);
  const body = writer.block(entry.linked.steps);
  return {
    ...{ inputs: entry.inputs, outputs: entry.outputs },
    text: `[async (r) => {\n${body.join("\n")}\n}, ${writer.inputs(entry)}, ${writer.outputs(entry)}]`,
    waits: body.some((line) => line.includes("await ")),
    functions: writer.functions,
    loops: writer.loops,
  };
}

const listed = (place: Place): string => `[${place.join(", ")}]`;

class EntryWriter {
  readonly functions = new Set<string>();
  loops = false;
  private readonly buffers: EntryBuffers;
  private readonly memory: CpuMemory;
  private readonly shaders: Shaders;

  constructor(buffers: EntryBuffers, memory: CpuMemory, shaders: Shaders) {
    this.buffers = buffers;
    this.memory = memory;
    this.shaders = shaders;
  }

  block(steps: readonly GpuStep[]): string[] {
    const out: string[] = [];
    const { launches } = this.shaders;
    let first = launches.length;
    const flush = (): void => {
      if (launches.length > first) out.push(`go(r, ${first}, ${launches.length});`);
      first = launches.length;
    };
    /** Values that are waited for together. */
    let down: string[] = [];
    const wait = (): void => {
      if (down.length > 0) out.push(`await down(r, [${down.join(", ")}]);`);
      down = [];
    };
    for (const s of steps) {
      if (s.kind !== "down") wait();
      switch (s.kind) {
        case "kernels":
          for (const k of s.again) {
            flush();
            const from = this.buffers.at(s.operands[k].value);
            out.push(`copy(r, ${listed(from)}, ${listed(this.buffers.copyOf(s, k))});`);
          }
          this.launch(s);
          break;
        case "down":
          flush();
          down.push(`[${listed(this.buffers.at(s.value))}, ${this.here(s.value)}]`);
          break;
        case "up":
          flush();
          out.push(`up(r, ${this.here(s.value)}, ${listed(this.buffers.at(s.value))});`);
          break;
        case "cpu":
          flush();
          out.push(this.memory.call(s));
          if ("packed" in s.run) this.functions.add(s.run.packed);
          break;
        case "copy":
        case "row":
          flush();
          out.push(...this.move(s));
          break;
        case "if":
          flush();
          out.push(`if (u8[${this.memory.at(s.cond)}]) {`, ...this.block(s.branches[0]));
          out.push("} else {", ...this.block(s.branches[1]), "}");
          first = launches.length;
          break;
        case "loop":
          flush();
          out.push(...this.loop(s));
          first = launches.length;
          break;
      }
    }
    wait();
    flush();
    return out;
  }

  /** Copies a value into another, or into the row that the iteration `n` has. */
  private move(s: StepOf<"copy" | "row">): string[] {
    const bytes = rowBytes(s.from, s.on);
    if (bytes === 0) return [];
    const plus = (at: number): string => (s.kind === "row" ? `${at} + ${bytes} * n` : String(at));
    if (s.on === "cpu") {
      const [from, to] = [this.memory.at(s.from), this.memory.at(s.to)];
      return [`u8.copyWithin(${plus(to)}, ${from}, ${from + bytes});`];
    }
    const [buffer, offset] = this.buffers.at(s.to);
    return [`copy(r, ${listed(this.buffers.at(s.from))}, [${buffer}, ${plus(offset)}]);`];
  }

  private loop(s: GpuLoop): string[] {
    this.loops = true;
    const at = (v: GpuValue | undefined): number => (v ? this.memory.at(v) : 0);
    const told = [s.trip, s.cond, s.iteration, s.given, s.again].map(at);
    const body = this.block(s.body);
    return [`await loop(${[...told, s.rows ?? -1].join(", ")}, async (n) => {`, ...body, "});"];
  }

  /** Where a value is on the CPU, its typed array and its length. */
  private here(v: GpuValue): string {
    return `${this.memory.at(v)}, ${arrayOf(v.dtype)}, ${v.size}`;
  }

  private launch(s: StepOf<"kernels">): void {
    const params = s.func.params.filter((p): p is Buffer => p.kind === "buffer");
    const numberOf = new Map(params.map((p, k) => [p.id, k]));
    const placeOf = (b: Buffer): Place => {
      const k = numberOf.get(b.id);
      if (k === undefined) return this.buffers.temporary(s, b);
      return s.again.has(k) ? this.buffers.copyOf(s, k) : this.buffers.at(s.operands[k].value);
    };
    for (const l of s.launches) {
      if (l.groups.includes(0)) continue;
      const bindings = l.kernel.bindings.map((b) => placeOf(b.buffer));
      if (l.uniforms) bindings.push(this.buffers.uniforms(l.uniforms));
      this.shaders.launch(l.kernel, l.groups, bindings);
    }
  }

  /** By name: the buffer (-1: none), typed array, shape, and the address on the CPU (0: none). */
  inputs({ inputs, linked }: EntryPoint): string {
    const rows = inputs.map(({ name, dtype, shape, index }) => {
      const v = linked.values.find((x) => x.kind === "param" && x.index === index);
      const buffer = v && linked.paramsOn.gpu.has(index) ? this.buffers.at(v)[0] : -1;
      const address = v && linked.paramsOn.cpu.has(index) ? this.memory.at(v) : 0;
      return `[${JSON.stringify(name)}]: [${buffer}, ${arrayOf(dtype)}, [${shape.join(", ")}], ${address}]`;
    });
    return `{ ${rows.join(", ")} }`;
  }

  /** By name: where it is (a part of a buffer, an address on the CPU, or the name of an input), typed array, shape. */
  outputs({ inputs, outputs, linked }: EntryPoint): string {
    const rows = outputs.map(({ name, dtype, shape }, i) => {
      const { value, on } = linked.results[i];
      const input = value.kind === "param" ? inputs.find((p) => p.index === value.index)?.name : undefined;
      const place =
        input !== undefined
          ? JSON.stringify(input)
          : on === "gpu"
            ? listed(this.buffers.at(value))
            : String(this.memory.at(value));
      return `[${JSON.stringify(name)}]: [${place}, ${arrayOf(dtype)}, [${shape.join(", ")}]]`;
    });
    return `{ ${rows.join(", ")} }`;
  }
}
