/**
 * The graph-level functions of a module on a GPU. Programs get schedules for it; what has no form there runs on the CPU,
 * with copies that the profile shows. A function whose steps depend on data runs on the CPU as a whole.
 */
import { lowerGraph } from "../../../graph/pipeline.ts";
import type { VmProgram } from "../../../graph/vm-code.ts";
import {
  type GraphFunc,
  type GraphType,
  getGraphFunc,
  graphFuncs,
  type IRModule,
  primFuncs,
} from "../../../ir/index.ts";
import { scheduleForGpu } from "../../../tune/default-gpu/index.ts";
import { cpuMemory } from "../../memory.ts";
import { Tensor } from "../../tensor.ts";
import type { ThreadCount } from "../../threads/index.ts";
import { gpuHere } from "../../tuning-target.ts";
import { type GpuDevice, gpuDevice } from "../../webgpu/device.ts";
import { GpuTensor } from "../../webgpu/tensor.ts";
import { bindSizes, checkArguments, checkTensors, symbolicSizesOf } from "../arguments.ts";
import { installEvaluator } from "../evaluate.ts";
import { Heap } from "../held.ts";
import { disposeResult, GraphLibrary, type GraphResult } from "../library.ts";
import type { LowerOptions } from "../lower.ts";
import { type MemoryPlan, memoryPlanOf } from "../plan.ts";
import type { Profile } from "../profile.ts";
import type { CallOptions, GraphRunner } from "../runner.ts";
import { CACHE_SIZE, type SpecializeOptions } from "../specializations.ts";
import { cpuRuns } from "./cpu-steps.ts";
import { allSteps } from "./gpu-steps.ts";
import { GpuKernels } from "./kernels.ts";
import { link, obstacle } from "./link.ts";
import { observe } from "./observe.ts";
import { type GpuInput, GpuProgram } from "./program.ts";

installEvaluator();

/** A function with its sizes: lowered, and, once it was called, linked for a device. */
interface Lowered {
  readonly name: string;
  readonly module: IRModule;
  /** The module with its programs as they were before they got schedules. */
  readonly plain: IRModule;
  readonly program: VmProgram;
  /** Why it runs on the CPU as a whole. */
  readonly obstacle: string | undefined;
  linked:
    | { readonly device: GpuDevice; readonly kernels: GpuKernels; readonly program: Promise<GpuProgram> }
    | undefined;
}

export class GpuGraphLibrary implements GraphRunner {
  readonly module: IRModule;
  readonly names: readonly string[];
  private readonly options: SpecializeOptions;
  private readonly cacheSize: number;
  /** In the order of last use. */
  private readonly cache = new Map<string, Lowered>();
  private readonly heap = new Heap(cpuMemory());
  private fallback: GraphLibrary | undefined;
  private disposed = false;

  constructor(module: IRModule, options: SpecializeOptions = {}) {
    this.module = module;
    this.options = options;
    this.cacheSize = options.cacheSize ?? CACHE_SIZE;
    this.names = Object.keys(graphFuncs(module));
  }

  async call(
    name: string,
    args: readonly unknown[],
    { outputs: where }: CallOptions = {},
  ): Promise<GraphResult> {
    const { lowered, tensors, there } = await this.prepare(name, args);
    const keep = where === undefined ? there : where === "gpu";
    if (lowered.obstacle !== undefined) return this.onTheCpu(name, args, keep);
    const program = await this.linked(lowered);
    const outputs = await program.run(tensors, keep);
    return this.resultOf(lowered, outputs);
  }

