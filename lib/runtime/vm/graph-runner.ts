/** The graph-level functions of a module, for a target. */
import type { IRModule } from "../../ir/index.ts";
import { GpuGraphLibrary } from "./gpu/library.ts";
import { GraphLibrary } from "./library.ts";
import type { GraphRunner } from "./runner.ts";
import type { SpecializeOptions } from "./specializations.ts";

export const graphRunner = (mod: IRModule, options: SpecializeOptions): GraphRunner =>
  options.target === "webgpu" ? new GpuGraphLibrary(mod, options) : new GraphLibrary(mod, options);
