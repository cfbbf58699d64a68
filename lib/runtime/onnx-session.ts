/** Running ONNX models: inputs by name in, outputs by name out. */
import { ArgumentError } from "../codegen/index.ts";
import { type OnnxFile, OnnxModel, type OnnxModelOptions, onnxTypeText } from "../frontend/onnx/index.ts";
import type { IRModule } from "../ir/index.ts";
import type { BuildOptions } from "./build.ts";
import {
  type Argument,
  argumentOf,
  ElementsNeeded,
  type SessionInputs,
  sameAgain,
  sameForm,
} from "./session-inputs.ts";
import type { Tensor } from "./tensor.ts";
import { tunedPipeline } from "./tuned.ts";
import type { GraphArg } from "./vm/arguments.ts";
import { graphRunner } from "./vm/graph-runner.ts";
import { KernelPool } from "./vm/kernel-pool.ts";
import type { GraphResult } from "./vm/library.ts";
import type { MemoryPlan } from "./vm/plan.ts";
import type { Profile } from "./vm/profile.ts";
import type { GraphRunner } from "./vm/runner.ts";
import { CACHE_SIZE, type SpecializeOptions } from "./vm/specializations.ts";
import { GpuTensor } from "./webgpu/tensor.ts";

export type { PlainTensor, SessionInput, SessionInputs } from "./session-inputs.ts";

export interface SessionOptions
  extends Pick<BuildOptions, "target" | "relaxedSimd" | "threads" | "cacheSize" | "pipeline" | "database">,
    Pick<OnnxModelOptions, "externalData"> {}

export type SessionOutputs = Record<string, GraphResult>;
/** Outputs that stayed on the GPU. */
export type GpuResult = GpuTensor | readonly GpuResult[];
export type GpuSessionOutputs = Record<string, GpuResult>;

/** What the model takes or gives, as the file has it. */
export interface SessionPort {
  readonly name: string;
  /** `f32[batch, 3, 224, 224]`: sizes that the file leaves open by their names, or as `?`. */
  readonly type: string;
}

/** Gives the memory of sessions that were dropped without `dispose()` back. */
const forgotten = new FinalizationRegistry<Map<IRModule, GraphRunner>>((cache) => {
  for (const library of cache.values()) library.dispose();
});

/**
 * A model that is compiled for the shapes it is given, and, where sizes depend on the values of an input, for those
 * values; the last ones are kept. Weights are uploaded once.
 */
export class OnnxSession {
  readonly model: OnnxModel;
  private readonly options: SpecializeOptions;
  private readonly pool: KernelPool;
  private readonly cacheSize: number;
  /** In the order of last use. */
  private readonly cache = new Map<IRModule, GraphRunner>();
  /** What the last run was for: the next one is mostly for the same. */
  private last: { readonly args: readonly GraphArg[]; readonly library: GraphRunner } | undefined;

  constructor(model: Uint8Array | OnnxFile | OnnxModel, options: SessionOptions = {}) {
    this.cacheSize = options.cacheSize ?? CACHE_SIZE;
    this.model =
      model instanceof OnnxModel ? model : new OnnxModel(model, { ...options, keep: this.cacheSize });
    const database = options.target === "interpreter" ? undefined : options.database;
    this.pool = new KernelPool(options);
    const pipeline = tunedPipeline(options.pipeline, database, options);
    this.options = { ...options, kernels: this.pool, pipeline };
    forgotten.register(this, this.cache, this);
  }

  get inputs(): readonly SessionPort[] {
    return this.model.inputs.map(({ name, type }) => ({ name, type: onnxTypeText(type) }));
  }

  get outputs(): readonly SessionPort[] {
    return this.model.outputs.map(({ name, type }) => ({ name, type: onnxTypeText(type) }));
  }

