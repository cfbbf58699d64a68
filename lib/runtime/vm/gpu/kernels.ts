/** The tensor programs of a lowered module as compute shaders, each compiled when it is first asked for. */
import { compileWgslFunction, WgslError, type WgslFunction, wgslText } from "../../../codegen/wgsl/index.ts";
import { bufferParams, getPrimFunc, type IRModule, type PrimFunc } from "../../../ir/index.ts";
import type { GpuDevice } from "../../webgpu/device.ts";

/** What code is generated for: a device, or what any is asked for. */
export type GpuTraits = Pick<GpuDevice, "limits" | "features"> &
  Partial<Pick<GpuDevice, "language" | "matrix">>;

export class GpuKernels {
  private readonly mod: IRModule;
  private readonly device: GpuTraits;
  private readonly compiled = new Map<string, WgslFunction | WgslError>();

  constructor(mod: IRModule, device: GpuTraits) {
    this.mod = mod;
    this.device = device;
  }

  func(name: string): PrimFunc {
    return getPrimFunc(this.mod, name);
  }

  /**
   * The kernels of a program; an error where WGSL cannot say it. `writable`: which of its buffers, by number, are bound
   * as writable whatever it does with them.
   */
  get(name: string, writable: readonly boolean[]): WgslFunction | WgslError {
    const key = `${name} ${writable.map(Number).join("")}`;
    let found = this.compiled.get(key);
    if (!found) {
      const buffers = bufferParams(this.func(name));
      const readWrite = new Set(buffers.filter((_, i) => writable[i]).map((b) => b.id));
      const { limits, features, language, matrix } = this.device;
      try {
        found = compileWgslFunction(this.mod, name, {
          limits,
          features,
          language,
          readWrite,
          ...(matrix ? { matrix } : {}),
        });
      } catch (e) {
        if (!(e instanceof WgslError)) throw e;
        found = e;
      }
      this.compiled.set(key, found);
    }
    return found;
  }

  /** The text of all kernels that were asked for. */
  source(): string {
    return [...this.compiled.values()]
      .flatMap((f) => (f instanceof WgslError ? [] : [wgslText(f)]))
      .join("\n");
  }
}
