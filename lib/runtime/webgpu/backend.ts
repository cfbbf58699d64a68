/** WebGPU as a target: compiled for the device at hand; a call copies tensors of the CPU there and results back. */
import { compileWgsl } from "../../codegen/wgsl/index.ts";
import type { IRModule } from "../../ir/index.ts";
import type { Backend } from "../backend.ts";
import { type GpuArgument, type GpuCall, gpuCall } from "./call.ts";
import { type GpuDevice, gpuDevice } from "./device.ts";

/** Throws where there is no WebGPU, and a WgslError for what WGSL or the adapter cannot do. */
export async function webgpuBackend(mod: IRModule): Promise<Backend> {
  const first = await gpuDevice();
  const code = compileWgsl(mod, first);
  return {
    target: "webgpu",
    prepare(name, args, bound) {
      const on = (device: GpuDevice): { device: GpuDevice; call: GpuCall } => ({
        device,
        call: gpuCall(device, code.functions[name], args as readonly GpuArgument[], bound),
      });
      let ready = on(first);
      /** A device that was lost is replaced by another. */
      const now = async (): Promise<GpuCall> => {
        const device = await gpuDevice();
        if (device !== ready.device) ready = on(device);
        return ready.call;
      };
      const run = async (): Promise<void> => (await now()).run();
      if (first.clock === "wall") return run;
      return Object.assign(run, { timed: async (calls: number) => (await now()).timed(calls) });
    },
    source(format = "wgsl") {
      if (format !== "wgsl")
        throw new Error(`source: unknown format ${JSON.stringify(format)}; there is "wgsl"`);
      return code.source();
    },
  };
}
