/** The kernels of a bundle as one file of WGSL, and how they are launched. */
import type { WgslKernel } from "../../codegen/wgsl/index.ts";
import type { Place } from "./buffers.ts";

/** Stands before each kernel, followed by its name. */
export const MARK = "//# ";

export class Shaders {
  /** A row for each launch: kernel, workgroups, then buffer, offset and bytes of each binding. */
  readonly launches: number[][] = [];
  private readonly numbers = new Map<string, number>();
  private readonly texts: string[] = [];
  private readonly needed = new Set<string>();

  launch(kernel: WgslKernel, groups: readonly number[], bindings: readonly Place[]): void {
    this.launches.push([this.kernel(kernel), ...groups, ...bindings.flat()]);
  }

  /** The kernel's number; kernels of one text are one. */
  private kernel({ name, code, features }: WgslKernel): number {
    let number = this.numbers.get(code);
    if (number === undefined) {
      number = this.texts.push(`${MARK}${name}\n${code.trimEnd()}\n`) - 1;
      this.numbers.set(code, number);
      for (const f of features) this.needed.add(f);
    }
    return number;
  }

  /** `kernels.wgsl`. */
  text(): string {
    return this.texts.join("");
  }

  /** Features of WebGPU that the kernels use. */
  features(): string[] {
    return [...this.needed].sort();
  }
}
