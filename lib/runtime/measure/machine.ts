/** What candidates are built for and run on: the processor, or the GPU at hand. */
import { compileWgsl } from "../../codegen/wgsl/index.ts";
import { irModule, type PrimFunc } from "../../ir/index.ts";
import type { MeasurerOptions } from "../../tune/measure.ts";
import type { TuningTarget } from "../../tune/target.ts";
import type { Target } from "../backend.ts";
import { build } from "../build.ts";
import type { Executable } from "../executable.ts";
import type { Tensor } from "../tensor.ts";
import { gpuTarget, wasmTarget } from "../tuning-target.ts";
import { type WasmCodeOptions, wasmCode } from "../wasm-code.ts";
import { gpuDevice } from "../webgpu/device.ts";
import { GpuTensor } from "../webgpu/tensor.ts";
import { asInModels, type Operands } from "./layouts.ts";

/** A candidate that was built, with its function `main`. */
export interface Made {
  readonly lib: Executable;
  /** Its operands from those of the program. */
  bind(args: readonly Tensor[]): Promise<Operands>;
}

export interface Machine {
  readonly target: Target;
  /** What search is told of it; asked again at every call, since a device may have been replaced. */
  tuningTarget(): Promise<TuningTarget>;
  /** Compiles a candidate as far as its code's size is known; `make` does the rest. */
  compile(candidate: PrimFunc): Promise<{ readonly codeBytes: number; make(): Promise<Made> }>;
}

export const machineFor = (options: MeasurerOptions): Machine =>
  options.kind === "webgpu" ? gpuMachine : wasmMachine(options);

function wasmMachine(options: MeasurerOptions): Machine {
  const target = wasmTarget(options);
  const code: WasmCodeOptions = { relaxedSimd: target.relaxedSimd, threads: target.threads };
  return {
    target: "wasm",
    tuningTarget: async () => target,
    async compile(candidate) {
      const { mod, bind } = asInModels(candidate, target.threads);
      return {
        codeBytes: wasmCode(mod, code).code.bytes.length,
        async make() {
          const lib = await build(mod, code);
          return { lib, bind: (args) => bind(lib, args) };
        },
      };
    },
  };
}

const gpuMachine: Machine = {
  target: "webgpu",
  tuningTarget: async () => gpuTarget(await gpuDevice()),
  async compile(candidate) {
    const mod = irModule({ main: candidate });
    const device = await gpuDevice();
    const { main } = compileWgsl(mod, device).functions;
    return {
      codeBytes: main.kernels.reduce((n, k) => n + k.code.length, 0),
      async make() {
        const lib = await build(mod, { target: "webgpu" });
        // Shaders are compiled when they are first asked for: that is part of building.
        await Promise.all(main.kernels.map((k) => device.pipeline(k)));
        return { lib, bind: (args) => onDevice(args) };
      },
    };
  },
};

/** Copies of tensors on the GPU; `results` brings them back. */
async function onDevice(args: readonly Tensor[]): Promise<Operands> {
  const there: GpuTensor[] = [];
  const dispose = (): void => {
    for (const t of there) t.dispose();
  };
  try {
    for (const t of args) there.push(await GpuTensor.from(t));
  } catch (e) {
    dispose();
    throw e;
  }
  return {
    args: there,
    async results() {
      for (const [i, t] of there.entries()) {
        const back = await t.to("cpu");
        (args[i].data as Float32Array).set(back.data as Float32Array);
        back.dispose();
      }
    },
    [Symbol.dispose]: dispose,
  };
}