  async profile(name: string, args: readonly unknown[], runs = 5): Promise<Profile> {
    const { lowered, tensors, there: keep } = await this.prepare(name, args);
    if (lowered.obstacle !== undefined) {
      const here = await broughtHere(args);
      try {
        return this.cpu().profile(name, here.args, runs);
      } finally {
        here.dispose();
      }
    }
    const program = await this.linked(lowered);
    const once = async (): Promise<void> => disposeAll(await program.run(tensors, keep));
    await once();
    const profiles: Profile[] = [];
    for (let i = 0; i < runs; i++) profiles.push(await observe(name, program, tensors, keep));
    return profiles.sort((a, b) => a.ms - b.ms)[Math.floor(runs / 2)];
  }

  /** Why a function, or a step of it, runs on the CPU: a line for each. Empty when all of it is on the GPU. */
  async notes(name: string, args: readonly unknown[] = []): Promise<string[]> {
    const { lowered } = await this.prepare(name, args);
    if (lowered.obstacle !== undefined) return [lowered.obstacle];
    const { linked } = await this.linked(lowered);
    return allSteps(linked.steps).flatMap((s) =>
      s.kind === "cpu" ? [`${s.info.func}, which computes ${s.info.node}: ${s.why}`] : [],
    );
  }

  memoryPlan(name: string, args: readonly unknown[] = []): MemoryPlan {
    const { program, module } = this.loweredFor(name, this.sizes(name, args));
    const constants = program.constants.reduce((n, c) => n + c.bytes.length, 0);
    return memoryPlanOf(program.functions[name], module, constants);
  }

  lowered(name: string, args: readonly unknown[] = []): IRModule {
    return this.loweredFor(name, this.sizes(name, args)).module;
  }

  sources(format = "wgsl"): readonly string[] {
    if (format !== "wgsl")
      throw new Error(`source: unknown format ${JSON.stringify(format)}; there is "wgsl"`);
    return [...this.cache.values()].flatMap((l) => l.linked?.kernels.source() ?? []);
  }

  get compiled(): number {
    return this.cache.size;
  }

  ready(): undefined {
    return undefined;
  }

  threads(): ThreadCount | undefined {
    return this.fallback?.threads();
  }

  dispose(): void {
    this.disposed = true;
    for (const l of this.cache.values()) drop(l);
    this.cache.clear();
    this.fallback?.dispose();
  }

  private cpu(): GraphLibrary {
    // A schedule for a GPU is none for the CPU.
    const { schedule: _, ...pipeline } = this.options.pipeline ?? {};
    this.fallback ??= new GraphLibrary(this.module, { ...this.options, target: "wasm", pipeline });
    return this.fallback;
  }

  private async onTheCpu(name: string, args: readonly unknown[], keep: boolean): Promise<GraphResult> {
    const here = await broughtHere(args);
    try {
      const result = this.cpu().call(name, here.args);
      if (!keep) return result;
      const there = await broughtThere(result);
      disposeResult(result);
      return there;
    } finally {
      here.dispose();
    }
  }

  /** The program for these arguments, the arguments one after another, and whether one is on the GPU. */
  private async prepare(
    name: string,
    args: readonly unknown[],
  ): Promise<{ lowered: Lowered; tensors: GpuInput[]; there: boolean }> {
    if (this.disposed) throw new Error(`${name}: the executable was disposed and may not be used any more`);
    const func = getGraphFunc(this.module, name);
    const tensors = checkTensors(name, func, args, isInput);
    // Which schedules are known depends on the adapter, where there is one.
    await gpuDevice().catch(() => undefined);
    const there = tensors.some((t) => t instanceof GpuTensor);
    const sizes = symbolicSizesOf(func).length === 0 ? NO_SIZES : await this.sizesOf(name, func, tensors);
    return { lowered: this.loweredFor(name, sizes), tensors, there };
  }

  /** Sizes that are elements of an argument are read on the CPU. */
  private async sizesOf(
    name: string,
    func: GraphFunc,
    tensors: readonly GpuInput[],
  ): Promise<ReadonlyMap<number, number>> {
    const here = await broughtHere(tensors);
    try {
      return bindSizes(name, func, here.args as Tensor[], this.heap);
    } finally {
      here.dispose();
    }
  }

