/** What candidates are compared with: random operands of a program, and what the program makes of them. */
import { type BufferArg, interpret } from "../../codegen/index.ts";
import {
  bufferParams,
  constInt,
  type DType,
  irModule,
  isFloat,
  type PrimFunc,
  type TypedArray,
} from "../../ir/index.ts";
import { defaultSchedule } from "../../tune/default/index.ts";
import { allclose, type Tolerance } from "../allclose.ts";
import { build } from "../build.ts";
import { countFlops } from "../flops.ts";
import { Random } from "../random.ts";
import { Tensor } from "../tensor.ts";
import { writtenBy } from "../written.ts";

/** Work up to which the interpreter computes the reference, and up to which the program as it was given does, compiled. */
const INTERPRETED_FLOPS = 2e6;
const UNSCHEDULED_FLOPS = 3e8;

/**
 * How far a result may be from the reference, as parts of the element and of the largest element of the tensor: sums in
 * another order and fused multiply-adds differ by that much, mistakes by more. Integers computed from floats may differ by
 * one, others not at all.
 */
const CLOSE: { readonly [t in DType]?: { readonly element: number; readonly largest: number } } = {
  f64: { element: 1e-10, largest: 1e-11 },
  f32: { element: 1e-3, largest: 2e-5 },
  f16: { element: 1e-2, largest: 1e-2 },
};

/** The operands of one program. */
export class Workbench {
  readonly args: readonly Tensor[];
  private readonly func: PrimFunc;
  private readonly initial: readonly TypedArray[];
  private expected: readonly (BufferArg | undefined)[] = [];

  private constructor(func: PrimFunc) {
    this.func = func;
    const params = bufferParams(func);
    const random = new Random(20261122);
    const sizes = params.flatMap((p) => p.shape.map((s) => constInt(s) as number));
    // Whole numbers may be used as indices: they stay below every size.
    const below = Math.min(8, ...sizes.filter((s) => s > 1));
    this.args = params.map((p) => {
      const t = Tensor.empty(
        p.shape.map((s) => constInt(s) as number),
        p.dtype,
      );
      fill(t, random, below);
      return t;
    });
    this.initial = this.args.map((t) => t.data.slice() as TypedArray);
  }

  /** Throws when the program itself cannot be run on random operands. */
  static async of(func: PrimFunc): Promise<Workbench> {
    const bench = new Workbench(func);
    try {
      await bench.computeReference();
    } catch (e) {
      bench.dispose();
      throw new Error(`the program cannot be run on random operands: ${(e as Error).message}`, { cause: e });
    }
    return bench;
  }

  private async computeReference(): Promise<void> {
    const flops = countFlops(this.func) ?? 0;
    if (flops <= INTERPRETED_FLOPS && this.args.reduce((n, t) => n + t.size, 0) <= INTERPRETED_FLOPS) {
      interpret(this.func, this.args);
    } else {
      const program = flops <= UNSCHEDULED_FLOPS ? this.func : defaultSchedule(this.func);
      const lib = await build(irModule({ main: program }), { threads: 1 });
      await lib.functions.main(...this.args);
      lib.dispose();
    }
    const written = writtenBy(this.func);
    this.expected = bufferParams(this.func).map((p, i) =>
      written.has(p.id)
        ? { data: this.args[i].data.slice() as TypedArray, shape: this.args[i].shape, dtype: p.dtype }
        : undefined,
    );
  }

  /** Operands as they were at first. */
  reset(): void {
    this.args.forEach((t, i) => {
      (t.data as Float32Array).set(this.initial[i] as Float32Array);
    });
  }

  /** What is wrong with the results in the operands, or undefined. */
  difference(): string | undefined {
    const floats = this.args.some((t) => isFloat(t.dtype));
    for (const [i, expected] of this.expected.entries()) {
      if (!expected) continue;
      const { ok, message } = allclose(this.args[i], expected, toleranceFor(expected, floats));
      if (!ok) return `${bufferParams(this.func)[i].name}: ${message}`;
    }
    return undefined;
  }

  dispose(): void {
    for (const t of this.args) t.dispose();
  }
}

function toleranceFor(expected: BufferArg, floats: boolean): Tolerance {
  const close = CLOSE[expected.dtype];
  if (!close) return { rtol: 0, atol: floats && expected.dtype !== "bool" ? 1 : 0 };
  let largest = 0;
  if (expected.dtype !== "f16")
    for (const x of expected.data as Float32Array)
      if (Math.abs(x) < Infinity) largest = Math.max(largest, Math.abs(x));
  // f16 is stored as bits: its largest element is not looked for.
  return { rtol: close.element, atol: close.largest * (largest || 1), equalNan: true };
}

function fill(t: Tensor, random: Random, below: number): void {
  const { data, dtype } = t;
  for (let i = 0; i < data.length; i++) {
    const u = random.uniform();
    switch (dtype) {
      case "f32":
      case "f64":
        data[i] = 2 * u - 1;
        break;
      // The bits of numbers between 0.5 and 1, with either sign.
      case "f16":
        data[i] = 0x3800 + Math.floor(u * 0x400) + (random.uniform() < 0.5 ? 0x8000 : 0);
        break;
      case "i8":
        data[i] = Math.floor(u * 256) - 128;
        break;
      case "u8":
        data[i] = Math.floor(u * 256);
        break;
      case "bool":
        data[i] = u < 0.5 ? 0 : 1;
        break;
      case "i64":
        data[i] = BigInt(Math.floor(u * below));
        break;
      case "i32":
        data[i] = Math.floor(u * below);
    }
  }
}