  /**
   * Runs the model. Outputs are tensors (arrays for sequences), of the GPU with `outputs: "gpu"`. Throws an `ArgumentError` for inputs that are missing,
   * unknown or of another form, and an `OnnxError` for what the model cannot do with these shapes.
   */
  run(inputs: SessionInputs, options?: { readonly outputs?: "cpu" }): Promise<SessionOutputs>;
  run(inputs: SessionInputs, options: { readonly outputs: "gpu" }): Promise<GpuSessionOutputs>;
  async run(
    inputs: SessionInputs,
    { outputs = "cpu" }: { readonly outputs?: "cpu" | "gpu" } = {},
  ): Promise<SessionOutputs | GpuSessionOutputs> {
    const { target = "wasm" } = this.options;
    if (outputs === "gpu" && target !== "webgpu")
      throw new ArgumentError(
        `outputs: "gpu" is for sessions with the target "webgpu"; this one's is "${target}"`,
      );
    const own: Tensor[] = [];
    try {
      const args = this.again(inputs, own);
      if (args && this.last) return this.named(await this.last.library.call("main", args, { outputs }));
    } finally {
      for (const t of own) t.dispose();
    }
    return this.later(inputs, async (library, args) =>
      this.named(await library.call("main", args, { outputs })),
    );
  }

  /** The arguments where all inputs are of the form of the last run's; undefined where it takes a closer look. */
  private again(inputs: SessionInputs, own: Tensor[]): readonly GraphArg[] | undefined {
    const { last, model } = this;
    if (!last || !model.dependsOnShapesAlone || Object.keys(inputs).length !== model.inputs.length)
      return undefined;
    const args: Tensor[] = [];
    for (let i = 0; i < last.args.length; i++) {
      const t = sameAgain(inputs[model.inputs[i].name], last.args[i], own);
      if (!t) return undefined;
      args.push(t);
    }
    return args;
  }

  /** What the program gave, by the names of the model's outputs. */
  private named<X>(result: X | readonly X[]): Record<string, X> {
    const out: Record<string, X> = {};
    for (let i = 0; i < this.model.outputs.length; i++)
      out[this.model.outputs[i].name] = (result as readonly X[])[i];
    return out;
  }

  /** What the steps of one run took: the middle one of `runs`. */
  async profile(inputs: SessionInputs, options: { readonly runs?: number } = {}): Promise<Profile> {
    return this.later(inputs, async (library, args) => library.profile("main", args, options.runs));
  }

  /** Which steps run on the CPU though the target is another device, and why: a line for each. */
  async notes(inputs: SessionInputs): Promise<readonly string[]> {
    return this.later(inputs, async (library, args) => (await library.notes?.("main", args)) ?? []);
  }

  /** Where intermediate values lie. */
  memoryPlan(inputs: SessionInputs): MemoryPlan {
    return this.with(inputs, (library, args) => library.memoryPlan("main", args));
  }

  /** The module for these inputs, before the pipeline: nothing is compiled for it. */
  moduleFor(inputs: SessionInputs): IRModule {
    const own: Tensor[] = [];
    try {
      return this.imported(this.argumentsOf(inputs, own));
    } finally {
      for (const t of own) t.dispose();
    }
  }

  /** The module for these inputs, after the pipeline. */
  loweredFor(inputs: SessionInputs): IRModule {
    return this.with(inputs, (library, args) => library.lowered("main", args));
  }

  /** How many compiled programs are kept. */
  get compiled(): number {
    return this.cache.size;
  }

  /**
   * Tensor programs that were compiled so far for the CPU, and those that are kept: compiled programs of the model have those
   * in common that do not mention what differs.
   */
  get kernels(): { readonly compiled: number; readonly kept: number } {
    return { compiled: this.pool.compiled, kept: this.pool.size };
  }

  /** Gives back the memory of weights and programs. Results stay valid. */
  dispose(): void {
    for (const library of this.cache.values()) library.dispose();
    this.cache.clear();
    this.last = undefined;
    forgotten.unregister(this);
  }

  /** Generated code of what was compiled so far. */
  source(format?: string): string {
    const texts = [...this.cache.values()].flatMap((library) => library.sources(format));
    return [...new Set(texts)].join("\n");
  }