  private sizes(name: string, args: readonly unknown[]): ReadonlyMap<number, number> {
    const func = getGraphFunc(this.module, name);
    if (symbolicSizesOf(func).length === 0) return NO_SIZES;
    return bindSizes(name, func, checkArguments(name, func, args), this.heap);
  }

  private loweredFor(name: string, sizes: ReadonlyMap<number, number>): Lowered {
    const key = `${name} ${[...sizes].sort(([a], [b]) => a - b).join(";")}`;
    const known = this.cache.get(key) ?? lower(this.module, name, sizes, this.options.pipeline);
    this.cache.delete(key);
    this.cache.set(key, known);
    for (const [oldest, l] of this.cache) {
      if (this.cache.size <= this.cacheSize) break;
      this.cache.delete(oldest);
      drop(l);
    }
    return known;
  }

  private async linked(l: Lowered): Promise<GpuProgram> {
    const device = await gpuDevice();
    // A device that was lost is replaced by another.
    if (l.linked && l.linked.device !== device) drop(l);
    if (!l.linked) {
      const kernels = new GpuKernels(l.module, device);
      const steps = link(l.program, l.name, kernels, device);
      const cpu = cpuRuns(
        allSteps(steps.steps).filter((s) => s.kind === "cpu"),
        l.plain,
      );
      const program = GpuProgram.make(l.name, device, l.program, steps, cpu);
      l.linked = { device, kernels, program };
      program.catch(() => {
        l.linked = undefined;
      });
    }
    return l.linked.program;
  }

  private resultOf(l: Lowered, outputs: readonly GpuInput[]): GraphResult {
    let next = 0;
    const make = (t: GraphType): GraphResult =>
      t.kind === "tuple" ? t.fields.map(make) : (outputs[next++] as Tensor);
    return make(l.program.functions[l.name].resultType);
  }
}

const isInput = (x: unknown): x is GpuInput => x instanceof Tensor || x instanceof GpuTensor;

const NO_SIZES: ReadonlyMap<number, number> = new Map();

function drop(l: Lowered): void {
  l.linked?.program.then((p) => p.dispose()).catch(() => undefined);
  l.linked = undefined;
}

function lower(
  mod: IRModule,
  entry: string,
  sizes: ReadonlyMap<number, number>,
  options: LowerOptions = {},
): Lowered {
  let plain = mod;
  const { schedule = scheduleForGpu(gpuHere) } = options;
  const noted = {
    name: schedule.name,
    run(m: IRModule): IRModule {
      plain = m;
      return schedule.run(m);
    },
  };
  const { module, program } = lowerGraph(mod, { ...options, schedule: noted, entry, sizes });
  const missing = Object.keys(primFuncs(module)).filter((name) => !Object.hasOwn(plain.funcs, name));
  if (missing.length > 0) plain = module;
  return { name: entry, module, plain, program, obstacle: obstacle(program, entry), linked: undefined };
}

const disposeAll = (outputs: readonly GpuInput[]): void => {
  for (const t of outputs) t.dispose();
};

/** Arguments with copies on the CPU of what is on a GPU. */
async function broughtHere(args: readonly unknown[]): Promise<{ args: unknown[]; dispose(): void }> {
  const own: Tensor[] = [];
  const go = async (x: unknown): Promise<unknown> => {
    if (x instanceof GpuTensor) {
      const t = await x.to("cpu");
      own.push(t);
      return t;
    }
    return Array.isArray(x) ? Promise.all(x.map(go)) : x;
  };
  const here = await Promise.all(args.map(go));
  return { args: here, dispose: () => own.forEach((t) => void t.dispose()) };
}

async function broughtThere(r: GraphResult): Promise<GraphResult> {
  if (r instanceof Tensor) return GpuTensor.from(r) as unknown as Tensor;
  return Promise.all(r.map(broughtThere));
}