  private with<X>(inputs: SessionInputs, use: (library: GraphRunner, args: readonly GraphArg[]) => X): X {
    const own: Tensor[] = [];
    try {
      const { library, args } = this.bind(inputs, own);
      return use(library, args);
    } finally {
      for (const t of own) t.dispose();
    }
  }

  /** The same for what takes its time: tensors that were made for the call last as long. */
  private async later<X>(
    inputs: SessionInputs,
    use: (library: GraphRunner, args: readonly GraphArg[]) => Promise<X>,
  ): Promise<X> {
    const own: Tensor[] = [];
    try {
      const { library, args } = await this.bound(inputs, own);
      return await use(library, args);
    } finally {
      for (const t of own) t.dispose();
    }
  }

  /** `bind`, where inputs whose elements decide sizes may be on the GPU. */
  private async bound(inputs: SessionInputs, own: Tensor[]): Promise<ReturnType<OnnxSession["bind"]>> {
    for (let given = inputs; ; ) {
      try {
        return this.bind(given, own);
      } catch (e) {
        const there = Object.entries(given).filter(
          (x): x is [string, GpuTensor] => x[1] instanceof GpuTensor && this.model.valueInputs.includes(x[0]),
        );
        if (!(e instanceof ElementsNeeded) || there.length === 0) throw e;
        const here = await Promise.all(there.map(async ([name, t]) => [name, await t.to("cpu")] as const));
        own.push(...here.map(([, t]) => t));
        given = { ...given, ...Object.fromEntries(here) };
      }
    }
  }

  /** What runs these inputs, and its arguments. Tensors that are made for it are added to `own`. */
  private bind(
    inputs: SessionInputs,
    own: Tensor[],
  ): { readonly library: GraphRunner; readonly args: readonly GraphArg[] } {
    const { model } = this;
    const args = this.argumentsOf(inputs, own);
    const given = args.map((a) => a.arg);
    if (!this.last || !model.dependsOnShapesAlone || !given.every((a, i) => sameForm(a, this.last?.args[i])))
      this.last = { library: this.libraryFor(this.imported(args)), args: given };
    return { library: this.last.library, args: given };
  }

  /** The arguments in the order of the model's inputs. */
  private argumentsOf(inputs: SessionInputs, own: Tensor[]): readonly Argument[] {
    const { model } = this;
    const takes = (): string => this.inputs.map((p) => `${p.name}: ${p.type}`).join(", ");
    for (const name of Object.keys(inputs)) {
      if (!model.inputs.some((p) => p.name === name))
        throw new ArgumentError(`the model has no input "${name}"; it takes ${takes()}`);
    }
    return model.inputs.map(({ name, type }) => {
      if (!Object.hasOwn(inputs, name))
        throw new ArgumentError(`the input "${name}" is missing; the model takes ${takes()}`);
      return argumentOf(`the input "${name}"`, inputs[name], type, this.options.target ?? "wasm", own);
    });
  }

  private imported(args: readonly Argument[]): IRModule {
    const forms = this.model.inputs.map(({ name }, i) => [name, args[i].form()] as const);
    return this.model.specialise(Object.fromEntries(forms));
  }

  private libraryFor(module: IRModule): GraphRunner {
    const library = this.cache.get(module) ?? graphRunner(module, this.options);
    this.cache.delete(module);
    this.cache.set(module, library);
    for (const [oldest, unused] of this.cache) {
      if (this.cache.size <= this.cacheSize) break;
      this.cache.delete(oldest);
      unused.dispose();
    }
    return library;
  }
}

/**
 * A model from the bytes of its file, or from what `decodeModel` read there. Throws an `OnnxError` when the file cannot be
 * read; what is not supported shows when it is first run, when its shapes are known.
 */
export function loadOnnx(model: Uint8Array | OnnxFile, options: SessionOptions = {}): OnnxSession {
  return new OnnxSession(model, options);
}
